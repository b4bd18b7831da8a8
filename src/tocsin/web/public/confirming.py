"""`/m/y/<token>`: the page by which somebody confirms to have asked for a subscription."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tocsin.actions import unsubscribing
from tocsin.actions.context import Context
from tocsin.actions.unsubscribing import Page, Visitor
from tocsin.core import visits
from tocsin.web.public import pages
from tocsin.web.public.pages import Button
from tocsin.web.public.visitors import ip_of

PATH: Final = f"{visits.CONFIRM_PATH}/"


async def answer(context: Context, request: Request, token: str) -> Response:
    """GET shows a button, since programs follow links; POST confirms."""
    visit = await unsubscribing.find_visit(context, token)
    if visit is None or visit.purpose != "confirm":
        return pages.show(request, "not_found_title", "not_found", status=404)
    if request.method == "POST":
        visitor = Visitor(ip_of(request), request.headers.get("user-agent", "")[:500])
        return _tell(request, await unsubscribing.confirm(context, visit, visitor))
    page = await unsubscribing.look(context, visit)
    if page.outcome == "gone":
        return _tell(request, page)
    return pages.show(
        request,
        "confirm_title",
        "ask_confirm",
        address=page.address,
        name=page.name,
        buttons=[Button("confirm", "do_confirm", is_main=True)],
        note="not_you",
    )


def _tell(request: Request, page: Page) -> Response:
    if page.outcome == "gone":
        return pages.show(request, "gone_title", "confirm_gone")
    said = "confirmed" if page.outcome == "done" else "confirmed_before"
    return pages.show(request, "done_title", said, address=page.address)

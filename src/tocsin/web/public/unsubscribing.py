"""`/m/u/<token>`: the page by which a recipient ends what is sent, and the button of mail programs (RFC 8058)."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.actions import unsubscribing
from tocsin.actions.context import Context
from tocsin.actions.unsubscribing import Page, Visitor
from tocsin.core import visits
from tocsin.core.errors import Invalid
from tocsin.core.preferences import Choice, Place
from tocsin.core.visits import Visit
from tocsin.web.body import read
from tocsin.web.public import pages
from tocsin.web.public.pages import Button
from tocsin.web.public.visitors import ip_of

PATH: Final = f"{visits.UNSUBSCRIBE_PATH}/"

_MOST_BODY_BYTES = 64 * 1024
_MOST_MEMBERS = 1000
_ONE_CLICK = ("List-Unsubscribe", "One-Click")
_THIS, _ALL = Choice("this"), Choice("all")


async def answer(context: Context, request: Request, token: str) -> Response:
    """GET shows the choices and changes nothing, since programs follow links; POST does what it says."""
    visit = await unsubscribing.find_visit(context, token)
    if visit is None or visit.purpose == "confirm":
        return pages.show(request, "not_found_title", "not_found", status=404)
    if request.method != "POST":
        return _ask(request, await unsubscribing.look(context, visit))
    body = await read(request, _MOST_BODY_BYTES)
    said = _parse(body)
    if _ONE_CLICK in said or _is_one_click_part(request, body):
        return await _end_by_one_click(context, request, visit)
    asked = dict(said)
    if asked.get("do") == "undo":
        return _ask(request, await unsubscribing.undo(context, visit, asked.get("undo", "")))
    choice = _choice(said)
    if choice is None:
        return _ask(request, await unsubscribing.look(context, visit))
    return _tell(request, choice, await unsubscribing.choose(context, visit, choice, _visitor(request, "page")))


async def _end_by_one_click(context: Context, request: Request, visit: Visit) -> Response:
    choice = _ALL if visit.purpose == "globalunsubscribe" else _THIS
    await unsubscribing.choose(context, visit, choice, _visitor(request, "one_click"))
    return PlainTextResponse("unsubscribed\n", headers=pages.HEADERS)


def _is_one_click_part(request: Request, body: bytes) -> bool:
    """Mail services may send the same as multipart/form-data."""
    name, value = _ONE_CLICK
    is_multipart = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    return is_multipart and f'name="{name}"'.encode() in body and value.encode() in body


def _visitor(request: Request, way: str) -> Visitor:
    return Visitor(ip_of(request), request.headers.get("user-agent", "")[:500], way)


def _parse(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("utf-8", "replace")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_MEMBERS)
    except ValueError:
        raise Invalid(f"there are more than {_MOST_MEMBERS} members") from None


def _choice(said: list[tuple[str, str]]) -> Choice | None:
    action = dict(said).get("do")
    if action == "this":
        return _THIS
    if action == "all":
        return _ALL
    if action != "choose":
        return None
    resources = frozenset(int(value) for name, value in said if name == "resource" and _is_number(value))
    pairs = [value.partition(":") for name, value in said if name == "category"]
    return Choice("choose", resources, frozenset((int(one), category) for one, _, category in pairs if _is_number(one)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(2**31))


def _ask(request: Request, page: Page) -> Response:
    if page.outcome == "gone":
        return pages.show(request, "gone_title", "gone")
    if page.outcome == "undone":
        return pages.show(request, "done_title", "undone", has_way_back=True)
    if page.visit.purpose == "globalunsubscribe":
        said, buttons = "ask_all", [Button("all", "end_all", is_main=True)]
    else:
        said = "ask_one" if page.name else "ask_own"
        buttons = [Button("this", "end_one", is_main=True), Button("all", "end_all")]
    return pages.show(
        request,
        "unsubscribe_title",
        said,
        address=page.address,
        name=page.name,
        buttons=buttons,
        places=_offered(page),
    )


def _offered(page: Page) -> list[Place]:
    """Without other resources or categories there is nothing to choose among that the buttons do not offer."""
    places = list(page.places)
    is_plain = len(places) == 1 and not places[0].categories and places[0].is_subscribed
    return [] if is_plain else places


def _tell(request: Request, choice: Choice, page: Page) -> Response:
    if page.outcome == "gone":
        return pages.show(request, "gone_title", "gone")
    if page.outcome == "unchanged":
        said = "done_saved" if choice.action == "choose" else "unchanged"
        return pages.show(request, "done_title", said, address=page.address, has_way_back=True)
    said = "done_saved" if choice.action == "choose" else "done_ended" if page.ended else "done_one"
    return pages.show(
        request,
        "done_title",
        said,
        address=page.address,
        ended=page.ended if choice.action != "choose" else (),
        buttons=[Button("undo", "undo")],
        undo=page.undo,
        has_way_back=True,
    )

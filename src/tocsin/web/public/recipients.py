"""`/m/…` and `/s/…`: everything that links in messages lead to, and what is said when it cannot be done."""

from starlette.requests import Request
from starlette.responses import Response

from tocsin.actions.context import Context
from tocsin.actions.tracking import Hits
from tocsin.core import tracking
from tocsin.core.errors import NotReady, TocsinError
from tocsin.log import get as get_log
from tocsin.web.public import confirming, pages, push_reports, unsubscribing
from tocsin.web.public.reading import Reading
from tocsin.web.public.tracking import CLICK_PATH, OPEN_PATH, SHORT_PATH, answer_click, answer_open, answer_short

log = get_log("tocsin.recipients")

PREFIXES = (f"{tracking.PREFIX}/", SHORT_PATH)
_METHODS = frozenset({"GET", "HEAD", "POST"})


async def answer(context: Context, hits: Hits, reading: Reading, request: Request, path: str) -> Response:
    """The answer to a recipient, always one that people can read."""
    if push_reports.is_meant(path):
        return await push_reports.take(context, hits, request, path)
    if request.method not in _METHODS:
        return pages.show(request, "not_found_title", "not_found", status=405)
    try:
        return await _answer(context, hits, reading, request, path)
    except NotReady as reason:
        log.warning("recipients.refused", reason=reason.describe())
        return pages.show(request, "trouble_title", "trouble", status=503)
    except TocsinError as mistake:
        log.info("recipients.refused", reason=mistake.describe())
        return pages.show(request, "not_found_title", "not_found", status=400)
    except Exception as error:  # noqa: BLE001 - whatever breaks, a recipient gets a page and the log has the cause
        log.failure("recipients.failed", error)
        return pages.show(request, "trouble_title", "trouble", status=500)


async def _answer(context: Context, hits: Hits, reading: Reading, request: Request, path: str) -> Response:
    if path.startswith(OPEN_PATH):
        return await answer_open(context, hits, reading, request, path.removeprefix(OPEN_PATH))
    if path.startswith(SHORT_PATH):
        return await answer_short(context, hits, request, path.removeprefix(SHORT_PATH))
    if path.startswith(CLICK_PATH):
        return await answer_click(context, hits, request, path.removeprefix(CLICK_PATH))
    if path.startswith(unsubscribing.PATH):
        return await unsubscribing.answer(context, request, path.removeprefix(unsubscribing.PATH))
    if path.startswith(confirming.PATH):
        return await confirming.answer(context, request, path.removeprefix(confirming.PATH))
    return pages.show(request, "not_found_title", "not_found", status=404)

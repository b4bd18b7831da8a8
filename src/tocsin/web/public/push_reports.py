"""`/m/p`: what devices report of push messages (docs/push.md). Also `/m/event/push/<event>`, where public SDKs do."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tocsin.actions.context import Context
from tocsin.actions.tracking import Hits
from tocsin.core import push_reports
from tocsin.core.errors import Invalid, NotFound, NotReady, TocsinError
from tocsin.log import get as get_log
from tocsin.web import codec, problems
from tocsin.web.envelope import Success
from tocsin.web.public.members import read_members
from tocsin.web.public.visitors import ip_of

log = get_log("tocsin.push_reports")

_SDK_PATH: Final = f"{push_reports.SDK_PATH}/"
_MOST_BODY_BYTES = 64 * 1024
# The names by which a device may say whose message it is.
_UID_NAMES: Final = ("_uid", "uid", "smid", "token")
# Service workers report from the page's origin. Nothing that a browser keeps is of use here, so any may.
_HEADERS: Final = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization, content-type, request-id",
    "access-control-max-age": "86400",
    "cache-control": "no-store",
}


def is_meant(path: str) -> bool:
    """Whether a path is one that devices report at."""
    return path == push_reports.REPORT_PATH or path.startswith(_SDK_PATH)


async def take(context: Context, hits: Hits, request: Request, path: str) -> Response:
    """200 once a report is taken, or was before; 404 for a `_uid` that is not ours, 503 for what may be repeated."""
    if request.method == "OPTIONS":
        return Response(None, 204, _HEADERS)
    try:
        if request.method != "POST":
            return _say(Invalid("devices report by POST"), 405)
        word = path.removeprefix(_SDK_PATH) if path.startswith(_SDK_PATH) else ""
        await _take(context, hits, request, await read_members(request, _MOST_BODY_BYTES), word)
    except TocsinError as mistake:
        return _say(mistake, mistake.code)
    except Exception as error:  # noqa: BLE001 - whatever breaks, the device is to come again and the log has the cause
        log.failure("push_reports.failed", error)
        return _say(TocsinError(), TocsinError.code)
    return Response(codec.encode(Success(), "json"), 200, _HEADERS, media_type=codec.content_type("json"))


async def _take(context: Context, hits: Hits, request: Request, said: Any, word: str) -> None:
    if not isinstance(said, dict):
        raise Invalid("expected an object")
    uid = next((text for name in _UID_NAMES if isinstance(text := said.get(name), str) and text), "")
    kind = push_reports.KINDS.get(word or str(said.get("event", "")))
    if kind is None:
        raise Invalid("expected delivered, opened or clicked", path="event")
    reporter = push_reports.read_uid(await context.known_signer(), uid, context.clock().timestamp())
    if reporter is None:
        raise NotFound("there is no such message", path="_uid")
    target = reporter.target(kind)
    agent = request.headers.get("user-agent", "")
    if target and not hits.add(hits.make(target, method=request.method, ip=ip_of(request), user_agent=agent)):
        raise NotReady("too many reports wait to be written")


def _say(mistake: TocsinError, status: int) -> Response:
    answer = problems.answer(mistake, "json", status=status)
    answer.headers.update(_HEADERS)
    return answer

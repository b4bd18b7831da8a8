"""`/callbacks/sms/<sender id>/<secret>`: what SMS providers report (docs/sms.md)."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.actions import receipts
from tocsin.actions.context import Context
from tocsin.core.errors import Invalid, NotFound, NotReady
from tocsin.log import get as get_log
from tocsin.web.public.members import read_members

log = get_log("tocsin.receipts")

PREFIX = "callbacks/sms/"
MOST_BODY_BYTES = 1024 * 1024
_MOST_DIGITS = 10
_METHODS = frozenset({"GET", "POST"})


async def take(context: Context, request: Request, place: str) -> Response:
    """200 once everything that is reported is recorded, or was before; 404 for a place or a message that is not known.

    Providers repeat what is not answered by 200, so what comes too early is taken the next time.
    """
    if request.method not in _METHODS:
        return _say("GET or POST", 405)
    sender_id, _, secret = place.partition("/")
    try:
        said = await read_members(request, MOST_BODY_BYTES)
        await receipts.take(context, _number(sender_id), secret, said)
    except Invalid as mistake:
        return _say(mistake.describe(), 400)
    except NotFound as mistake:
        return _say(mistake.describe(), 404)
    except NotReady:
        return _say("not ready", 503)
    except Exception as error:  # noqa: BLE001 - whatever breaks, the provider is to come again and the log has the cause
        log.failure("receipts.failed", error, sender=sender_id)
        return _say("a fault of ours", 500)
    return _say("ok", 200)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def _say(text: str, status: int) -> Response:
    return PlainTextResponse(f"{text}\n", status, {"cache-control": "no-store"})

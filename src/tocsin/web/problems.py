"""The one place where an error becomes an answer."""

from starlette.responses import Response

from tocsin.core.errors import TocsinError
from tocsin.web import codec
from tocsin.web.codec import Encoding
from tocsin.web.envelope import Problem

TOO_LARGE = "http: request body too large"


def describe(error: TocsinError) -> Problem:
    """What a client is told. Of a fault of ours it learns no more than that."""
    debug = "" if type(error) is TocsinError else error.describe()
    return Problem(error.code, error.text, debug)


def answer(error: TocsinError, encoding: Encoding, *, status: int | None = None, close: bool = False) -> Response:
    """HTTP 200 for what the caller did wrong, 500 or 503 for what we did (design.md, section 5, decision 1)."""
    if status is None:
        status = error.code if error.is_ours else 200
    headers = {"connection": "close"} if close else None
    body = codec.encode(describe(error), encoding)
    return Response(body, status, headers, media_type=codec.content_type(encoding))

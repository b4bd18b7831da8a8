"""`GET /api/download/data/<id>/<name>`: files that tasks have made, with the real HTTP status codes (facts, 1.10)."""

from collections.abc import AsyncIterator
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tocsin.actions.context import Context
from tocsin.core.errors import NotFound, TocsinError
from tocsin.store import downloads
from tocsin.store.downloads import Download
from tocsin.web import auth, problems

PREFIX = "api/download/data/"


async def show(context: Context, request: Request, place: str) -> Response:
    """The file at `<id>/<name>`, or the error in JSON."""
    try:
        found = await _find(context, request, place)
    except TocsinError as error:
        return problems.answer(error, "json", status=error.code)
    return stream(context, request, found)


def stream(context: Context, request: Request, found: Download) -> Response:
    """A file, for who may have it."""
    headers = {
        "content-length": str(found.bytes),
        "content-disposition": f'attachment; filename="{found.name}"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    if request.method == "HEAD":
        return Response(None, 200, headers, media_type=found.content_type)
    return StreamingResponse(_pieces(context, found), 200, headers, media_type=found.content_type)


async def _find(context: Context, request: Request, place: str) -> Download:
    """The file, once it is known that the caller may have it."""
    text = auth.token_of(request, "")
    async with context.database.transaction() as transaction:
        auth.admit(await context.configuration(transaction), text, "profiles.read")
        file_id, _, name = place.partition("/")
        found = await downloads.find(transaction, _parse(file_id))
    if found is None or found.name != name:
        raise NotFound("there is no such file; it is kept as long as its task")
    return found


def _parse(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("there is no such file; it is kept as long as its task") from None


async def _pieces(context: Context, download: Download) -> AsyncIterator[bytes]:
    """No transaction is open while the caller takes its time."""
    number, left = 0, download.bytes
    while left > 0:
        async with context.database.transaction() as transaction:
            piece = await downloads.get_chunk(transaction, download.id, number)
        yield piece
        number, left = number + 1, left - len(piece)

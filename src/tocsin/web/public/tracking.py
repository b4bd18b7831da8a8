"""`/m/o/<token>`, `/m/c/<token>`, `/s/<code>`: the pixel of a mail, and links on their way to where they lead."""

from base64 import b64decode
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.actions import short_links
from tocsin.actions.context import Context
from tocsin.actions.tracking import Hits
from tocsin.core import short_links as core_short_links
from tocsin.core import tracking
from tocsin.core.reading import Look
from tocsin.core.scanners import Hit
from tocsin.core.tracking import HitKind, Target
from tocsin.web.public import pages
from tocsin.web.public.reading import Reading, SlowPixel
from tocsin.web.public.visitors import ip_of

OPEN_PATH: Final = f"{tracking.OPEN_PATH}/"
CLICK_PATH: Final = f"{tracking.CLICK_PATH}/"
SHORT_PATH: Final = f"{core_short_links.PREFIX}/"

# A transparent GIF of one pixel, made of the fewest bytes that all mail programs take.
_PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HEADERS = {"cache-control": "no-store", "x-robots-tag": "noindex", "x-content-type-options": "nosniff"}


async def answer_open(context: Context, hits: Hits, reading: Reading, request: Request, token: str) -> Response:
    """The pixel, whatever the token is worth: a broken picture would help nobody. Slowly where that tells us more."""
    target = await _read(context, token)
    if target is not None and target.is_open:
        hit = _hit(hits, request, target)
        hits.add(hit)
        if target.kind == "look" and reading.has_room and hits.tells_of_looking(hit):
            return SlowPixel(_PIXEL, _HEADERS, reading, lambda look: hits.add(_hit(hits, request, target, look)))
    return Response(_PIXEL, 200, _HEADERS, media_type="image/gif")


async def answer_click(context: Context, hits: Hits, request: Request, token: str) -> Response:
    """On to the URL that stands under the signature; what was not signed here leads nowhere."""
    target = await _read(context, token)
    wanted: tuple[HitKind, ...] = ("click", "trap")
    if target is None or target.kind not in wanted:
        return pages.show(request, "not_found_title", "not_found", status=404)
    hits.add(_hit(hits, request, target))
    if target.kind == "trap":
        return Response(None, 204, _HEADERS)
    return RedirectResponse(target.url, 302, _HEADERS)


async def answer_short(context: Context, hits: Hits, request: Request, code: str) -> Response:
    """On to the URL that is stored for a link of an SMS."""
    target = await short_links.find(context, code)
    if target is None:
        return pages.show(request, "not_found_title", "not_found", status=404)
    hits.add(_hit(hits, request, target))
    return RedirectResponse(target.url, 302, _HEADERS)


async def _read(context: Context, token: str) -> Target | None:
    return tracking.read_target(await context.known_signer(), token, context.clock().timestamp())


def _hit(hits: Hits, request: Request, target: Target, look: Look | None = None) -> Hit:
    agent = request.headers.get("user-agent", "")
    return hits.make(target, method=request.method, ip=ip_of(request), user_agent=agent, look=look)

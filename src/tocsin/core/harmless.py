"""A message as staff look at it: our own links lead where they led at last, so that looking counts as nothing."""

import re
from collections.abc import Callable
from html import escape

from tocsin.core import tracking
from tocsin.core.public_links import PublicLinks

# What stands for the pixel, and for links that are the recipient's alone.
NO_PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
NOWHERE = "#"

# A scheme, a host, perhaps a port and a short path; then our place and a token.
_OURS = re.compile(
    r"(https?://(?:[^\s\"'<>?#/:\[\]]+|\[[0-9a-f:.]+\])(?::\d+)?(?:/[^\s\"'<>?#/]+){0,4}?)"
    rf"/{tracking.PREFIX}/[a-z]/([A-Za-z0-9_-]+)",
    re.IGNORECASE,
)


def make_harmless_html(html: str, links: PublicLinks) -> str:
    """The page without its pixel; tracked links are their targets again, those for the recipient alone lead nowhere."""
    return _OURS.sub(_replacing(links, escape), html)


def make_harmless_text(text: str, links: PublicLinks) -> str:
    """The same for a text."""
    return _OURS.sub(_replacing(links, lambda url: url), text)


def _replacing(links: PublicLinks, write: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
    """Ours is what we have signed, under whatever domain it was sent, and what is at an address of ours of now."""
    bases = {links.base_url, *(f"{scheme}://{one}" for one in links.domains.values() for scheme in ("http", "https"))}

    def replace(found: re.Match[str]) -> str:
        content = links.signer.open(found[2])
        if content is None:
            return NOWHERE if found[1] in bases else found[0]
        target = tracking.read_target(links.signer, found[2], 0)
        if target is None or target.kind == "trap":
            return NOWHERE
        return NO_PICTURE if target.is_open else write(target.url)

    return replace

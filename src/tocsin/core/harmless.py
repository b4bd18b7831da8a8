"""A message as staff look at it: our own links lead where they led at last, so that looking counts as nothing."""

import re
from collections.abc import Callable, Mapping
from html import escape

from msgspec import structs

from tocsin.core import push, short_links, tracking
from tocsin.core.public_links import PublicLinks

# What stands for the pixel, and for links that are the recipient's alone.
NO_PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
NOWHERE = "#"

# A scheme, a host, perhaps a port and a short path; then our place and a token, or the code of a short link.
_BASE = r"(https?://(?:[^\s\"'<>?#/:\[\]]+|\[[0-9a-f:.]+\])(?::\d+)?(?:/[^\s\"'<>?#/]+){0,4}?)"
_OURS = re.compile(rf"{_BASE}/{tracking.PREFIX}/[a-z]/([A-Za-z0-9_-]+)", re.IGNORECASE)
_SHORT = re.compile(
    rf"{_BASE}/{short_links.PREFIX}/([A-Za-z0-9]{{{short_links.LENGTH}}})(?![A-Za-z0-9])", re.IGNORECASE
)


def make_harmless_html(html: str, links: PublicLinks) -> str:
    """The page without its pixel; tracked links are their targets again, those for the recipient alone lead nowhere."""
    return _OURS.sub(_replacing(links, escape), html)


def make_harmless_text(text: str, links: PublicLinks) -> str:
    """The same for a text."""
    return _OURS.sub(_replacing(links, lambda url: url), text)


def make_harmless_sms(text: str, links: PublicLinks, leads: Mapping[str, str]) -> str:
    """The text of an SMS; `leads`: where its short links lead, by their codes. Forgotten ones lead nowhere."""
    bases = _list_bases(links)

    def replace(found: re.Match[str]) -> str:
        return leads.get(found[2], NOWHERE if found[1] in bases else found[0])

    return make_harmless_text(_SHORT.sub(replace, text), links)


def make_harmless_push(payload: bytes, links: PublicLinks) -> bytes:
    """A push message whose links are their targets again, and by which nothing can be reported."""
    said = push.decode(payload)
    buttons = tuple(push.Button(one.label, make_harmless_text(one.url, links)) for one in said.buttons)
    data = {name: make_harmless_text(value, links) for name, value in said.data.items()}
    url = make_harmless_text(said.url, links)
    return push.encode(structs.replace(said, url=url, buttons=buttons, data=data, uid="", report_url=""))


def _list_bases(links: PublicLinks) -> set[str]:
    return {links.base_url, *(f"{scheme}://{one}" for one in links.domains.values() for scheme in ("http", "https"))}


def _replacing(links: PublicLinks, write: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
    """Ours is what we have signed, under whatever domain it was sent, and what is at an address of ours of now."""
    bases = _list_bases(links)

    def replace(found: re.Match[str]) -> str:
        content = links.signer.open(found[2])
        if content is None:
            return NOWHERE if found[1] in bases else found[0]
        target = tracking.read_target(links.signer, found[2], 0)
        if target is None or target.kind == "trap":
            return NOWHERE
        return NO_PICTURE if target.is_open else write(target.url)

    return replace

"""Opens and clicks of mails: links rewritten on their way out, and what a token that comes back says.

The address that a link leads to is in its token, under the signature. So a redirect needs no database, links with parts
for each recipient cost no row each, and nobody can make this server lead elsewhere.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from html import unescape
from typing import Literal
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from msgspec import Struct

from tocsin.core import ids
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_tracking import Tracking, Utm
from tocsin.core.tokens import Signer

# look: the pixel of a mail whose opens are timed.
HitKind = Literal["open", "look", "click", "trap"]

# Below the base, one for all pages that people and their mail programs ask for.
PREFIX = "m"
OPEN_PATH = f"{PREFIX}/o"
CLICK_PATH = f"{PREFIX}/c"
# Links are followed for as long; whether they are counted depends on whether the message is still known.
LIFETIME_SECONDS = 10 * 366 * 86400

_KINDS: dict[bytes, HitKind] = {b"o": "open", b"r": "look", b"c": "click", b"t": "trap"}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_HEAD_BYTES = 1 + ids.SIZE + 2
_MOST_LINKS = 255
# Longer ones are left alone: with what a token adds, some mail programs would cut them.
_LONGEST_URL = 1800

# Only its middle ignores case: the search for a first character that does takes twice as long.
_LINK = re.compile(
    r"""(<(?i:a(?:rea)?\s(?:[^<>]*?\s)?href\s*=\s*))"""
    r"""(?:"\s*((?i:https?)://[^"<>\s]*)\s*"|'\s*((?i:https?)://[^'<>\s]*)\s*')([^<>]*>)"""
)
_TEXT_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_UNTRACKED = "no-track"


class Target(Struct, frozen=True):
    """What a token says: of which message it is, and of a click the number of its link, of how many, and the URL."""

    kind: HitKind
    message_id: bytes
    number: int = 0
    links: int = 0
    url: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is of the pixel, not of a link."""
        return self.kind in ("open", "look")


def read_target(signer: Signer, token: str, now_seconds: float) -> Target | None:
    """What a token of this module says; None for one that is forged or has expired."""
    content = signer.open(token)
    if content is None or content[:1] not in _KINDS or len(content) < _HEAD_BYTES:
        return None
    message_id = content[1 : 1 + ids.SIZE]
    if ids.seconds(message_id) + LIFETIME_SECONDS < now_seconds:
        return None
    url = content[_HEAD_BYTES:].decode(errors="replace")
    return Target(_KINDS[content[:1]], message_id, content[1 + ids.SIZE], content[2 + ids.SIZE], url)


def make_token(signer: Signer, target: Target) -> str:
    """The token that `read_target` reads."""
    head = _LETTERS[target.kind] + target.message_id + bytes((target.number, target.links))
    return signer.seal(head + target.url.encode(errors="replace"))


class Rewriter:
    """Rewrites the bodies of one trigger's mails. Made once for a trigger, a base URL and a signer."""

    def __init__(self, trigger: Trigger, base: str, signer: Signer, *, by_default: bool) -> None:
        """`base`: where tokens come back to, without a slash at its end."""
        tracking = trigger.tracking or Tracking()
        self._opens = (by_default or tracking.reading) if tracking.opens is None else tracking.opens
        self._clicks = by_default if tracking.clicks is None else tracking.clicks
        self._pixel_kind: HitKind = "look" if tracking.reading else "open"
        self._text = self._clicks and tracking.text
        self._base = f"{base}/"
        self._own = f"{base}/{PREFIX}/"
        self._signer = signer
        self._decorate = _decorator(tracking, trigger.name)

    def rewrite_html(self, html: str, message_id: bytes) -> str:
        """The page with its links leading here first, one that only programs see, and the pixel that tells of opens."""
        added = ""
        if self._clicks and "://" in html:
            found = self._tracked(html)
            if found:
                html = self._replaced(html, found, message_id)
                added = self._trap(message_id, len(found))
        if self._opens:
            added += self._pixel(message_id)
        return _at_end(html, added) if added else html

    def rewrite_text(self, text: str, message_id: bytes) -> str:
        """The text with its links leading here first, if they are to."""
        if not self._text:
            return text
        found = [one for one in _TEXT_LINK.finditer(text) if not self._is_own(one[0])][:_MOST_LINKS]
        pieces, at = [], 0
        for number, one in enumerate(found):
            pieces += [text[at : one.start()], self._link(message_id, number, len(found), self._decorate(one[0]))]
            at = one.end()
        return "".join([*pieces, text[at:]])

    def _tracked(self, html: str) -> list[re.Match[str]]:
        """The links that are to be followed, in their order."""
        return [
            one
            for one in _LINK.finditer(html)
            if _UNTRACKED not in one[1]
            and _UNTRACKED not in one[4]
            and len(url := one[2] or one[3]) <= _LONGEST_URL
            and not self._is_own(url)
        ][:_MOST_LINKS]

    def _replaced(self, html: str, found: list[re.Match[str]], message_id: bytes) -> str:
        pieces, at = [], 0
        for number, one in enumerate(found):
            url = one[2] or one[3]
            if "&" in url:
                url = unescape(url)
            link = self._link(message_id, number, len(found), self._decorate(url))
            pieces += [html[at : one.start()], one[1], '"', link, '"', one[4]]
            at = one.end()
        pieces.append(html[at:])
        return "".join(pieces)

    def _is_own(self, url: str) -> bool:
        return url.startswith(self._own)

    def _link(self, message_id: bytes, number: int, links: int, url: str) -> str:
        content = b"c" + message_id + bytes((number, links)) + url.encode(errors="replace")
        return f"{self._base}{CLICK_PATH}/{self._signer.seal(content)}"

    def _trap(self, message_id: bytes, links: int) -> str:
        token = make_token(self._signer, Target("trap", message_id, 0, links))
        hidden = 'style="display:none" aria-hidden="true" tabindex="-1" rel="nofollow"'
        return f'<a href="{self._base}{CLICK_PATH}/{token}" {hidden}></a>'

    def _pixel(self, message_id: bytes) -> str:
        token = make_token(self._signer, Target(self._pixel_kind, message_id))
        return f'<img src="{self._base}{OPEN_PATH}/{token}" width="1" height="1" alt="" style="border:0">'


def _at_end(html: str, added: str) -> str:
    at = html.rfind("</body>")
    if at < 0:
        ends = [one.start() for one in _BODY_END.finditer(html)]
        at = ends[-1] if ends else len(html)
    return f"{html[:at]}{added}{html[at:]}"


def _decorator(tracking: Tracking, trigger_name: str) -> Callable[[str], str]:
    """What is done to each URL. Most URLs of a launch are the same for everybody."""
    utm = _parameters(tracking.utm, trigger_name)
    if not utm:
        return _unchanged

    @lru_cache(maxsize=1000)
    def decorate(url: str) -> str:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return url
        if tracking.utm_domains and not _is_within(host, tracking.utm_domains):
            return url
        given = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        added = "&".join(f"{name}={value}" for name, value in utm.items() if name not in given)
        query = "&".join(filter(None, (parts.query, added)))
        return urlunsplit(parts._replace(query=query))

    return decorate


def _unchanged(url: str) -> str:
    return url


def _parameters(utm: Utm | None, trigger_name: str) -> dict[str, str]:
    if utm is None:
        return {}
    said = {name: getattr(utm, name).replace("{trigger}", trigger_name) for name in utm.__struct_fields__}
    return {f"utm_{name}": quote(value, safe="") for name, value in said.items() if value}


def _is_within(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain.lower() or host.endswith(f".{domain.lower()}") for domain in domains)

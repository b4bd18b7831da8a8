"""Opens and clicks: links rewritten on their way out, and what a token that comes back says.

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

from tocsin.core import ids, short_links
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_tracking import Tracking, Utm
from tocsin.core.short_links import ShortLink
from tocsin.core.tokens import Signer

# look: the pixel of a mail whose opens are timed.
HitKind = Literal["open", "look", "click", "trap", "delivered"]
Channel = Literal["email", "sms", "push"]

# Below the base, one for all pages that people and their mail programs ask for.
PREFIX = "m"
OPEN_PATH = f"{PREFIX}/o"
CLICK_PATH = f"{PREFIX}/c"
# Links are followed for as long; whether they are counted depends on whether the message is still known.
LIFETIME_SECONDS = 10 * 366 * 86400

# What tokens begin with. An SMS has codes (core/short_links.py), what devices report has a token of its own.
_KINDS: dict[bytes, tuple[HitKind, Channel]] = {
    b"o": ("open", "email"),
    b"r": ("look", "email"),
    b"c": ("click", "email"),
    b"t": ("trap", "email"),
    b"l": ("click", "push"),
}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_HEAD_BYTES = 1 + ids.SIZE + 2
_MOST_LINKS = 255
# Longer ones are left alone: with what a token adds, some mail programs would cut them.
_LONGEST_URL = 1800
# A push message has room for so much less.
_LONGEST_URL_OF_A_PUSH = 600

# Only its middle ignores case: the search for a first character that does takes twice as long.
_LINK = re.compile(
    r"""(<(?i:a(?:rea)?\s(?:[^<>]*?\s)?href\s*=\s*))"""
    r"""(?:"\s*((?i:https?)://[^"<>\s]*)\s*"|'\s*((?i:https?)://[^'<>\s]*)\s*')([^<>]*>)"""
)
_TEXT_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_UNTRACKED = "no-track"


class Target(Struct, frozen=True):
    """What a token says: of which message it is, and of a click the number of its link, of how many, and the URL.

    `is_report`: a device tells it, since its program does, and not since somebody asked for a URL.
    """

    kind: HitKind
    message_id: bytes
    number: int = 0
    links: int = 0
    url: str = ""
    channel: Channel = "email"
    is_report: bool = False

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
    kind, channel = _KINDS[content[:1]]
    return Target(kind, message_id, content[1 + ids.SIZE], content[2 + ids.SIZE], url, channel)


def make_token(
    signer: Signer,
    kind: HitKind,
    message_id: bytes,
    number: int = 0,
    links: int = 0,
    url: bytes = b"",
    channel: Channel = "email",
) -> str:
    """The token that `read_target` reads; the URL in UTF-8."""
    return signer.seal(b"%b%b%c%c%b" % (_LETTERS[kind, channel], message_id, number, links, url))


class Rewriter:
    """Rewrites what the messages of one trigger say. Made once for a trigger, a base URL and a signer."""

    def __init__(self, trigger: Trigger, base: str, signer: Signer, *, by_default: bool) -> None:
        """`base`: where tokens come back to, without a slash at its end."""
        tracking = trigger.tracking or Tracking()
        self.opens = (by_default or tracking.reading) if tracking.opens is None else tracking.opens
        self.clicks = by_default if tracking.clicks is None else tracking.clicks
        self.base = f"{base}/"
        self._pixel_kind: HitKind = "look" if tracking.reading else "open"
        self._text = self.clicks and tracking.text
        self._own = (f"{base}/{PREFIX}/", f"{base}/{short_links.PREFIX}/")
        self._signer = signer
        self._decorate = _decorator(tracking, trigger.name)
        self._prepare = _preparer(self._own, self._decorate)

    def rewrite_html(self, html: str, message_id: bytes) -> str:
        """The page with its links leading here first, one that only programs see, and the pixel that tells of opens."""
        added = ""
        if self.clicks and "://" in html:
            found = self._list_tracked(html)
            if found:
                html = self._replaced(html, found, message_id)
                added = self._trap(message_id, len(found))
        if self.opens:
            added += self._pixel(message_id)
        return _at_end(html, added) if added else html

    def rewrite_text(self, text: str, message_id: bytes) -> str:
        """The text with its links leading here first, if they are to."""
        if not self._text:
            return text
        found = self._list_tracked_in_text(text)
        urls = [
            self._link(message_id, number, len(found), self._decorate(one[0]).encode(errors="replace"))
            for number, one in enumerate(found)
        ]
        return _with_urls(text, found, urls)

    def shorten_text(self, text: str, message_id: bytes) -> tuple[str, list[ShortLink]]:
        """The text with short links in place of its own, and where they lead: to be stored before it is sent."""
        if not self.clicks or "://" not in text:
            return text, []
        found = self._list_tracked_in_text(text)
        made = [
            short_links.make(self._signer, message_id, number, len(found), self._decorate(one[0]))
            for number, one in enumerate(found)
        ]
        urls = [f"{self.base}{short_links.PREFIX}/{short_links.spell(one.place)}" for one in made]
        return _with_urls(text, found, urls), list({one.code: one for one in made}.values())

    def rewrite_url(self, url: str, message_id: bytes, number: int, links: int) -> str:
        """A link of a push message, leading here first if it is to and is one that a browser opens.

        One with TLS does not lead over a way without: browsers and FCM would refuse that.
        """
        is_safe = self.base.startswith("https://") or url.startswith("http://")
        is_tracked = self.clicks and url.startswith(("https://", "http://")) and len(url) <= _LONGEST_URL_OF_A_PUSH
        if not (is_tracked and is_safe) or self._is_own(url):
            return url
        return self._link(message_id, number, links, self._decorate(url).encode(errors="replace"), "push")

    def _list_tracked_in_text(self, text: str) -> list[re.Match[str]]:
        found = [one for one in _TEXT_LINK.finditer(text) if len(one[0]) <= _LONGEST_URL and not self._is_own(one[0])]
        return found[:_MOST_LINKS]

    def _list_tracked(self, html: str) -> list[tuple[re.Match[str], bytes]]:
        """The links that are to be followed, in their order, each with where it leads."""
        found = []
        for one in _LINK.finditer(html):
            before, quoted, apostrophed, after = one.groups()
            if _UNTRACKED not in before and _UNTRACKED not in after and (url := self._prepare(quoted or apostrophed)):
                found.append((one, url))
        return found[:_MOST_LINKS]

    def _replaced(self, html: str, found: list[tuple[re.Match[str], bytes]], message_id: bytes) -> str:
        pieces, at, links = [], 0, len(found)
        for number, (one, url) in enumerate(found):
            start, end = one.span()
            pieces.append(f'{html[at:start]}{one[1]}"{self._link(message_id, number, links, url)}"{one[4]}')
            at = end
        pieces.append(html[at:])
        return "".join(pieces)

    def _is_own(self, url: str) -> bool:
        return url.startswith(self._own)

    def _link(self, message_id: bytes, number: int, links: int, url: bytes, channel: Channel = "email") -> str:
        return f"{self.base}{CLICK_PATH}/{make_token(self._signer, 'click', message_id, number, links, url, channel)}"

    def _trap(self, message_id: bytes, links: int) -> str:
        token = make_token(self._signer, "trap", message_id, 0, links)
        hidden = 'style="display:none" aria-hidden="true" tabindex="-1" rel="nofollow"'
        return f'<a href="{self.base}{CLICK_PATH}/{token}" {hidden}></a>'

    def _pixel(self, message_id: bytes) -> str:
        token = make_token(self._signer, self._pixel_kind, message_id)
        return f'<img src="{self.base}{OPEN_PATH}/{token}" width="1" height="1" alt="" style="border:0">'


def _with_urls(text: str, found: list[re.Match[str]], urls: list[str]) -> str:
    pieces, at = [], 0
    for one, url in zip(found, urls, strict=True):
        pieces += [text[at : one.start()], url]
        at = one.end()
    return "".join([*pieces, text[at:]])


def _at_end(html: str, added: str) -> str:
    at = html.rfind("</body>")
    if at < 0:
        ends = [one.start() for one in _BODY_END.finditer(html)]
        at = ends[-1] if ends else len(html)
    return f"{html[:at]}{added}{html[at:]}"


def _preparer(own: tuple[str, ...], decorate: Callable[[str], str]) -> Callable[[str], bytes]:
    """Where a link of a page leads, as its token says it; nothing for one that is left alone.

    Most links of a launch are the same for everybody.
    """

    @lru_cache(maxsize=_MOST_LINKS)
    def prepare(url: str) -> bytes:
        if len(url) > _LONGEST_URL or url.startswith(own):
            return b""
        return decorate(unescape(url) if "&" in url else url).encode(errors="replace")

    return prepare


def _decorator(tracking: Tracking, trigger_name: str) -> Callable[[str], str]:
    """What is done to each URL."""
    utm = _parameters(tracking.utm, trigger_name)
    if not utm:
        return _unchanged

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

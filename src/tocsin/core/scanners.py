"""Opens and clicks that no person made: mail servers and security products look at mails and follow their links.

What a request itself shows is `judge`; what only several together show, `find_scanned`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal, NamedTuple

from msgspec import Struct

from tocsin.core.reading import Look
from tocsin.core.tracking import Target

ScanReason = Literal["hidden_link", "many_links"]
Reason = Literal["user_agent", "network", "head_request", ScanReason]
Networks = Sequence[IPv4Network | IPv6Network]

# A scan is over within this time after the server has taken the mail.
SCANNED_WITHIN = timedelta(seconds=60)
# People do not follow so many different links of a mail within a moment.
_MANY_LINKS = 3
_MOMENT = timedelta(seconds=3)
# By then what came within a moment is noted, whichever process it came to.
SETTLED_AFTER = _MOMENT + timedelta(seconds=1)

_ROBOT = re.compile(
    r"bot\b|bot/|crawl|spider|scan|security|protect|preview|prefetch|fetcher|validator|monitor|headless|phantomjs"
    r"|barracuda|mimecast|proofpoint|messagelabs|symantec|fireeye|trendmicro|sophos|forcepoint|ironport|bitdefender"
    r"|kaspersky|zscaler|cloudmark|urldefense|safelinks|microsoft office existence|slurp|facebookexternalhit"
    r"|^whatsapp|^viber|^snapchat|vkshare|embedly|iframely"
    r"|curl/|wget/|python|java/|okhttp|go-http-client|libwww|httpclient|axios|node-fetch|guzzle|ruby|perl|powershell"
)
# What loads pictures while somebody looks at a mail, but keeps for itself how long that is.
_PROXY = re.compile(r"imageproxy|ggpht|yahoomailproxy|yahoocachesystem|duckduckgo", re.IGNORECASE)
# What loads the pictures of a mail before anybody reads it, as the proxies of some mail services do, says no more.
_BARE = frozenset({"", "Mozilla", "Mozilla/4.0", "Mozilla/5.0"})


class Hit(Struct, frozen=True):
    """A pixel that was asked for or a link that was followed; with `look`, how long a pixel was waited for."""

    target: Target
    at: datetime
    method: str
    ip: str
    user_agent: str
    look: Look | None = None


class Followed(NamedTuple):
    """A link of a message, by its number, that was followed in the minute after the message was sent; the last time."""

    message_id: bytes
    number: int
    at: datetime


def judge(hit: Hit, networks: Networks) -> Reason | None:
    """Why this was no person, as far as the request shows it; None when it may have been one.

    What a device reports is told by a program, of what a person does: nobody else has what it shows.
    """
    if hit.target.is_report:
        return None
    if hit.target.kind == "trap":
        return "hidden_link"
    if hit.method == "HEAD":
        return "head_request"
    if _is_program(hit.user_agent):
        return "user_agent"
    return "network" if _is_within(hit.ip, networks) else None


@lru_cache(maxsize=4096)
def _is_program(user_agent: str) -> bool:
    """Kept, since most hits come from the same browsers."""
    return user_agent.strip() in _BARE or _ROBOT.search(user_agent.lower()) is not None


def tells_of_looking(hit: Hit, networks: Networks) -> bool:
    """Whether who asked may be a person's own program, which goes away when the person does."""
    return judge(hit, networks) is None and not _PROXY.search(hit.user_agent)


def list_followed(hits: Sequence[Hit]) -> list[Followed]:
    """The links that were followed, in the order of time."""
    clicks = [hit for hit in hits if hit.target.kind == "click" and not hit.target.is_report]
    return sorted((Followed(hit.target.message_id, hit.target.number, hit.at) for hit in clicks), key=_instant)


def find_scanned(hits: Sequence[Hit], noted: Sequence[Followed] = ()) -> dict[bytes, ScanReason]:
    """The messages that a program goes through, since it followed a link that is hidden, or many within moments.

    `noted`: what is known beside the hits, which may have come to other processes.
    """
    found: dict[bytes, ScanReason] = {hit.target.message_id: "hidden_link" for hit in hits if hit.target.kind == "trap"}
    followed: Mapping[bytes, dict[int, datetime]] = defaultdict(dict)
    for message_id, number, at in sorted([*list_followed(hits), *noted], key=_instant):
        instants = followed[message_id]
        instants[number] = at
        if sum(at - earlier <= _MOMENT for earlier in instants.values()) >= _MANY_LINKS:
            found.setdefault(message_id, "many_links")
    return found


def _instant(followed: Followed) -> datetime:
    return followed.at


def is_early(hit: Hit, sent_at: datetime | None) -> bool:
    """Whether the mail has only just been sent, so that this may be part of a scan."""
    return sent_at is None or hit.at - sent_at <= SCANNED_WITHIN


def _is_within(ip: str, networks: Networks) -> bool:
    if not networks:
        return False
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return any(address in network for network in networks)

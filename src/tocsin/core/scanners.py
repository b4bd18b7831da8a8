"""Opens and clicks that no person made: mail servers and security products look at mails and follow their links.

What a request itself shows is `judge`; what only several together show, `find_scanned`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal

from msgspec import Struct

from tocsin.core.reading import Look
from tocsin.core.tracking import Target

Reason = Literal["user_agent", "network", "head_request", "hidden_link", "many_links"]
Networks = Sequence[IPv4Network | IPv6Network]

# A scan is over within this time after the server has taken the mail, and its requests follow each other this closely.
SCANNED_WITHIN = timedelta(seconds=60)
SETTLED_AFTER = timedelta(seconds=3)

# People do not follow so many different links of a mail within SETTLED_AFTER.
_MANY_LINKS = 3

_ROBOT = re.compile(
    r"bot\b|bot/|crawl|spider|scan|security|protect|preview|prefetch|fetcher|validator|monitor|headless|phantomjs"
    r"|barracuda|mimecast|proofpoint|messagelabs|symantec|fireeye|trendmicro|sophos|forcepoint|ironport|bitdefender"
    r"|kaspersky|zscaler|cloudmark|urldefense|safelinks|microsoft office existence|slurp|facebookexternalhit"
    r"|curl/|wget/|python|java/|okhttp|go-http-client|libwww|httpclient|axios|node-fetch|guzzle|ruby|perl|powershell",
    re.IGNORECASE,
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


def judge(hit: Hit, networks: Networks) -> Reason | None:
    """Why this was no person, as far as the request shows it; None when it may have been one."""
    if hit.target.kind == "trap":
        return "hidden_link"
    if hit.method == "HEAD":
        return "head_request"
    if hit.user_agent.strip() in _BARE or _ROBOT.search(hit.user_agent):
        return "user_agent"
    return "network" if _is_within(hit.ip, networks) else None


def tells_of_looking(hit: Hit, networks: Networks) -> bool:
    """Whether who asked may be a person's own program, which goes away when the person does."""
    return judge(hit, networks) is None and not _PROXY.search(hit.user_agent)


def find_scanned(hits: Sequence[Hit]) -> dict[bytes, Reason]:
    """The messages that a program goes through, since it followed a link that is hidden, or many within moments."""
    found: dict[bytes, Reason] = {}
    followed: Mapping[bytes, dict[int, datetime]] = defaultdict(dict)
    for hit in sorted(hits, key=lambda hit: hit.at):
        target = hit.target
        if target.kind == "trap":
            found[target.message_id] = "hidden_link"
        elif target.kind == "click":
            instants = followed[target.message_id]
            instants[target.number] = hit.at
            recent = [at for at in instants.values() if hit.at - at <= SETTLED_AFTER]
            if len(recent) >= _MANY_LINKS:
                found.setdefault(target.message_id, "many_links")
    return found


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

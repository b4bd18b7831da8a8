"""What goes through the door for outgoing HTTP: a request, and an answer or the failure that came instead of one."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct

LONGEST_RETRY_AFTER_SECONDS: Final = 600.0

# Statuses that say no for now, beside all of 5xx (RFC 9110, section 15.5.9; RFC 8470; RFC 6585).
_TRY_LATER: Final = frozenset({408, 425, 429})
_TOO_MANY, _SERVER_ERROR = 429, 500

Reason = Literal[
    "request",
    "busy",
    "resting",
    "forbidden_address",
    "dns",
    "refused",
    "tls",
    "timeout",
    "protocol",
    "too_large",
    "redirect",
    "status",
]


class Request(Struct, frozen=True):
    """What to ask. `timeout_seconds` bounds all of it, redirects included, from when the host has a connection to
    spare; waiting for that takes as long again at most. `is_redirected`: redirects are followed, else they are answers.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout_seconds: float = 10.0
    is_redirected: bool = True


class Failure(Struct, frozen=True):
    """Why there is no answer, or none to go by.

    reason: `request` it cannot be sent as it is · `busy` no connection to spare in time · `resting` the host kept
    failing and is left alone for a while · `forbidden_address` · `dns` · `refused` no connection · `tls` ·
    `timeout` · `protocol` connection lost, or no HTTP · `too_large` · `redirect` one that is not followed ·
    `status` the answer says no. Up to and including `refused` nothing was sent; from `tls` on something may have been.
    text: one printable line of at most 500 characters, without path, query or headers of the request.
    is_permanent: the same request would fail again. retry_after_seconds: not before, when that is known.
    """

    reason: Reason
    text: str
    is_permanent: bool = False
    retry_after_seconds: float | None = None


class Answer(Struct, frozen=True):
    """A complete answer of any status. `body` is unpacked; of the headers, in lower case, only some are kept.
    `seconds` is what the exchange took, without the waiting for a connection to spare.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    retry_after_seconds: float | None = None

    @property
    def is_overload(self) -> bool:
        """Whether it says that the host cannot do what it is asked for now: 429 or 5xx."""
        return self.status == _TOO_MANY or self.status >= _SERVER_ERROR

    def failure(self) -> Failure | None:
        """None for 2xx. Anything else is permanent but for 408, 425, 429 and 5xx."""
        if self.status // 100 == 2:  # noqa: PLR2004 - the class of success
            return None
        is_permanent = self.status < _SERVER_ERROR and self.status not in _TRY_LATER
        return Failure("status", f"the server answered {self.status}", is_permanent, self.retry_after_seconds)


class Stop(Exception):
    """Ends a fetch with a failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Seconds from now, 600 at most, of a Retry-After header (RFC 9110, section 10.2.3); None for what is not one."""
    if not value:
        return None
    if re.fullmatch(r"[0-9]+", value):
        return min(float(value), LONGEST_RETRY_AFTER_SECONDS)
    try:
        at = datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return min(max((at - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_SECONDS)

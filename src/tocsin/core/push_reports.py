"""What devices report of push messages: that one has arrived, was opened, that its link was followed.

A device shows the `_uid` of the message, which is signed: nobody else can speak of it. `_report_url` beside it says
where to; programs with the platform's public SDK know `event/push/<event>` below the address of their server instead.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tocsin.core import ids
from tocsin.core.tokens import Signer
from tocsin.core.tracking import LIFETIME_SECONDS, PREFIX, HitKind, Target

REPORT_PATH: Final = f"{PREFIX}/p"
SDK_PATH: Final = f"{PREFIX}/event/push"

# The words of docs/push.md and those of the SDK.
KINDS: Final[Mapping[str, HitKind]] = {
    "delivered": "delivered",
    "delivery": "delivered",
    "opened": "open",
    "open": "open",
    "clicked": "click",
    "click": "click",
}

_LETTER: Final = b"p"
_OPENS, _CLICKS = 1, 2


class Reporter(Struct, frozen=True):
    """What a `_uid` says: which message the device got, and which of its reports are wanted beside that it did."""

    message_id: bytes
    opens: bool
    clicks: bool

    def target(self, kind: HitKind) -> Target | None:
        """What a report is about; None for one that is not wanted."""
        is_wanted = {"open": self.opens, "click": self.clicks}.get(kind, True)
        return Target(kind, self.message_id, channel="push", is_report=True) if is_wanted else None


def make_uid(signer: Signer, reporter: Reporter) -> str:
    """What `read_uid` reads: 32 characters."""
    flags = reporter.opens * _OPENS + reporter.clicks * _CLICKS
    return signer.seal(_LETTER + reporter.message_id + bytes([flags]))


def read_uid(signer: Signer, uid: str, now_seconds: float) -> Reporter | None:
    """Who reports; None for a uid that is forged or has expired."""
    content = signer.open(uid)
    if content is None or content[:1] != _LETTER or len(content) != ids.SIZE + 2:
        return None
    message_id, flags = content[1:-1], content[-1]
    if ids.seconds(message_id) + LIFETIME_SECONDS < now_seconds:
        return None
    return Reporter(message_id, bool(flags & _OPENS), bool(flags & _CLICKS))

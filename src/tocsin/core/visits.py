"""Links by which a recipient comes to a page about one address of a profile: what they say, signed.

Everything that the page needs is in the token, so that it works when the message itself is long forgotten.
"""

from collections.abc import Mapping
from hashlib import sha256
from struct import Struct as Layout
from typing import Literal

from msgspec import Struct

from tocsin.core import emails, ids
from tocsin.core.configuration import Trigger
from tocsin.core.messages import ClaimedMessage
from tocsin.core.tokens import Signer
from tocsin.core.tracking import PREFIX

Purpose = Literal["unsubscribe", "globalunsubscribe", "confirm"]

UNSUBSCRIBE_PATH = f"{PREFIX}/u"
CONFIRM_PATH = f"{PREFIX}/y"
MARK_BYTES = 8

_DAY_SECONDS = 86400
_LETTERS: Mapping[Purpose, bytes] = {"unsubscribe": b"u", "globalunsubscribe": b"g", "confirm": b"y"}
_PURPOSES = {letter: purpose for purpose, letter in _LETTERS.items()}
# People unsubscribe by very old mails; who has not confirmed for a month has lost interest.
_LIFETIME_DAYS: Mapping[Purpose, int] = {"unsubscribe": 3660, "globalunsubscribe": 3660, "confirm": 30}
_LAYOUT = Layout(f">c{ids.SIZE}s{ids.SIZE}sii{MARK_BYTES}s")


class Visit(Struct, frozen=True):
    """Who comes, and what for. `resource_id` is 0 for mail to the profile's own address."""

    purpose: Purpose
    message_id: bytes
    profile_id: bytes
    database_id: int
    resource_id: int
    mark: bytes

    def is_of(self, address: str) -> bool:
        """Whether this is the address that the message went to."""
        return address_mark(address) == self.mark


def make_token(signer: Signer, visit: Visit) -> str:
    """The token that `read_visit` reads."""
    return signer.seal(
        _LAYOUT.pack(
            _LETTERS[visit.purpose],
            visit.message_id,
            visit.profile_id,
            visit.database_id,
            visit.resource_id,
            visit.mark,
        )
    )


def read_visit(signer: Signer, token: str, now_seconds: float) -> Visit | None:
    """What a token of this module says; None for one that is forged or has expired."""
    content = signer.open(token)
    if content is None or len(content) != _LAYOUT.size or content[:1] not in _PURPOSES:
        return None
    letter, *members = _LAYOUT.unpack(content)
    visit = Visit(_PURPOSES[letter], *members)
    ends_at = ids.seconds(visit.message_id) + _LIFETIME_DAYS[visit.purpose] * _DAY_SECONDS
    return visit if now_seconds <= ends_at else None


def make_url(base: str, signer: Signer, purpose: Purpose, message: ClaimedMessage, trigger: Trigger) -> str:
    """The link in a message. `base` has no slash at its end."""
    mark = address_mark(message.address)
    visit = Visit(purpose, message.id, message.profile_id, trigger.database, trigger.resource or 0, mark)
    path = CONFIRM_PATH if purpose == "confirm" else UNSUBSCRIBE_PATH
    return f"{base}/{path}/{make_token(signer, visit)}"


def address_mark(address: str) -> bytes:
    """What is known of an address in a link that others may see."""
    return sha256(emails.key(address).encode(errors="replace")).digest()[:MARK_BYTES]

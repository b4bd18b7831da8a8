"""What every way out has in common: envelopes go in, one outcome comes back for each."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

TEXT_SIZE = 500


class Envelope(Struct, frozen=True):
    """One message to one address. `body` is what arrives, complete.

    Mail: addresses, and RFC 5322 bytes with CRLF line ends. SMS: the name or number that it comes from, empty for the
    one that the way out has; a phone number as +79000000000; the text in UTF-8. Push: `sender` is empty, `recipient` as
    in core.addresses; JSON.
    """

    message_id: bytes
    sender: str
    recipient: str
    body: bytes


class Outcome(Struct, frozen=True):
    """What became of one envelope. `refused` is for good; `deferred` may be tried again later.

    `code` is the reply code of the other side, 0 when it gave none; `text` its words or our reason: one printable line
    of at most 500 characters, without secrets. Of what is deferred: `is_tried` unless it only waited, for a pace, for
    room or for the end of a rest, which is no attempt; it is of no use before `retry_after_seconds`; `may_go_elsewhere`
    if nothing of it was handed over and the way out, not the message, is at fault: another may try it at once. Of what
    is sent: `provider_id`, how the other side calls it in what it reports later, at most 200 ASCII characters;
    `sender_id`, which sender of a route took it; and `is_delivered`, of mail, if that already counts as delivered.
    """

    message_id: bytes
    state: Literal["sent", "refused", "deferred"]
    code: int
    text: str
    is_tried: bool = True
    retry_after_seconds: float = 0.0
    may_go_elsewhere: bool = False
    provider_id: str = ""
    sender_id: int = 0
    is_delivered: bool = False


Record = Callable[[Outcome], None]


def one_line(text: str) -> str:
    """The text as one printable line of at most 500 characters."""
    line = text if text.isprintable() else "".join(mark if mark.isprintable() else " " for mark in text)
    return line[:TEXT_SIZE]


class Channel(Protocol):
    """A way out."""

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order; nothing that the other side does raises.

        `record` is told each outcome as soon as it is known, before the same connection takes another message: what is
        recorded survives a cancelled `send`. An error of `record` ends the sending, in an ExceptionGroup.
        """
        ...

    async def check(self) -> str:
        """One sentence on the way out, that it can be used. Raises NotReady, with what to do."""
        ...

    async def close(self) -> None:
        """Let go of what is idle now, and of what is in use as soon as its message is through."""
        ...

"""What every way out has in common: envelopes go in, one outcome comes back for each."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

TEXT_SIZE = 500


class Envelope(Struct, frozen=True):
    """One message to one address. `body` is what arrives, complete; for mail RFC 5322 bytes with CRLF line ends."""

    message_id: bytes
    sender: str
    recipient: str
    body: bytes


class Outcome(Struct, frozen=True):
    """What became of one envelope. `refused` is for good; `deferred` may be tried again later.

    `code` is the reply code of the other side, 0 when it gave none; `text` its words or our reason: one printable line
    of at most 500 characters, without secrets.
    """

    message_id: bytes
    state: Literal["sent", "refused", "deferred"]
    code: int
    text: str


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

"""Mail that the development inbox took: the newest of it."""

from collections.abc import Sequence
from typing import NamedTuple

from tocsin.core import ids
from tocsin.core.inbox import ReceivedMail
from tocsin.store import queries
from tocsin.store.database import Transaction, copy, copy_text, fetch

_SQL = queries.load("inbox")
_COLUMNS = ("id", "received_at", "sender", "recipients", "subject", "bytes", "raw")
# Comes after every id.
NEWEST = b"\xff" * (ids.SIZE + 1)

_LIKE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


class WholeMail(NamedTuple):
    """A mail with its bytes, as they came."""

    told: ReceivedMail
    raw: bytes


async def insert(transaction: Transaction, mails: Sequence[WholeMail]) -> None:
    """Mails by COPY. What is committed is there for all to see; only a power failure may lose the last second of it."""
    await transaction.execute(_SQL["hurry"])
    lines = (
        f"\\\\x{told.id.hex()}\t{told.received_at.isoformat()}\t{copy_text(told.sender)}\t{copy_text(told.recipients)}"
        f"\t{copy_text(told.subject)}\t{told.bytes}\t\\\\x{raw.hex()}\n"
        for told, raw in mails
    )
    await copy(transaction, "inbox", _COLUMNS, lines)


async def list_page(
    transaction: Transaction, *, search: str = "", before: bytes = NEWEST, limit: int = 100
) -> list[ReceivedMail]:
    """Up to `limit` mails, the newest first, that came before a given one. `search`: part of an address or subject."""
    pattern = f"%{search.translate(_LIKE)}%" if search else "%"
    rows = await fetch(transaction, _SQL["list"], pattern=pattern, before=before, limit=limit)
    return [ReceivedMail(*row) for row in rows]


async def count(transaction: Transaction) -> int:
    """How many there are."""
    ((total,),) = await fetch(transaction, _SQL["count"])
    return int(total)


async def find(transaction: Transaction, mail_id: bytes) -> WholeMail | None:
    """One mail, whole."""
    rows = await fetch(transaction, _SQL["find"], id=mail_id)
    return WholeMail(ReceivedMail(*rows[0][:-1]), rows[0][-1]) if rows else None


async def delete_all(transaction: Transaction) -> int:
    """Empty the inbox; how many there were."""
    return len(await fetch(transaction, _SQL["delete_all"]))


async def delete_old(transaction: Transaction, most: int, most_bytes: int) -> int:
    """Keep the newest `most`, and of them `most_bytes` at most; how many went."""
    return len(await fetch(transaction, _SQL["delete_old"], most=most, most_bytes=most_bytes))

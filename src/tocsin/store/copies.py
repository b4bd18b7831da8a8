"""What was sent: append-only, in a partition a week. A copy stays in the bucket of its message, also after a merge."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tocsin.core import ids
from tocsin.core.copies import PackedCopy
from tocsin.store import queries
from tocsin.store.database import Transaction, copy, fetch, id_columns

_SQL = queries.load("copies")
_COLUMNS = ("bucket", "id", "at", "dictionary_id", "content")


class KeptCopy(NamedTuple):
    """A copy as it is kept, for `core.copies.unpack`, and when the message was sent."""

    at: datetime
    content: bytes
    dictionary: bytes | None


async def insert(transaction: Transaction, packed: Sequence[PackedCopy], there: set[bytes], at: datetime) -> None:
    """Copies of messages that were sent together, as far as they are `there`, and their dictionaries, by COPY."""
    moment = at.isoformat()
    lines = (
        f"{one.id[-1]}\t\\\\x{one.id.hex()}\t{moment}\t{_optional_id(one.dictionary_id)}\t\\\\x{one.content.hex()}\n"
        for one in packed
        if one.is_dictionary or one.id in there
    )
    if packed:
        await copy(transaction, "copies", _COLUMNS, lines)


async def find(transaction: Transaction, message_id: bytes) -> KeptCopy | None:
    """What was kept of a message; None when nothing was, or no more."""
    since = datetime.fromtimestamp(ids.seconds(message_id), UTC)
    rows = await fetch(transaction, _SQL["find"], bucket=ids.bucket(message_id), id=message_id, since=since)
    if not rows:
        return None
    at, dictionary_id, content = rows[0]
    if dictionary_id is None:
        return KeptCopy(at, content, None)
    shared = await fetch(transaction, _SQL["find"], bucket=ids.bucket(dictionary_id), id=dictionary_id, since=at)
    return KeptCopy(at, content, shared[0][2]) if shared else None


async def delete_of_profiles(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """Everything that profiles were sent; called while their events are still there."""
    rows = await fetch(transaction, _SQL["list_ids_of_profiles"], **id_columns(profile_ids))
    if rows:
        await transaction.execute(_SQL["delete"], id_columns([message_id for (message_id,) in rows]))


def _optional_id(identifier: bytes | None) -> str:
    return f"\\\\x{identifier.hex()}" if identifier else r"\N"

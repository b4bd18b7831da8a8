"""What messages have met with for the first time, so that unique opens and clicks are counted once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from tocsin.core import ids
from tocsin.store import queries
from tocsin.store.database import Transaction, bytea_column, fetch, id_columns, smallint_column

Reaction = Literal["opened", "clicked", "scanned", "read", "skimmed", "glanced"]

_SQL = queries.load("reactions")
_NUMBERS: dict[Reaction, int] = {
    "opened": 1,
    "clicked": 2,
    "scanned": 3,
    "read": 4,
    "skimmed": 5,
    "glanced": 6,
}
_WORDS = {number: word for word, number in _NUMBERS.items()}


class SentMessage(NamedTuple):
    """A message that something comes back about. `sent_at` and `database_id` are None while it is not recorded."""

    id: bytes
    profile_id: bytes
    launch_id: bytes
    trigger_id: int
    database_id: int | None
    address: str
    sent_at: datetime | None


async def find_messages(transaction: Transaction, message_ids: Collection[bytes]) -> dict[bytes, SentMessage]:
    """Those of the messages that are known. Only for those whose profile was merged are other buckets asked."""
    found = await _find(transaction, message_ids, sorted({ids.bucket(one) for one in message_ids}))
    missing = [one for one in message_ids if one not in found]
    if missing:
        found |= await _find(transaction, missing, range(ids.BUCKETS))
    return found


async def _find(
    transaction: Transaction, message_ids: Collection[bytes], buckets: Sequence[int]
) -> dict[bytes, SentMessage]:
    rows = await fetch(
        transaction, _SQL["find_messages"], buckets=smallint_column(buckets), message_ids=bytea_column([*message_ids])
    )
    return {row[0]: SentMessage(*row) for row in rows}


async def insert(
    transaction: Transaction, happened: Collection[tuple[bytes, Reaction]], at: datetime
) -> set[tuple[bytes, Reaction]]:
    """Note what has happened to messages; answers what had not before."""
    # In one order, so that nobody waits in a circle.
    ordered = sorted(happened, key=lambda one: (ids.bucket(one[0]), one[0], _NUMBERS[one[1]]))
    rows = await fetch(
        transaction,
        _SQL["insert"],
        **id_columns([message_id for message_id, _ in ordered]),
        kinds=smallint_column([_NUMBERS[word] for _, word in ordered]),
        instants=[at] * len(ordered),
    )
    return {(message_id, _WORDS[kind]) for message_id, kind in rows}


async def list_scanned(transaction: Transaction, message_ids: Collection[bytes]) -> set[bytes]:
    """Those of the messages that a program has gone through."""
    rows = await fetch(transaction, _SQL["list_of_kind"], **id_columns([*message_ids]), kind=_NUMBERS["scanned"])
    return {message_id for (message_id,) in rows}


async def delete_old(transaction: Transaction, before: datetime) -> None:
    """Forget messages made before a time."""
    await transaction.execute(
        _SQL["delete_old"],
        {"buckets": smallint_column(range(ids.BUCKETS)), "before": ids.first_of(int(before.timestamp()))},
    )

"""What messages have met with for the first time, so that unique opens and clicks are counted once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core import ids
from tocsin.core.reactions import Reaction
from tocsin.core.scanners import Followed, ScanReason
from tocsin.store import queries
from tocsin.store.database import Transaction, bytea_column, fetch, id_columns, smallint_column

_SQL = queries.load("reactions")
_NUMBERS: dict[Reaction, int] = {
    "opened": 1,
    "clicked": 2,
    "many_links": 3,
    "hidden_link": 4,
    "delivered": 5,
    "read": 6,
    "skimmed": 7,
    "glanced": 8,
}
_WORDS = {number: word for word, number in _NUMBERS.items()}
_SCANS: dict[int, ScanReason] = {3: "many_links", 4: "hidden_link"}
# Above this, the number of a link.
_FIRST_LINK = 16


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
        at=at,
    )
    return {(message_id, _WORDS[kind]) for message_id, kind in rows}


async def note_followed(transaction: Transaction, followed: Collection[Followed]) -> None:
    """Note which links were followed when, for whoever judges; of each the last time."""
    latest = {(message_id, number): at for message_id, number, at in sorted(followed, key=lambda one: one.at)}
    ordered = sorted(latest, key=lambda one: (ids.bucket(one[0]), *one))
    await transaction.execute(
        _SQL["note_followed"],
        {
            **id_columns([message_id for message_id, _ in ordered]),
            "kinds": smallint_column([_FIRST_LINK + number for _, number in ordered]),
            "instants": [latest[one] for one in ordered],
        },
    )


class Scans(NamedTuple):
    """Messages that a program has gone through, and links that were followed."""

    found: dict[bytes, ScanReason]
    followed: list[Followed]


async def list_scans(transaction: Transaction, message_ids: Collection[bytes]) -> Scans:
    """What all processes know of these messages."""
    rows = await fetch(transaction, _SQL["list_scans"], **id_columns([*message_ids]), first=min(_SCANS))
    return Scans(
        {message_id: _SCANS[kind] for message_id, kind, _ in rows if kind in _SCANS},
        [Followed(message_id, kind - _FIRST_LINK, at) for message_id, kind, at in rows if kind >= _FIRST_LINK],
    )


async def delete_old(transaction: Transaction, before: datetime) -> None:
    """Forget messages made before a time."""
    await transaction.execute(
        _SQL["delete_old"],
        {"buckets": smallint_column(range(ids.BUCKETS)), "before": ids.first_of(int(before.timestamp()))},
    )

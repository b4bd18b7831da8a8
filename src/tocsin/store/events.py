"""What happened: append-only, in a partition a month, with running totals beside."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.core.messages import Event
from tocsin.store import queries
from tocsin.store.database import (
    Transaction,
    copy,
    copy_json,
    fetch,
    id_columns,
    smallint_column,
)

_SQL = queries.load("events")
_COLUMNS = (
    "bucket", "id", "at", "type", "database_id", "profile_id", "message_id", "launch_id", "trigger_id", "data",
)  # fmt: skip

_encode = msgspec.json.Encoder().encode


class Addressee(NamedTuple):
    """Whom a message went to, and at which address."""

    database_id: int
    profile_id: bytes
    address: str


async def insert(transaction: Transaction, events: Sequence[Event]) -> None:
    """Events by COPY, and their totals."""
    await copy(transaction, "events", _COLUMNS, map(_line, events))
    totals = Counter((event.message.trigger_id, event.type) for event in events)
    await transaction.execute(
        _SQL["add_totals"],
        {
            "trigger_ids": [trigger_id for trigger_id, _ in sorted(totals)],
            "types": [type_ for _, type_ in sorted(totals)],
            "totals": [totals[key] for key in sorted(totals)],
        },
    )


async def list_totals(transaction: Transaction) -> list[tuple[int, str, int]]:
    """How many events of each type each trigger has had."""
    rows = await fetch(transaction, _SQL["list_totals"])
    return [(trigger_id, type_, total) for trigger_id, type_, total in rows]


async def find_addressee(transaction: Transaction, message_id: bytes) -> Addressee | None:
    """Of a message whose outcome is recorded. Only after its profile was merged are other buckets asked."""
    for buckets in ([ids.bucket(message_id)], range(ids.BUCKETS)):
        rows = await fetch(transaction, _SQL["find_addressee"], buckets=smallint_column(buckets), message_id=message_id)
        if rows:
            return Addressee(*rows[0])
    return None


async def move(transaction: Transaction, profile_ids: Sequence[bytes], to: bytes) -> None:
    """Give the events of profiles to another; the caller holds the locks of them all."""
    await transaction.execute(
        _SQL["move"], {**id_columns(profile_ids), "new_bucket": ids.bucket(to), "new_profile_id": to}
    )


async def delete(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """All events of profiles. Totals, which name nobody, stay."""
    await transaction.execute(_SQL["delete"], id_columns(profile_ids))


def _line(event: Event) -> str:
    message = event.message
    return (
        f"{event.id[-1]}\t\\\\x{event.id.hex()}\t{event.at.isoformat()}\t{event.type}\t{event.database_id}"
        f"\t\\\\x{message.profile_id.hex()}\t\\\\x{message.id.hex()}\t\\\\x{message.launch_id.hex()}"
        f"\t{message.trigger_id}\t{copy_json(_encode(event.data))}\n"
    )

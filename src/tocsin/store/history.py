"""What is known of a message, and what happened to a profile."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.store import queries
from tocsin.store.database import Row, Transaction, fetch, smallint_column

_SQL = queries.load("history")
_decode = msgspec.json.Decoder(dict).decode

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)


class KnownMessage(NamedTuple):
    """A message that waits, or whose end is recorded. `database_id` is None, and the others are not, while it waits."""

    launch_id: bytes
    profile_id: bytes
    trigger_id: int
    address: str
    database_id: int | None
    due_at: datetime | None
    attempts: int | None


class PastEvent(NamedTuple):
    """An event as it is kept."""

    id: bytes
    at: datetime
    type: str
    database_id: int
    message_id: bytes
    launch_id: bytes
    trigger_id: int
    data: dict[str, Any]


class Point(NamedTuple):
    """Where an event stands in the history of a profile."""

    at: datetime = BEGINNING
    id: bytes = b""


class Span(NamedTuple):
    """From the one instant until before the other."""

    from_at: datetime = BEGINNING
    until: datetime = END


async def find(transaction: Transaction, message_id: bytes) -> KnownMessage | None:
    """A message by its id. Only after its profile was merged are other buckets asked."""
    for buckets in ([ids.bucket(message_id)], range(ids.BUCKETS)):
        rows = await fetch(transaction, _SQL["find"], buckets=smallint_column(buckets), message_id=message_id)
        if rows:
            return KnownMessage(*rows[0])
    return None


async def list_of_message(transaction: Transaction, profile_id: bytes, message_id: bytes) -> list[PastEvent]:
    """What happened to a message of a profile, in order."""
    rows = await fetch(
        transaction,
        _SQL["list_of_message"],
        bucket=ids.bucket(profile_id),
        profile_id=profile_id,
        message_id=message_id,
    )
    return [_event(row) for row in rows]


async def find_place(transaction: Transaction, profile_id: bytes, event_id: bytes) -> Point | None:
    """Where an event stands in the history of its profile."""
    # After a merge an event is in the bucket of its profile, whatever its id says.
    bucket = ids.bucket(profile_id)
    rows = await fetch(transaction, _SQL["find_place"], bucket=bucket, event_id=event_id, profile_id=profile_id)
    return Point(rows[0][0], event_id) if rows else None


async def list_of_profile(
    transaction: Transaction, profile_id: bytes, span: Span, after: Point, limit: int
) -> list[PastEvent]:
    """Up to `limit` events of a profile in the order of their time, from after that one; Point() begins."""
    rows = await fetch(
        transaction,
        _SQL["list_of_profile"],
        bucket=ids.bucket(profile_id),
        profile_id=profile_id,
        from_at=span.from_at,
        until=span.until,
        after_at=after.at,
        after_id=after.id,
        limit=limit,
    )
    return [_event(row) for row in rows]


def _event(row: Row) -> PastEvent:
    event = PastEvent(*row)
    return event._replace(data=_decode(row[-1]))

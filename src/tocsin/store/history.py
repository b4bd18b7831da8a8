"""What is known of a message, and what happened to a profile."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.store import queries
from tocsin.store.database import Row, Transaction, bytea_column, fetch, smallint_column

_SQL = queries.load("history")
_decode = msgspec.json.Decoder(dict).decode

_MOST_SOUGHT_EVERYWHERE = 50

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


async def find_all(transaction: Transaction, message_ids: Sequence[bytes]) -> dict[bytes, KnownMessage]:
    """Messages by their ids, those that are known. For a few others, whose profiles may have been merged, all
    buckets are asked.
    """
    found = await _find_in(transaction, [(ids.bucket(message_id), message_id) for message_id in message_ids])
    missing = [message_id for message_id in message_ids if message_id not in found][:_MOST_SOUGHT_EVERYWHERE]
    return found | await _find_in(transaction, [(bucket, one) for one in missing for bucket in range(ids.BUCKETS)])


async def _find_in(transaction: Transaction, places: Sequence[tuple[int, bytes]]) -> dict[bytes, KnownMessage]:
    if not places:
        return {}
    rows = await fetch(
        transaction,
        _SQL["find_all"],
        buckets=smallint_column([bucket for bucket, _ in places]),
        ids=bytea_column([message_id for _, message_id in places]),
    )
    return {row[0]: KnownMessage(*row[1:]) for row in rows}


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


async def find_queued(transaction: Transaction, profile_id: bytes, trigger_id: int) -> bytes | None:
    """The newest message of a trigger that waits for a profile."""
    rows = await fetch(
        transaction,
        _SQL["find_queued"],
        bucket=ids.bucket(profile_id),
        profile_id=profile_id,
        trigger_id=trigger_id,
    )
    return rows[0][0] if rows else None


async def find_latest(transaction: Transaction, profile_id: bytes, trigger_id: int) -> PastEvent | None:
    """The latest that happened to a profile by a trigger."""
    rows = await fetch(
        transaction,
        _SQL["find_latest"],
        bucket=ids.bucket(profile_id),
        profile_id=profile_id,
        trigger_id=trigger_id,
    )
    return _event(rows[0]) if rows else None


async def find_latest_of_workflow(transaction: Transaction, profile_id: bytes, workflow_id: int) -> PastEvent | None:
    """The latest that kept a profile out of a workflow."""
    rows = await fetch(
        transaction,
        _SQL["find_latest_of_workflow"],
        bucket=ids.bucket(profile_id),
        profile_id=profile_id,
        workflow_id=str(workflow_id),
    )
    return _event(rows[0]) if rows else None


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

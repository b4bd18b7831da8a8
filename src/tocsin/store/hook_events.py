"""The queues of hooks: filled with the events, a row for each lane, and emptied a batch at a time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any, Final, NamedTuple

import msgspec

from tocsin.core import hook_bodies, hooks, ids
from tocsin.core.configuration_hooks import Hook
from tocsin.core.hook_bodies import CommonData
from tocsin.core.hooks import KeptEvent, QueuedEvent
from tocsin.core.messages import Event
from tocsin.store import queries
from tocsin.store.database import (
    Row,
    Transaction,
    bucket_columns,
    bytea_column,
    copy,
    fetch,
    id_columns,
    integer_column,
    smallint_column,
)
from tocsin.store.hooks import Held, ReplayPlace

_SQL = queries.load("hook_events")
_COLUMNS = (
    "bucket", "hook_id", "place", "event_id", "at", "total", "is_replay", "event_ids", "times", "types",
)  # fmt: skip
_ALL_BUCKETS = smallint_column(range(ids.BUCKETS))
_BUCKETS_OF_LANE = ids.BUCKETS // hooks.LANES
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Batch(NamedTuple):
    """Events that are delivered together, however often that is tried; `attempts` so far.

    places, event_ids: the keys of the rows that they are in.
    """

    id: bytes
    attempts: int
    events: list[QueuedEvent]
    places: list[int]
    event_ids: list[bytes]


class Waiting(NamedTuple):
    """How many events wait for a hook, and when the oldest of them happened."""

    total: int
    oldest_at: datetime


async def enqueue(transaction: Transaction, events: Sequence[Event]) -> None:
    """Queue events for the hooks that want them, in the transaction that inserts them, in order."""
    rows = await fetch(transaction, _SQL["list_wanted"])
    if not rows:
        return
    listening = [hook for spec, _ in rows if (hook := hooks.parse(spec)).active]
    resources = await _list_resources(transaction, listening)
    launch_ids = {event.message.launch_id for event in events} if any(hook.workflows for hook in listening) else set()
    workflows = await _list_workflows(transaction, launch_ids)
    lines = [
        line
        for hook in listening
        for line in _lines(hook, rows[0][1], hooks.select(hook, events, resources, workflows), is_replay=False)
    ]
    if lines:
        await copy(transaction, "hook_events", _COLUMNS, lines)


async def enqueue_again(transaction: Transaction, hook: Hook, events: Sequence[KeptEvent]) -> int:
    """Queue those old events that a hook wants, marked as a replay; how many."""
    rows = await fetch(transaction, _SQL["list_wanted"])
    resources = await _list_resources(transaction, [hook])
    workflows = await _list_workflows(transaction, {event.launch_id for event in events} if hook.workflows else set())
    wanted = hooks.select(hook, events, resources, workflows)
    await copy(transaction, "hook_events", _COLUMNS, _lines(hook, rows[0][1] if rows else 0, wanted, is_replay=True))
    return len(wanted)


async def enqueue_test(transaction: Transaction, hook_id: int, event_id: bytes, at: datetime) -> None:
    """Queue an event that never happened."""
    rows = await fetch(transaction, _SQL["list_wanted"])
    lane = ids.bucket(event_id) // _BUCKETS_OF_LANE
    line = _line(hook_id, rows[0][1], lane, [(event_id, at, hooks.TEST)], is_replay=False)
    await copy(transaction, "hook_events", _COLUMNS, [line])


def _lines(hook: Hook, place: int, events: Sequence[Event] | Sequence[KeptEvent], *, is_replay: bool) -> Iterator[str]:
    """A row for each lane, none with more events than a batch."""
    lanes: list[list[Event | KeptEvent]] = [[] for _ in range(hooks.LANES)]
    for event in events:
        lanes[hooks.subject(event).profile_id[-1] // _BUCKETS_OF_LANE].append(event)
    for lane, queued in enumerate(lanes):
        for first in range(0, len(queued), hook.batch_size):
            some = [(one.id, one.at, one.type) for one in queued[first : first + hook.batch_size]]
            yield _line(hook.id, place + first, lane, some, is_replay=is_replay)


def _line(hook_id: int, place: int, lane: int, some: Sequence[tuple[bytes, datetime, str]], *, is_replay: bool) -> str:
    event_ids, ats, types = zip(*some, strict=True)
    times = map(str, map(hooks.microseconds, ats))
    key = f"{lane * _BUCKETS_OF_LANE}\t{hook_id}\t{place}\t\\\\x{event_ids[0].hex()}"
    said = f"{min(ats).isoformat()}\t{len(some)}\t{'t' if is_replay else 'f'}"
    return f"{key}\t{said}\t\\\\x{b''.join(event_ids).hex()}\t{{{','.join(times)}}}\t{{{','.join(types)}}}\n"


async def _list_resources(transaction: Transaction, listening: Sequence[Hook]) -> dict[int, int]:
    if not any(hook.resources for hook in listening):
        return {}
    return {trigger_id: resource_id for trigger_id, resource_id in await fetch(transaction, _SQL["list_resources"])}  # noqa: C416 - rows are of any width


async def _list_workflows(transaction: Transaction, launch_ids: set[bytes]) -> dict[bytes, int]:
    launches = await list_common(transaction, launch_ids)
    return {launch_id: common.workflow_id for launch_id, common in launches.items() if common.workflow_id is not None}


async def take(transaction: Transaction, held: Held, *, until: datetime, batch_id: bytes, limit: int) -> Batch | None:
    """The batch of a lane that is held for longer: the one that is under way, else a new one of that id with up to
    `limit` events. None when the lane is not this worker's, its hook is paused, or nothing is left.
    """
    asked = held._asdict() | {"leased_until": until, "batch_id": batch_id, "limit": limit}
    rows = await fetch(transaction, _SQL["take"], **asked)
    if not rows and await fetch(transaction, _SQL["split"], **held._asdict(), limit=limit):
        rows = await fetch(transaction, _SQL["take"], **asked)
    if not rows:
        return None
    batch_ids, attempts, places, event_ids, *columns = zip(*rows, strict=True)
    events = [event for row in zip(*columns, strict=True) for event in _parse_queued(*row)]
    return Batch(batch_ids[0], attempts[0], events, list(places), list(event_ids))


def _parse_queued(
    event_ids: bytes | None, times: Sequence[int], types: Sequence[str], is_replay: bool | None
) -> Iterator[QueuedEvent]:
    if event_ids is not None:
        each = [event_ids[at : at + ids.SIZE] for at in range(0, len(event_ids), ids.SIZE)]
        yield from map(QueuedEvent, each, times, types, repeat(bool(is_replay)))


async def finish(transaction: Transaction, held: Held, batch: Batch, now: datetime) -> None:
    """A batch is delivered."""
    await transaction.execute(
        _SQL["finish"],
        {
            "hook_id": held.hook_id,
            "lane": held.lane,
            "batch_id": batch.id,
            "now": now,
            "places": batch.places,
            "event_ids": bytea_column(batch.event_ids),
        },
    )


async def list_events(transaction: Transaction, queued: Sequence[QueuedEvent]) -> dict[bytes, KeptEvent]:
    """The events of a batch that are still there, by id."""
    sought = {one.id: one.at_microseconds for one in queued if one.type != hooks.TEST}
    if not sought:
        return {}
    month = _instant(min(sought.values())).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = await fetch(transaction, _SQL["list_events"], **bucket_columns(list(sought)), from_at=month)
    found = {event.id: event for event in map(_event, rows) if hooks.microseconds(event.at) == sought[event.id]}
    missing = [identifier for identifier in sought if identifier not in found]
    if missing:
        moved = {
            "buckets": _ALL_BUCKETS,
            "ids": bytea_column(missing),
            "ats": [_instant(sought[one]) for one in missing],
        }
        rows = await fetch(transaction, _SQL["list_moved_events"], **moved)
        found |= {event.id: event for event in map(_event, rows)}
    return found


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _event(row: Row) -> KeptEvent:
    identifier, at, type_, database_id, profile_id, message_id, launch_id, trigger_id, data = row
    return KeptEvent(identifier, at, type_, database_id, profile_id, message_id, launch_id, trigger_id, _decode(data))


async def list_common(transaction: Transaction, launch_ids: set[bytes]) -> dict[bytes, CommonData]:
    """What the launches that are still there have in common for their messages."""
    sought = [one for one in launch_ids if one]
    rows = await fetch(transaction, _SQL["list_common"], **id_columns(sought)) if sought else []
    return {
        launch_id: CommonData(workflow_id, hook_bodies.parse_members(custom)) for launch_id, workflow_id, custom in rows
    }


async def list_items(transaction: Transaction, events: Iterable[KeptEvent]) -> dict[bytes, tuple[dict[str, Any], str]]:
    """The `custom_data` of the items of the messages that events are about, by message, and their addresses.

    What happened to a message before its profile was merged is in the bucket of the profile that is left.
    """
    told = [(event.message_id, event.profile_id) for event in events]
    sought = sorted({(ids.bucket(identifier), both[0]) for both in told for identifier in both})
    if not sought:
        return {}
    rows = await fetch(
        transaction,
        _SQL["list_items"],
        buckets=smallint_column([bucket for bucket, _ in sought]),
        ids=bytea_column([message_id for _, message_id in sought]),
    )
    return {message_id: (_decode(custom) if custom else {}, address) for message_id, custom, address in rows}


async def list_page(transaction: Transaction, place: ReplayPlace, types: Sequence[str], limit: int) -> list[KeptEvent]:
    """The next events of the bucket at which a replay is."""
    rows = await fetch(
        transaction,
        _SQL["list_page"],
        bucket=place.next_bucket,
        after_at=place.after_at,
        after_id=place.after_id,
        until=place.until,
        types=list(types),
        limit=limit,
    )
    return [_event(row) for row in rows]


async def list_waiting(transaction: Transaction) -> dict[int, Waiting]:
    """What waits for hooks beside the batches under way."""
    rows = await fetch(transaction, _SQL["list_waiting"], buckets=_ALL_BUCKETS)
    return {hook_id: Waiting(total, oldest_at) for hook_id, total, oldest_at in rows}


async def delete_old(transaction: Transaction, before: datetime, hook_ids: Sequence[int]) -> int:
    """Forget what was queued before an instant, and everything of all but these hooks; how many events that were."""
    rows = await fetch(
        transaction,
        _SQL["delete_old"],
        buckets=_ALL_BUCKETS,
        before=hooks.microseconds(before),
        hook_ids=integer_column(hook_ids),
    )
    return int(rows[0][0])

"""What hooks have still to be told: queued with the events, taken in batches, deleted when delivered."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from tocsin.core import hooks, ids
from tocsin.core.configuration_hooks import Hook
from tocsin.core.hooks import CommonData, KeptEvent, QueuedEvent
from tocsin.core.messages import Event
from tocsin.store import planner, queries
from tocsin.store.database import (
    Row,
    Transaction,
    bytea_column,
    copy,
    fetch,
    id_columns,
    integer_column,
    smallint_column,
)

_SQL = queries.load("hooks")
_COLUMNS = ("bucket", "hook_id", "place", "event_id", "at", "type", "is_replay")
_ALL_BUCKETS = smallint_column(range(ids.BUCKETS))

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Held(NamedTuple):
    """A lane of a hook that a worker has for a while."""

    hook_id: int
    lane: int
    lease_id: bytes


class Batch(NamedTuple):
    """Events that are delivered together, however often that is tried; `attempts` so far."""

    id: bytes
    attempts: int
    events: list[QueuedEvent]


class Lane(NamedTuple):
    """How a lane of a hook is; `batched` events are with a worker, or wait to be tried again."""

    hook_id: int
    batched: int
    failing_since: datetime | None
    failure: str
    delivered_at: datetime | None
    oldest_at: datetime | None


class Waiting(NamedTuple):
    """How many events wait for a hook, and when the oldest of them happened."""

    total: int
    oldest_at: datetime


class Pause(NamedTuple):
    """Since when and why a hook is told nothing."""

    at: datetime
    reason: str


class Replay(NamedTuple):
    """Old events on their way to a hook again: from how many of the 256 buckets, and how many, are queued."""

    hook_id: int
    from_at: datetime
    until: datetime
    next_bucket: int
    total: int

    @property
    def percent(self) -> int:
        """How much of it is queued."""
        return 100 * self.next_bucket // ids.BUCKETS


class ReplayPlace(NamedTuple):
    """Where a replay goes on."""

    hook_id: int
    from_at: datetime
    until: datetime
    next_bucket: int
    after_at: datetime
    after_id: bytes


async def enqueue(transaction: Transaction, events: Sequence[Event]) -> None:
    """Queue events for the hooks that want them, in the transaction that inserts them, in order."""
    rows = await fetch(transaction, _SQL["list_wanted"])
    if not rows:
        return
    listening = [hook for spec, _ in rows if (hook := hooks.parse(spec)).active]
    resources = await _list_resources(transaction) if any(hook.resources for hook in listening) else {}
    workflows = await _list_workflows(transaction, events) if any(hook.workflows for hook in listening) else {}
    lines = [
        _line(hook.id, place, event.message.profile_id, QueuedEvent(event.id, event.at, event.type, is_replay=False))
        for place, event in enumerate(events, rows[0][1])
        for hook in listening
        if hooks.wants(
            hook,
            event,
            resources.get(event.message.trigger_id, event.data.get("resource_id")),
            event.data.get("workflow_id", workflows.get(event.message.launch_id)),
        )
    ]
    if lines:
        await copy(transaction, "hook_events", _COLUMNS, lines)


async def enqueue_again(transaction: Transaction, hook: Hook, events: Sequence[KeptEvent]) -> int:
    """Queue those old events that a hook wants, marked as a replay; how many."""
    rows = await fetch(transaction, _SQL["list_wanted"])
    resources = await _list_resources(transaction) if hook.resources else {}
    launches = await list_common(transaction, {event.launch_id for event in events}) if hook.workflows else {}
    lines = [
        _line(hook.id, place, event.profile_id, QueuedEvent(event.id, event.at, event.type, is_replay=True))
        for place, event in enumerate(events, rows[0][1] if rows else 0)
        if hooks.wants(
            hook,
            event,
            resources.get(event.trigger_id, event.data.get("resource_id")),
            event.data.get("workflow_id", launches.get(event.launch_id, CommonData()).workflow_id),
        )
    ]
    await copy(transaction, "hook_events", _COLUMNS, lines)
    return len(lines)


async def enqueue_test(transaction: Transaction, hook_id: int, event_id: bytes, at: datetime) -> None:
    """Queue an event that never happened."""
    rows = await fetch(transaction, _SQL["list_wanted"])
    test = QueuedEvent(event_id, at, hooks.TEST, is_replay=False)
    await copy(transaction, "hook_events", _COLUMNS, [_line(hook_id, rows[0][1], event_id, test)])


def _line(hook_id: int, place: int, profile_id: bytes, event: QueuedEvent) -> str:
    return (
        f"{profile_id[-1]}\t{hook_id}\t{place}\t\\\\x{event.id.hex()}\t{event.at.isoformat()}\t{event.type}"
        f"\t{'t' if event.is_replay else 'f'}\n"
    )


async def _list_resources(transaction: Transaction) -> dict[int, int]:
    return {trigger_id: resource_id for trigger_id, resource_id in await fetch(transaction, _SQL["list_resources"])}  # noqa: C416 - rows are of any width


async def _list_workflows(transaction: Transaction, events: Sequence[Event]) -> dict[bytes, int | None]:
    launches = await list_common(transaction, {event.message.launch_id for event in events})
    return {launch_id: common.workflow_id for launch_id, common in launches.items()}


async def add_lanes(transaction: Transaction, hook_ids: Sequence[int]) -> None:
    """The lanes of hooks, where they are not there yet."""
    await transaction.execute(_SQL["add_lanes"], {"hook_ids": integer_column(hook_ids)})


async def claim(
    transaction: Transaction,
    hook_id: int,
    *,
    now: datetime,
    until: datetime,
    lease_id: bytes,
    passed_over: Sequence[int],
    limit: int,
) -> list[Held]:
    """Up to `limit` lanes of a hook that have something to deliver, but for some; none while the hook is paused."""
    rows = await fetch(
        transaction,
        _SQL["claim"],
        hook_id=hook_id,
        now=now,
        leased_until=until,
        lease_id=lease_id,
        passed_over=smallint_column(passed_over),
        limit=limit,
    )
    return [Held(hook_id, lane, lease_id) for (lane,) in rows]


async def hold(transaction: Transaction, held: Held, until: datetime) -> Row | None:
    """Keep a lane for longer, and lock it; its batch. None when it is not this worker's, or its hook is paused."""
    rows = await fetch(transaction, _SQL["hold"], **held._asdict(), leased_until=until)
    return rows[0] if rows else None


async def take(
    transaction: Transaction, held: Held, *, now: datetime, until: datetime, batch_id: bytes, limit: int
) -> Batch | None:
    """The batch of a lane that is held for longer: the one that is under way, else a new one of that id with up to
    `limit` events. None when the lane is not this worker's, its hook is paused, or nothing is left; then it is free.
    """
    begun = await hold(transaction, held, until)
    if begun is None or begun[0] is not None:
        return _batch(begun) if begun else None
    first = await fetch(
        transaction,
        _SQL["list_first"],
        hook_id=held.hook_id,
        lane=held.lane,
        limit=limit,
        limit_of_bucket=-(-limit // hooks.LANES),
    )
    if not first:
        await release(transaction, held, now)
        return None
    await planner.prefer_keys(transaction)
    buckets, places, event_ids, ats, types, replays = map(list, zip(*first, strict=True))
    taken = await fetch(
        transaction,
        _SQL["take"],
        hook_id=held.hook_id,
        lane=held.lane,
        batch_id=batch_id,
        buckets=smallint_column(buckets),
        places=places,
        event_ids=bytea_column(event_ids),
        ats=ats,
        types=types,
        replays=replays,
    )
    return _batch(taken[0])


def _batch(row: Row) -> Batch:
    batch_id, attempts, *columns = row
    return Batch(batch_id, attempts, [QueuedEvent(*one) for one in zip(*columns, strict=True)])


async def finish(transaction: Transaction, held: Held, batch_id: bytes, now: datetime) -> None:
    """A batch is delivered."""
    finished = {"hook_id": held.hook_id, "lane": held.lane, "batch_id": batch_id, "now": now}
    await transaction.execute(_SQL["finish"], finished)


async def postpone(
    transaction: Transaction, held: Held, batch_id: bytes, *, now: datetime, due_at: datetime, failure: str, tried: bool
) -> datetime | None:
    """A batch is to be tried again, and counts as tried if it was; since when its lane has been failing."""
    rows = await fetch(
        transaction,
        _SQL["postpone"],
        hook_id=held.hook_id,
        lane=held.lane,
        batch_id=batch_id,
        now=now,
        due_at=due_at,
        failure=failure,
        tried=int(tried),
    )
    return rows[0][0] if rows else None


async def release(transaction: Transaction, held: Held, now: datetime) -> None:
    """Leave a lane to whoever looks next."""
    await transaction.execute(_SQL["release"], held._asdict() | {"now": now})


async def pause(transaction: Transaction, hook_id: int, now: datetime, reason: str) -> bool:
    """Tell a hook nothing until it is resumed; whether it was not paused yet."""
    return bool(await fetch(transaction, _SQL["pause"], hook_id=hook_id, now=now, reason=reason))


async def resume(transaction: Transaction, hook_id: int, now: datetime) -> None:
    """Go on with a hook."""
    await transaction.execute(_SQL["resume"], {"hook_id": hook_id, "now": now})


async def drop_failing(transaction: Transaction, hook_id: int) -> int:
    """Forget the batches of a hook that fail; how many events they had."""
    rows = await fetch(transaction, _SQL["drop_failing"], hook_id=hook_id)
    return int(rows[0][0])


async def list_events(transaction: Transaction, held: Held, batch: Batch) -> dict[bytes, KeptEvent]:
    """The events of a lane's batch that are still there, by id."""
    found = _events(await fetch(transaction, _SQL["list_events"], hook_id=held.hook_id, lane=held.lane))
    missing = [one for one in batch.events if one.id not in found and one.type != hooks.TEST]
    if missing:
        sought = {"ids": bytea_column([one.id for one in missing]), "ats": [one.at for one in missing]}
        found |= _events(await fetch(transaction, _SQL["list_moved_events"], buckets=_ALL_BUCKETS, **sought))
    return found


def _events(rows: Sequence[Row]) -> dict[bytes, KeptEvent]:
    return {event.id: event for event in map(_event, rows)}


def _event(row: Row) -> KeptEvent:
    *named, data = row
    return KeptEvent._make((*named, _decode(data)))


async def list_common(transaction: Transaction, launch_ids: set[bytes]) -> dict[bytes, CommonData]:
    """What the launches that are still there have in common for their messages."""
    rows = await fetch(transaction, _SQL["list_common"], **id_columns([one for one in launch_ids if one]))
    return {launch_id: CommonData(workflow_id, _decode(custom)) for launch_id, workflow_id, custom in rows}


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


async def list_lanes(transaction: Transaction) -> list[Lane]:
    """How all lanes are."""
    return [Lane(*row) for row in await fetch(transaction, _SQL["list_lanes"])]


async def list_waiting(transaction: Transaction) -> dict[int, Waiting]:
    """What waits for hooks beside the batches under way."""
    rows = await fetch(transaction, _SQL["list_waiting"], buckets=_ALL_BUCKETS)
    return {hook_id: Waiting(total, oldest_at) for hook_id, total, oldest_at in rows}


async def list_pauses(transaction: Transaction) -> dict[int, Pause]:
    """The hooks that are told nothing."""
    return {hook_id: Pause(at, reason) for hook_id, at, reason in await fetch(transaction, _SQL["list_pauses"])}


async def list_replays(transaction: Transaction) -> dict[int, Replay]:
    """The replays under way, by hook."""
    return {row[0]: Replay(*row) for row in await fetch(transaction, _SQL["list_replays"])}


async def insert_replay(transaction: Transaction, hook_id: int, from_at: datetime, until: datetime) -> bool:
    """Begin a replay; False when there is one for that hook."""
    return bool(await fetch(transaction, _SQL["insert_replay"], hook_id=hook_id, from_at=from_at, until=until))


async def find_event(transaction: Transaction, event_id: bytes) -> datetime | None:
    """When an event was. Only after its profile was merged are other buckets asked."""
    for buckets in ([ids.bucket(event_id)], range(ids.BUCKETS)):
        rows = await fetch(transaction, _SQL["find_event"], buckets=smallint_column(buckets), id=event_id)
        if rows:
            found: datetime = rows[0][0]
            return found
    return None


async def claim_replay(transaction: Transaction) -> ReplayPlace | None:
    """A replay for this worker alone until the transaction ends."""
    rows = await fetch(transaction, _SQL["claim_replay"])
    return ReplayPlace(*rows[0]) if rows else None


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


async def advance_replay(transaction: Transaction, place: ReplayPlace, added: int) -> None:
    """Where a replay goes on; beyond the last bucket it is over."""
    if place.next_bucket == ids.BUCKETS:
        await transaction.execute(_SQL["delete_replay"], {"hook_id": place.hook_id})
        return
    await transaction.execute(
        _SQL["advance_replay"],
        {
            "hook_id": place.hook_id,
            "next_bucket": place.next_bucket,
            "after_at": place.after_at,
            "after_id": place.after_id,
            "added": added,
        },
    )


async def delete_old(transaction: Transaction, before: datetime, hook_ids: Sequence[int]) -> int:
    """Forget what was queued before an instant, and everything of all but these hooks; how many events that were."""
    known = integer_column(hook_ids)
    deleted = await transaction.execute(
        _SQL["delete_old"],
        {"buckets": _ALL_BUCKETS, "before": int(before.timestamp() * 1_000_000), "hook_ids": known},
    )
    await transaction.execute(_SQL["delete_others"], {"hook_ids": known})
    return deleted.rowcount

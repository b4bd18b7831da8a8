"""How far hooks are: the lanes in which they are told, their pauses, and old events on their way to them again."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core import ids
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, integer_column, smallint_column

_SQL = queries.load("hooks")


class Held(NamedTuple):
    """A lane of a hook that a worker has for a while."""

    hook_id: int
    lane: int
    lease_id: bytes


class Lane(NamedTuple):
    """How a lane of a hook is; `batched` events are with a worker, or wait to be tried again."""

    hook_id: int
    batched: int
    failing_since: datetime | None
    failure: str
    delivered_at: datetime | None
    oldest_at: datetime | None


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


async def hold(transaction: Transaction, held: Held, until: datetime) -> bool:
    """Keep a lane for longer; False when it is not this worker's, or its hook is paused."""
    return bool(await fetch(transaction, _SQL["hold"], **held._asdict(), leased_until=until))


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


async def list_lanes(transaction: Transaction) -> list[Lane]:
    """How all lanes are."""
    return [Lane(*row) for row in await fetch(transaction, _SQL["list_lanes"])]


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


async def delete_others(transaction: Transaction, hook_ids: Sequence[int]) -> None:
    """Forget the lanes, pauses and replays of all but these hooks."""
    await transaction.execute(_SQL["delete_others"], {"hook_ids": integer_column(hook_ids)})

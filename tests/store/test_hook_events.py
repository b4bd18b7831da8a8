"""The queue of hooks: what is recorded together is one row for each lane, and nothing is lost when that changes."""

from datetime import timedelta

from cast import MovableClock
from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.core.messages import Event, Subject
from tocsin.store import events, hook_events, hooks, migrate
from tocsin.store.database import Database

CLOCK = MovableClock()
LANE = 3
PROFILES = [bytes(11) + bytes([16 * LANE + number]) for number in range(5)]
HELD = hooks.Held(1, LANE, b"lease")
OLD = """
INSERT INTO hook_lanes (hook_id, lane, lease_id, attempts, batch_id, event_ids, ats, types, replays)
VALUES (1, 3, 'lease', 2, 'batch', ARRAY[%(second)s, %(first)s]::bytea[], ARRAY[%(now)s, %(now)s]::timestamptz[],
    ARRAY['send', 'open'], ARRAY[false, true]);
"""
WAITING = """
INSERT INTO hook_events (bucket, hook_id, place, event_id, at, type)
VALUES (48, 1, 1790000000000002, %(fourth)s, %(now)s, 'click'), (49, 1, 1790000000000001, %(third)s, %(now)s, 'send');
"""


def named(number: int) -> bytes:
    return bytes(10) + bytes([number, 16 * LANE])


async def take(database: Database, limit: int = 500) -> hook_events.Batch | None:
    async with database.transaction() as transaction:
        until = CLOCK() + timedelta(minutes=1)
        batch = await hook_events.take(transaction, HELD, until=until, batch_id=b"new", limit=limit)
        if batch:
            await hook_events.finish(transaction, HELD, batch, CLOCK())
    return batch


async def test_what_waited_before_the_queue_was_changed_is_told_as_it_would_have_been(create_database):
    database = Database(await create_database(), connections=1)
    await database.open()
    ids = {name: named(number) for number, name in enumerate(("first", "second", "third", "fourth"))}
    async with database.transaction() as transaction:
        for one in migrate.migrations():
            if one.name == "hook_queue":
                await transaction.execute(OLD, ids | {"now": CLOCK()})
                await transaction.execute(WAITING, ids | {"now": CLOCK()})
            await transaction.execute(one.script)
    begun, waiting = await take(database), await take(database)
    await database.close()
    assert begun
    assert waiting
    assert (begun.id, begun.attempts) == (b"batch", 2)
    assert [(one.id, one.type, one.is_replay) for one in begun.events] == [
        (ids["second"], "send", False),
        (ids["first"], "open", True),
    ]
    assert (waiting.id, waiting.attempts) == (b"new", 0)
    assert [(one.id, one.type) for one in waiting.events] == [(ids["third"], "send"), (ids["fourth"], "click")]


async def record(context: Context, hook: str) -> list[bytes]:
    """The ids of events of profiles of one lane, recorded together for a hook."""
    await configuration.apply(context, f"hooks: [{{id: 1, name: crm, url: 'http://x', {hook}}}]", "hooks.yaml", {})
    event_ids = context.new_ids_beside(PROFILES)
    happened = [
        Event(event_id, CLOCK(), "send", 1, Subject(profile_id), {})
        for event_id, profile_id in zip(event_ids, PROFILES, strict=True)
    ]
    async with context.database.transaction() as transaction:
        await events.insert(transaction, happened)
        await hooks.add_lanes(transaction, [1])
        await transaction.execute("UPDATE hook_lanes SET lease_id = 'lease'")
    return event_ids


async def count_rows(database: Database) -> int:
    async with database.transaction() as transaction:
        (count,) = await (await transaction.execute("SELECT count(*) FROM hook_events")).fetchone() or (0,)
    return int(count)


async def test_what_is_recorded_together_is_one_row_of_a_lane_until_it_is_delivered(database: Database):
    recorded = await record(Context(database, clock=CLOCK), "events: [send]")
    assert await count_rows(database) == 1
    batch = await take(database)
    assert batch
    assert [one.id for one in batch.events] == recorded
    assert await count_rows(database) == 0


async def test_no_row_has_more_events_than_a_batch(database: Database):
    recorded = await record(Context(database, clock=CLOCK), "events: [send], batch_size: 2")
    assert await count_rows(database) == 3
    batches = [await take(database, 2) for _ in range(3)]
    assert [[one.id for one in batch.events] for batch in batches if batch] == [
        recorded[:2],
        recorded[2:4],
        recorded[4:],
    ]


async def test_a_row_of_before_batches_became_smaller_is_cut_in_order(database: Database):
    recorded = await record(Context(database, clock=CLOCK), "events: [send]")
    batches = [await take(database, 2) for _ in range(4)]
    assert [[one.id for one in batch.events] for batch in batches if batch] == [
        recorded[:2],
        recorded[2:4],
        recorded[4:],
    ]
    assert batches[3] is None


async def test_a_batch_that_begins_full_takes_whole_rows_of_several_transactions(database: Database):
    context = Context(database, clock=CLOCK)
    recorded = [*await record(context, "events: [send]"), *await record(context, "events: [send]")]
    first, second = await take(database, 9), await take(database, 9)
    assert first
    assert second
    assert [one.id for one in (*first.events, *second.events)] == recorded
    assert len(first.events) == len(PROFILES)


async def test_a_lane_of_another_worker_is_left_as_it_is(database: Database):
    await record(Context(database, clock=CLOCK), "events: [send]")
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE hook_lanes SET lease_id = 'other'")
    assert await take(database, 2) is None
    assert await count_rows(database) == 1

"""The queue: oldest first, with a lease, never to two at once, gone with its outcome."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tocsin.core.launches import Launch
from tocsin.core.messages import LAST_TURN, ClaimedMessage, QueuedMessage, turn
from tocsin.store import messages, planner, queries
from tocsin.store.database import id_columns, smallint_column

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SQL = queries.load("messages")
SCHEDULE = """
INSERT INTO messages (bucket, id, turn, due_at, launch_id, profile_id, trigger_id, address)
SELECT 1, int8send(place) || '\\x80000001'::bytea, place % 18, '2026-06-01'::timestamptz + place * interval '1 s', '',
    '\\x000000000000000000000001', 8, 'later@example.com'
FROM generate_series(1::bigint, 1000000) AS place
"""
ALL_TURNS = range(LAST_TURN + 1)
LEASE = timedelta(seconds=60)
LAUNCH = Launch(bytes(11) + b"\x09", 8, {}, {})


def make_id(n, bucket):
    return n.to_bytes(11) + bytes([bucket])


def make(n, bucket=None, **members):
    bucket = n % 256 if bucket is None else bucket
    return QueuedMessage(make_id(n, bucket), LAUNCH.id, make_id(1000 + n, bucket), f"{n}@x.org", **members)


async def enqueue(transaction, *queued, due_at=NOW):
    await messages.enqueue(transaction, LAUNCH.trigger_id, due_at, queued)


async def claim(transaction, *, now=NOW, buckets=range(256), limit=100, lease=LEASE, turns=ALL_TURNS, **which):
    claimed = await messages.claim(
        transaction, now=now, leased_until=now + lease, buckets=buckets, limit=limit, turns=turns, **which
    )
    return sorted(claimed, key=lambda message: message.id)


async def claimed_ids(transaction, **how):
    return [message.id for message in await claim(transaction, **how)]


async def test_a_claimed_message_is_what_was_enqueued(stage):
    plain, own = make(1), make(2, custom_data={"size": "\\N\t'😀\u2028", "n": None}, content={"quote": {"total": 1}})
    await enqueue(stage.connection, plain, own)
    assert await claim(stage.connection) == [
        ClaimedMessage(one.id, LAUNCH.id, one.profile_id, 8, 1, one.address, one.custom_data, one.content, NOW)
        for one in (plain, own)
    ]


async def test_an_address_may_hold_any_text(stage):
    nasty = "tab\t\\N line\n'\"{,}\u2028😀"
    await enqueue(stage.connection, QueuedMessage(make_id(1, 1), LAUNCH.id, make_id(2, 1), nasty))
    assert [message.address for message in await claim(stage.connection)] == [nasty]


async def test_the_oldest_due_messages_are_claimed_first(stage):
    minutes = [5, 1, 4, 2, 3]
    for n, ago in enumerate(minutes):
        await enqueue(stage.connection, make(n), due_at=NOW - timedelta(minutes=ago))
    order = [(await claimed_ids(stage.connection, limit=1))[0] for _ in minutes]
    assert order == [make(n).id for n in (0, 2, 4, 3, 1)]


async def test_a_message_is_claimed_when_it_is_due_and_not_before(stage):
    later = NOW + timedelta(seconds=1)
    await enqueue(stage.connection, make(1), due_at=later)
    assert await claimed_ids(stage.connection) == []
    assert await claimed_ids(stage.connection, now=later) == [make(1).id]


async def test_a_claimed_message_comes_back_when_its_lease_ends(stage):
    await enqueue(stage.connection, make(1))
    assert [message.attempts for message in await claim(stage.connection)] == [1]
    assert await claim(stage.connection, now=NOW + LEASE - timedelta(seconds=1)) == []
    assert [message.attempts for message in await claim(stage.connection, now=NOW + LEASE)] == [2]


async def test_no_more_than_the_limit_are_claimed(stage):
    await enqueue(stage.connection, *map(make, range(10)))
    assert [len(await claim(stage.connection, limit=4)) for _ in range(4)] == [4, 4, 2, 0]


async def test_only_messages_of_the_buckets_are_claimed(stage):
    await enqueue(stage.connection, *map(make, range(256)))
    assert await claimed_ids(stage.connection, buckets=range(3, 6)) == [make(n).id for n in (3, 4, 5)]
    assert await claimed_ids(stage.connection, buckets=range(255, 256)) == [make(255).id]
    assert len(await claimed_ids(stage.connection, limit=500)) == 252


async def test_a_message_lies_in_the_bucket_of_its_profile(stage):
    with pytest.raises(psycopg.errors.CheckViolation, match="messages_share_the_bucket_of_their_profile"):
        async with stage.connection.transaction():
            await enqueue(stage.connection, QueuedMessage(make_id(1, 1), LAUNCH.id, make_id(2, 7), "a@x.org"))


async def test_postponed_messages_come_back_each_at_its_own_time(stage):
    await enqueue(stage.connection, make(1), make(2), make(3))
    await claim(stage.connection)
    await messages.postpone(
        stage.connection, [(make(1).id, NOW + timedelta(hours=1)), (make(2).id, NOW + timedelta(hours=2))]
    )
    assert await claimed_ids(stage.connection, now=NOW + LEASE) == [make(3).id]
    assert await claimed_ids(stage.connection, now=NOW + timedelta(hours=1), lease=2 * LEASE) == [
        make(1).id,
        make(3).id,
    ]
    assert make(2).id in await claimed_ids(stage.connection, now=NOW + timedelta(hours=2))


async def test_exactly_the_finished_messages_are_deleted(stage):
    await enqueue(stage.connection, *map(make, range(5)))
    await messages.delete(stage.connection, [make(1).id, make(3).id, make_id(77, 1)])
    assert await claimed_ids(stage.connection) == [make(n).id for n in (0, 2, 4)]


async def test_nothing_to_delete_or_postpone_is_nothing_done(stage):
    await enqueue(stage.connection, make(1))
    await messages.delete(stage.connection, [])
    await messages.postpone(stage.connection, [])
    assert await claimed_ids(stage.connection) == [make(1).id]


async def test_the_count_says_how_many_wait_and_since_when_the_oldest_is_due(stage):
    assert await messages.count(stage.connection, NOW) == {}
    await enqueue(stage.connection, make(1), due_at=NOW + timedelta(days=1))
    assert await messages.count(stage.connection, NOW) == {8: (1, 0, None)}
    oldest = NOW - timedelta(minutes=9)
    await enqueue(stage.connection, make(2), due_at=oldest)
    await enqueue(stage.connection, make(3), due_at=NOW)
    assert await messages.count(stage.connection, NOW) == {8: (3, 2, oldest)}


async def test_of_a_long_queue_a_part_is_counted_and_the_oldest_is_found_all_the_same(stage, monkeypatch):
    monkeypatch.setattr(messages, "_SAMPLED_PAGES", 20)
    monkeypatch.setattr(messages, "_MOST_COUNTED", 1000)
    await enqueue(stage.connection, *map(make, range(20_000)))
    oldest = NOW - timedelta(minutes=9)
    await enqueue(stage.connection, make(20_001), due_at=oldest)
    counted = (await messages.count(stage.connection, NOW))[8]
    assert (5_000 < counted.waiting < 60_000, counted.due, counted.oldest_due_at) == (True, counted.waiting, oldest)
    assert counted.waiting != 20_001


async def test_two_workers_at_once_never_claim_the_same_message(database):
    async with database.transaction() as transaction:
        await enqueue(transaction, *map(make, range(1000)))

    async def work():
        taken = []
        while True:
            async with database.transaction() as transaction:
                some = await claimed_ids(transaction, limit=30)
            if not some:
                return taken
            taken += some

    shares = await asyncio.gather(*(work() for _ in range(4)))
    taken = [identifier for share in shares for identifier in share]
    assert sorted(taken) == [make(n).id for n in range(1000)]
    assert sum(map(bool, shares)) > 1


async def test_a_worker_passes_over_what_another_is_claiming(database):
    async with database.transaction() as transaction:
        await enqueue(transaction, *map(make, range(10)))
    async with database.transaction() as first, asyncio.timeout(30):
        mine = await claimed_ids(first, limit=4)
        async with database.transaction() as second:
            assert await claimed_ids(second) == sorted({make(n).id for n in range(10)} - set(mine))


async def test_a_claim_that_is_rolled_back_leaves_the_messages_due(database):
    async with database.transaction() as transaction:
        await enqueue(transaction, make(1))
    async with database.transaction() as transaction:
        assert await claim(transaction)
        raise psycopg.Rollback
    async with database.transaction() as transaction:
        assert [message.attempts for message in await claim(transaction)] == [1]


async def test_messages_scheduled_for_later_and_those_of_full_senders_do_not_slow_a_claim(stage):
    """The plan reads the index in its order until it has enough, and never all that is scheduled or due."""
    await stage.connection.execute(SCHEDULE)
    await enqueue(stage.connection, *map(make, range(50)))
    async with stage.connection.transaction():
        await stage.connection.execute(SQL["prefer_order"])
        asked = {
            "now": NOW,
            "first_bucket": 0,
            "last_bucket": 255,
            "limit": 20,
            "turns": list(ALL_TURNS),
            "passed_over": [5],
        }
        cursor = await stage.connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {SQL['lock_due']}", asked)
        plan = "\n".join(line for (line,) in await cursor.fetchall())
    assert "Index Cond: ((turn = turns.turn) AND (due_at <=" in plan
    assert "Bitmap" not in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan
    assert int(re.findall(r"Buffers: shared hit=([0-9]+)", plan)[0]) < 1000, plan


COUNTED_EMPTY = "DELETE FROM messages", "ANALYZE messages"


@pytest.mark.parametrize("name", ["claim", "delete", "take", "postpone", "give_back"])
async def test_a_queue_that_was_counted_while_it_was_empty_is_not_read_through_for_each_batch(stage, name):
    many = [make(n) for n in range(3000)]
    await enqueue(stage.connection, *many)
    for statement in COUNTED_EMPTY:
        await stage.connection.execute(statement)
    await enqueue(stage.connection, *many)
    asked = id_columns([one.id for one in many[:500]]) | {"leased_until": NOW + LEASE}
    asked |= {"due_at": [NOW] * 500, "attempts": smallint_column([0] * 500)}
    async with stage.connection.transaction():
        await planner.prefer_keys(stage.connection)
        cursor = await stage.connection.execute(f"EXPLAIN (ANALYZE) {SQL[name]}", asked)
        plan = "\n".join(line for (line,) in await cursor.fetchall())
    assert "Removed by Join Filter" not in plan, plan
    assert plan.count("Index Cond: ((bucket = ") == 1, plan


async def test_messages_are_claimed_turn_by_turn_and_not_of_triggers_that_are_passed_over(stage):
    await enqueue(stage.connection, *map(make, range(45)))
    assert await claimed_ids(stage.connection, limit=10) == [make(n).id for n in range(10)]
    assert await claim(stage.connection, passed_over=[LAUNCH.trigger_id]) == []
    assert await claimed_ids(stage.connection, turns=[3]) == [make(n).id for n in range(40, 45)]
    assert await claimed_ids(stage.connection, turns=[2, 1], limit=20) == [make(n).id for n in range(20, 40)]


@pytest.mark.parametrize(
    ("place", "expected"),
    [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (39, 2), (40, 3), (1_310_719, 17), (10**9, LAST_TURN)],
)
def test_the_first_ten_have_the_first_turn_and_each_other_turn_as_many_as_all_before(place, expected):
    assert turn(place) == expected

"""Passages as stored: who gets them, for how long, and what is remembered of them."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tocsin.core import ids
from tocsin.core.launches import SubscriptionFilter
from tocsin.core.workflows.passages import Lane, Memory, Passage, Step
from tocsin.store import passages
from tocsin.store.database import Database, Transaction

NOW = datetime.now(UTC).replace(microsecond=123456)
LEASE = NOW + timedelta(minutes=1)
EVERYWHERE = range(256)


def make(number: int, workflow: int = 1, **members: object) -> Passage:
    """The passage of profile `number`, due so many seconds ago."""
    profile_id = number.to_bytes(12, "big")
    (passage_id,) = ids.make_beside(1, number.to_bytes(7, "big"), [profile_id])
    due_at = NOW - timedelta(seconds=number)
    filled = {"node": "start", "arrived_at": NOW, "due_at": due_at} | members
    return Passage(passage_id, profile_id, workflow, bytes(12), **filled)  # type: ignore[arg-type]  # Named by tests.


async def add(database: Database, *added: Passage, lane: Lane = "steps") -> None:
    async with database.transaction() as transaction:
        for workflow in {one.workflow_id for one in added}:
            await passages.insert(transaction, [one for one in added if one.workflow_id == workflow], lane, NOW)


async def claim(
    transaction: Transaction,
    rooms: dict[int, int],
    lane: Lane = "steps",
    now: datetime = NOW,
    buckets: range = EVERYWHERE,
    limit: int = 100,
) -> list[Passage]:
    until = now + timedelta(minutes=1)
    return await passages.claim(transaction, rooms, lane, now=now, leased_until=until, buckets=buckets, limit=limit)


async def test_a_passage_comes_back_as_it_was_stored(database: Database):
    memory = Memory(
        custom_data={"order": 7, "text": "tab\tline\n\\N 'quote' Анна"},
        saved={"quote": [1.5, None, {"a": True}]},
        messages={"hello": "ab" * 12},
        last_message="ab" * 12,
        wanted=SubscriptionFilter(email="ann@example.com"),
        depth=3,
    )
    stored = make(1, node="a-node", memory=memory)
    await add(database, stored)
    async with database.transaction() as transaction:
        (found,) = await claim(transaction, {1: 10})
        assert found == Passage(stored.id, stored.profile_id, 1, bytes(12), "a-node", NOW, LEASE, memory=memory)
        found.node, found.attempts, found.steps, found.awaits = "b", 2, 5, bytes(11) + b"\x01"
        found.memory = Memory()
        await passages.update(transaction, [(found, "requests")])
        assert await passages.list_of_profile(transaction, 1, stored.profile_id) == [found]
        assert await passages.count_by_node(transaction, 1) == {"b": 1}


async def test_due_passages_of_a_lane_are_claimed_once_the_oldest_first(database: Database):
    await add(database, *map(make, range(1, 8)), make(0, due_at=NOW + timedelta(seconds=1)))
    await add(database, make(20), lane="requests")
    async with database.transaction() as transaction:
        first = await claim(transaction, {1: 10}, limit=4)
        rest = await claim(transaction, {1: 10})
        assert await claim(transaction, {1: 10}) == []
        assert [one.profile_id[-1] for one in await claim(transaction, {1: 10}, "requests")] == [20]
    assert sorted(one.profile_id[-1] for one in first) == [4, 5, 6, 7]
    assert sorted(one.profile_id[-1] for one in rest) == [1, 2, 3]
    async with database.transaction() as transaction:
        assert len(await claim(transaction, {1: 10}, now=LEASE)) == 8


async def test_a_claim_keeps_to_its_buckets_and_to_the_room_of_each_workflow(database: Database):
    numbers = range(1, 21)
    await add(database, *[make(number + 100 * workflow, workflow) for workflow in (1, 2, 3) for number in numbers])
    async with database.transaction() as transaction:
        claimed = await claim(transaction, {2: 5, 1: 20, 9: 5}, limit=12)
        assert Counter(one.workflow_id for one in claimed) == {2: 5, 1: 7}
        left = await claim(transaction, {3: 100}, buckets=range((301 % 256), (305 % 256) + 1))
        assert sorted(one.profile_id[-1] for one in left) == [number % 256 for number in range(301, 306)]


async def test_two_who_claim_at_once_share_nothing(database: Database):
    await add(database, *map(make, range(1, 41)))
    async with asyncio.timeout(10), database.transaction() as one, database.transaction() as another:
        first, second = await claim(one, {1: 25}), await claim(another, {1: 25})
    assert len({passage.id for passage in first + second}) == len(first) + len(second) == 40


async def test_whoever_lost_the_lease_cannot_write(database: Database):
    await add(database, make(1), make(2))
    async with database.transaction() as transaction:
        slow = await claim(transaction, {1: 10})
    async with database.transaction() as transaction:
        (taken, _) = await claim(transaction, {1: 10}, now=LEASE)
        assert await passages.lock(transaction, slow) == []
        await passages.keep(transaction, slow, LEASE + timedelta(hours=1))
        assert len(await passages.lock(transaction, [taken])) == 1
        await passages.delete(transaction, [taken.id])
        assert await passages.lock(transaction, [taken]) == []


async def test_a_lease_can_be_made_longer(database: Database):
    await add(database, make(1))
    async with database.transaction() as transaction:
        held = await claim(transaction, {1: 10})
        await passages.keep(transaction, held, LEASE + timedelta(minutes=1))
        assert await claim(transaction, {1: 10}, now=LEASE) == []
        held[0].due_at = LEASE + timedelta(minutes=1)
        assert await passages.lock(transaction, held) == held


async def test_an_event_wakes_who_waits_for_it_and_nobody_else(database: Database):
    await add(database, make(1), make(2))
    async with database.transaction() as transaction:
        waiting = await claim(transaction, {1: 10})
        for one in waiting:
            one.awaits, one.due_at = one.id, NOW + timedelta(days=1)
        await passages.update(transaction, [(one, "steps") for one in waiting])
        await passages.wake(transaction, [waiting[0].id, bytes(12)], NOW)
        assert [one.id for one in await claim(transaction, {1: 10})] == [waiting[0].id]


async def test_entries_are_remembered_when_the_passage_is_over(database: Database):
    ann, bob = make(1), make(2)
    await add(database, ann)
    both = [ann.profile_id, bob.profile_id]
    async with database.transaction() as transaction:
        assert await passages.list_inside(transaction, 1, both) == {ann.profile_id}
        assert await passages.list_inside(transaction, 2, both) == set()
        assert await passages.delete_of_profiles(transaction, 1, both) == 1
        assert await passages.list_inside(transaction, 1, both) == set()
        assert await passages.list_entered(transaction, 1, both) == {ann.profile_id}
        await passages.insert(transaction, [ann], "steps", NOW + timedelta(days=1))
        rows = await (await transaction.execute("SELECT first_entered_at FROM workflow_entries")).fetchall()
    assert rows == [(NOW,)]


async def test_history_is_in_order_and_counted_by_ways(database: Database):
    reason = "a reason\twith\\escapes\nof all kinds"
    async with database.transaction() as transaction:
        for number in (1, 2):
            passage = make(number)
            steps = [
                Step(passage, place, NOW, node, target, reason)
                for place, (node, target) in enumerate(pairwise(("start", "hello", "done", None)), 1)
                if node
            ]
            await passages.insert_steps(transaction, steps)
        taken = await passages.list_steps(transaction, 1, make(1).profile_id)
        assert [(one.number, one.node, one.target, one.reason) for one in taken] == [
            (1, "start", "hello", reason),
            (2, "hello", "done", reason),
            (3, "done", None, reason),
        ]
        totals = await passages.list_totals(transaction, 1)
    assert totals == {("start", "hello"): 2, ("hello", "done"): 2, ("done", ""): 2}


@pytest.mark.parametrize(("nodes", "left"), [(["a"], 1), ([], 2), (None, 0)])
async def test_passages_are_ended_by_workflow_and_node(database: Database, nodes: list[str] | None, left: int):
    await add(database, make(1, node="a"), make(2, node="b"), make(3, 2, node="a"))
    async with database.transaction() as transaction:
        assert await passages.delete_of_workflow(transaction, 1, nodes) == 2 - left
        assert await passages.count_by_node(transaction, 2) == {"a": 1}

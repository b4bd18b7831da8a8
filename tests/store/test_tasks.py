"""Asynchronous calls: one worker at a time, each chunk once, one end."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from tocsin.store import tasks
from tocsin.store.tasks import ClaimedTask, TaskProgress

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
FIRST, SECOND = UUID(int=1), UUID(int=2)
REQUEST = b"\x00\\N\n'request"


async def insert(transaction, task_id=FIRST, *, total=100, now=NOW):
    await tasks.insert(transaction, task_id, "import", total=total, request=REQUEST, now=now)


async def claim(transaction, now=NOW):
    return await tasks.claim(transaction, now=now, leased_until=now + LEASE)


async def record(transaction, before, done, *, outcome=b"", task_id=FIRST, leased_until=NOW + LEASE):
    return await tasks.record_chunk(
        transaction, task_id, done_before=before, done=done, outcome=outcome, leased_until=leased_until
    )


async def finish(transaction, status="completed", result=b"result", task_id=FIRST, now=NOW):
    return await tasks.finish(transaction, task_id, status, result, now)


async def test_a_claimed_task_is_what_was_inserted(stage):
    assert await claim(stage.connection) is None
    await insert(stage.connection)
    assert await tasks.find(stage.connection, FIRST) == TaskProgress("queued", 100, 0, None)
    assert await claim(stage.connection) == ClaimedTask(FIRST, "import", 100, 0, 1, REQUEST)
    assert await tasks.find(stage.connection, FIRST) == TaskProgress("processing", 100, 0, None)


async def test_there_is_no_progress_of_an_unknown_task(stage):
    assert await tasks.find(stage.connection, FIRST) is None


async def test_the_oldest_task_is_claimed_first(stage):
    await insert(stage.connection, SECOND, now=NOW - timedelta(seconds=1))
    await insert(stage.connection, FIRST, now=NOW - timedelta(seconds=2))
    assert [(await claim(stage.connection)).id for _ in range(2)] == [FIRST, SECOND]
    assert await claim(stage.connection) is None


async def test_a_task_comes_back_when_its_lease_ends(stage):
    await insert(stage.connection)
    await claim(stage.connection)
    assert await claim(stage.connection, NOW + LEASE - timedelta(seconds=1)) is None
    assert (await claim(stage.connection, NOW + LEASE)).attempts == 2


async def test_a_chunk_moves_progress_and_lease_and_is_no_failed_attempt(stage):
    await insert(stage.connection)
    await claim(stage.connection)
    await claim(stage.connection, NOW + LEASE)
    assert await record(stage.connection, 0, 40, leased_until=NOW + 3 * LEASE)
    assert await tasks.find(stage.connection, FIRST) == TaskProgress("processing", 100, 40, None)
    assert await claim(stage.connection, NOW + 2 * LEASE) is None
    again = await claim(stage.connection, NOW + 3 * LEASE)
    assert (again.done, again.attempts) == (40, 2)


async def test_a_chunk_that_another_worker_applied_is_not_applied_again(stage):
    await insert(stage.connection)
    assert await record(stage.connection, 0, 40, outcome=b"mine")
    assert not await record(stage.connection, 0, 40, outcome=b"late")
    assert not await record(stage.connection, 40, 80, task_id=SECOND)
    assert await tasks.list_chunks(stage.connection, FIRST) == [b"mine"]
    assert (await tasks.find(stage.connection, FIRST)).done == 40


async def test_progress_never_exceeds_the_total(stage):
    await insert(stage.connection)
    with pytest.raises(psycopg.errors.CheckViolation, match="tasks_done_within_total"):
        async with stage.connection.transaction():
            await record(stage.connection, 0, 101)


async def test_chunks_are_listed_in_the_order_of_their_items(stage):
    await insert(stage.connection)
    await insert(stage.connection, SECOND)
    for before, done in ((0, 9), (9, 20), (20, 100)):
        await record(stage.connection, before, done, outcome=b"\x00\\%d" % before)
    await record(stage.connection, 0, 100, outcome=b"other", task_id=SECOND)
    assert await tasks.list_chunks(stage.connection, FIRST) == [b"\x00\\0", b"\x00\\9", b"\x00\\20"]


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_task_ends_once_and_keeps_its_result_only(stage, status):
    await insert(stage.connection)
    await insert(stage.connection, SECOND)
    await record(stage.connection, 0, 100)
    await record(stage.connection, 0, 100, task_id=SECOND)
    assert await finish(stage.connection, status, b"first\x00")
    assert not await finish(stage.connection, "completed", b"second")
    assert await tasks.find(stage.connection, FIRST) == TaskProgress(status, 100, 100, b"first\x00")
    assert await tasks.list_chunks(stage.connection, FIRST) == []
    assert len(await tasks.list_chunks(stage.connection, SECOND)) == 1
    assert await stage.rows("SELECT request FROM tasks WHERE id = %s", FIRST) == [(None,)]


async def test_an_ended_task_is_not_claimed_continued_or_postponed(stage):
    await insert(stage.connection)
    await finish(stage.connection)
    await tasks.postpone(stage.connection, FIRST, NOW)
    assert await claim(stage.connection, NOW + 10 * LEASE) is None
    assert not await record(stage.connection, 0, 40)
    assert (await tasks.find(stage.connection, FIRST)).status == "completed"


async def test_a_postponed_task_comes_back_at_its_time(stage):
    await insert(stage.connection)
    await claim(stage.connection)
    await tasks.postpone(stage.connection, FIRST, NOW + timedelta(seconds=10))
    assert await claim(stage.connection, NOW + timedelta(seconds=9)) is None
    assert (await claim(stage.connection, NOW + timedelta(seconds=10))).attempts == 2


async def test_unfinished_tasks_are_counted_by_status(stage):
    assert await tasks.count(stage.connection) == {}
    for n in range(5):
        await insert(stage.connection, UUID(int=n))
    await claim(stage.connection)
    await finish(stage.connection, task_id=(await claim(stage.connection)).id)
    assert await tasks.count(stage.connection) == {"queued": 3, "processing": 1}


async def test_only_tasks_that_ended_long_ago_are_forgotten(stage):
    for n in range(3):
        await insert(stage.connection, UUID(int=n), now=NOW - timedelta(days=30))
    await finish(stage.connection, task_id=UUID(int=0), now=NOW - timedelta(days=8))
    await finish(stage.connection, task_id=UUID(int=1), now=NOW - timedelta(days=6))
    await tasks.delete_finished(stage.connection, NOW - timedelta(days=7))
    assert sorted(await stage.rows("SELECT id FROM tasks")) == [(UUID(int=1),), (UUID(int=2),)]


async def test_workers_at_once_take_different_tasks(database):
    async with database.transaction() as transaction:
        await insert(transaction, FIRST)
        await insert(transaction, SECOND, now=NOW + timedelta(seconds=1))
    later = NOW + timedelta(seconds=2)
    async with asyncio.timeout(30), database.transaction() as one, database.transaction() as other:
        assert (await claim(one, later)).id == FIRST
        assert (await claim(other, later)).id == SECOND
        async with database.transaction() as third:
            assert await claim(third, later) is None


async def test_of_two_workers_with_the_same_chunk_the_second_waits_and_is_refused(database, until_blocked):
    async def apply():
        async with database.transaction() as transaction:
            return await record(transaction, 0, 40, outcome=b"late")

    async with database.transaction() as transaction:
        await insert(transaction)
    async with database.transaction() as transaction:
        assert await record(transaction, 0, 40, outcome=b"mine")
        late = asyncio.create_task(apply())
        await until_blocked()
    assert await late is False
    async with database.transaction() as transaction:
        assert await tasks.list_chunks(transaction, FIRST) == [b"mine"]


async def test_tasks_that_go_on_are_listed_with_their_progress_and_those_that_ended_apart(stage):
    third = UUID(int=3)
    for seconds, task_id in enumerate((FIRST, SECOND, third)):
        await insert(stage.connection, task_id, total=3, now=NOW + timedelta(seconds=seconds))
    await claim(stage.connection)
    await record(stage.connection, 0, 2)
    await finish(stage.connection, "failed", b"error", SECOND)
    listed = await tasks.list_unfinished(stage.connection, 10)
    assert [(one.id, one.status, one.done, one.percent, one.created_at) for one in listed] == [
        (FIRST, "processing", 2, 66, NOW),
        (third, "queued", 0, 0, NOW + timedelta(seconds=2)),
    ]
    assert [one.id for one in await tasks.list_unfinished(stage.connection, 1)] == [FIRST]
    await record(stage.connection, 2, 3)
    assert [one.percent for one in await tasks.list_unfinished(stage.connection, 1)] == [99]
    await finish(stage.connection)
    ended = await tasks.list_finished(stage.connection, 10)
    assert [(one.id, one.status, one.percent, one.result) for one in ended] == [
        (SECOND, "failed", 0, b"error"),
        (FIRST, "completed", 100, None),
    ]

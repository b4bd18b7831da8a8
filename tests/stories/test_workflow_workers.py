"""Several workers at once, and one that was slower than its lease: what it does then counts for nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from workflow_story import ask, change, delay, describe, open_context, send, start

from cast import MovableClock, open_call_stage
from tocsin.actions import passage_steps, passage_updates
from tocsin.actions.context import Context
from tocsin.actions.passage_requests import Asker
from tocsin.actions.passages import Graphs
from tocsin.channels.http import Answer, Failure, Request
from tocsin.store import profiles

LEASE = timedelta(seconds=60)
Worker = Callable[[Context], Awaitable[int]]


@pytest.fixture
async def context(server: str) -> AsyncIterator[Context]:
    async with open_context(server, "story_workers") as opened:
        yield opened


async def begin(context: Context, *nodes: dict[str, Any], count: int) -> None:
    """So many profiles at the start of a workflow."""
    async with open_call_stage(context) as post:
        assert (await post("workflows/add", **describe(*nodes)))["error"] == 0
        people = [{"data": {"email": f"p{number}@example.com", "bonus": 0}} for number in range(count)]
        answer = await post("workflows/import_and_start_batch", workflow_id=40, matching="email", data=people)
        assert len(answer["result"]) == count


async def rows(context: Context, query: str) -> list[tuple[Any, ...]]:
    async with context.database.transaction() as transaction:
        return await (await transaction.execute(query)).fetchall()  # type: ignore[arg-type]  # Queries of tests.


def another(context: Context, **later: float) -> Context:
    """A worker of the same database, perhaps with a later clock."""
    clock = MovableClock()
    clock.now = context.clock() + timedelta(**later)
    return Context(context.database, clock=clock)


async def move(context: Context) -> int:
    return await passage_steps.move(context, Graphs(), LEASE, 20)


async def update(context: Context) -> int:
    return await passage_updates.update(context, Graphs(), LEASE, 20)


async def until_nothing_is_left(work: Worker, context: Context) -> None:
    while await work(context):
        pass


async def test_workers_at_once_do_everything_once(context: Context):
    nodes = start("count"), change("count", "hi", bonus={"action": "incr", "value": 1}), send("hi")
    await begin(context, *nodes, count=200)
    for work in (move, update, move):
        await asyncio.gather(*(until_nothing_is_left(work, another(context)) for _ in range(4)))
    assert await rows(context, "SELECT fields->>'bonus', count(*) FROM profiles GROUP BY 1") == [("1", 200)]
    assert await rows(context, "SELECT count(*), count(DISTINCT profile_id) FROM messages") == [(200, 200)]
    assert await rows(context, "SELECT count(*) FROM steps") == [(200 * 4,)]


@pytest.mark.parametrize("work", [update, move])
async def test_whoever_comes_too_late_has_done_nothing(context: Context, work: Worker):
    """Both wait for the same profiles, the second since the lease of the first has ended."""
    nodes = start("count"), change("count", "hi", bonus={"action": "incr", "value": 1}), send("hi")
    await begin(context, *nodes, count=10)
    if work is update:
        await move(context)
    async with context.database.transaction() as transaction:
        await profiles.lock_all(transaction)
        slow = asyncio.create_task(work(context))
        await until_waiting(context, 1)
        quick = asyncio.create_task(work(another(context, seconds=61)))
        await until_waiting(context, 2)
    assert await asyncio.gather(slow, quick) == [10, 10]
    steps = "SELECT node, count(*) FROM steps GROUP BY 1 ORDER BY 1"
    if work is update:
        assert await rows(context, "SELECT fields->>'bonus', count(*) FROM profiles GROUP BY 1") == [("1", 10)]
        assert await rows(context, steps) == [("count", 10), ("start", 10)]
    else:
        assert await rows(context, steps) == [("start", 10)]


async def until_waiting(context: Context, count: int) -> None:
    """Until so many wait for a lock."""
    async with asyncio.timeout(20):
        while await rows(context, "SELECT count(*) FROM pg_locks WHERE NOT granted") != [(count,)]:
            pass


class SlowDoor:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.may_answer = asyncio.Event()

    async def fetch(self, request: Request) -> Answer | Failure:
        self.asked.append(request)
        await self.may_answer.wait()
        return Answer(200, {}, b'{"price": 5}', 0.1)

    async def close(self) -> None:
        pass


async def test_an_answer_after_the_lease_is_left_to_whoever_asked_again(context: Context):
    question = ask("quote", "http://shop.example.com/", "day", save_as="quote")
    await begin(context, start("quote"), question, delay("day", days=1), count=1)
    await move(context)
    slow, quick = SlowDoor(), SlowDoor()
    first = Asker(context, slow, Graphs(), LEASE)
    second = Asker(another(context, seconds=61), quick, Graphs(), LEASE)
    await first.ask()
    await second.ask()
    for door in (quick, slow):
        door.may_answer.set()
    await second.close()
    await first.close()
    keys = {dict(asked.headers)["Idempotency-Key"] for door in (slow, quick) for asked in door.asked}
    assert (len(slow.asked), len(quick.asked), len(keys)) == (1, 1, 1)
    assert await rows(context, "SELECT node, reason FROM steps ORDER BY at, number") == [
        ("start", "entered"),
        ("quote", "answered"),
    ]


async def test_a_lease_is_renewed_while_a_server_is_slow(context: Context):
    question = ask("quote", "http://shop.example.com/", "day", save_as="quote")
    await begin(context, start("quote"), question, delay("day", days=1), count=1)
    await move(context)
    door = SlowDoor()
    asker = Asker(context, door, Graphs(), timedelta(seconds=0.3))
    await asker.ask()
    assert isinstance(context.clock, MovableClock)
    for _ in range(2):
        context.clock.advance(seconds=0.2)
        renewed = f"SELECT due_at >= '{context.clock() + timedelta(seconds=0.3)}' FROM passages"
        async with asyncio.timeout(20):
            while await rows(context, renewed) != [(True,)]:
                pass
    door.may_answer.set()
    await asker.close()
    assert await rows(context, "SELECT node, attempts FROM passages") == [("day", 0)]


async def test_closing_waits_for_answers_and_writes_them(context: Context):
    question = ask("quote", "http://shop.example.com/", "day", save_as="quote")
    await begin(context, start("quote"), question, delay("day", days=1), count=3)
    await move(context)
    door = SlowDoor()
    asker = Asker(context, door, Graphs(), LEASE)
    await asker.ask()
    closing = asyncio.create_task(asker.close())
    door.may_answer.set()
    await closing
    assert await rows(context, "SELECT node, count(*) FROM passages GROUP BY 1") == [("day", 3)]

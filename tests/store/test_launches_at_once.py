"""Changes of launches beside one another and beside workers, on several connections."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tocsin.actions import launch_changes, withholding
from tocsin.actions.context import Context
from tocsin.core.messages import LAST_TURN, ClaimedMessage
from tocsin.store import launches as stored_launches
from tocsin.store import messages

Post = Callable[..., Awaitable[dict[str, Any]]]

PEOPLE = 300
LEASE = timedelta(seconds=60)


async def rows(context: Context, query: str) -> list[tuple[Any, ...]]:
    async with context.database.transaction() as transaction:
        return await (await transaction.execute(query)).fetchall()  # type: ignore[arg-type]  # Queries of tests.


async def launch(post: Post) -> str:
    data = [{"data": {"email": f"{number}@example.com"}} for number in range(PEOPLE)]
    answer = await post("campaigns/triggers/import_and_start_batch", trigger_id=8, data=data)
    launch_id: str = answer["launch_id"]
    return launch_id


async def claim(context: Context, limit: int = 20) -> list[ClaimedMessage]:
    now = context.clock()
    async with context.database.transaction() as transaction:
        return await messages.claim(
            transaction,
            now=now,
            leased_until=now + LEASE,
            buckets=range(256),
            limit=limit,
            turns=range(LAST_TURN + 1),
        )


async def test_beside_workers_each_message_of_a_cancelled_launch_is_claimed_or_cancelled(context: Context, post: Post):
    launch_id = await launch(post)
    first = await claim(context)
    assert (await post("launches/cancel", id=launch_id))["data"] == {"waiting": PEOPLE, "in_hand": len(first)}
    *claimed, _, _ = await asyncio.gather(
        *(claim(context) for _ in range(4)),
        launch_changes.settle(context, LEASE),
        launch_changes.settle(context, LEASE),
    )
    taken = [message.id for some in (first, *claimed) for message in some]
    cancelled = [message_id for (message_id,) in await rows(context, "SELECT message_id FROM events")]
    assert len(taken) + len(cancelled) == len({*taken, *cancelled}) == PEOPLE
    assert await rows(context, "SELECT count(*) FROM messages") == [(len(taken),)]
    assert await rows(context, "SELECT total FROM launch_totals WHERE type = 'cancel'") == [(len(cancelled),)]
    assert not await launch_changes.settle(context, LEASE)


async def test_retries_at_once_send_everything_once(context: Context, post: Post):
    launch_id = await launch(post)
    await post("launches/cancel", id=launch_id)
    await launch_changes.settle(context, LEASE)
    answers = await asyncio.gather(*(post("launches/retry", id=launch_id) for _ in range(5)))
    assert sorted(answer["data"]["retried"] for answer in answers) == [0, 0, 0, 0, PEOPLE]
    assert await rows(context, "SELECT count(*), count(DISTINCT profile_id) FROM messages") == [(PEOPLE, PEOPLE)]


async def test_nothing_stays_set_aside_when_a_launch_is_resumed_at_that_moment(
    context: Context, post: Post, until_blocked: Callable[[], Awaitable[None]]
):
    launch_id = bytes.fromhex(await launch(post))
    await post("launches/pause", id=launch_id.hex())
    claimed = await claim(context, PEOPLE)
    async with context.database.transaction() as transaction:
        assert await stored_launches.lock_paused(transaction, [launch_id]) == {launch_id}
        await messages.give_back(transaction, [(message, messages.SET_ASIDE_UNTIL) for message in claimed])
        resumed = asyncio.create_task(post("launches/resume", id=launch_id.hex()))
        await until_blocked()
    assert (await resumed)["error"] == 0
    assert await launch_changes.settle(context, LEASE)
    assert len(await claim(context, PEOPLE)) == PEOPLE


async def test_what_was_claimed_of_a_launch_that_is_resumed_meanwhile_is_due_at_once(context: Context, post: Post):
    launch_id = await launch(post)
    await post("launches/pause", id=launch_id)
    claimed = await claim(context, PEOPLE)
    async with context.database.transaction() as transaction:
        now = await context.configuration(transaction)
        seen = await stored_launches.get(transaction, [bytes.fromhex(launch_id)])
    await post("launches/resume", id=launch_id)
    await withholding.withhold(context, now, seen, claimed)
    assert await rows(context, "SELECT count(*), max(attempts) FROM messages WHERE due_at <= now()") == [(PEOPLE, 0)]

"""Bounces beside one another and beside other changes, on several connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tocsin.actions import bounces
from tocsin.actions.context import Context
from tocsin.core.bounces import Report
from tocsin.store import messages

Post = Callable[..., Awaitable[dict[str, Any]]]

ANN = "ann@example.com"
HARD, SOFT = Report("hbounce", 550, "5.1.1", "nobody"), Report("sbounce", 552, "5.2.2", "full")


async def rows(context: Context, query: str) -> list[tuple[Any, ...]]:
    async with context.database.transaction() as transaction:
        return await (await transaction.execute(query)).fetchall()  # type: ignore[arg-type]  # Queries of tests.


async def launch(context: Context, post: Post) -> bytes:
    await post("profiles/import", db_id=1, data={"email": ANN})
    await post("campaigns/triggers/start", id=8, email=ANN)
    ((message_id,),) = await rows(context, "SELECT id FROM messages")
    return bytes(message_id)


async def test_of_many_bounces_at_once_each_type_is_one_event(context: Context, post: Post):
    message_id = await launch(context, post)
    reports = [HARD, SOFT] * 8
    recorded = await asyncio.gather(*(bounces.record(context, message_id, report) for report in reports))
    assert sum(recorded) == 2
    assert sorted(await rows(context, "SELECT type FROM events")) == [("hbounce",), ("sbounce",)]
    assert sorted(await rows(context, "SELECT type, total FROM event_totals")) == [("hbounce", 1), ("sbounce", 1)]


async def test_neither_a_bounce_nor_an_import_at_the_same_time_is_lost(context: Context, post: Post):
    message_id = await launch(context, post)
    imports = [post("profiles/import", db_id=1, data={"email": ANN, "bonus": number}) for number in range(10)]
    await asyncio.gather(bounces.record(context, message_id, HARD), *imports)
    ann = (await post("profiles/get", db_id=1, matching="email", email=ANN))["data"]
    assert (ann["_status"], ann["bonus"] in range(10)) == (3, True)


async def test_a_bounce_that_waits_for_a_deletion_changes_nothing(
    context: Context, post: Post, until_blocked: Callable[[], Awaitable[None]]
):
    message_id = await launch(context, post)
    async with context.database.transaction() as transaction:
        await transaction.execute(
            "SELECT pg_advisory_xact_lock(7003, stripe) FROM generate_series(0, 255) AS stripe"
        )  # As a change of the profile does.
        waiting = asyncio.create_task(bounces.record(context, message_id, HARD))
        await until_blocked()
        await transaction.execute("DELETE FROM profiles")
        await messages.delete(transaction, [message_id])
    assert await waiting is False
    assert await rows(context, "SELECT type FROM events") == []

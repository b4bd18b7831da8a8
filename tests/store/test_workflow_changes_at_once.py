"""Workflows saved at once, and saved while profiles enter, on several connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tocsin.actions.context import Context
from tocsin.store import profiles

Post = Callable[..., Awaitable[dict[str, Any]]]
SHORT = [{"id": "begin", "type": "start", "next": "done"}, {"id": "done", "type": "end"}]


async def test_of_updates_at_once_none_is_lost(post: Post):
    await asyncio.gather(
        post("workflows/update", id=12, name="Renamed"),
        post("workflows/update", id=12, reentry="separate"),
        post("workflows/deactivate", id=12),
    )
    found = (await post("workflows/get", id=12))["data"]
    assert (found["name"], found["reentry"], found["active"]) == ("Renamed", "separate", False)


async def test_of_adds_at_once_each_gets_an_id_of_its_own(post: Post):
    answers = await asyncio.gather(
        *(post("workflows/add", name=f"Number {number}", database=1, nodes=SHORT) for number in range(6))
    )
    assert sorted(answer["data"]["saved_id"] for answer in answers) == list(range(14, 20))


async def test_profiles_that_enter_while_the_graph_changes_all_leave_or_are_at_a_node_that_there_was(
    context: Context, post: Post
):
    people = [[{"data": {"email": f"{batch}-{number}@example.com"}} for number in range(30)] for batch in range(4)]
    *entered, saved = await asyncio.gather(
        *(post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=data) for data in people),
        post("workflows/update", id=12, nodes=SHORT),
    )
    assert [len(answer["result"]) for answer in entered] == [30] * 4
    left = sum(one["number"] for one in saved["data"].get("left", []))
    async with context.database.transaction() as transaction:
        rows = await (await transaction.execute("SELECT count(*) FROM passages")).fetchall()
    assert rows == [(120 - left,)]


async def test_new_profiles_enter_without_waiting_for_locks_of_others(context: Context, post: Post):
    """Such locks would be taken after those of the import, out of order: two calls could wait for each other."""
    people = [{"data": {"email": f"{number}@example.com"}} for number in range(30)]
    async with context.database.transaction() as other:
        await profiles.lock_all(other)
        call = post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=people)
        answer = await asyncio.wait_for(call, 10)
    assert len(answer["result"]) == 30

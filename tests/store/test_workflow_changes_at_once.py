"""Workflows saved at once, and saved while profiles enter, on several connections."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from tocsin.actions import configuration, workflow_changes, workflows
from tocsin.actions.context import Context
from tocsin.core.workflows.passages import Memory
from tocsin.store import configuration as stored_configuration
from tocsin.store import identities
from tocsin.store import profiles as stored_profiles
from tocsin.store.configuration import ObjectChange
from tocsin.store.database import Transaction

Post = Callable[..., Awaitable[dict[str, Any]]]
UntilBlocked = Callable[[], Awaitable[None]]
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


async def enter(context: Context, transaction: Transaction, *numbers: int) -> None:
    """New profiles, of whom nobody else knows before the transaction ends."""
    now = context.clock()
    workflow = (await context.configuration(transaction)).workflows[12]
    entering = {number.to_bytes(12): Memory() for number in numbers}
    await workflows.enter(context, transaction, workflow, bytes(12), now, entering, is_locked=True)


async def list_nodes(context: Context) -> Counter[str]:
    """How many passages are at each node."""
    async with context.database.transaction() as transaction:
        rows = await (await transaction.execute("SELECT node FROM passages")).fetchall()
    return Counter(node for (node,) in rows)


async def test_a_change_waits_for_those_on_their_way_in_and_counts_them(
    context: Context, post: Post, until_blocked: UntilBlocked
):
    async with context.database.transaction() as transaction:
        await enter(context, transaction, 1, 2, 3)
        change = asyncio.create_task(post("workflows/update", id=12, nodes=SHORT))
        await until_blocked()
    assert (await change)["data"]["left"] == [{"node_id": "start", "number": 3}]
    assert not await list_nodes(context)


async def test_whoever_comes_while_the_graph_changes_enters_the_changed_one(
    context: Context, post: Post, until_blocked: UntilBlocked
):
    people = [{"data": {"email": f"{number}@example.com"}} for number in range(3)]
    async with context.database.transaction() as transaction:
        await workflow_changes.update(context, transaction, configuration.APPLY, 12, {"nodes": SHORT})
        call = asyncio.create_task(
            post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=people)
        )
        await until_blocked()
    assert len((await call)["result"]) == 3
    assert await list_nodes(context) == {"begin": 3}


async def test_nobody_enters_a_workflow_that_a_file_removes_meanwhile(
    context: Context, post: Post, until_blocked: UntilBlocked
):
    """A passage without a workflow would stay for ever."""
    people = [{"data": {"email": f"{number}@example.com"}} for number in range(3)]
    async with context.database.transaction() as transaction:
        workflow = (await context.configuration(transaction)).workflows[12]
        await workflow_changes.revise(transaction, workflow, None, context.clock())
        await stored_configuration.lock(transaction)
        await stored_configuration.write(transaction, [ObjectChange("workflows", "12", None)], context.clock(), "test")
        call = asyncio.create_task(
            post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=people)
        )
        await until_blocked()
    answer = await call
    assert [one["reason"] for one in answer["skipped"]] == ["not_active"] * 3
    assert not await list_nodes(context)


async def test_profiles_that_enter_while_the_graph_changes_all_leave_or_are_at_a_node_of_it(
    context: Context, post: Post
):
    people = [[{"data": {"email": f"{batch}-{number}@example.com"}} for number in range(30)] for batch in range(4)]
    *entered, saved = await asyncio.gather(
        *(post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=data) for data in people),
        post("workflows/update", id=12, nodes=SHORT),
    )
    assert [len(answer["result"]) for answer in entered] == [30] * 4
    left = sum(one["number"] for one in saved["data"].get("left", []))
    there = await list_nodes(context)
    assert (there.total(), set(there) - {"begin"}) == (120 - left, set())


async def test_new_profiles_enter_without_waiting_for_locks_of_others(context: Context, post: Post):
    """Such locks would be taken after those of the import, out of order: two calls could wait for each other."""
    people = [{"data": {"email": f"{number}@example.com"}} for number in range(30)]
    async with context.database.transaction() as other:
        await stored_profiles.lock_all(other)
        call = post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=people)
        answer = await asyncio.wait_for(call, 10)
    assert len(answer["result"]) == 30


async def test_a_file_that_changes_fields_and_a_graph_locks_in_the_order_of_imports(
    context: Context, until_blocked: UntilBlocked
):
    text = """
databases: [{id: 1, name: Customers, fields: {shoe: {type: string, unique: true}}}]
workflows:
  - {id: 12, name: Short, database: 1, nodes: [{id: begin, type: start, next: done}, {id: done, type: end}]}
"""
    async with context.database.transaction() as transaction:
        await identities.lock_all(transaction)
        change = asyncio.create_task(configuration.apply(context, text, "more.yaml", {}))
        await until_blocked()
        await asyncio.wait_for(stored_profiles.lock_all(transaction), 10)
    assert [(one.section, one.action) for one in (await change).changes] == [
        ("databases", "changed"),
        ("workflows", "changed"),
    ]

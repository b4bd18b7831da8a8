"""Editing workflows by hand, as the console does. What becomes of those inside is up to saving."""

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.actions import configuration_changes, workflow_changes
from tocsin.actions.configuration_changes import CHANGED_MEANWHILE, members_of, state_of
from tocsin.actions.context import Context
from tocsin.actions.workflow_changes import Saved
from tocsin.core.audits import Author
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.workflows.editing import Members
from tocsin.core.workflows.starters import STARTERS
from tocsin.store import configuration as stored_configuration
from tocsin.store.database import Transaction

SECTION = "workflows"

Edit = Callable[[list[Members]], list[Members]]


async def create(
    context: Context,
    author: Author,
    *,
    name: str,
    database: int | None,
    trigger: int | None,
    starter: str,
    names: Mapping[str, str],
) -> Workflow:
    """A new workflow that is not active, with a graph to begin with; `names` are those of its nodes.

    NotFound for an unknown starter, MemberMistakes with every mistake.
    """
    if starter not in STARTERS:
        raise NotFound(f"there is no graph {starter} to begin with")
    nodes = [node | {"name": names.get(node["id"], "")} for node in STARTERS[starter](trigger or 0)]
    async with context.database.transaction() as transaction:
        members = {"name": name, "database": database or 0, "nodes": nodes}
        return (await workflow_changes.add(context, transaction, author, members)).workflow


async def clone(context: Context, author: Author, workflow_id: int, name: str) -> Workflow:
    """Another workflow with the same graph, not active; NotFound without the first."""
    async with context.database.transaction() as transaction:
        await stored_configuration.lock(transaction)
        workflow = (await context.configuration(transaction)).get_workflow(workflow_id)
        members = workflow_changes.describe(workflow)
        copied = {member: value for member, value in members.items() if member not in ("id", "active")}
        return (await workflow_changes.add(context, transaction, author, copied | {"name": name})).workflow


async def change(context: Context, author: Author, workflow_id: int, made_of: str, members: Mapping[str, Any]) -> Saved:
    """Replace members; MemberMistakes, NotFound, or Conflict when `made_of` is not the workflow's state any more."""
    async with context.database.transaction() as transaction:
        await _lock(context, transaction, workflow_id, made_of)
        return await workflow_changes.update(context, transaction, author, workflow_id, members)


async def edit(context: Context, author: Author, workflow_id: int, made_of: str, how: Edit) -> Saved:
    """Change the nodes; MemberMistakes with paths that begin with `nodes`, NotFound or Conflict as for `change`."""
    async with context.database.transaction() as transaction:
        members = await _lock(context, transaction, workflow_id, made_of)
        nodes = how(members["nodes"])
        return await workflow_changes.update(context, transaction, author, workflow_id, {"nodes": nodes})


async def remove(context: Context, author: Author, workflow_id: int, made_of: str) -> None:
    """Remove a workflow and throw out those inside; NotFound, Conflict, or MemberMistakes when others need it."""
    async with context.database.transaction() as transaction:
        await _lock(context, transaction, workflow_id, made_of)
        await configuration_changes.remove(context, transaction, author, SECTION, workflow_id)


async def switch(context: Context, author: Author, workflow_id: int, *, active: bool, empty: bool = False) -> None:
    """Let a workflow go on, perhaps without those inside, or hold it; NotFound."""
    async with context.database.transaction() as transaction:
        if active:
            await workflow_changes.activate(context, transaction, author, workflow_id, skip_profiles=empty)
        else:
            await workflow_changes.deactivate(context, transaction, author, workflow_id)


async def _lock(context: Context, transaction: Transaction, workflow_id: int, made_of: str) -> dict[str, Any]:
    await stored_configuration.lock(transaction)
    configuration = await context.configuration(transaction)
    if state_of(members_of(configuration, SECTION, workflow_id)) != made_of:
        raise Conflict(CHANGED_MEANWHILE)
    return workflow_changes.describe(configuration.get_workflow(workflow_id))

"""Saving workflows: what calls change of them, and what becomes of the profiles inside (facts, 4.1 and 4.2)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from tocsin.actions import audits
from tocsin.actions.context import Context
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_check import Known
from tocsin.core.configuration_file import list_objects
from tocsin.core.configuration_workflows import Workflow, WorkflowJumpNode
from tocsin.core.errors import Conflict, Invalid
from tocsin.core.workflows.check import check_workflow
from tocsin.core.workflows.graph import changed_waits, kind, removed_nodes
from tocsin.core.workflows.passages import Lane, lane_of
from tocsin.core.workflows.reading import read_workflow
from tocsin.store import configuration as stored_configuration
from tocsin.store import passages, profiles
from tocsin.store.configuration import ObjectChange
from tocsin.store.database import Transaction


class Saved(NamedTuple):
    """A workflow as it is now; how many passages at which of its former nodes were ended."""

    workflow: Workflow
    left: Mapping[str, int]


async def add(context: Context, transaction: Transaction, author: Author, members: Mapping[str, Any]) -> Saved:
    """A new workflow of the members of the configuration file; without an id it gets the next free one.

    Invalid with every mistake; Conflict when the id is taken.
    """
    stored = await _lock(context, transaction)
    number = members.get("id", max(stored.workflows, default=0) + 1)
    if number in stored.workflows:
        raise Conflict(f"there is a workflow {number} already; workflows/update changes it", path="id")
    workflow = _check(stored, {**members, "id": number})
    await _write(context, transaction, author, workflow, Deed("created", "workflows", str(workflow.id), workflow.name))
    return Saved(workflow, {})


async def update(
    context: Context, transaction: Transaction, author: Author, workflow_id: int, members: Mapping[str, Any]
) -> Saved:
    """Replace members of a workflow; NotFound, Invalid with every mistake, or Conflict."""
    stored = await _lock(context, transaction)
    before = stored.get_workflow(workflow_id)
    after = _check(stored, {**describe(before), **members})
    left = await revise(transaction, before, after, context.clock())
    changed = [name for name in after.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    if changed:
        deed = Deed("changed", "workflows", str(after.id), after.name, {"members": changed, "left": left})
        await _write(context, transaction, author, after, deed)
    return Saved(after, left)


async def activate(
    context: Context, transaction: Transaction, author: Author, workflow_id: int, *, skip_profiles: bool
) -> None:
    """Let a workflow go on, perhaps without those inside; or NotFound."""
    await _switch(context, transaction, author, workflow_id, active=True)
    if skip_profiles:
        await profiles.lock_all(transaction)
        await passages.lock_graphs(transaction)
        await passages.delete_of_workflow(transaction, workflow_id)


async def deactivate(context: Context, transaction: Transaction, author: Author, workflow_id: int) -> None:
    """Let nobody in, and those inside stay where they are; or NotFound."""
    await _switch(context, transaction, author, workflow_id, active=False)


async def revise(
    transaction: Transaction, before: Workflow, after: Workflow | None, now: datetime, *, dry_run: bool = False
) -> dict[str, int]:
    """Bring the passages of a workflow that changes into line: end those at nodes that are gone, let others look again.

    How many ended, by node. Conflict when there are some and the database is to be another one.
    """
    moves = after is not None and after.database != before.database
    changed = changed_waits(before, after) if after else set()
    if not (after is None or moves or changed or removed_nodes(before, after)):
        return {}
    if not dry_run:
        await profiles.lock_all(transaction)
        await passages.lock_graphs(transaction)
    inside = await passages.count_by_node(transaction, before.id)
    if moves and inside:
        raise Conflict(f"workflow {before.id}: {sum(inside.values())} profiles are inside, so its database must stay")
    left = count_gone(inside, after)
    if dry_run:
        return left
    if left:
        await passages.delete_of_workflow(transaction, before.id, list(left))
    if after is not None:
        for lane, nodes in _by_lane(after, changed).items():
            await passages.revise(transaction, after.id, lane, nodes, now)
    return left


def count_gone(inside: Mapping[str, int], after: Workflow | None) -> dict[str, int]:
    """How many are at nodes that a workflow, or nothing, does not have."""
    kept = {node.id for node in after.nodes} if after else set()
    return {node: number for node, number in inside.items() if node not in kept}


def describe(workflow: Workflow) -> dict[str, Any]:
    """The members of the configuration file, as plain values."""
    described: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(workflow))
    return described


def _by_lane(workflow: Workflow, node_ids: set[str]) -> dict[Lane, list[str]]:
    lanes: dict[Lane, list[str]] = {}
    for node in workflow.nodes:
        if node.id in node_ids:
            lanes.setdefault(lane_of(kind(node)), []).append(node.id)
    return lanes


async def _lock(context: Context, transaction: Transaction) -> Configuration:
    await stored_configuration.lock(transaction)
    return await context.configuration(transaction)


def _check(stored: Configuration, members: Mapping[str, Any]) -> Workflow:
    """The workflow that the members make, if it and those that jump to it are right beside all that is stored."""
    objects = list_objects(stored)
    known = Known(**structs.asdict(objects), broken=frozenset())
    workflow = read_workflow(members, known)
    known = known._replace(workflows={**objects.workflows, workflow.id: workflow})
    for other in known.workflows.values():
        if any(isinstance(node, WorkflowJumpNode) and node.workflow == workflow.id for node in other.nodes):
            for mistake in check_workflow(other, known):
                raise Invalid(f"workflow {other.id} would be wrong: {mistake.sentence}")
    return workflow


async def _switch(
    context: Context, transaction: Transaction, author: Author, workflow_id: int, *, active: bool
) -> None:
    workflow = (await _lock(context, transaction)).get_workflow(workflow_id)
    if workflow.active != active:
        deed = Deed("activated" if active else "deactivated", "workflows", str(workflow.id), workflow.name)
        await _write(context, transaction, author, structs.replace(workflow, active=active), deed)


async def _write(context: Context, transaction: Transaction, author: Author, workflow: Workflow, deed: Deed) -> None:
    change = ObjectChange("workflows", str(workflow.id), workflow)
    await audits.write_configuration(context, transaction, author, [change], [deed])

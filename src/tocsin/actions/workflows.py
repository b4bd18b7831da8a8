"""Bringing profiles into workflows (facts, 4.2). What happens to them there is in actions/passages.py."""

from collections.abc import Mapping
from datetime import datetime

from tocsin.actions.context import Context
from tocsin.core.configuration_workflows import StartNode, Workflow
from tocsin.core.triggers import Skip
from tocsin.core.workflows.passages import (
    ENTERED_BEFORE,
    INSIDE,
    MOST_DEPTH,
    NOT_ACTIVE,
    TOO_DEEP,
    Memory,
    Passage,
    lane_of,
)
from tocsin.core.workflows.step import may_enter
from tocsin.store import passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction


async def enter(
    context: Context,
    transaction: Transaction,
    workflow: Workflow,
    launch_id: bytes,
    due_at: datetime,
    entering: Mapping[bytes, Memory],
    *,
    is_locked: bool,
) -> dict[bytes, Skip]:
    """Bring profiles, with what each carries along, to the start of a workflow, due then; those that may not enter.

    The caller may have read the workflow before another call changed it. What holds is how it is now, and that stays so
    until the transaction ends: a change waits, and then finds these profiles at their node.

    `is_locked`: this transaction has locked the profiles, or made them, so that nobody else knows of them. Locks that
    were taken here after others would not be in sorted order.
    """
    skipped = {profile_id: Skip(TOO_DEEP) for profile_id, memory in entering.items() if memory.depth > MOST_DEPTH}
    wanted = [profile_id for profile_id in entering if profile_id not in skipped]
    if not wanted:
        return skipped
    await stored_profiles.prefer_indexes(transaction)
    if not is_locked:
        await stored_profiles.lock(transaction, wanted)
    await passages.keep_graphs(transaction)
    current = (await context.configuration(transaction)).workflows.get(workflow.id)
    if current is None or not current.active or current.database != workflow.database:
        return skipped | dict.fromkeys(wanted, Skip(NOT_ACTIVE))
    refused, restarted = await _decide(transaction, current, wanted)
    if restarted:
        await passages.delete_of_profiles(transaction, current.id, restarted)
    let_in = [profile_id for profile_id in wanted if profile_id not in refused]
    if let_in:
        node = _start(current)
        begun = [
            Passage(passage_id, profile_id, current.id, launch_id, node, due_at, due_at, memory=entering[profile_id])
            for passage_id, profile_id in zip(context.new_ids_beside(let_in), let_in, strict=True)
        ]
        await passages.insert(transaction, begun, lane_of("start"), context.clock())
    return skipped | refused


async def _decide(
    transaction: Transaction, workflow: Workflow, profile_ids: list[bytes]
) -> tuple[dict[bytes, Skip], list[bytes]]:
    """Those that may not enter, and those that begin anew; one statement each for what that depends on."""
    once = workflow.reentry == "once_ever"
    inside = await passages.list_inside(transaction, workflow.id, profile_ids)
    before = await passages.list_entered(transaction, workflow.id, profile_ids) if once else set[bytes]()
    refused: dict[bytes, Skip] = {}
    restarted: list[bytes] = []
    for profile_id in profile_ids:
        is_inside = profile_id in inside
        decision = may_enter(workflow.reentry, has_entered_before=profile_id in before, is_inside=is_inside)
        if decision == "ignore":
            refused[profile_id] = Skip(INSIDE if is_inside else ENTERED_BEFORE)
        elif decision == "restart":
            restarted.append(profile_id)
    return refused, restarted


def _start(workflow: Workflow) -> str:
    return next(node.id for node in workflow.nodes if isinstance(node, StartNode))

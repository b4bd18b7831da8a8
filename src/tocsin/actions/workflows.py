"""Bringing profiles into workflows (facts, 4.2). What happens to them there is in actions/passages.py."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from tocsin.actions import rules
from tocsin.actions.context import Context
from tocsin.actions.rules import Skipped
from tocsin.core import control_groups
from tocsin.core.configuration import Database
from tocsin.core.configuration_workflows import StartNode, Workflow
from tocsin.core.rules import CONTROL_GROUP
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
    configuration = await context.configuration(transaction)
    current = configuration.workflows.get(workflow.id)
    if current is None or not current.active or current.database != workflow.database:
        return skipped | dict.fromkeys(wanted, Skip(NOT_ACTIVE))
    kept = _find_kept(current, configuration.databases[current.database], wanted)
    noted = [Skipped(launch_id, one, skip, entering[one].custom_data) for one, skip in kept.items()]
    await rules.record_skips(context, transaction, current, noted)
    refused, restarted = await decide_reentry(transaction, current, [one for one in wanted if one not in kept])
    if restarted:
        await passages.delete_of_profiles(transaction, current.id, restarted)
    skipped |= kept | refused
    let_in = {profile_id: memory for profile_id, memory in entering.items() if profile_id not in skipped}
    if let_in:
        await passages.insert(
            transaction, _begin(context, current, launch_id, due_at, let_in), lane_of("start"), context.clock()
        )
    return skipped


def _find_kept(workflow: Workflow, database: Database, profile_ids: Iterable[bytes]) -> dict[bytes, Skip]:
    """Those of the profiles that a control group keeps out of the workflow."""
    if workflow.ignore_control_group or not (database.control_group_percent or workflow.control_group_percent):
        return {}
    groups = {profile_id: control_groups.find_group(workflow, database, profile_id) for profile_id in profile_ids}
    return {profile_id: Skip(CONTROL_GROUP, group) for profile_id, group in groups.items() if group}


def _begin(
    context: Context, workflow: Workflow, launch_id: bytes, due_at: datetime, entering: Mapping[bytes, Memory]
) -> list[Passage]:
    """Their passages, at the start."""
    start = next(node.id for node in workflow.nodes if isinstance(node, StartNode))
    return [
        Passage(passage_id, profile_id, workflow.id, launch_id, start, due_at, due_at, memory=memory)
        for passage_id, (profile_id, memory) in zip(
            context.new_ids_beside(list(entering)), entering.items(), strict=True
        )
    ]


async def decide_reentry(
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

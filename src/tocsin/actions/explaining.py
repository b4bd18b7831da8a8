"""Why a profile did or did not get a message of a trigger, or come into a workflow."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tocsin.actions import rules, workflows
from tocsin.actions.context import Context
from tocsin.core import control_groups, ids
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import NotFound
from tocsin.core.explaining import (
    CheckedRule,
    Explanation,
    Known,
    LaunchOrigin,
    instant,
    list_alternatives,
    state_of,
)
from tocsin.core.launches import Launch
from tocsin.core.message_text import Happening
from tocsin.core.profiles import Profile
from tocsin.core.reach import keep_reachable
from tocsin.core.triggers import Skip, choose_addresses, keep_newest
from tocsin.store import history, launches, passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.history import PastEvent


async def explain_message(
    context: Context, transaction: Transaction, configuration: Configuration, message_id: bytes
) -> Explanation:
    """Of a message that waits or whose end is recorded; or NotFound."""
    message = await history.find(transaction, message_id)
    if message is None:
        raise NotFound("there is no such message")
    past = await history.list_of_message(transaction, message.profile_id, message_id)
    known = Known(
        message_id, message.launch_id, message.address, message.due_at, message.attempts or 0, _happenings(past)
    )
    trigger = configuration.get_trigger(message.trigger_id)
    return await _explain(context, transaction, configuration, trigger, message.profile_id, known)


async def explain_said(context: Context, said: str) -> Explanation:
    """Of a message named by its id or its Message-ID; or NotFound."""
    message_id = ids.parse(said.strip("<>").partition("@")[0])
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        if message_id is None:
            raise NotFound(f"there is no message {said}")
        return await explain_message(context, transaction, configuration, message_id)


async def explain_launch(
    context: Context, transaction: Transaction, configuration: Configuration, trigger: Trigger, profile_id: bytes
) -> Explanation:
    """Of the latest that a trigger had for a profile: a message, or what kept it; or that there was nothing."""
    queued = await history.find_queued(transaction, profile_id, trigger.id)
    latest = None if queued else await history.find_latest(transaction, profile_id, trigger.id)
    message_id = queued or (latest.message_id if latest else b"")
    if message_id:
        return await explain_message(context, transaction, configuration, message_id)
    known = Known(None, latest.launch_id if latest else None, "", None, 0, _happenings([latest] if latest else []))
    return await _explain(context, transaction, configuration, trigger, profile_id, known)


async def explain_entry(
    transaction: Transaction, configuration: Configuration, workflow: Workflow, profile_id: bytes
) -> Explanation:
    """Whether a profile may enter a workflow now, and what kept it out the last time that anything did."""
    latest = await history.find_latest_of_workflow(transaction, profile_id, workflow.id)
    inside = await passages.list_inside(transaction, workflow.id, [profile_id])
    before = inside or await passages.list_entered(transaction, workflow.id, [profile_id])
    explanation = Explanation(
        profile_id.hex(),
        "inside" if inside else "left" if before else "kept" if latest else "unknown",
        workflow_id=workflow.id,
        workflow_name=workflow.name,
        events=_happenings([latest] if latest else []),
    )
    if latest:
        launched = await launches.get(transaction, [latest.launch_id])
        explanation.launch = _origin(latest.launch_id, launched.get(latest.launch_id))
    group = control_groups.find_group(workflow, configuration.get_database(workflow.database), profile_id)
    refused, _ = await workflows.decide_reentry(transaction, workflow, [profile_id])
    explanation.rules = [
        CheckedRule("active", "passed" if workflow.active else "kept"),
        CheckedRule("control_group", "kept" if group else "passed", group),
        CheckedRule("reentry", "kept" if refused else "passed", refused[profile_id].reason if refused else ""),
    ]
    return explanation


def _origin(launch_id: bytes, launch: Launch | None) -> LaunchOrigin:
    at = datetime.fromtimestamp(ids.seconds(launch_id), UTC)
    return LaunchOrigin(launch_id.hex(), launch.source if launch else "", instant(at))


async def _explain(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    profile_id: bytes,
    known: Known,
) -> Explanation:
    profile = (await stored_profiles.get_anywhere(transaction, [profile_id])).get(profile_id)
    launched = await launches.get(transaction, [known.launch_id]) if known.launch_id else {}
    launch = launched.get(known.launch_id or b"")
    explanation = Explanation(
        profile_id.hex(),
        state_of(known),
        trigger.id,
        trigger.name,
        smid=known.message_id.hex() if known.message_id else "",
        address=known.address,
        due_at=instant(known.due_at) if known.due_at else "",
        attempts=known.attempts,
        events=list(known.events),
    )
    if known.launch_id:
        explanation.launch = _origin(known.launch_id, launch)
    if profile:
        await _look_at(context, transaction, configuration, trigger, profile, explanation)
    return explanation


async def _look_at(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    profile: Profile,
    explanation: Explanation,
) -> None:
    """The profile's addresses, and what each rule says of it at this moment."""
    there = choose_addresses(trigger, profile.fields, profile.subscriptions)
    chosen = keep_newest(trigger, keep_reachable(configuration, trigger, there))
    first = "" if isinstance(chosen, Skip) else chosen[0]
    address = explanation.address or first
    own = [profile.fields.get("email")] if trigger.channel == "email" else profile.fields.get("phones") or []
    explanation.alternatives = list_alternatives(trigger, [one for one in own if one], profile.subscriptions, address)
    said = (
        CheckedRule("address", "kept", chosen.reason) if isinstance(chosen, Skip) else CheckedRule("address", "passed")
    )
    explanation.rules = [said, *await rules.explain(context, transaction, configuration, trigger, profile, address)]


def _happenings(past: Sequence[PastEvent]) -> list[Happening]:
    return [Happening(event.at, event.type, event.data) for event in past]

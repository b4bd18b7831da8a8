"""Saying what a launching call would do: it is done, looked at, and undone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tocsin.actions import composition, launches, profiles
from tocsin.actions.composition import Composer
from tocsin.actions.context import Context
from tocsin.actions.launches import Begun, CheckedCall
from tocsin.core import quiet_hours, rehearsal, rules
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.launches import (
    AudienceOutcome,
    BatchOutcome,
    Rehearsal,
    RehearsedItem,
    RehearsedMessage,
    StartCall,
)
from tocsin.core.matching import Keys
from tocsin.core.messages import ClaimedMessage, QueuedMessage
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction


@asynccontextmanager
async def undone(transaction: Transaction) -> AsyncIterator[None]:
    """A block of which nothing stays in the database."""
    async with transaction.transaction(force_rollback=True):
        yield


async def run(context: Context, transaction: Transaction, checked: CheckedCall) -> BatchOutcome:
    """What the whole call would come to. `result` is empty, and nobody who would be created has an id."""
    now = context.clock()
    async with undone(transaction):
        found = await launches.gather(context, transaction, checked)
        begun = await launches.begin(context, transaction, checked, found, now)
        first = next(iter(begun.started.queued), None)
        message = await _render_first(context, transaction, checked.configuration, begun.trigger, first)
    profile_ids = [one for one in found.outcomes if isinstance(one, bytes)]
    there = await stored_profiles.find(transaction, checked.database.id, profile_ids)
    named = _name(checked, await _owned(transaction, checked), found.outcomes)
    sent_to = begun.addresses()
    items = [
        _item(checked, begun, place, one, by=named[place], is_new=one not in there, addresses=sent_to.get(one, []))
        for place, one in enumerate(found.outcomes)
        if isinstance(one, bytes)
    ]
    outcome = begun.outcome
    return BatchOutcome(
        [],
        errors=outcome.errors,
        ignored_fields=outcome.ignored_fields,
        warnings=outcome.warnings,
        dry_run=Rehearsal(items, message),
    )


async def run_for_audience(
    context: Context, transaction: Transaction, configuration: Configuration, call: StartCall, query: dict[str, Any]
) -> AudienceOutcome:
    """How many a call for an audience would reach, and the first message that they would get."""
    async with undone(transaction):
        outcome, first = await launches.begin_for_audience(context, transaction, configuration, call, query)
        trigger = configuration.triggers.get(call.trigger_id or 0)
        message = await _render_first(context, transaction, configuration, trigger, first)
    return AudienceOutcome(outcome.found, outcome.skipped, dry_run=Rehearsal(message=message))


async def _render_first(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger | None,
    first: QueuedMessage | None,
) -> RehearsedMessage | None:
    if first is None or trigger is None:
        return None
    claimed = ClaimedMessage(
        first.id, first.launch_id, first.profile_id, trigger.id, 1, first.address, first.custom_data, first.content
    )
    return await _render(context, transaction, configuration, claimed)


async def _render(
    context: Context, transaction: Transaction, configuration: Configuration, message: ClaimedMessage
) -> RehearsedMessage:
    """The message as it would be composed now; or why it cannot be."""
    work = await composition.read(context, transaction, configuration, [message])
    ((composed,),) = Composer().compose_groups(work, [message])
    if composed.envelope is None:
        error = composed.outcome.text if composed.outcome else ""
        return RehearsedMessage(composed.channel, message.address, error=error)
    return rehearsal.describe_content(composed.channel, message.address, composed.envelope.body)


async def _owned(transaction: Transaction, checked: CheckedCall) -> Mapping[tuple[str, ...], Sequence[bytes]]:
    """Whom each value that the call searches by finds."""
    sought = dict.fromkeys(key for keys in launches.list_keys(checked) for key in keys)
    return await profiles.find_owners(transaction, checked.database.id, checked.matching, sought)


def _name(checked: CheckedCall, owned: Mapping[tuple[str, ...], Sequence[bytes]], outcomes: Sequence[Any]) -> list[str]:
    """Of each item the values that have found its profile; those searched by where nobody was found."""

    def name(keys: Keys, outcome: Any) -> str:
        fitting = [key for key in keys if outcome in owned.get(key, ())]
        return ", ".join(value for key in fitting or keys for value in key)

    return [name(keys, outcome) for keys, outcome in zip(launches.list_keys(checked), outcomes, strict=True)]


def _item(
    checked: CheckedCall,
    begun: Begun,
    place: int,
    profile_id: bytes,
    *,
    by: str,
    is_new: bool,
    addresses: list[str],
) -> RehearsedItem:
    skip = begun.started.skipped.get(profile_id)
    item = RehearsedItem(
        checked.call.index(place),
        "created" if is_new else "matched",
        by,
        "skipped" if skip else "sent" if begun.trigger else "entered",
        "" if is_new else profile_id.hex(),
    )
    if skip:
        item.reason, item.rule = skip.reason, skip.rule
        return item
    item.addresses = addresses
    item.due_at = _instant(_leaves_at(checked.configuration, begun, profile_id))
    return item


def _leaves_at(configuration: Configuration, begun: Begun, profile_id: bytes) -> datetime:
    """When the launch says, or when quiet hours are over."""
    profile = begun.profiles.get(profile_id)
    if not isinstance(begun.trigger, Trigger) or profile is None:
        return begun.due_at
    found = rules.find_quiet_end(configuration, begun.trigger, profile.fields, begun.due_at)
    return quiet_hours.spread(found[1], profile_id) if found else begun.due_at


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"

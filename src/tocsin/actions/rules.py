"""Rules that keep messages from profiles, checked in sets: at the launch, and again when a message is to leave.

At the launch a rule answers the caller; what is waiting already is taken as promised. When messages leave the answer
is exact: whoever decides for a profile by a limit holds its lock, and what it lets go is marked, so that the next one
counts it (docs/sending-rules.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from tocsin.actions.composition import Work
from tocsin.actions.context import Context
from tocsin.core import addresses, control_groups, rules, suppression
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_rules import GLOBAL_LIST, Policy, QuietHours
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.explaining import CheckedRule, instant
from tocsin.core.messages import ClaimedMessage, Event, EventType, Subject
from tocsin.core.profiles import Profile
from tocsin.core.reach import keep_reachable
from tocsin.core.rules import Sent
from tocsin.core.triggers import NOT_SUBSCRIBED, Skip, keep_newest
from tocsin.store import events, messages, passages, suppressions
from tocsin.store import profiles as stored_profiles
from tocsin.store import rules as stored_rules
from tocsin.store.database import Transaction
from tocsin.store.rules import Counted
from tocsin.store.suppressions import Match

Addresses = Mapping[bytes, tuple[str, ...] | Skip]


class Skipped(NamedTuple):
    """A profile that a launch made no message for; `custom_data` is the item's own."""

    launch_id: bytes
    profile_id: bytes
    skip: Skip
    custom_data: dict[str, Any] | None = None


async def check(
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    due_at: datetime,
    profiles: Mapping[bytes, Profile | None],
    addressed: Addresses,
) -> dict[bytes, tuple[str, ...] | Skip]:
    """The addresses that are left for messages due at a moment; the reason where a rule leaves none.

    Both mappings have the same keys: ids of profiles, or of their passages.
    """
    outcome = {key: keep_reachable(configuration, trigger, chosen) for key, chosen in addressed.items()}
    for key, chosen in outcome.items():
        profile = profiles[key]
        if profile is not None and not isinstance(chosen, Skip):
            said = rules.check_quietly(configuration, trigger, profile.id, profile.fields, due_at)
            outcome[key] = said if isinstance(said, Skip) else chosen
    asked = [(trigger, address) for chosen in outcome.values() if not isinstance(chosen, Skip) for address in chosen]
    await stored_profiles.prefer_indexes(transaction)
    suppressed = await find_suppressed(transaction, configuration, asked)
    for key, chosen in outcome.items() if suppressed else ():
        if not isinstance(chosen, Skip):
            outcome[key] = _without(
                chosen, {one: skip for one in chosen if (skip := suppressed.get((trigger.id, one)))}
            )
    # Only now: where the newest device cannot be sent to, the next newest is.
    outcome = {key: keep_newest(trigger, chosen) for key, chosen in outcome.items()}
    policy = rules.find_policy(configuration, trigger)
    if policy and policy.limits:
        outcome |= await _limit(transaction, configuration, trigger, policy, due_at, profiles, outcome)
    return outcome


def _without(chosen: tuple[str, ...], skips: Mapping[str, Skip]) -> tuple[str, ...] | Skip:
    """The addresses but those that are to be skipped; a reason when none is left."""
    left = tuple(address for address in chosen if address not in skips)
    return left or next(iter(skips.values()))


async def _limit(
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    policy: Policy,
    due_at: datetime,
    profiles: Mapping[bytes, Profile | None],
    addressed: Addresses,
) -> dict[bytes, tuple[str, ...] | Skip]:
    """The addresses that limits leave, those of one launch counted one after the other."""
    asked = [
        (key, profile.id, chosen)
        for key, chosen in addressed.items()
        if not isinstance(chosen, Skip) and (profile := profiles[key])
    ]
    counted = await _count(
        transaction, configuration, list({one for _, one, _ in asked}), due_at, promised_until=due_at
    )
    return {key: _limit_one(trigger, policy, due_at, chosen, counted.of[one]) for key, one, chosen in asked}


def _limit_one(
    trigger: Trigger, policy: Policy, due_at: datetime, chosen: tuple[str, ...], counted: list[Sent]
) -> tuple[str, ...] | Skip:
    """What limits leave of the addresses of one profile; what is left counts from here on."""
    skips: dict[str, Skip] = {}
    for address in chosen:
        one = _sent(trigger, due_at, address)
        skip = rules.check_limits(policy, one, counted)
        if skip:
            skips[address] = skip
        else:
            counted.append(one)
    return _without(chosen, skips)


class _Counts(NamedTuple):
    """What counts, by profile; and those in the queue that were let go already."""

    of: dict[bytes, list[Sent]]
    allowed: frozenset[bytes]


async def _count(
    transaction: Transaction,
    configuration: Configuration,
    profile_ids: Sequence[bytes],
    now: datetime,
    *,
    promised_until: datetime | None = None,
) -> _Counts:
    """What counts for these profiles at a moment: one statement."""
    rows = (
        await stored_rules.list_counted(
            transaction,
            profile_ids,
            since=now - rules.LONGEST,
            promised_until=promised_until,
            exempt=rules.list_exempt(configuration.triggers.values()),
        )
        if profile_ids
        else []
    )
    found: dict[bytes, list[Sent]] = defaultdict(list)
    for row in rows:
        found[row.profile_id].append(_sent_of(configuration, row, now))
    return _Counts(found, frozenset(row.id for row in rows if row.id is not None and row.is_allowed))


def _sent_of(configuration: Configuration, row: Counted, now: datetime) -> Sent:
    """One in the queue counts as of now. Of a trigger that was removed the channel is still known, by the event."""
    trigger = configuration.triggers.get(row.trigger_id)
    channel = trigger.channel if trigger else ((row.type or "").partition("_")[2] or "email")
    address = addresses.key(channel, row.address or "")
    return Sent(now if row.id else row.at, channel, (trigger.resource or 0) if trigger else -1, address)


def _sent(trigger: Trigger, at: datetime, address: str) -> Sent:
    return Sent(at, trigger.channel, trigger.resource or 0, addresses.key(trigger.channel, address))


async def find_suppressed(
    transaction: Transaction, configuration: Configuration, asked: Sequence[tuple[Trigger, str]]
) -> dict[tuple[int, str], Skip]:
    """Which addresses are on a list that holds for the trigger's database, by trigger and address: one statement."""
    values = [suppression.values_of(trigger.channel, address) for trigger, address in asked]
    wanted = {value for of_one in values for value in of_one}
    listed = await suppressions.list_matching(transaction, wanted) if wanted else {}
    if not listed:
        return {}
    found = {}
    for (trigger, address), of_one in zip(asked, values, strict=True):
        matches = (match for value in of_one for match in listed.get(value, ()))
        first = next((one for one in matches if _holds(configuration, trigger, one)), None)
        if first:
            found[trigger.id, address] = Skip(
                rules.SUPPRESSED, suppression.describe_match(first.list_id, first.written)
            )
    return found


def _holds(configuration: Configuration, trigger: Trigger, match: Match) -> bool:
    if match.list_id == suppression.AUTOMATIC_LIST:
        return match.resource_id in (0, trigger.resource)
    lists = configuration.suppression_lists
    listed = configuration.get_suppression_list(match.list_id) if match.list_id in (GLOBAL_LIST, *lists) else None
    return listed is not None and listed.holds_for(trigger.database)


async def record_skips(
    context: Context, transaction: Transaction, target: Trigger | Workflow, skipped: Sequence[Skipped]
) -> None:
    """What the history of each of these profiles says of the launch, by one COPY."""
    if not skipped:
        return
    now = context.clock()
    event_ids = context.new_ids_beside([one.profile_id for one in skipped])
    await events.insert(
        transaction,
        [
            _event(
                event_id,
                now,
                target,
                Subject(
                    one.profile_id,
                    launch_id=one.launch_id,
                    trigger_id=target.id if isinstance(target, Trigger) else 0,
                ),
                one.skip,
                one.custom_data,
            )
            for event_id, one in zip(event_ids, skipped, strict=True)
        ],
    )


def _event(
    event_id: bytes,
    now: datetime,
    target: Trigger | Workflow,
    message: ClaimedMessage | Subject,
    skip: Skip,
    custom_data: dict[str, Any] | None,
) -> Event:
    data = {
        "address": message.address,
        "reason": skip.reason,
        "rule": skip.rule,
        "custom_data": custom_data,
        "workflow_id": None if isinstance(target, Trigger) else target.id,
    }
    type_: EventType = "suppress" if skip.reason == rules.SUPPRESSED else "skip"
    kept = {name: value for name, value in data.items() if value}
    return Event(event_id, now, type_, target.database, message, kept)


async def admit(transaction: Transaction, work: Work, claimed: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
    """Those of a claimed batch that may leave now.

    The others end with an event, or wait until quiet hours are over; that is part of the transaction. What has lost its
    trigger or its profile is let through: that there is nothing to compose is recorded with the rest.
    """
    known = [(one, work.configuration.triggers[one.trigger_id]) for one in claimed if _is_known(work, one)]
    verdicts = await _judge(transaction, work, known)
    skipped = [(one, trigger, said) for one, trigger in known if isinstance(said := verdicts.get(one.id), Skip)]
    later = [(one, said) for one, _ in known if isinstance(said := verdicts.get(one.id), datetime)]
    if skipped:
        await _end(transaction, work.now, skipped)
    if later:
        await messages.give_back(transaction, later)
    return [one for one in claimed if one.id not in verdicts]


def _is_known(work: Work, message: ClaimedMessage) -> bool:
    return message.trigger_id in work.configuration.triggers and message.profile_id in work.profiles


async def _judge(
    transaction: Transaction, work: Work, known: Sequence[tuple[ClaimedMessage, Trigger]]
) -> dict[bytes, Skip | datetime]:
    """What keeps each of the messages; of those that nothing keeps nothing is said."""
    verdicts: dict[bytes, Skip | datetime] = {}
    for one, trigger in known:
        profile = work.profiles[one.profile_id]
        said = rules.check_quietly(work.configuration, trigger, profile.id, profile.fields, work.now)
        if rules.is_ended(trigger, profile.subscriptions, one.address):
            said = Skip(NOT_SUBSCRIBED)
        if said is not None:
            verdicts[one.id] = said
    asked = [(trigger, one.address) for one, trigger in known]
    suppressed = await find_suppressed(transaction, work.configuration, asked)
    for one, trigger in known if suppressed else ():
        if skip := suppressed.get((trigger.id, one.address)):
            verdicts[one.id] = skip
    limited = [
        (one, trigger, policy)
        for one, trigger in known
        if one.id not in verdicts and (policy := rules.find_policy(work.configuration, trigger)) and policy.limits
    ]
    if limited:
        verdicts |= await _let_go(transaction, work, limited)
    return verdicts


async def _let_go(
    transaction: Transaction, work: Work, limited: Sequence[tuple[ClaimedMessage, Trigger, Policy]]
) -> dict[bytes, Skip]:
    """Decide by limits, one message after the other; who is let go counts for everybody from here on."""
    profile_ids = {one.profile_id for one, _, _ in limited}
    await stored_rules.lock(transaction, profile_ids)
    counted = await _count(transaction, work.configuration, list(profile_ids), work.now)
    skips: dict[bytes, Skip] = {}
    allowed: list[bytes] = []
    for message, trigger, policy in limited:
        if message.id in counted.allowed:
            continue
        one = _sent(trigger, work.now, message.address)
        if skip := rules.check_limits(policy, one, counted.of[message.profile_id]):
            skips[message.id] = skip
        else:
            counted.of[message.profile_id].append(one)
            allowed.append(message.id)
    if allowed:
        await stored_rules.allow(transaction, allowed)
    return skips


async def _end(
    transaction: Transaction, now: datetime, skipped: Iterable[tuple[ClaimedMessage, Trigger, Skip]]
) -> None:
    """The ends of messages that are not to be sent, each under the message's own id."""
    ended = {
        message.id: _event(message.id, now, trigger, message, skip, message.custom_data)
        for message, trigger, skip in skipped
    }
    there = await messages.delete(transaction, list(ended))
    happened = [event for message_id, event in ended.items() if message_id in there]
    if happened:
        await events.insert(transaction, happened)
        await passages.wake(transaction, [event.message.id for event in happened], now)


async def explain(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    profile: Profile,
    address: str,
) -> list[CheckedRule]:
    """What each rule says at this moment of one more message of the trigger to a profile; limits only of an address."""
    now = context.clock()
    database = configuration.databases.get(trigger.database)
    group = control_groups.find_group(trigger, database, profile.id) if database else ""
    quiet = rules.find_quiet_end(configuration, trigger, profile.fields, now)
    suppressed = await find_suppressed(transaction, configuration, [(trigger, address)] if address else [])
    listed = suppressed.get((trigger.id, address))
    return [
        CheckedRule("control_group", "kept" if group else "passed", group),
        CheckedRule("suppressed", "kept" if listed else "passed", listed.rule if listed else ""),
        _explain_quiet_hours(quiet),
        await _explain_limits(transaction, configuration, trigger, profile, address, now),
    ]


def _explain_quiet_hours(quiet: tuple[QuietHours, datetime] | None) -> CheckedRule:
    if quiet is None:
        return CheckedRule("quiet_hours", "passed")
    hours, end = quiet
    outcome: Literal["kept", "waits"] = "kept" if hours.then == "drop" else "waits"
    return CheckedRule("quiet_hours", outcome, f"{rules.describe_quiet_hours(hours)}, over at {instant(end)}")


async def _explain_limits(
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    profile: Profile,
    address: str,
    now: datetime,
) -> CheckedRule:
    if rules.is_exempt(trigger):
        return CheckedRule("policy", "exempt")
    policy = rules.find_policy(configuration, trigger)
    if policy is None or not policy.limits or not address:
        return CheckedRule("policy", "passed")
    counted = await _count(transaction, configuration, [profile.id], now)
    skip = rules.check_limits(policy, _sent(trigger, now, address), counted.of[profile.id])
    return CheckedRule("policy", "kept" if skip else "passed", skip.rule if skip else f"policy {policy.id}")

"""What keeps a message from a profile: the reasons, and the decisions that need no more than is given here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tocsin.core import addresses, control_groups, quiet_hours, schedule
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_rules import Limit, Policy, QuietHours
from tocsin.core.subscriptions import SUBSCRIBED, Subscription
from tocsin.core.triggers import Skip

CONTROL_GROUP = "control_group"
SUPPRESSED = "suppressed"
QUIET_HOURS = "quiet_hours"
POLICY = "policy"

LONGEST = timedelta(days=16)


class Sent(NamedTuple):
    """A message that counts: sent, or promised to be. `resource` is 0 for one to the profile's own address."""

    at: datetime
    channel: str
    resource: int
    address: str


def find_policy(configuration: Configuration, trigger: Trigger) -> Policy | None:
    """That of the trigger, else of its resource, else the default (facts, section 9).

    None for a trigger that ignores policies, and for one that asks to confirm a subscription.
    """
    if is_exempt(trigger):
        return None
    resource = configuration.resources.get(trigger.resource or 0)
    for named in (trigger.policy, resource.policy if resource else None):
        if named is not None:
            return configuration.policies.get(named)
    return next((policy for policy in configuration.policies.values() if policy.default), None)


def has_limits(configuration: Configuration, trigger: Trigger) -> bool:
    """Whether a policy counts the trigger's messages."""
    policy = find_policy(configuration, trigger)
    return bool(policy and policy.limits)


def is_exempt(trigger: Trigger) -> bool:
    """Whether no policy holds for a trigger; its messages do not count for those of others either."""
    return trigger.ignore_policies or trigger.for_confirm


def find_quiet_hours(configuration: Configuration, trigger: Trigger) -> QuietHours | None:
    """Those of the trigger itself, else of its policy."""
    if trigger.quiet_hours is not None:
        return trigger.quiet_hours
    policy = find_policy(configuration, trigger)
    return policy.quiet_hours if policy else None


def find_quiet_end(
    configuration: Configuration, trigger: Trigger, fields: Mapping[str, Any], now: datetime
) -> tuple[QuietHours, datetime] | None:
    """The quiet hours that a profile has now, and when they are over, in UTC."""
    quiet = find_quiet_hours(configuration, trigger)
    if quiet is None:
        return None
    database = configuration.databases.get(trigger.database)
    zone = schedule.choose_zone(fields.get("_tz"), database.timezone if database else "UTC")
    end = quiet_hours.find_end(quiet, now, zone)
    return (quiet, end) if end else None


def describe_quiet_hours(quiet: QuietHours) -> str:
    """`quiet from 22:00 to 08:00`."""
    return f"quiet from {quiet.from_time} to {quiet.to}"


def check_quietly(
    configuration: Configuration, trigger: Trigger, profile_id: bytes, fields: Mapping[str, Any], at: datetime
) -> Skip | datetime | None:
    """What control groups and quiet hours say: skip, wait until a moment, or nothing."""
    database = configuration.databases.get(trigger.database)
    group = control_groups.find_group(trigger, database, profile_id) if database else ""
    if group:
        return Skip(CONTROL_GROUP, group)
    found = find_quiet_end(configuration, trigger, fields, at)
    if found is None:
        return None
    quiet, end = found
    if quiet.then == "drop":
        return Skip(QUIET_HOURS, describe_quiet_hours(quiet))
    return quiet_hours.spread(end, profile_id)


def is_ended(trigger: Trigger, subscriptions: Sequence[Subscription], address: str) -> bool:
    """Whether the subscription that a waiting message goes to is not subscribed any more."""
    if trigger.resource is None or trigger.for_confirm:
        return False
    statuses = {
        one["status"]
        for one in subscriptions
        if one["channel"] == trigger.channel and one["resource_id"] == trigger.resource and addresses.of(one) == address
    }
    return bool(statuses) and SUBSCRIBED not in statuses


def check_limits(policy: Policy, one: Sent, counted: Sequence[Sent]) -> Skip | None:
    """Whether another message is too much after those that count."""
    for limit in policy.limits:
        since = one.at - timedelta(days=limit.days)
        if sum(other.at > since and _is_alike(limit, one, other) for other in counted) >= limit.messages:
            return Skip(POLICY, f"policy {policy.id}: {describe_limit(limit)}")
    return None


def _is_alike(limit: Limit, one: Sent, other: Sent) -> bool:
    if limit.per == "profile":
        return True
    return bool(getattr(one, limit.per) == getattr(other, limit.per))


def describe_limit(limit: Limit) -> str:
    """`at most 3 messages in 7 days to a profile`."""
    ends = {
        "profile": "to a profile",
        "resource": "of a resource",
        "channel": "on a channel",
        "address": "to an address",
    }
    messages = "message" if limit.messages == 1 else "messages"
    days = "a day" if limit.days == 1 else f"{limit.days} days"
    return f"at most {limit.messages} {messages} in {days} {ends[limit.per]}"


def list_exempt(triggers: Iterable[Trigger]) -> list[int]:
    """The triggers whose messages do not count."""
    return [trigger.id for trigger in triggers if is_exempt(trigger)]

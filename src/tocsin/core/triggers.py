"""Which address of a profile a trigger sends to, or why to none (design.md, section 5, decision 5)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tocsin.core import emails
from tocsin.core.configuration import Trigger
from tocsin.core.launches import SubscriptionFilter
from tocsin.core.subscriptions import SUBSCRIBED, Subscription

NO_ADDRESS = "no_address"
NO_SUBSCRIPTION = "no_subscription"
NOT_SUBSCRIBED = "not_subscribed"
DELETED = "deleted"


class Skip(NamedTuple):
    """Why a profile gets no message."""

    reason: str


def choose_address(
    trigger: Trigger,
    values: Mapping[str, Any],
    subscriptions: Sequence[Subscription],
    wanted: SubscriptionFilter | None = None,
) -> str | Skip:
    """The address of the trigger's message to this profile, or the reason that there is none."""
    if wanted is not None and wanted.email:
        chosen = _choose_wanted(trigger, subscriptions, wanted)
        if chosen is not None:
            return chosen
    if trigger.resource is None:
        return _own_address(values)
    subscription = choose_subscription(trigger, subscriptions)
    return subscription if isinstance(subscription, Skip) else str(subscription["email"])


def _choose_wanted(
    trigger: Trigger, subscriptions: Sequence[Subscription], wanted: SubscriptionFilter
) -> str | Skip | None:
    """The subscription that the call asks for; None to go on without it."""
    fitting = [
        subscription
        for subscription in subscriptions
        if subscription["channel"] == trigger.channel
        and trigger.resource in (None, subscription["resource_id"])
        and emails.key(subscription["email"]) == emails.key(wanted.email)
    ]
    open_ones = [subscription for subscription in fitting if subscription["status"] == SUBSCRIBED]
    if open_ones:
        return str(open_ones[0]["email"])
    if wanted.not_strict:
        return None
    return Skip(NOT_SUBSCRIBED if fitting else NO_SUBSCRIPTION)


def choose_subscription(trigger: Trigger, subscriptions: Sequence[Subscription]) -> Subscription | Skip:
    """The subscribed subscription with the lowest priority number at the trigger's resource; the latest of equals."""
    there = [
        subscription
        for subscription in subscriptions
        if subscription["resource_id"] == trigger.resource and subscription["channel"] == trigger.channel
    ]
    open_ones = [subscription for subscription in there if subscription["status"] == SUBSCRIBED]
    if not open_ones:
        return Skip(NOT_SUBSCRIBED if there else NO_SUBSCRIPTION)
    return min(reversed(open_ones), key=lambda subscription: int(subscription["priority"]))


def _own_address(values: Mapping[str, Any]) -> str | Skip:
    if values.get("_status", 0) != 0:
        return Skip(NOT_SUBSCRIBED)
    return str(values["email"]) if values.get("email") else Skip(NO_ADDRESS)

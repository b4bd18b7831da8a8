"""Which addresses of a profile a trigger sends to, or why to none (design.md, section 5, decision 5)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tocsin.core import addresses
from tocsin.core.configuration import Trigger
from tocsin.core.launches import SubscriptionFilter
from tocsin.core.subscriptions import STATUSES, SUBSCRIBED, Subscription

NO_ADDRESS = "no_address"
NO_SUBSCRIPTION = "no_subscription"
NOT_SUBSCRIBED = "not_subscribed"
DELETED = "deleted"
TOO_MANY_CONFIRMATIONS = "too_many_confirmations"

# By whether a confirmation is asked for.
_OPEN_STATUSES = {False: SUBSCRIBED, True: STATUSES[4]}

# A profile's own status is said of its email address. What it says of the person holds for the phone too.
_SAID_OF_THE_PERSON = frozenset(map(STATUSES.index, ("unsubscribed", "complained", "suspended")))


class Skip(NamedTuple):
    """Why a profile gets no message; `rule` says which one of several, in words."""

    reason: str
    rule: str = ""


def choose_addresses(
    trigger: Trigger,
    values: Mapping[str, Any],
    subscriptions: Sequence[Subscription],
    wanted: SubscriptionFilter | None = None,
) -> tuple[str, ...] | Skip:
    """Where the trigger's message to this profile goes, or the reason that it goes nowhere.

    One address for email and SMS. For push all devices, the newest last, of which `keep_newest` leaves one (facts,
    section 9).
    """
    if wanted is not None and (address := wanted.address(trigger.channel)):
        chosen = _choose_wanted(trigger, subscriptions, address)
        if not (isinstance(chosen, Skip) and wanted.not_strict):
            return chosen
    if trigger.resource is None:
        return _own_address(trigger, values)
    open_ones = list_open(trigger, subscriptions)
    if isinstance(open_ones, Skip):
        return open_ones
    if trigger.channel == "push":
        return tuple(dict.fromkeys(map(addresses.of, open_ones)))
    return (addresses.of(_first(open_ones)),)


def keep_newest(trigger: Trigger, chosen: tuple[str, ...] | Skip) -> tuple[str, ...] | Skip:
    """Of the devices that can be sent to, the newest alone if the trigger sends to no more."""
    is_last = trigger.push_sending_mode == "last" and trigger.channel == "push"
    return chosen[-1:] if is_last and not isinstance(chosen, Skip) else chosen


def list_older(trigger: Trigger, subscriptions: Sequence[Subscription], address: str) -> tuple[str, ...]:
    """The devices that a trigger sends to and that were subscribed before this one; all, when it is none of them."""
    open_ones = list_open(trigger, subscriptions)
    if isinstance(open_ones, Skip):
        return ()
    devices = tuple(dict.fromkeys(map(addresses.of, open_ones)))
    return devices[: devices.index(address)] if address in devices else devices


def _choose_wanted(trigger: Trigger, subscriptions: Sequence[Subscription], address: str) -> tuple[str, ...] | Skip:
    """The subscription that the call asks for."""
    fitting = [one for one in _list_there(trigger, subscriptions) if _is_at(one, address)]
    open_ones = [one for one in fitting if one["status"] == _open_status(trigger)]
    if open_ones:
        return (addresses.of(open_ones[0]),)
    return Skip(NOT_SUBSCRIBED if fitting else NO_SUBSCRIPTION)


def _is_at(subscription: Subscription, address: str) -> bool:
    channel = subscription["channel"]
    return addresses.key(channel, addresses.of(subscription)) == address


def _list_there(trigger: Trigger, subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """Those at the trigger's resource, on its channel."""
    return [
        one
        for one in subscriptions
        if one["channel"] == trigger.channel and trigger.resource in (None, one["resource_id"])
    ]


def list_open(trigger: Trigger, subscriptions: Sequence[Subscription]) -> list[Subscription] | Skip:
    """The subscriptions at the trigger's resource that it sends to, in the order in which they were made."""
    there = _list_there(trigger, subscriptions)
    open_ones = [one for one in there if one["status"] == _open_status(trigger)]
    return open_ones or Skip(NOT_SUBSCRIBED if there else NO_SUBSCRIPTION)


def _open_status(trigger: Trigger) -> str:
    return _OPEN_STATUSES[trigger.for_confirm]


def _first(subscriptions: Sequence[Subscription]) -> Subscription:
    """That with the lowest priority number, the latest of equals."""
    return min(reversed(subscriptions), key=lambda subscription: int(subscription["priority"]))


def _own_address(trigger: Trigger, values: Mapping[str, Any]) -> tuple[str, ...] | Skip:
    status = values.get("_status", 0)
    if trigger.channel == "push":
        return Skip(NO_SUBSCRIPTION)
    if status in _SAID_OF_THE_PERSON or (status and trigger.channel == "email"):
        return Skip(NOT_SUBSCRIBED)
    own = [values.get("email")] if trigger.channel == "email" else values.get("phones") or []
    return (str(own[0]),) if own and own[0] else Skip(NO_ADDRESS)

"""Ending what a message's recipient gets from a resource, or leaving only some categories of it (facts, 5.3)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tocsin.core import emails, subscriptions
from tocsin.core.configuration import Resource
from tocsin.core.errors import Invalid
from tocsin.core.merging import more_restrictive
from tocsin.core.subscriptions import STATUSES, Subscription

UNSUBSCRIBED = STATUSES[1]


def check_categories(resource: Resource, categories: Sequence[str]) -> None:
    """Invalid, with the place in `path`, when the resource has no such category; one without any has every."""
    for place, category in enumerate(categories):
        if resource.categories and category not in resource.categories:
            raise Invalid("there is no such category at this resource", path=f"categories[{place}]")


def unsubscribe(
    present: Sequence[Subscription], resource_id: int, address: str, categories: Sequence[str]
) -> list[Subscription]:
    """All subscriptions, those of this address at the resource ended; with categories they go on, for these only.

    A complaint stays one. None is changed when the address has no subscription there.
    """
    return [
        _changed(one, categories) if one["resource_id"] == resource_id and _goes_to(one, address) else one
        for one in present
    ]


def unsubscribe_phones(present: Sequence[Subscription], phones: Collection[str]) -> list[Subscription]:
    """All subscriptions, those to SMS of these phones ended, whatever their resource. A complaint stays one."""
    return [_changed(one, ()) if one["channel"] == "sms" and one["phone"] in phones else one for one in present]


def unsubscribe_one(present: Sequence[Subscription], meant: Subscription) -> list[Subscription]:
    """All subscriptions, one of them ended. A complaint stays one."""
    identity = subscriptions.identity(meant)
    return [_changed(one, ()) if subscriptions.identity(one) == identity else one for one in present]


def unsubscribe_all(present: Sequence[Subscription]) -> list[Subscription]:
    """All subscriptions, each ended. A complaint stays one."""
    return [_changed(one, ()) for one in present]


def unsubscribe_person(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a profile that wants nothing more by its own address either."""
    status = more_restrictive(STATUSES[values.get("_status", 0)], UNSUBSCRIBED)
    return {**values, "_status": STATUSES.index(status)}


def is_subscriber(present: Sequence[Subscription], resource_id: int, address: str) -> bool:
    """Whether the address has a subscription at the resource, whatever its status."""
    return any(one["resource_id"] == resource_id and _goes_to(one, address) for one in present)


def _changed(subscription: Subscription, categories: Sequence[str]) -> Subscription:
    if categories:
        return {**subscription, "cats": list(dict.fromkeys(categories))}
    return {**subscription, "status": more_restrictive(subscription["status"], UNSUBSCRIBED)}


def _goes_to(subscription: Subscription, address: str) -> bool:
    if subscription["channel"] == "email":
        return "@" in address and emails.key(subscription["email"]) == emails.key(address)
    others = (subscription.get("phone"), subscription.get("subscription_id"), *subscription.get("cc_data", {}).values())
    return address in others

"""What a bounce or a complaint does to a profile: nothing more is sent to the address."""

from tocsin.core import addresses, emails
from tocsin.core.merging import more_restrictive
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES, Subscription

HARDBOUNCED = STATUSES[3]
COMPLAINED = STATUSES[2]
INVALID = STATUSES[6]


def suppress(profile: Profile, address: str, status: str, resource_id: int | None) -> Profile:
    """The profile, the email subscriptions of the address at a resource under this status, or a more restrictive one.

    Without a resource those at every resource, and `_status` too if the address is the profile's own.
    """
    key = emails.key(address)
    changed = [
        {**one, "status": more_restrictive(one["status"], status)} if _is_meant(one, key, resource_id) else one
        for one in profile.subscriptions
    ]
    fields = profile.fields
    if resource_id is None and emails.key(str(fields.get("email") or "")) == key:
        kept = more_restrictive(STATUSES[fields.get("_status", 0)], status)
        fields = {**fields, "_status": STATUSES.index(kept)}
    return Profile(profile.id, fields, changed)


def invalidate_device(profile: Profile, address: str) -> Profile:
    """The profile, the push subscriptions of a device under the status `invalid`, or a more restrictive one."""
    changed = [
        {**one, "status": more_restrictive(one["status"], INVALID)}
        if one["channel"] == "push" and addresses.of(one) == address
        else one
        for one in profile.subscriptions
    ]
    return Profile(profile.id, profile.fields, changed)


def _is_meant(subscription: Subscription, key: str, resource_id: int | None) -> bool:
    return (
        subscription["channel"] == "email"
        and resource_id in (None, subscription["resource_id"])
        and emails.key(subscription["email"]) == key
    )

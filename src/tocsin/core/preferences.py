"""What the recipient of a mail may say on its page: end what comes to the address, choose among it, take it back."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tocsin.core import emails
from tocsin.core.configuration import Resource
from tocsin.core.merging import more_restrictive
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES, SUBSCRIBED, Subscription
from tocsin.core.suppressing import suppress
from tocsin.core.tokens import Signer
from tocsin.core.unsubscribing import UNSUBSCRIBED, unsubscribe
from tocsin.core.visits import Visit

UNCONFIRMED = STATUSES[4]

_UNDO = b"z"
_UNDO_SECONDS = 3600
# What a person may change here. A complaint stays one, and what bounces is not made good by a click.
_OPEN = (SUBSCRIBED, UNSUBSCRIBED)


class Place(Struct, frozen=True):
    """A resource that the address has a subscription at. `chosen`: of its categories those that are sent."""

    resource_id: int
    name: str
    is_subscribed: bool
    categories: tuple[str, ...]
    chosen: tuple[str, ...]


class Choice(Struct, frozen=True):
    """What was asked for: an end here, an end everywhere, or exactly these resources and categories."""

    action: Literal["this", "all", "choose"]
    resources: frozenset[int] = frozenset()
    categories: frozenset[tuple[int, str]] = frozenset()


class _Before(Struct, array_like=True):
    """What undoing needs, signed: when it was, of whom, `_status`, and resource, status and categories of each."""

    at_seconds: int
    profile_id: str
    mark: str
    own_status: int
    subscriptions: list[tuple[int, str, list[str] | None]]


def find_address(profile: Profile, visit: Visit) -> str | None:
    """The address that the mail went to, as the profile has it now; None when it has it no more."""
    known = [one["email"] for one in profile.subscriptions if one["channel"] == "email"]
    return next((one for one in (profile.fields.get("email"), *known) if one and visit.is_of(one)), None)


def list_places(profile: Profile, address: str, resources: Mapping[int, Resource]) -> list[Place]:
    """Where the address can be subscribed and unsubscribed, by the names of the resources."""
    found = {
        one["resource_id"]: _place(one, resources[one["resource_id"]])
        for one in _of_address(profile.subscriptions, address)
        if one["resource_id"] in resources and one["status"] in _OPEN
    }
    return sorted(found.values(), key=lambda place: (place.name, place.resource_id))


def apply(profile: Profile, visit: Visit, address: str, choice: Choice, resources: Mapping[int, Resource]) -> Profile:
    """The profile as the person wants it."""
    if choice.action == "all":
        return suppress(profile, address, UNSUBSCRIBED, None)
    if choice.action == "choose":
        meant = {id(one) for one in _of_address(profile.subscriptions, address)}
        chosen = [_chosen(one, choice, resources) if id(one) in meant else one for one in profile.subscriptions]
        return Profile(profile.id, profile.fields, chosen)
    if visit.resource_id == 0:
        return _end_own(profile)
    return Profile(profile.id, profile.fields, unsubscribe(profile.subscriptions, visit.resource_id, address, ()))


def ended_at(before: Profile, after: Profile) -> list[int]:
    """The resources at which something was ended; 0 stands for the profile's own address."""
    changed = [
        one["resource_id"]
        for one, other in zip(before.subscriptions, after.subscriptions, strict=True)
        if one["status"] != other["status"] and other["status"] == UNSUBSCRIBED
    ]
    own = [0] if before.fields.get("_status", 0) != after.fields.get("_status", 0) else []
    return own + sorted(set(changed))


def confirm(profile: Profile, visit: Visit, address: str) -> Profile:
    """The profile with what waited to be confirmed subscribed; what does not wait is not changed."""
    meant = {id(one) for one in _of_address(profile.subscriptions, address)}
    confirmed = [
        {**one, "status": SUBSCRIBED}
        if id(one) in meant and one["resource_id"] == visit.resource_id and one["status"] == UNCONFIRMED
        else one
        for one in profile.subscriptions
    ]
    return Profile(profile.id, profile.fields, confirmed)


def is_confirmed(profile: Profile, visit: Visit, address: str) -> bool:
    """Whether mail goes to the address as the link says."""
    there = _of_address(profile.subscriptions, address)
    return any(one["resource_id"] == visit.resource_id and one["status"] == SUBSCRIBED for one in there)


def make_undo(signer: Signer, before: Profile, visit: Visit, address: str, now_seconds: float) -> str:
    """A token that holds the profile's choices as they were, for this visit alone and an hour."""
    known = [(one["resource_id"], one["status"], one.get("cats")) for one in _of_address(before.subscriptions, address)]
    own_status = int(before.fields.get("_status", 0))
    kept = _Before(int(now_seconds), before.id.hex(), visit.mark.hex(), own_status, known)
    return signer.seal(_UNDO + msgspec.json.encode(kept))


def undo(
    signer: Signer, token: str, profile: Profile, visit: Visit, address: str, now_seconds: float
) -> Profile | None:
    """The profile with its choices as they were; None for a token that is forged, late or another's."""
    content = signer.open(token)
    if content is None or content[:1] != _UNDO:
        return None
    before = msgspec.json.decode(content[1:], type=_Before)
    is_late = now_seconds > before.at_seconds + _UNDO_SECONDS
    if is_late or before.profile_id != profile.id.hex() or before.mark != visit.mark.hex():
        return None
    known = {resource_id: (status, categories) for resource_id, status, categories in before.subscriptions}
    meant = {id(one) for one in _of_address(profile.subscriptions, address)}
    restored = [
        _restored(one, *known[one["resource_id"]]) if id(one) in meant and one["resource_id"] in known else one
        for one in profile.subscriptions
    ]
    fields = profile.fields
    if fields.get("_status", 0) == STATUSES.index(UNSUBSCRIBED):
        fields = {**fields, "_status": before.own_status}
    return Profile(profile.id, fields, restored)


def mask(address: str) -> str:
    """As much of an address as its owner needs to know it again."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _of_address(subscriptions: Sequence[Subscription], address: str) -> list[Subscription]:
    key = emails.key(address)
    return [one for one in subscriptions if one["channel"] == "email" and emails.key(one["email"]) == key]


def _place(subscription: Subscription, resource: Resource) -> Place:
    is_subscribed = subscription["status"] == SUBSCRIBED
    listed = subscription.get("cats")
    chosen = tuple(one for one in resource.categories if listed is None or not listed or one in listed)
    return Place(resource.id, resource.name, is_subscribed, resource.categories, chosen if is_subscribed else ())


def _chosen(subscription: Subscription, choice: Choice, resources: Mapping[int, Resource]) -> Subscription:
    resource = resources.get(subscription["resource_id"])
    if resource is None or subscription["status"] not in _OPEN:
        return subscription
    if not resource.categories:
        status = SUBSCRIBED if resource.id in choice.resources else UNSUBSCRIBED
        return {**subscription, "status": status}
    wanted = [one for one in resource.categories if (resource.id, one) in choice.categories]
    if not wanted:
        return {**subscription, "status": UNSUBSCRIBED}
    changed: Subscription = {**subscription, "status": SUBSCRIBED}
    if len(wanted) < len(resource.categories) or subscription.get("cats"):
        changed["cats"] = wanted
    return changed


def _end_own(profile: Profile) -> Profile:
    status = more_restrictive(STATUSES[profile.fields.get("_status", 0)], UNSUBSCRIBED)
    fields: dict[str, Any] = {**profile.fields, "_status": STATUSES.index(status)}
    return Profile(profile.id, fields, profile.subscriptions)


def _restored(subscription: Subscription, status: str, categories: list[str] | None) -> Subscription:
    if subscription["status"] not in _OPEN:
        return subscription
    rest = {name: value for name, value in subscription.items() if name != "cats"}
    return {**rest, "status": status, **({} if categories is None else {"cats": categories})}

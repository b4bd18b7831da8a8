"""A profile's address on a channel for a resource: reading what a call says, and merging it into what is known."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tocsin.core import emails, fields, phones, updates
from tocsin.core.configuration import Configuration, Database, Field
from tocsin.core.errors import Invalid

Subscription = dict[str, Any]

STATUSES = fields.STATUSES
SUBSCRIBED = STATUSES[0]
SUSPENDED = STATUSES[5]
LEAVE_AS_IS = -1
HIGHEST_PRIORITY = 0

_NEW: Subscription = {"status": SUBSCRIBED, "priority": HIGHEST_PRIORITY}

# The documented examples say `phone` for what is `sms` everywhere else.
_CHANNELS = {name: name for name in ("email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify")} | {
    "phone": "sms"
}
_LONGEST = 4096
# When, from which address and on which page it was made.
_REGISTRATION = {
    "date": fields.parser(Field("datetime")),
    "ip": fields.parser(Field("ip")),
    "url": fields.parser(Field("string")),
}
_registration_members = frozenset((*_REGISTRATION, "reg_info"))
_is_integer = re.compile(r"-?[0-9]{1,9}").fullmatch


class Reader:
    """Reads the subscriptions of calls for one database."""

    def __init__(self, configuration: Configuration, database: Database) -> None:
        self._resources = configuration.resources
        self._database_id = database.id
        self._checked: dict[tuple[int, str], frozenset[str]] = {}

    def read(self, raw: Any) -> Subscription:
        """What one subscription of a call says, absent members left out. Raises Invalid with the member in `path`."""
        if type(raw) is not dict:
            raise Invalid("expected an object")
        channel = _read_channel(raw)
        resource_id = _read_number(raw.get("resource_id"), "resource_id")
        categories = self._checked.get((resource_id, channel))
        if categories is None:
            categories = self._check(resource_id, channel)
        said: Subscription = {"resource_id": resource_id, "channel": channel}
        _ADDRESSES[channel](raw, said)
        status = raw.get("status")
        if status is not None:
            _read_status(status, said)
        priority = raw.get("priority")
        if priority is not None:
            _read_priority(priority, said)
        if "custom_fields" in raw or "cats" in raw:
            _read_extras(raw, said, categories)
        if not _registration_members.isdisjoint(raw):
            _read_registration(raw, said)
        return said

    def _check(self, resource_id: int, channel: str) -> frozenset[str]:
        """The categories of the resource, once it is known to serve this database and channel."""
        resource = self._resources.get(resource_id)
        if resource is None:
            raise Invalid(f"there is no resource {resource_id}", path="resource_id")
        if resource.databases and self._database_id not in resource.databases:
            raise Invalid(f"resource {resource_id} does not serve database {self._database_id}", path="resource_id")
        if resource.channels and channel not in resource.channels:
            raise Invalid(f"resource {resource_id} has no channel {channel}", path="channel")
        return self._checked.setdefault((resource_id, channel), frozenset(resource.categories))


def merge(known: Sequence[Subscription], said: Sequence[Subscription]) -> list[Subscription]:
    """What is known after a call: the same address at the same resource is changed, another is added.

    A new one is subscribed, with the highest priority, unless the call says otherwise. Custom fields that are not named
    stay as they are, None clears one, an Update changes one; Invalid, with `custom_fields` in `path`, if it cannot.
    """
    if not known and len({(one["resource_id"], one["channel"]) for one in said}) == len(said):
        return [_changed(_NEW, one) if "custom_fields" in one else _NEW | one for one in said]
    merged = list(known)
    places = {identity(subscription): place for place, subscription in enumerate(merged)}
    for change in said:
        place = places.get(identity(change))
        if place is None:
            places[identity(change)] = len(merged)
            merged.append(_changed(_NEW, change))
        else:
            merged[place] = _changed(merged[place], change)
    return merged


def has_custom_fields(subscription: Subscription) -> bool:
    """Whether it may be found by more than its address; as a call says it, perhaps by what an Update makes."""
    return "custom_fields" in subscription


def _changed(known: Subscription, said: Subscription) -> Subscription:
    changed = known | said
    if has_custom_fields(said):
        try:
            changed["custom_fields"] = updates.merge(known.get("custom_fields", {}), said["custom_fields"])
        except Invalid as mistake:
            raise mistake.below("custom_fields") from None
    return changed


def identity(subscription: Subscription) -> tuple[Any, ...]:
    """Equal for two descriptions of the same subscription."""
    channel = subscription["channel"]
    if channel == "email":
        return (subscription["resource_id"], channel, emails.key(subscription["email"]))
    if channel == "sms":
        return (subscription["resource_id"], channel, subscription["phone"])
    if channel == "push":
        return (subscription["resource_id"], channel, subscription["provider"], subscription["subscription_id"])
    return (subscription["resource_id"], channel, *sorted(subscription["cc_data"].items()))


def named(subscription: Subscription) -> Subscription:
    """The members by which a call names it."""
    members = ("resource_id", "channel", "email", "phone", "provider", "subscription_id", "cc_data")
    return {name: subscription[name] for name in members if name in subscription}


def _read_channel(raw: Mapping[str, Any]) -> str:
    said = raw.get("channel")
    if said is None:
        said = _implied_channel(raw)
    channel = _CHANNELS.get(said) if type(said) is str else None
    if channel is None:
        raise Invalid(f"expected one of {', '.join(sorted(_CHANNELS))}", path="channel")
    return channel


def _implied_channel(raw: Mapping[str, Any]) -> str | None:
    """Old clients leave the channel out when the address tells it."""
    for member, channel in (("email", "email"), ("email_data", "email"), ("phone", "sms"), ("subscription_id", "push")):
        if member in raw:
            return channel
    return None


def _read_email(raw: Mapping[str, Any], said: Subscription) -> None:
    said["email"] = _read_inner(raw, "email", "email_data", emails.parse)


def _read_phone(raw: Mapping[str, Any], said: Subscription) -> None:
    said["phone"] = _read_inner(raw, "phone", "phone_data", phones.parse)


def _read_push(raw: Mapping[str, Any], said: Subscription) -> None:
    for member in ("provider", "subscription_id"):
        said[member] = _read_inner(raw, member, "push_data", _parse_text)


def _read_telegram(raw: Mapping[str, Any], said: Subscription) -> None:
    said["cc_data"] = {"id": _read_inner(raw, "id", "cc_data", _parse_text)}


def _read_messenger(raw: Mapping[str, Any], said: Subscription) -> None:
    said["cc_data"] = {"phone": _read_inner(raw, "phone", "cc_data", phones.parse)}


_ADDRESSES: Mapping[str, Callable[[Mapping[str, Any], Subscription], None]] = {
    "email": _read_email,
    "sms": _read_phone,
    "push": _read_push,
    "telegram_bot": _read_telegram,
    "whatsapp": _read_messenger,
    "viber": _read_messenger,
    "notify": _read_messenger,
}


def _read_inner(raw: Mapping[str, Any], member: str, holder: str, parse: Callable[[str], str]) -> str:
    """A member given directly or inside its holder. Whole numbers are taken for their digits."""
    path, value = member, raw.get(member)
    if value is None and type(raw.get(holder)) is dict:
        path, value = f"{holder}.{member}", raw[holder].get(member)
    try:
        if type(value) is str:
            return parse(value)
        if type(value) is int and parse is _parse_text:
            return parse(str(value))
    except ValueError as mistake:
        raise Invalid(str(mistake), path=path) from None
    raise Invalid("expected a string", path=path)


def _parse_text(value: str) -> str:
    if not value or len(value) > _LONGEST or "\0" in value:
        raise ValueError(f"expected 1 to {_LONGEST} characters")
    return value


def _read_number(value: Any, path: str) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _is_integer(value):
        return int(value)
    raise Invalid("expected an integer", path=path)


def _read_status(value: Any, said: Subscription) -> None:
    if value in STATUSES:
        said["status"] = value
        return
    if value == "":
        return
    number = _read_number(value, "status")
    if number == LEAVE_AS_IS:
        return
    if not 0 <= number < len(STATUSES):
        raise Invalid(f"expected one of {', '.join(STATUSES)}, or its number 0 to {len(STATUSES) - 1}", path="status")
    said["status"] = STATUSES[number]


def _read_priority(value: Any, said: Subscription) -> None:
    if value == "":
        return
    number = _read_number(value, "priority")
    if number == LEAVE_AS_IS:
        return
    if number < 0:
        raise Invalid("expected 0 (highest) or more, or -1 to leave it as it is", path="priority")
    said["priority"] = number


def _read_extras(raw: Mapping[str, Any], said: Subscription, categories: frozenset[str]) -> None:
    custom = raw.get("custom_fields")
    if custom:
        if type(custom) is not dict:
            raise Invalid("expected an object", path="custom_fields")
        said["custom_fields"] = {name: _read_custom(name, value) for name, value in custom.items()}
    cats = raw.get("cats")
    if cats is None:
        return
    listed = cats if type(cats) is list else [cats] if cats else []
    for place, category in enumerate(listed):
        if type(category) is not str or (categories and category not in categories):
            raise Invalid("there is no such category at this resource", path=f"cats[{place}]")
    said["cats"] = listed


def _read_registration(raw: Mapping[str, Any], said: Subscription) -> None:
    held = raw.get("reg_info")
    found: dict[str, Any] = {}
    for member, parse in _REGISTRATION.items():
        value = raw.get(member, held.get(member) if type(held) is dict else None)
        try:
            if value is not None and (parsed := parse(value)) is not None:
                found[member] = parsed
        except ValueError as mistake:
            raise Invalid(str(mistake), path=member) from None
    if found:
        said["reg_info"] = found


def _read_custom(name: str, value: Any) -> Any:
    """The value of a custom field as it is, or the Update that it asks for."""
    if type(value) is not dict:
        return value
    try:
        update = updates.read(updates.UNTYPED, value)
    except Invalid as mistake:
        raise mistake.below(f"custom_fields.{name}") from None
    if update is None:
        return value
    return update.value if update.action == "set" else update

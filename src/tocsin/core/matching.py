"""How a profile is found: the matching modes, and the values that a profile is searched by (facts, section 2)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from tocsin.core import emails, fields, ids, phones
from tocsin.core.configuration import Database, Field
from tocsin.core.errors import Invalid
from tocsin.core.identities import Identity, Kind, custom_value, push_value, subscription_values


class Mode(NamedTuple):
    """Which identities are searched, by which members of a call. With several kinds of address, any of them will do."""

    kinds: tuple[int, ...]
    members: tuple[str, ...]

    @property
    def is_of_subscriptions(self) -> bool:
        """Whether only subscriptions are searched."""
        return all(kind in _OF_SUBSCRIPTIONS for kind in self.kinds)


_OF_SUBSCRIPTIONS = frozenset(
    {
        Kind.SUBSCRIPTION_EMAIL,
        Kind.SUBSCRIPTION_PHONE,
        Kind.SUBSCRIPTION_PUSH,
        Kind.SUBSCRIPTION_FIELD,
    }
)

MODES: Mapping[str, Mode] = {
    "email": Mode((Kind.PROFILE_EMAIL, Kind.SUBSCRIPTION_EMAIL), ("email",)),
    "email_profile": Mode((Kind.PROFILE_EMAIL,), ("email",)),
    "email_sub": Mode((Kind.SUBSCRIPTION_EMAIL,), ("email",)),
    "phone": Mode((Kind.PROFILE_PHONE, Kind.SUBSCRIPTION_PHONE), ("phone",)),
    "phone_sub": Mode((Kind.SUBSCRIPTION_PHONE,), ("phone",)),
    "profile_id": Mode((), ("profile_id",)),
    "push_sub": Mode((Kind.SUBSCRIPTION_PUSH,), ("provider", "subscription_id")),
    "custom": Mode((Kind.CUSTOM_FIELD,), ("field_value",)),
    "custom_sub": Mode((Kind.SUBSCRIPTION_FIELD,), ("field_value",)),
    "email_phone": Mode((Kind.PROFILE_EMAIL, Kind.PROFILE_PHONE), ("email", "phone")),
    "email_phone_sub": Mode((Kind.SUBSCRIPTION_EMAIL, Kind.SUBSCRIPTION_PHONE), ("email", "phone")),
}

# A key is found by a profile that has all of its values: one, but for tags. Of several keys, each may find the profile.
Key = tuple[str, ...]
Keys = tuple[Key, ...]


class Search(Struct, omit_defaults=True):
    """The values of a call, or of an item, that a profile may be searched by."""

    email: str | None = None
    phone: str | None = None
    profile_id: str | None = None
    provider: str | None = None
    subscription_id: str | None = None
    field_value: Any = None


class Matching(Struct, frozen=True):
    """A checked way to find profiles. `field` is set for the mode `custom` only."""

    name: str
    mode: Mode
    resource_id: int | None = None
    field_name: str = ""
    field: Field | None = None

    @property
    def is_by_id(self) -> bool:
        """Whether the value is the profile's own id, which cannot create one."""
        return not self.mode.kinds

    def covers(self, identity: Identity) -> bool:
        """Whether a profile with this identity is found by its value."""
        kind, resource_id, _ = identity
        return kind in self.mode.kinds and (self.resource_id is None or resource_id in (0, self.resource_id))


def check_matching(mode: str, database: Database, *, field_name: str = "", resource_id: int | None = None) -> Matching:
    """The checked matching of a call, or Invalid."""
    name = mode or "email"
    if name not in MODES:
        raise Invalid(f"expected one of {', '.join(MODES)}", path="matching")
    field = _matchable_field(database, field_name) if name == "custom" else None
    if name == "custom_sub" and (not field_name or "." in field_name):
        raise Invalid("matching by a field of subscriptions needs its name, without a dot", path="field_name")
    return Matching(name, MODES[name], resource_id, field_name, field)


def _matchable_field(database: Database, name: str) -> Field:
    if not name:
        raise Invalid("matching by a custom field needs its name", path="field_name")
    field = database.custom_fields().get(name)
    if field is None:
        raise Invalid(f"database {database.id} has no custom field {name[:60]!r}", path="field_name")
    if not field.is_matchable:
        raise Invalid(
            f"profiles cannot be found by field {name!r} (type {field.type}, match: {field.match})", path="field_name"
        )
    return field


def is_given(matching: Matching, search: Search) -> bool:
    """Whether the search has a value that the matching looks for."""
    return any(getattr(search, member) is not None for member in matching.mode.members)


def keys_of(matching: Matching, search: Search) -> Keys:
    """The keys that find the searched profile. Invalid, with the member in `path`, when a value is none or missing."""
    members = matching.mode.members
    if matching.name == "push_sub":
        provider, token = (_text(getattr(search, member), member) for member in members)
        return ((push_value(provider, token),),)
    given = [member for member in members if getattr(search, member) is not None]
    if not given:
        raise Invalid("expected a value to search for", path=members[0])
    return tuple(_key(matching, getattr(search, member), member) for member in given)


def _key(matching: Matching, value: Any, member: str) -> Key:
    try:
        return _PARSERS[member](matching, value)
    except ValueError as mistake:
        raise Invalid(str(mistake), path=member) from None


def _text(value: Any, member: str) -> str:
    if type(value) is not str or not value:
        raise Invalid("expected a string", path=member)
    return value


def _email_key(_: Matching, value: Any) -> Key:
    return (emails.key(emails.parse(_string(value))),)


def _phone_key(_: Matching, value: Any) -> Key:
    return (phones.parse(_string(value)),)


def _id_key(_: Matching, value: Any) -> Key:
    if ids.parse(_string(value)) is None:
        raise ValueError(f"expected {ids.HEX_SIZE} hex digits")
    return (value.lower(),)


def _field_key(matching: Matching, value: Any) -> Key:
    if matching.field is None:
        texts = [fields.match_text(_string(str(value) if type(value) is int else value))]
    else:
        texts = fields.match_query(matching.field, value)
    if not any(texts):
        raise ValueError("expected a value to search for")
    return tuple(custom_value(matching.field_name, text) for text in texts)


_PARSERS: Mapping[str, Callable[[Matching, Any], Key]] = {
    "email": _email_key,
    "phone": _phone_key,
    "profile_id": _id_key,
    "field_value": _field_key,
}


def _string(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("expected a string")
    return value


FindKeys = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Keys]


def keys_finder(matching: Matching) -> FindKeys:
    """A function from a profile's parsed fields and subscriptions to the keys it is searched by; none if it has none.

    Where subscriptions are searched too, the value may come from one; the profile's own comes first.
    """
    if matching.name == "custom":
        return _custom_finder(matching)
    if matching.name == "custom_sub":
        return lambda _, subscriptions: _first(subscriptions, matching, _field_of(matching.field_name))
    finders = [_FINDERS[kind](matching) for kind in matching.mode.kinds]
    if matching.name in ("email_phone", "email_phone_sub"):
        return lambda values, subscriptions: tuple(key for find in finders for key in find(values, subscriptions))

    def find_one(values: Mapping[str, Any], subscriptions: Sequence[Mapping[str, Any]]) -> Keys:
        for find in finders:
            keys = find(values, subscriptions)
            if keys:
                return keys
        return ()

    return find_one


def _custom_finder(matching: Matching) -> FindKeys:
    name, field = matching.field_name, matching.field

    def find(values: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Keys:
        key = tuple(custom_value(name, text) for text in fields.match_texts(field, values.get(name))) if field else ()
        return (key,) if key else ()

    return find


def _find_email(values: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Keys:
    email = values.get("email")
    return ((emails.key(email),),) if email else ()


def _find_phone(values: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Keys:
    listed = values.get("phones")
    return ((listed[0],),) if listed else ()


def _first(
    subscriptions: Sequence[Mapping[str, Any]],
    matching: Matching,
    value_of: Callable[[Mapping[str, Any]], str | None],
) -> Keys:
    for subscription in subscriptions:
        if matching.resource_id in (None, subscription["resource_id"]):
            value = value_of(subscription)
            if value:
                return ((value,),)
    return ()


def _email_of(subscription: Mapping[str, Any]) -> str | None:
    return emails.key(subscription["email"]) if "email" in subscription else None


def _push_of(subscription: Mapping[str, Any]) -> str | None:
    provider = subscription.get("provider")
    return push_value(provider, subscription["subscription_id"]) if provider else None


def _field_of(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    beginning = custom_value(name, "")
    return lambda subscription: next(
        (value for value in subscription_values(subscription) if value.startswith(beginning)), None
    )


_FINDERS: Mapping[int, Callable[[Matching], FindKeys]] = {
    Kind.PROFILE_EMAIL: lambda _: _find_email,
    Kind.PROFILE_PHONE: lambda _: _find_phone,
    Kind.SUBSCRIPTION_EMAIL: lambda matching: lambda _, all_: _first(all_, matching, _email_of),
    Kind.SUBSCRIPTION_PHONE: lambda matching: lambda _, all_: _first(all_, matching, lambda one: one.get("phone")),
    Kind.SUBSCRIPTION_PUSH: lambda matching: lambda _, all_: _first(all_, matching, _push_of),
}

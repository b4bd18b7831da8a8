"""How a profile is found: the modes of this version, and the value that an item is searched by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tocsin.core import emails, fields, ids, phones
from tocsin.core.configuration import Database, Field
from tocsin.core.errors import Invalid
from tocsin.core.identities import Identity, Kind, custom_value

KINDS: Mapping[str, tuple[int, ...]] = {
    "email": (Kind.PROFILE_EMAIL, Kind.SUBSCRIPTION_EMAIL),
    "email_profile": (Kind.PROFILE_EMAIL,),
    "phone": (Kind.PROFILE_PHONE, Kind.SUBSCRIPTION_PHONE),
    "profile_id": (),
    "custom": (Kind.CUSTOM_FIELD,),
}
LATER_MODES = frozenset({"email_sub", "phone_sub", "push_sub", "custom_sub", "email_phone", "email_phone_sub"})


class Matching(Struct, frozen=True):
    """A checked way to find profiles. `field` is set for the mode `custom` only."""

    mode: str
    kinds: tuple[int, ...]
    resource_id: int | None = None
    field_name: str = ""
    field: Field | None = None

    @property
    def is_by_id(self) -> bool:
        """Whether the value is the profile's own id, which cannot create one."""
        return self.mode == "profile_id"

    def covers(self, identity: Identity) -> bool:
        """Whether a profile with this identity is found by its value."""
        kind, resource_id, _ = identity
        return kind in self.kinds and (self.resource_id is None or resource_id in (0, self.resource_id))


Key = tuple[str, ...]


def check_matching(mode: str, database: Database, *, field_name: str = "", resource_id: int | None = None) -> Matching:
    """The checked matching of a call, or Invalid."""
    mode = mode or "email"
    if mode in LATER_MODES:
        raise Invalid(f"matching mode {mode} is not available in this version", path="matching")
    if mode not in KINDS:
        raise Invalid(f"expected one of {', '.join(KINDS)}", path="matching")
    field = _matchable_field(database, field_name) if mode == "custom" else None
    return Matching(mode=mode, kinds=KINDS[mode], resource_id=resource_id, field_name=field_name, field=field)


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


def key_of(matching: Matching, value: Any, path: str) -> Key:
    """The identity values that a profile must have all of, to be found by `value`; one, but for tags. Or Invalid."""
    try:
        return _key(matching, value)
    except ValueError as mistake:
        raise Invalid(str(mistake), path=path) from None


def _key(matching: Matching, value: Any) -> Key:
    if matching.field is not None:
        texts = fields.match_query(matching.field, value)
        if not texts:
            raise ValueError("expected a value to search for")
        return tuple(custom_value(matching.field_name, text) for text in texts)
    if type(value) is not str:
        raise ValueError("expected a string")
    if matching.mode == "phone":
        return (phones.parse(value),)
    if matching.is_by_id:
        if ids.parse(value) is None:
            raise ValueError(f"expected {ids.HEX_SIZE} hex digits")
        return (value.lower(),)
    return (emails.key(emails.parse(value)),)


def key_finder(matching: Matching) -> Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Key]:
    """A function from a profile's parsed fields and subscriptions to the key it is searched by; empty if it has none.

    `email` and `phone` search subscriptions too, so their value may come from one.
    """
    name, field = matching.field_name, matching.field
    with_subscriptions = matching.mode in ("email", "phone")

    def find_custom(values: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Key:
        texts = fields.match_texts(field, values.get(name)) if field else ()
        return tuple(custom_value(name, text) for text in texts)

    def find_email(values: Mapping[str, Any], subscriptions: Sequence[Mapping[str, Any]]) -> Key:
        email = values.get("email") or (_first(subscriptions, "email") if with_subscriptions else None)
        return (emails.key(email),) if email else ()

    def find_phone(values: Mapping[str, Any], subscriptions: Sequence[Mapping[str, Any]]) -> Key:
        listed = values.get("phones")
        phone = listed[0] if listed else _first(subscriptions, "phone")
        return (phone,) if phone else ()

    return find_custom if field else find_phone if matching.mode == "phone" else find_email


def _first(subscriptions: Sequence[Mapping[str, Any]], member: str) -> Any:
    return next((subscription[member] for subscription in subscriptions if member in subscription), None)

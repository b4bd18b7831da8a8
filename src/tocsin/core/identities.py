"""What a profile is found by: values with their kind and, for subscriptions, their resource."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from tocsin.core import emails, fields
from tocsin.core.configuration import Database


class Kind(IntEnum):
    """Stored numbers; they never change their meaning."""

    PROFILE_EMAIL = 1
    PROFILE_PHONE = 2
    SUBSCRIPTION_EMAIL = 3
    SUBSCRIPTION_PHONE = 4
    CUSTOM_FIELD = 5
    SUBSCRIPTION_PUSH = 6


class Identity(NamedTuple):
    """One value that leads to a profile; `resource_id` is 0 unless it is a subscription's."""

    kind: int
    resource_id: int
    value: str


_PROFILE_EMAIL, _PROFILE_PHONE = int(Kind.PROFILE_EMAIL), int(Kind.PROFILE_PHONE)
_OF_CHANNEL: Mapping[str, tuple[int, Callable[[dict[str, Any]], str]]] = {
    "email": (int(Kind.SUBSCRIPTION_EMAIL), lambda subscription: emails.key(subscription["email"])),
    "sms": (int(Kind.SUBSCRIPTION_PHONE), lambda subscription: str(subscription["phone"])),
    "push": (
        int(Kind.SUBSCRIPTION_PUSH),
        lambda subscription: f"{subscription['provider']}.{subscription['subscription_id']}",
    ),
}


def custom_value(name: str, text: str) -> str:
    """How a custom field's text is kept; field names have no dots, so the first dot ends the name."""
    return f"{name}.{text}"


def describer(database: Database) -> Callable[[Mapping[str, Any], Sequence[dict[str, Any]]], set[Identity]]:
    """A function that lists the identities of a profile's fields and subscriptions."""
    matchable = {name: spec for name, spec in database.custom_fields().items() if spec.is_matchable}

    def custom(values: Mapping[str, Any]) -> Iterator[Identity]:
        for name in matchable.keys() & values.keys():
            for text in fields.match_texts(matchable[name], values[name]):
                yield Identity(Kind.CUSTOM_FIELD, 0, custom_value(name, text))

    def describe(values: Mapping[str, Any], subscriptions: Sequence[dict[str, Any]]) -> set[Identity]:
        found = set(custom(values)) if matchable else set()
        email = values.get("email")
        if email:
            found.add(Identity(_PROFILE_EMAIL, 0, emails.key(email)))
        for phone in values.get("phones", ()):
            found.add(Identity(_PROFILE_PHONE, 0, phone))
        for subscription in subscriptions:
            kind = _OF_CHANNEL.get(subscription["channel"])
            if kind:
                found.add(Identity(kind[0], subscription["resource_id"], kind[1](subscription)))
        return found

    return describe

"""What a profile is found by: values with their kind and, for subscriptions, their resource."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

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


# Kind, resource id (0 unless it is a subscription's), value. A bare tuple: a large call makes 40,000 of them.
Identity = tuple[int, int, str]

Describe = Callable[[Mapping[str, Any], Sequence[dict[str, Any]]], set[Identity]]

_PROFILE_EMAIL, _PROFILE_PHONE = int(Kind.PROFILE_EMAIL), int(Kind.PROFILE_PHONE)
_EMAIL, _PHONE, _PUSH = int(Kind.SUBSCRIPTION_EMAIL), int(Kind.SUBSCRIPTION_PHONE), int(Kind.SUBSCRIPTION_PUSH)
_CUSTOM = int(Kind.CUSTOM_FIELD)


def custom_value(name: str, text: str) -> str:
    """How a custom field's text is kept; field names have no dots, so the first dot ends the name."""
    return f"{name}.{text}"


def describer(database: Database) -> Describe:
    """A function that lists the identities of a profile's fields and subscriptions."""
    matchable = {name: spec for name, spec in database.custom_fields().items() if spec.is_matchable}

    def describe(values: Mapping[str, Any], subscriptions: Sequence[dict[str, Any]]) -> set[Identity]:
        found: set[Identity] = set()
        for name, value in values.items():
            if name == "email":
                found.add((_PROFILE_EMAIL, 0, emails.key(value)))
            elif name == "phones":
                found.update([(_PROFILE_PHONE, 0, phone) for phone in value])
            elif name in matchable:
                found.update(
                    [(_CUSTOM, 0, custom_value(name, text)) for text in fields.match_texts(matchable[name], value)]
                )
        for subscription in subscriptions:
            match subscription["channel"]:
                case "email":
                    found.add((_EMAIL, subscription["resource_id"], emails.key(subscription["email"])))
                case "sms":
                    found.add((_PHONE, subscription["resource_id"], subscription["phone"]))
                case "push":
                    token = fields.match_text(f"{subscription['provider']}.{subscription['subscription_id']}")
                    found.add((_PUSH, subscription["resource_id"], token))
        return found

    return describe

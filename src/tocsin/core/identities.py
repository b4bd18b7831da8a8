"""What a profile is found by: values with their kind and, for subscriptions, their resource."""

from collections.abc import Mapping, Sequence
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
    SUBSCRIPTION_FIELD = 7


# Kind, resource id (0 unless it is a subscription's), value. A bare tuple: a large call makes 40,000 of them.
Identity = tuple[int, int, str]

_PROFILE_EMAIL, _PROFILE_PHONE = int(Kind.PROFILE_EMAIL), int(Kind.PROFILE_PHONE)
_EMAIL, _PHONE, _PUSH = int(Kind.SUBSCRIPTION_EMAIL), int(Kind.SUBSCRIPTION_PHONE), int(Kind.SUBSCRIPTION_PUSH)
_CUSTOM, _FIELD = int(Kind.CUSTOM_FIELD), int(Kind.SUBSCRIPTION_FIELD)


_KINDS = {"email": _EMAIL, "sms": _PHONE, "push": _PUSH}


def _address(kind: int, subscription: Mapping[str, Any]) -> str:
    if kind == _EMAIL:
        return emails.key(subscription["email"])
    if kind == _PHONE:
        return str(subscription["phone"])
    return push_value(subscription["provider"], subscription["subscription_id"])


def push_value(provider: str, token: str) -> str:
    """How a push subscription is kept."""
    return fields.match_text(f"{provider}.{token}")


def subscription_values(subscription: Mapping[str, Any]) -> list[str]:
    """What a subscription is found by beside its address: custom fields, and a messenger's address by its channel."""
    values = [
        custom_value(name, fields.match_text(str(value)))
        for name, value in subscription.get("custom_fields", {}).items()
        if "." not in name and isinstance(value, str | int) and value != ""
    ]
    messenger = subscription.get("cc_data", {})
    return values + [custom_value(subscription["channel"], text) for text in messenger.values()]


def custom_value(name: str, text: str) -> str:
    """How a custom field's text is kept; field names have no dots, so the first dot ends the name."""
    return f"{name}.{text}"


class Describer:
    """Lists the identities of profiles of one database."""

    def __init__(self, database: Database) -> None:
        """`names`: the fields that identities come from."""
        self._matchable = {name: spec for name, spec in database.custom_fields().items() if spec.is_matchable}
        self.names = frozenset(("email", "phones", *self._matchable))

    def describe(self, values: Mapping[str, Any], subscriptions: Sequence[Mapping[str, Any]]) -> set[Identity]:
        """The identities of a profile's fields and subscriptions."""
        found: set[Identity] = set()
        for name in self.names & values.keys():
            value = values[name]
            if value is None:
                continue
            if name == "email":
                found.add((_PROFILE_EMAIL, 0, emails.key(value)))
            elif name == "phones":
                found.update([(_PROFILE_PHONE, 0, phone) for phone in value])
            else:
                texts = fields.match_texts(self._matchable[name], value)
                found.update([(_CUSTOM, 0, custom_value(name, text)) for text in texts])
        for subscription in subscriptions:
            kind = _KINDS.get(subscription["channel"])
            if kind:
                found.add((kind, subscription["resource_id"], _address(kind, subscription)))
            if "custom_fields" in subscription or "cc_data" in subscription:
                resource_id = subscription["resource_id"]
                found.update([(_FIELD, resource_id, value) for value in subscription_values(subscription)])
        return found

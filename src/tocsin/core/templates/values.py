"""What the language does with values of a message: how they look, compare and are looked up. All are decoded JSON."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core.templates import allowance

FIELDS: Mapping[str, frozenset[str]] = {
    "email": frozenset({"email", "domain", "domain_group", "md5"}),
    "sms": frozenset({"phone", "md5"}),
    "push": frozenset({"subscription_id", "bundle_id", "provider"}),
}

# The channel's own name and the one that a subscription's identity may go by.
_CHANNELS = {"email": ("email",), "sms": ("sms", "phone"), "push": ("push",)}
_IDENTITIES = {"email": "email", "sms": "phone", "push": "subscription_id"}

# Text is searched so fast that this many of its characters cost as much as one that is written.
_SEARCHED_AS_ONE = 64
# Above this a float has no digits behind the point, and its digits are no longer exact.
_EXACT = 1e15


def show(value: Any) -> str:
    """The text that stands in the message; a missing value is empty and counted. Raises Invalid as `charge` does."""
    if value is None:
        allowance.miss()
        return ""
    text = _text(value)
    allowance.charge(len(text))
    return text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(_json(item) if _is_nested(item) else _text(item) for item in value if item is not None)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return _json(value) if isinstance(value, dict) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def present(value: Any) -> bool:
    """Whether a bare value counts as true: not missing, not false, not empty. A number is there whatever it is."""
    return bool(value) or (isinstance(value, int | float) and value is not False)


def otherwise(value: Any, fallback: Any) -> Any:
    """The value, or the fallback for one that is missing or empty text."""
    return fallback if value is None or value == "" else value


def equal(left: Any, right: Any) -> bool:
    """Whether both are the same; text also equals a number or truth value shown as it. Missing equals nothing."""
    if left is None or right is None:
        return False
    if isinstance(left, str) != isinstance(right, str):
        return not _is_nested(left) and not _is_nested(right) and _text(left) == _text(right)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def contains(whole: Any, part: Any) -> bool:
    """Whether a list has the element, an object the name, or text the text. Nothing contains a missing value."""
    if part is None:
        return False
    if isinstance(whole, list | tuple):
        allowance.visit(len(whole))
        return any(equal(item, part) for item in whole)
    if not isinstance(whole, str | dict) or _is_nested(part):
        return False
    allowance.charge(len(whole) // _SEARCHED_AS_ONE)
    return _text(part) in whole


def find(names: Sequence[str], value: Any) -> Any:
    """What the names lead to, each a member of an object or the number of an element of a list; None when nothing."""
    for name in names:
        value = _member(value, name)
    return value


def _member(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list | tuple) and name.isdecimal() and len(name) <= len(str(len(value))):
        return value[int(name)] if int(name) < len(value) else None
    return None


def each(size: int, value: Any) -> list[Any]:
    """What a loop with one name goes through: elements of a list, values of an object; `size` is its body's text."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return []
    allowance.charge(len(value) * size)
    allowance.visit(len(value))
    return list(value)


def pairs(size: int, value: Any) -> list[tuple[Any, Any]]:
    """As `each` for a loop with two names: the names of an object, or positions in a list from 0, with the values."""
    items = each(size, value)
    return list(zip(value if isinstance(value, dict) else range(len(items)), items, strict=True))


def subscription_field(channel: str, field: str, resource: int | None, subscriptions: Any) -> Any:
    """A field (one of FIELDS) of the subscription with the lowest priority number; None when there is none."""
    fitting = [
        subscription
        for subscription in (subscriptions if isinstance(subscriptions, Sequence) else ())
        if subscription.get("channel") in _CHANNELS[channel]
        and (resource is None or equal(subscription.get("resource_id"), resource))
    ]
    if not fitting:
        return None
    first = min(fitting, key=_priority)
    return first[field] if field in first else _derived(field, first.get(_IDENTITIES[channel]))


def _priority(subscription: Mapping[str, Any]) -> float:
    priority = subscription.get("priority")
    return priority if isinstance(priority, int | float) else 0


def _derived(field: str, identity: Any) -> str | None:
    if not isinstance(identity, str):
        return None
    if field == "domain":
        return identity.rpartition("@")[2]
    if field == "md5":
        return hashlib.md5(identity.encode(errors="replace"), usedforsecurity=False).hexdigest()
    return None

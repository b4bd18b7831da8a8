"""One profile made of several: whose values stay, and that it sends to nobody who said no (facts, 5.3)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from tocsin.core import emails, fields, subscriptions
from tocsin.core.configuration import Database
from tocsin.core.errors import Conflict
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES, Subscription

# From the one that most is sent to. What suspended is must not come back as subscribed, what a person said even less.
_RESTRICTIVE = ("subscribed", "unconfirmed", "suspended", "invalid", "hardbounced", "unsubscribed", "complained")
_NOWHERE = "localhost"


def merge(database: Database, stays: Profile, others: Sequence[Profile]) -> Profile:
    """The profile that stays, with what the others have beside it, the first of them before the next.

    Conflict, with the field in `path`, when a list becomes longer than the field may be.
    """
    ordered = [stays, *others]
    united = unite(*(one.subscriptions for one in ordered))
    return Profile(stays.id, _merge_fields(database, [one.fields for one in ordered]), united)


def unite(*listed: Sequence[Subscription]) -> list[Subscription]:
    """Every subscription of the lists. Of the same one the first stays, with the most restrictive of the statuses."""
    united: dict[tuple[Any, ...], Subscription] = {}
    for one in chain.from_iterable(listed):
        identity = subscriptions.identity(one)
        united[identity] = _unite_same(united[identity], one) if identity in united else one
    return list(united.values())


def more_restrictive(*statuses: str) -> str:
    """The status under which the least is sent."""
    return max(statuses, key=_RESTRICTIVE.index)


def _unite_same(known: Subscription, other: Subscription) -> Subscription:
    same = {**other, **known, "status": more_restrictive(known["status"], other["status"])}
    if "custom_fields" in same:
        same["custom_fields"] = {**other.get("custom_fields", {}), **known.get("custom_fields", {})}
    return same


def _merge_fields(database: Database, ordered: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged = dict(chain.from_iterable(values.items() for values in reversed(ordered)))
    for name in _lists(database) & merged.keys():
        merged[name] = _unite_lists(database, name, [values[name] for values in ordered if name in values])
    real = next((email for values in ordered if (email := values.get("email")) and not _is_nowhere(email)), None)
    if real:
        merged["email"] = real
    if "_status" in merged:
        status = more_restrictive(*(STATUSES[values.get("_status", 0)] for values in ordered))
        merged["_status"] = STATUSES.index(status)
    return merged


def _lists(database: Database) -> set[str]:
    return {"phones", *(name for name, field in database.custom_fields().items() if field.type == "tags")}


def _unite_lists(database: Database, name: str, values: Iterable[Any]) -> Any:
    together = list(chain.from_iterable(value if isinstance(value, list) else [value] for value in values))
    try:
        return fields.database_parsers(database)[name](together)
    except ValueError as mistake:
        raise Conflict(str(mistake), path=name) from None


def _is_nowhere(email: str) -> bool:
    """Whether it only fills the place of an address."""
    domain = emails.key(email).rpartition("@")[2]
    return domain == _NOWHERE or domain.endswith(f".{_NOWHERE}")

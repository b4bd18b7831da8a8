"""Events of profiles: what a change amounts to, and which events a trigger or a scenario listens to (facts, 3.10)."""

from collections.abc import Iterator, Mapping

from tocsin.core import subscriptions
from tocsin.core.configuration_words import ImportSource, Occasion, ProfileEvent
from tocsin.core.configuration_workflows import When
from tocsin.core.profiles import Profile, Revision
from tocsin.core.subscriptions import Subscription

OCCASIONS: Mapping[ProfileEvent, tuple[Occasion, ...]] = {
    "api_import": ("created", "updated"),
    "update": (),
    "subscribe": ("new_subscription", "new_channel", "new_contact", "new_status"),
}

# Which members of `when` say something about an event; `query` does about each.
MEMBERS: Mapping[ProfileEvent, frozenset[str]] = {
    "api_import": frozenset(("occasions", "sources")),
    "update": frozenset(("fields",)),
    "subscribe": frozenset(("occasions", "resource", "channel", "status")),
}

ANY = When()


def hears(event: ProfileEvent, when: When, revision: Revision, source: ImportSource | None) -> bool:
    """Whether a revision is such an event, the query of `when` left aside. A deleted profile is none.

    `source`: who has imported, None where nobody has.
    """
    before, after = revision
    if after is None:
        return False
    if event == "api_import":
        return _is_such_import(when, source) and (
            not when.occasions or ("updated" if before else "created") in when.occasions
        )
    if event == "update":
        return before is not None and _has_other_fields(before, after, when.fields)
    return any(_is_meant(when, occasions, one) for occasions, one in _new_subscriptions(before, after))


def _is_such_import(when: When, source: ImportSource | None) -> bool:
    return source is not None and (not when.sources or source in when.sources)


def _has_other_fields(before: Profile, after: Profile, names: tuple[str, ...]) -> bool:
    if not names:
        return before.fields != after.fields
    return any(before.fields.get(name) != after.fields.get(name) for name in names)


def _is_meant(when: When, occasions: set[Occasion], subscription: Subscription) -> bool:
    return (
        (not when.occasions or not occasions.isdisjoint(when.occasions))
        and when.resource in (None, subscription["resource_id"])
        and when.channel in (None, subscription["channel"])
        and when.status in (None, subscription["status"])
    )


def _new_subscriptions(before: Profile | None, after: Profile) -> Iterator[tuple[set[Occasion], Subscription]]:
    """The subscriptions that are new or have another status, with what is new about each."""
    if before is not None and before.subscriptions == after.subscriptions:
        return
    known = before.subscriptions if before else []
    by_identity = {subscriptions.identity(one): one for one in known}
    resources = {one["resource_id"] for one in known}
    channels = {(one["resource_id"], one["channel"]) for one in known}
    for one in after.subscriptions:
        old = by_identity.get(subscriptions.identity(one))
        if old is not None:
            if old["status"] != one["status"]:
                yield {"new_status"}, one
            continue
        occasions: set[Occasion] = {"new_contact"}
        if one["resource_id"] not in resources:
            occasions.add("new_subscription")
        if (one["resource_id"], one["channel"]) not in channels:
            occasions.add("new_channel")
        yield occasions, one

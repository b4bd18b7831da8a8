"""Which hook is told of what, when it is told again, and what an event looks like to it (facts, section 8)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from tocsin.core import addresses, hashes
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_hooks import Hook
from tocsin.core.messages import Event, EventType
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import Subscription

LANES = 16
FIRST_DELAY_SECONDS = 5
LONGEST_DELAY_SECONDS = 3600
PAUSED_AFTER = timedelta(days=3)
# What queues call the event of a test; it is none of those that happen.
TEST = "test"
# An installation has one account; the platform whose API this is numbers many.
ACCOUNT_ID = 1

_JITTER = 0.2
_MOST_DOUBLINGS = 20
_MOST_TEXT = 10_000
_OK, _TOO_HIGH, _GONE = 200, 300, 410
_SUBSCRIPTION_MEMBERS: Final = (
    "resource_id", "channel", "email", "phone", "subscription_id", "provider", "priority", "status",
)  # fmt: skip


class QueuedEvent(NamedTuple):
    """What the queue of a hook says of an event; the rest is where events are kept."""

    id: bytes
    at: datetime
    type: str
    is_replay: bool


class KeptEvent(NamedTuple):
    """An event as it is kept: `message_id` and `launch_id` are empty and `trigger_id` is 0 where there is none."""

    id: bytes
    at: datetime
    type: str
    database_id: int
    profile_id: bytes
    message_id: bytes
    launch_id: bytes
    trigger_id: int
    data: dict[str, Any]


class CommonData(NamedTuple):
    """What the events of a launch share: the workflow that it started, and the `custom_data` of the call's root."""

    workflow_id: int | None = None
    custom_data: Mapping[str, Any] = {}


_NOTHING_COMMON = CommonData()
_NO_ITEM: tuple[dict[str, Any], str] = ({}, "")


class Surroundings(Struct, frozen=True):
    """What a batch of events is told with, beside the events: as it is now, not as it was.

    `profiles`: without fields where the hook asks for none.
    `items`: by message id, the `custom_data` of its item, and its address.
    """

    configuration: Configuration
    profiles: Mapping[bytes, Profile]
    launches: Mapping[bytes, CommonData]
    items: Mapping[bytes, tuple[dict[str, Any], str]]


@lru_cache(maxsize=1000)
def parse(spec: str) -> Hook:
    """A stored hook. Kept, since it is asked for with every batch of events."""
    return msgspec.json.decode(spec, type=Hook)


def wanting(configuration: Configuration, type_: EventType, database_id: int) -> bool:
    """Whether any hook is to be told of events of a type in a database. Some are recorded only then."""
    return any(
        hook.active and type_ in hook.events and (not hook.databases or database_id in hook.databases)
        for hook in configuration.hooks.values()
    )


def wants(hook: Hook, event: Event | KeptEvent, resource_id: int | None, workflow_id: int | None) -> bool:
    """Whether a hook is to be told of an event of a trigger for a resource, or of a workflow."""
    trigger_id = event.trigger_id if isinstance(event, KeptEvent) else event.message.trigger_id
    return (
        event.type in hook.events
        and (not hook.databases or event.database_id in hook.databases)
        and (not hook.triggers or trigger_id in hook.triggers)
        and (not hook.resources or resource_id in hook.resources)
        and (not hook.workflows or workflow_id in hook.workflows)
    )


def is_success(hook: Hook, status: int, body: bytes) -> bool:
    """Whether an answer says that the batch was taken."""
    if not _OK <= status < _TOO_HIGH:
        return False
    text = body[: 4 * _MOST_TEXT].decode(errors="replace")[:_MOST_TEXT]
    return not hook.success or bool(re.search(hook.success, text))


def is_gone(status: int) -> bool:
    """Whether the receiver says that it wants nothing more, ever (Standard Webhooks)."""
    return status == _GONE


def delay_seconds(attempts: int, fraction: float) -> float:
    """How long a batch waits after so many attempts: doubling from 5 s to an hour, up to a fifth more by `fraction`."""
    delay = min(FIRST_DELAY_SECONDS * 2 ** min(attempts - 1, _MOST_DOUBLINGS), LONGEST_DELAY_SECONDS)
    return float(delay) * (1 + _JITTER * fraction)


def describe_event(hook: Hook, queued: QueuedEvent, event: KeptEvent | None, around: Surroundings) -> dict[str, Any]:
    """An event as a hook is told it; what is gone with its profile is null. The members are those of docs/hooks.md."""
    told: dict[str, Any] = {
        "event_id": queued.id.hex(),
        "event_type": queued.type,
        "event_date": _nanoseconds(queued.at),
        "account_id": ACCOUNT_ID,
        "is_test": False,
    }
    if queued.is_replay:
        told["is_replay"] = True
    if event is None:
        return told | {"profile_id": None, "event_data": None}
    trigger = around.configuration.triggers.get(event.trigger_id)
    resource_id = trigger.resource if trigger else event.data.get("resource_id")
    common = around.launches.get(event.launch_id, _NOTHING_COMMON)
    item, address = around.items.get(event.message_id, _NO_ITEM)
    profile = around.profiles.get(event.profile_id)
    told["profile_id"] = event.profile_id.hex() if profile else None
    told["list_id"] = event.database_id
    told["event_data"] = _event_data(event, resource_id, event.data.get("workflow_id", common.workflow_id))
    told["custom_data"] = _custom_data(hook, event, profile, item, common.custom_data)
    address = event.data.get("address", "") or address
    return told | _describe_subscriptions(profile, resource_id, trigger.channel if trigger else None, address)


def describe_test(hook: Hook, event_id: bytes, at: datetime) -> dict[str, Any]:
    """An event that never happened, to try a hook."""
    return {
        "event_id": event_id.hex(),
        "event_type": hook.events[0],
        "event_date": _nanoseconds(at),
        "account_id": ACCOUNT_ID,
        "is_test": True,
        "profile_id": None,
        "event_data": {},
        "custom_data": {},
    }


def _event_data(event: KeptEvent, resource_id: int | None, workflow_id: int | None) -> dict[str, Any]:
    said = event.data.copy()
    said.pop("custom_data", None)
    if event.message_id:
        said["message_id"] = event.message_id.hex()
    if event.trigger_id:
        said["campaign_id"] = event.trigger_id
    if resource_id:
        said["resource_id"] = resource_id
    if event.launch_id:
        said["launch_id"] = event.launch_id.hex()
    if workflow_id:
        said["workflow_id"] = workflow_id
    return said


def _custom_data(
    hook: Hook, event: KeptEvent, profile: Profile | None, item: Mapping[str, Any], of_call: Mapping[str, Any]
) -> dict[str, Any]:
    """Fields of the profile, over them what the call said at its root, over that what it said of the item."""
    of_profile = {name: profile.fields.get(name) for name in hook.fields} if profile and hook.fields else {}
    return {**of_profile, **of_call, **item, **(event.data.get("custom_data") or {})}


def _describe_subscriptions(
    profile: Profile | None, resource_id: int | None, channel: str | None, address: str
) -> dict[str, Any]:
    """The subscriptions that an event is about: those of its resource, or all where there is none."""
    if profile is None:
        return {"subscription": None}
    there = [one for one in profile.subscriptions if resource_id is None or one["resource_id"] == resource_id]
    told: dict[str, Any] = {"subscription": [_describe_subscription(one) for one in there]}
    if channel and address:
        told["_md5"] = hashes.of_address(_key(channel, address))
        meant = next((one for one in there if one["channel"] == channel and addresses.of(one) == address), None)
        if meant:
            told["subscription_hash_id"] = hashes.of_subscription(profile.id, meant)
    return told


def _describe_subscription(one: Subscription) -> dict[str, Any]:
    return {name: one[name] for name in _SUBSCRIPTION_MEMBERS if name in one}


def _key(channel: str, address: str) -> str:
    try:
        return addresses.key(channel, address)
    except ValueError:
        return address


def _nanoseconds(at: datetime) -> str:
    """RFC 3339 with nine digits, of which an event has six."""
    text: str = msgspec.to_builtins(at.astimezone(UTC))
    return f"{text[:-1]}000Z" if at.microsecond else f"{text[:-1]}.000000000Z"

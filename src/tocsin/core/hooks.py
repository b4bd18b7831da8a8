"""Which hook is told of what, and when it is told again (facts, section 8)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tocsin.core.configuration import Configuration
from tocsin.core.configuration_hooks import Hook
from tocsin.core.messages import ClaimedMessage, Event, EventType, Subject

LANES = 16
FIRST_DELAY_SECONDS = 5
LONGEST_DELAY_SECONDS = 3600
PAUSED_AFTER = timedelta(days=3)
# What queues call the event of a test; it is none of those that happen.
TEST = "test"

_JITTER = 0.2
_MOST_DOUBLINGS = 20
_MOST_TEXT = 10_000
_OK, _TOO_HIGH, _GONE = 200, 300, 410


class QueuedEvent(Struct, frozen=True):
    """What the queue of a hook says of an event; the rest is where events are kept."""

    id: bytes
    at_microseconds: int
    type: str
    is_replay: bool


class KeptEvent(Struct, frozen=True):
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


_E = TypeVar("_E", Event, KeptEvent)


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


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970."""
    return round(at.timestamp() * 1_000_000)


def select(hook: Hook, events: Sequence[_E], resources: Mapping[int, int], workflows: Mapping[bytes, int]) -> list[_E]:
    """The events that a hook is to be told of.

    `resources`: of triggers, and `workflows`: of launches, asked only for a hook that has filters for them.
    """
    wanted = [event for event in events if event.type in hook.events]
    if hook.databases:
        wanted = [event for event in wanted if event.database_id in hook.databases]
    if hook.triggers:
        wanted = [event for event in wanted if subject(event).trigger_id in hook.triggers]
    if hook.resources:
        wanted = [event for event in wanted if _resource_id(event, resources) in hook.resources]
    if hook.workflows:
        wanted = [event for event in wanted if _workflow_id(event, workflows) in hook.workflows]
    return wanted


def _resource_id(event: Event | KeptEvent, resources: Mapping[int, int]) -> int | None:
    return resources.get(subject(event).trigger_id, event.data.get("resource_id"))


def _workflow_id(event: Event | KeptEvent, workflows: Mapping[bytes, int]) -> int | None:
    workflow_id: int | None = event.data.get("workflow_id", workflows.get(subject(event).launch_id))
    return workflow_id


def subject(event: Event | KeptEvent) -> ClaimedMessage | Subject | KeptEvent:
    """What knows the profile, the launch and the trigger of an event."""
    return event if isinstance(event, KeptEvent) else event.message


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

"""One profile's way through one workflow: where it is, and what it remembers."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from tocsin.core.launches import SubscriptionFilter

# Kinds of work that are claimed apart: a slow API, or an update that must wait for an import, holds no others up.
Lane = Literal["steps", "requests", "updates"]

_LANES: dict[str, Lane] = {"api_request": "requests", "update": "updates"}

# A workflow that updates profiles may be what brings them into the next one: so deep and no deeper.
MOST_DEPTH = 10

# Why a profile does not enter.
INSIDE = "inside"
ENTERED_BEFORE = "entered_before"
TOO_DEEP = "too_deep"
NOT_ACTIVE = "not_active"


class Memory(Struct, omit_defaults=True):
    """What a passage carries along.

    `custom_data`: the item's own. `saved`: answers of requests by name. `messages`: the message sent at each node, and
    `last_message` of all, in hex. `wanted`: the address that the call asks for. `depth`: how many
    workflows led here.
    """

    custom_data: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    last_message: str = ""
    wanted: SubscriptionFilter | None = None
    depth: int = 0


class Passage(Struct):
    """A passage at its node. `attempts` counts requests made there; `steps` those taken since it came in."""

    id: bytes
    profile_id: bytes
    workflow_id: int
    launch_id: bytes
    node: str
    arrived_at: datetime
    due_at: datetime
    attempts: int = 0
    steps: int = 0
    awaits: bytes | None = None
    memory: Memory = field(default_factory=Memory)


class Step(Struct, frozen=True):
    """What happened at a node: `target` is the next one, None at the end of the passage or while it waits."""

    passage: Passage
    number: int
    at: datetime
    node: str
    target: str | None
    reason: str


def lane_of(kind: str) -> Lane:
    """The lane of a kind of node."""
    return _LANES.get(kind, "steps")

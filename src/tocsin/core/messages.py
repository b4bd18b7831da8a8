"""One message to one address: how it waits, and what became of it."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

# Words of the facts, section 8: sent to the next server, or given up; come back for now, for good, or with a complaint.
EventType = Literal["send", "undeliv", "sbounce", "hbounce", "complain"]


# As of the millionth message and beyond.
LAST_TURN = 17
_FIRST_TURN_MESSAGES = 10


def turn(place: int) -> int:
    """When a message is sent among those that are due, by its place among those enqueued with it: low turns go first.

    0 is for the first ten, each other turn for as many as all before it. So a small launch never waits for a large one,
    and of two large ones that which has sent less goes on.
    """
    return min((place // _FIRST_TURN_MESSAGES).bit_length(), LAST_TURN)


class QueuedMessage(Struct, frozen=True):
    """A message to be enqueued. `custom_data` is the item's own, None when it has none; `content` what a workflow has
    gathered for this message.
    """

    id: bytes
    launch_id: bytes
    profile_id: bytes
    address: str
    custom_data: dict[str, Any] | None = None
    content: dict[str, Any] | None = None


class ClaimedMessage(Struct, frozen=True):
    """A message that this worker has until the lease ends. `attempts` counts this one."""

    id: bytes
    launch_id: bytes
    profile_id: bytes
    trigger_id: int
    attempts: int
    address: str
    custom_data: dict[str, Any] | None
    content: dict[str, Any] | None = None


class Event(Struct, frozen=True):
    """Something that happened to a message."""

    id: bytes
    at: datetime
    type: EventType
    database_id: int
    message: ClaimedMessage
    data: dict[str, Any]

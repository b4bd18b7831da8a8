"""One message to one address: how it waits, and what became of it."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

# Words of the facts, section 8: sent to the next server, or given up.
EventType = Literal["send", "undeliv"]


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

"""One message to one address: how it waits, and what became of it."""

from datetime import datetime
from typing import Any, Literal, cast

from msgspec import Struct

# Words of the facts, section 8: sent to the next server, given up, or arrived; come back for now, for good, or with a
# complaint; answered; told to stop. Ours: taken out of the queue with its launch; sent again as another message; kept
# from a profile by a rule, of which suppression lists have a word in the facts.
EventType = Literal[
    "send", "undeliv", "deliv", "sbounce", "hbounce", "complain", "reply", "unsub",
    "send_sms", "undeliv_sms", "deliv_sms", "unsub_sms",
    "send_push", "undeliv_push", "deliv_push",
    "open", "uopen", "read", "skimmed", "glanced", "click", "uclick", "confirm", "confirmsub",
    "click_sms", "uclick_sms", "open_push", "uopen_push", "click_push", "uclick_push",
    "cancel", "retry", "suppress", "skip",
    "import_api", "import_file", "import_manual",
]  # fmt: skip

# What counts for sending policies.
SENDS: tuple[EventType, ...] = ("send", "send_sms", "send_push")

# As of the millionth message and beyond.
LAST_TURN = 17
_FIRST_TURN_MESSAGES = 10


def event_type(
    channel: str, word: Literal["send", "undeliv", "deliv", "open", "uopen", "click", "uclick"]
) -> EventType:
    """What the event is called on a channel: `send`, `send_sms`, `send_push`. No SMS tells that it was opened."""
    return cast(EventType, word if channel == "email" else f"{word}_{channel}")


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
    """A message that this worker has until the lease ends. `attempts` counts this one, its age from `first_due_at`."""

    id: bytes
    launch_id: bytes
    profile_id: bytes
    trigger_id: int
    attempts: int
    address: str
    custom_data: dict[str, Any] | None
    content: dict[str, Any] | None = None
    first_due_at: datetime | None = None


class Subject(Struct, frozen=True):
    """What an event without a message of its own is about: a profile; the others are empty or 0 where there is none."""

    profile_id: bytes
    id: bytes = b""
    launch_id: bytes = b""
    trigger_id: int = 0
    address: str = ""


class Event(Struct, frozen=True):
    """Something that happened to a message, or only to a profile. `data`: plain values, with `address` and
    `custom_data` of the message as far as they are known.
    """

    id: bytes
    at: datetime
    type: EventType
    database_id: int
    message: ClaimedMessage | Subject
    data: dict[str, Any]

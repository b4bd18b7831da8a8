"""What is known of one message, told line by line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec import Struct


class Happening(NamedTuple):
    """Something that happened to a message, as it is kept."""

    at: datetime
    type: str
    data: dict[str, Any]


class MessageStory(Struct, frozen=True):
    """A message with its events in order. `due_at`: of one that waits, when it is tried next."""

    id: bytes
    profile_id: bytes
    launch_id: bytes
    trigger: str
    address: str
    due_at: datetime | None
    attempts: int
    events: Sequence[Happening]


def describe_message(story: MessageStory) -> str:
    """Whose it is, how it waits, and a line for each event."""
    lines = [
        f"message {story.id.hex()} to {story.address}; times are UTC",
        f"{story.trigger}, launch {story.launch_id.hex()}, profile {story.profile_id.hex()}",
    ]
    if story.due_at:
        lines.append(f"waits, due {_time(story.due_at)}, tried {_times(story.attempts)}")
    return "\n".join([*lines, *map(describe_happening, story.events)]) + "\n"


def describe_happening(event: Happening) -> str:
    """One line: when, what, and the words of the server or of the rule."""
    text = event.data.get("text") or event.data.get("rule") or event.data.get("reason") or event.data.get("subject", "")
    codes = [str(event.data[name]) for name in ("code", "status") if name in event.data]
    said = [*(code for code in codes if code not in text), text]
    tried = event.data.get("attempts", 1)
    return "  ".join([_time(event.at), f"{event.type:8}", " ".join(said)]).rstrip() + (
        f" (tried {_times(tried)})" if tried > 1 else ""
    )


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

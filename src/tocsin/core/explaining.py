"""Why a profile did or did not get a message, as values and as lines of text."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from msgspec import Struct, field

from tocsin.core import addresses
from tocsin.core.configuration import Trigger
from tocsin.core.message_text import Happening, describe_happening
from tocsin.core.subscriptions import SUBSCRIBED, Subscription

MessageState = Literal["waiting", "sent", "kept", "undelivered", "inside", "left", "unknown"]

# By the beginning of an event's type: what it makes of its message.
_STATES: dict[str, MessageState] = {"send": "sent", "suppress": "kept", "skip": "kept", "undeliv": "undelivered"}


class CheckedRule(Struct, omit_defaults=True):
    """A rule, what it says of a message at this moment, and why."""

    rule: Literal["address", "control_group", "suppressed", "quiet_hours", "policy", "active", "reentry"]
    outcome: Literal["passed", "kept", "waits", "exempt"]
    text: str = ""


class Alternative(Struct):
    """An address that the trigger could send to: a subscription at its resource, or the profile's own."""

    address: str
    status: str
    priority: int
    is_chosen: bool


class LaunchOrigin(Struct):
    """Which call, or event of profiles, launched it, and when."""

    id: str
    source: str
    at: str


class Explanation(Struct, omit_defaults=True):
    """Everything known of a message, or of why there is none; or of the way of a profile into a workflow, which then is
    named in place of a trigger. The rules are as of now.
    """

    profile_id: str
    state: MessageState
    trigger_id: int = 0
    trigger_name: str = ""
    workflow_id: int = 0
    workflow_name: str = ""
    smid: str = ""
    launch: LaunchOrigin | None = None
    address: str = ""
    due_at: str = ""
    attempts: int = 0
    alternatives: list[Alternative] = field(default_factory=list)
    rules: list[CheckedRule] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)


class Known(NamedTuple):
    """A message or a skip, as far as it is kept."""

    message_id: bytes | None
    launch_id: bytes | None
    address: str
    due_at: datetime | None
    attempts: int
    events: Sequence[Happening]


def state_of(known: Known) -> MessageState:
    """What the events make of a message, the latest that says so."""
    if known.due_at:
        return "waiting"
    words = [event.type.partition("_")[0] for event in known.events]
    return next((_STATES[word] for word in reversed(words) if word in _STATES), "unknown")


def list_alternatives(
    trigger: Trigger, own: Sequence[str], subscriptions: Sequence[Subscription], chosen: str
) -> list[Alternative]:
    """The addresses that there are on the trigger's channel, those of the lowest priority number first."""
    if trigger.resource is None:
        return [Alternative(address, SUBSCRIBED, place, address == chosen) for place, address in enumerate(own)]
    there = [
        one for one in subscriptions if one["channel"] == trigger.channel and one["resource_id"] == trigger.resource
    ]
    found = [
        Alternative(addresses.of(one), one["status"], int(one["priority"]), addresses.of(one) == chosen)
        for one in there
    ]
    return sorted(found, key=lambda one: one.priority)


def describe(explanation: Explanation) -> str:
    """The explanation line by line."""
    named = f'trigger {explanation.trigger_id} "{explanation.trigger_name}"'
    lines = [f"{named}, profile {explanation.profile_id}: {explanation.state}; times are UTC"]
    if explanation.smid:
        lines.append(f"message {explanation.smid} to {explanation.address}")
    if explanation.launch:
        launch = explanation.launch
        lines.append(f"launch {launch.id} by {launch.source or 'an unknown call'} at {launch.at}")
    if explanation.due_at:
        lines.append(f"due {explanation.due_at}, tried {explanation.attempts} times")
    lines += [
        f"address {one.address} {one.status}, priority {one.priority}{', chosen' if one.is_chosen else ''}"
        for one in explanation.alternatives
    ]
    lines += [f"rule {one.rule}: {one.outcome} now{f' ({one.text})' if one.text else ''}" for one in explanation.rules]
    return "\n".join([*lines, *map(describe_happening, explanation.events)]) + "\n"


def instant(at: datetime) -> str:
    """As the API writes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"

"""A template's message to one person, made to be looked at or tried out: it is in no queue and belongs to nobody."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct, structs

from tocsin.core import addresses, ids, push, rehearsal, sms
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import Template
from tocsin.core.configuration_tracking import Tracking
from tocsin.core.launches import Launch, RehearsedMessage
from tocsin.core.message_context import Content
from tocsin.core.messages import ClaimedMessage
from tocsin.core.profiles import Profile

PreviewChannel = Literal["email", "sms", "push"]

CHANNELS: Final[tuple[PreviewChannel, ...]] = ("email", "sms", "push")
TEST_MARK: Final = "[Test] "

# Who is shown when nobody was chosen.
SAMPLE: Final = Profile(
    bytes(ids.SIZE),
    {"_fname": "Anna", "_lname": "Sample", "email": "anna@example.com", "phones": ["+12025550143"]},
    [],
)
_NOBODY: Final = "nobody"


class Preview(Struct, frozen=True):
    """What a template says on a channel; `error` when it cannot. `missing`: values that were asked for in vain.

    `size` in bytes; `segments` and `units` of `alphabet` are those of an SMS.
    """

    channel: PreviewChannel
    address: str
    message: RehearsedMessage | None = None
    notification: push.Notification | None = None
    alphabet: str = ""
    segments: int = 0
    units: int = 0
    sender: str = ""
    missing: int = 0
    size: int = 0
    error: str = ""


def channels_of(template: Template) -> list[PreviewChannel]:
    """The channels that a template says something on."""
    return [channel for channel in CHANNELS if getattr(template, channel) is not None]


def address_of(channel: PreviewChannel, profile: Profile) -> str:
    """Where a profile is reached on a channel; empty when nowhere."""
    own = profile.fields.get("email") if channel == "email" else next(iter(profile.fields.get("phones") or ()), "")
    if own and channel != "push":
        return str(own)
    return next((addresses.of(one) for one in profile.subscriptions if one["channel"] == channel), "")


def stand_in(template: Template, channel: PreviewChannel) -> Trigger:
    """A trigger for messages that no trigger sends: nothing is noticed of them."""
    untracked = Tracking(opens=False, clicks=False)
    return Trigger(1, template.name, 1, template.id, 1, channel=channel, tracking=untracked)


def message_to(address: str, own_ids: tuple[bytes, bytes, bytes]) -> ClaimedMessage:
    """A message whose links lead to nobody, under ids of its own, of its launch and of a profile that there is not."""
    message_id, launch_id, profile_id = own_ids
    return ClaimedMessage(message_id, launch_id, profile_id, 1, 1, address or _NOBODY, None)


def launch_with(content: Mapping[str, Any], launch_id: bytes) -> Launch:
    """What is common to messages with this content."""
    return Launch(launch_id, None, dict(content), {})


def describe(channel: PreviewChannel, address: str, content: Content) -> Preview:
    """A composed message as it is shown."""
    length = sms.measure(content.body.decode()) if channel == "sms" else sms.measure("")
    return Preview(
        channel,
        address,
        rehearsal.describe_content(channel, address, content.body),
        push.decode(content.body) if channel == "push" else None,
        length.alphabet,
        length.segments,
        length.units,
        content.sender,
        content.missing,
        len(content.body),
    )


def mark_as_test(template: Template) -> Template:
    """The template that says of itself that this is a test, where there is a line for that."""
    email, notification = template.email, template.push
    return structs.replace(
        template,
        email=email and structs.replace(email, subject=TEST_MARK + email.subject),
        push=notification and structs.replace(notification, title=TEST_MARK + notification.title),
    )

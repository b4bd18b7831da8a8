"""Composing claimed messages: what they need is read by a few statements, templates are translated once and kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from msgspec import structs

from tocsin.actions.context import Context
from tocsin.channels.contract import Envelope, Outcome
from tocsin.core import retry
from tocsin.core.composition import EmailComposer
from tocsin.core.composition_push import PushComposer
from tocsin.core.composition_sms import SmsComposer
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_senders import Sender
from tocsin.core.configuration_templates import EmailTemplate, PushTemplate, SmsTemplate, Template
from tocsin.core.copies import Copy
from tocsin.core.errors import TocsinError
from tocsin.core.launches import Launch
from tocsin.core.message_context import Content
from tocsin.core.messages import ClaimedMessage
from tocsin.core.mime import Attachment
from tocsin.core.profiles import Profile
from tocsin.core.public_links import PublicLinks
from tocsin.core.short_links import ShortLink
from tocsin.log import get as get_log
from tocsin.store import files, launches
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction

log = get_log("tocsin.messages")

# Mails composed but not yet sent; attachments make this the bound on memory.
_COMPOSED_BYTES = 16 * 1024 * 1024


class Composed(NamedTuple):
    """A message on its way: an envelope for a sender, or an outcome at once when there is none to send."""

    message: ClaimedMessage
    sender: Sender | None
    envelope: Envelope | None
    outcome: Outcome | None
    database_id: int
    missing: int = 0
    channel: str = "email"
    segments: int = 0
    give_up_after: timedelta = retry.GIVE_UP_AFTER
    copy: Copy | None = None
    short_links: Sequence[ShortLink] = ()


_Said = EmailTemplate | SmsTemplate | PushTemplate


class Work(NamedTuple):
    """What a batch of messages needs to be composed."""

    configuration: Configuration
    launches: dict[bytes, Launch]
    profiles: dict[bytes, Profile]
    attachments: dict[bytes, list[Attachment]]
    now: datetime
    links: PublicLinks


async def read(
    context: Context, transaction: Transaction, configuration: Configuration, claimed: Sequence[ClaimedMessage]
) -> Work:
    """Launches, profiles and files of the batch, a statement each."""
    await stored_profiles.prefer_indexes(transaction)
    launched = await launches.get(transaction, list({message.launch_id for message in claimed}))
    found = await stored_profiles.get_anywhere(transaction, list({message.profile_id for message in claimed}))
    attachments = await read_attachments(transaction, launched)
    links = await context.links(transaction, configuration)
    return Work(configuration, launched, found, attachments, context.clock(), links)


async def read_attachments(transaction: Transaction, launched: Mapping[bytes, Launch]) -> dict[bytes, list[Attachment]]:
    """The files of launches, as far as they are still there."""
    file_ids = {UUID(one.file) for launch in launched.values() for one in launch.attachments}
    stored = await files.get(transaction, list(file_ids)) if file_ids else {}
    return {
        launch.id: [
            Attachment(one.name, one.content_type, stored[UUID(one.file)].data)
            for one in launch.attachments
            if UUID(one.file) in stored
        ]
        for launch in launched.values()
    }


class ChannelComposer(Protocol):
    """Composes the messages of one template on one channel."""

    def compose(
        self,
        message: ClaimedMessage,
        trigger: Trigger,
        launch: Launch,
        profile: Profile,
        attachments: Sequence[Attachment],
        now: datetime,
    ) -> Content:
        """What one message carries. Raises Invalid when it cannot be composed from this data."""
        ...


_COMPOSERS: Mapping[str, Callable[[Any, PublicLinks], ChannelComposer]] = {
    "email": EmailComposer,
    "sms": SmsComposer,
    "push": PushComposer,
}


def compose_one(
    links: PublicLinks,
    template: Template,
    message: ClaimedMessage,
    trigger: Trigger,
    launch: Launch,
    profile: Profile,
    now: datetime,
) -> Content:
    """A single message of a template that need not be stored. TemplateMistake, or Invalid with this data."""
    said: _Said = getattr(template, trigger.channel)
    return _COMPOSERS[trigger.channel](said, links).compose(message, trigger, launch, profile, (), now)


class Composer:
    """Composes messages. Keeps templates translated as long as they are configured the same."""

    def __init__(self) -> None:
        self._composers: dict[tuple[int, str], tuple[_Said, ChannelComposer]] = {}
        self._links: PublicLinks | None = None

    def compose_groups(self, work: Work, claimed: Sequence[ClaimedMessage]) -> Iterator[list[Composed]]:
        """All messages, in groups of about so many bytes at most, each composed when it is asked for."""
        group: list[Composed] = []
        size = 0
        for message in sorted(claimed, key=lambda message: message.launch_id):
            composed = self._compose(work, message)
            group.append(composed)
            size += len(composed.envelope.body) if composed.envelope else 0
            if size >= _COMPOSED_BYTES:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _compose(self, work: Work, message: ClaimedMessage) -> Composed:
        trigger = work.configuration.triggers.get(message.trigger_id)
        database_id, channel = (trigger.database, trigger.channel) if trigger else (0, "email")
        configured = work.configuration.senders.get(trigger.sender) if trigger else None
        give_up_after = retry.give_up_after(trigger, configured)
        age = work.now - (message.first_due_at or work.now)
        if age >= give_up_after:
            untried = structs.replace(message, attempts=message.attempts - 1)
            expired = Outcome(message.id, "refused", 0, retry.describe_expired(untried.attempts, age))
            return Composed(untried, None, None, expired, database_id, channel=channel)
        try:
            sender, content = self._content(work, message, trigger)
        except TocsinError as mistake:
            refused = Outcome(message.id, "refused", 0, mistake.describe())
            return Composed(message, None, None, refused, database_id, channel=channel)
        except Exception as error:  # noqa: BLE001 - a fault of ours delays its own message, not the whole batch
            log.failure("message.uncomposed", error, message_id=message.id.hex(), trigger=message.trigger_id)
            deferred = Outcome(message.id, "deferred", 0, "the message could not be composed; see the log")
            return Composed(message, None, None, deferred, database_id, 0, channel, 0, give_up_after)
        envelope = Envelope(message.id, content.sender, message.address, content.body)
        return Composed(
            message, sender, envelope, None, database_id, content.missing, channel, content.segments, give_up_after,
            content.copy, content.short_links,
        )  # fmt: skip

    def _content(self, work: Work, message: ClaimedMessage, trigger: Trigger | None) -> tuple[Sender, Content]:
        launch, profile = work.launches.get(message.launch_id), work.profiles.get(message.profile_id)
        if trigger is None:
            raise TocsinError("the trigger was removed")
        if launch is None or profile is None:
            raise TocsinError("the profile was deleted")
        template = work.configuration.templates.get(trigger.template)
        sender = work.configuration.senders.get(trigger.sender)
        composer = self._composer(work.links, template, trigger.channel) if template else None
        if composer is None or sender is None:
            raise TocsinError("the trigger's template or sender was removed")
        return sender, composer.compose(message, trigger, launch, profile, work.attachments[launch.id], work.now)

    def _composer(self, links: PublicLinks, template: Template, channel: str) -> ChannelComposer | None:
        """None when the template says nothing on this channel."""
        said: _Said | None = getattr(template, channel)
        if said is None:
            return None
        if links != self._links:
            self._composers.clear()
            self._links = links
        known = self._composers.get((template.id, channel))
        if known is None or known[0] is not said:
            known = self._composers[template.id, channel] = (said, _COMPOSERS[channel](said, links))
        return known[1]

"""Composing claimed messages: what they need is read by a few statements, templates are translated once and kept."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tocsin.channels.contract import Envelope, Outcome
from tocsin.core.composition import EmailComposer, Mail
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_senders import Sender
from tocsin.core.configuration_templates import EmailTemplate
from tocsin.core.errors import TocsinError
from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage
from tocsin.core.mime import Attachment
from tocsin.core.profiles import Profile
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


class Work(NamedTuple):
    """What a batch of messages needs to be composed."""

    configuration: Configuration
    launches: dict[bytes, Launch]
    profiles: dict[bytes, Profile]
    attachments: dict[bytes, list[Attachment]]
    now: datetime


async def read(
    transaction: Transaction, configuration: Configuration, claimed: Sequence[ClaimedMessage], now: datetime
) -> Work:
    """Launches, profiles and files of the batch, a statement each."""
    await stored_profiles.prefer_indexes(transaction)
    launched = await launches.get(transaction, list({message.launch_id for message in claimed}))
    found = await stored_profiles.get_anywhere(transaction, list({message.profile_id for message in claimed}))
    file_ids = {UUID(one.file) for launch in launched.values() for one in launch.attachments}
    stored = await files.get(transaction, list(file_ids)) if file_ids else {}
    attachments = {
        launch.id: [
            Attachment(one.name, one.content_type, stored[UUID(one.file)].data)
            for one in launch.attachments
            if UUID(one.file) in stored
        ]
        for launch in launched.values()
    }
    return Work(configuration, launched, found, attachments, now)


class Composer:
    """Composes messages. Keeps templates translated as long as they are configured the same."""

    def __init__(self) -> None:
        self._composers: dict[int, tuple[EmailTemplate, EmailComposer]] = {}

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
        database_id = trigger.database if trigger else 0
        try:
            sender, mail = self._mail(work, message, trigger)
        except TocsinError as mistake:
            refused = Outcome(message.id, "refused", 0, mistake.describe())
            return Composed(message, None, None, refused, database_id)
        except Exception as error:  # noqa: BLE001 - a fault of ours delays its own message, not the whole batch
            log.failure("message.uncomposed", error, message_id=message.id.hex(), trigger=message.trigger_id)
            deferred = Outcome(message.id, "deferred", 0, "the message could not be composed; see the log")
            return Composed(message, None, None, deferred, database_id)
        envelope = Envelope(message.id, mail.sender, message.address, mail.body)
        return Composed(message, sender, envelope, None, database_id, mail.missing)

    def _mail(self, work: Work, message: ClaimedMessage, trigger: Trigger | None) -> tuple[Sender, Mail]:
        launch, profile = work.launches.get(message.launch_id), work.profiles.get(message.profile_id)
        if trigger is None:
            raise TocsinError("the trigger was removed")
        if launch is None or profile is None:
            raise TocsinError("the profile was deleted")
        template = work.configuration.templates.get(trigger.template)
        sender = work.configuration.senders.get(trigger.sender)
        if template is None or template.email is None or sender is None:
            raise TocsinError("the trigger's template or sender was removed")
        composer = self._composer(template.id, template.email)
        return sender, composer.compose(message, trigger, launch, profile, work.attachments[launch.id], work.now)

    def _composer(self, template_id: int, template: EmailTemplate) -> EmailComposer:
        known = self._composers.get(template_id)
        if known is None or known[0] is not template:
            known = self._composers[template_id] = (template, EmailComposer(template))
        return known[1]

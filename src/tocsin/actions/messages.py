"""Sending what is due: claim, compose, send, record. No transaction waits for a server."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tocsin.actions.context import Context
from tocsin.channels.contract import Channel, Envelope, Outcome
from tocsin.core import retry
from tocsin.core.composition import EmailComposer, Mail
from tocsin.core.configuration import Configuration, EmailTemplate, Sender, Trigger
from tocsin.core.errors import NotReady, TocsinError
from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage, Event, EventType
from tocsin.core.mime import Attachment
from tocsin.core.profiles import Profile
from tocsin.log import get as get_log
from tocsin.store import events, files, launches, messages, passages
from tocsin.store import profiles as stored_profiles

log = get_log("tocsin.messages")

ALL_BUCKETS = range(256)

# Mails composed but not yet sent; attachments make this the bound on memory.
_COMPOSED_BYTES = 16 * 1024 * 1024
_LONGEST_PAUSE_SECONDS = 5.0

OpenChannel = Callable[[Sender], Channel]


class Composed(NamedTuple):
    """A message on its way: an envelope for a sender, or an outcome at once when there is none to send."""

    message: ClaimedMessage
    sender: Sender | None
    envelope: Envelope | None
    outcome: Outcome | None
    database_id: int
    missing: int = 0


class Result(NamedTuple):
    """A message and what became of it."""

    composed: Composed
    outcome: Outcome


class Delivery:
    """Sends messages. Keeps channels open and templates translated, as long as they are configured the same."""

    def __init__(self, context: Context, open_channel: OpenChannel, lease: timedelta) -> None:
        self._context = context
        self._open_channel = open_channel
        self._lease = lease
        self._channels: dict[int, tuple[Sender, Channel]] = {}
        self._composers: dict[int, tuple[EmailTemplate, EmailComposer]] = {}

    async def deliver(self, limit: int, buckets: range = ALL_BUCKETS) -> int:
        """Claim due messages and see each to an outcome; the number claimed."""
        now = self._context.clock()
        async with self._context.database.transaction() as transaction:
            claimed = await messages.claim(
                transaction, now=now, leased_until=now + self._lease, buckets=buckets, limit=limit
            )
        if claimed:
            async with self._leases_kept(claimed) as unfinished:
                await self._deliver(claimed, unfinished)
        return len(claimed)

    async def close(self) -> None:
        """Let go of all channels."""
        for _, channel in self._channels.values():
            await channel.close()

    async def _deliver(self, claimed: Sequence[ClaimedMessage], unfinished: set[bytes]) -> None:
        work = await self._read(claimed)
        for group in self._compose_groups(work, claimed):
            results = await self._send(group)
            await self._record(results)
            unfinished.difference_update(result.composed.message.id for result in results)

    async def _read(self, claimed: Sequence[ClaimedMessage]) -> "_Work":
        async with self._context.database.transaction() as transaction:
            await stored_profiles.prefer_indexes(transaction)
            configuration = await self._context.configuration(transaction)
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
        return _Work(configuration, launched, found, attachments, self._context.clock())

    def _compose_groups(self, work: "_Work", claimed: Sequence[ClaimedMessage]) -> Iterator[list[Composed]]:
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

    def _compose(self, work: "_Work", message: ClaimedMessage) -> Composed:
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

    def _mail(self, work: "_Work", message: ClaimedMessage, trigger: Trigger | None) -> tuple[Sender, Mail]:
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

    async def _send(self, group: Sequence[Composed]) -> list[Result]:
        by_sender: dict[int, list[Composed]] = defaultdict(list)
        results = [Result(composed, composed.outcome) for composed in group if composed.outcome]
        for composed in group:
            if composed.sender:
                by_sender[composed.sender.id].append(composed)
        async with asyncio.TaskGroup() as sending:
            tasks = [sending.create_task(self._send_by_one(same)) for same in by_sender.values()]
        return results + [result for task in tasks for result in task.result()]

    async def _send_by_one(self, group: Sequence[Composed]) -> list[Result]:
        ways = [(composed, composed.envelope) for composed in group if composed.envelope]
        sender = group[0].sender
        channel = await self._channel(sender) if sender else None
        outcomes = await channel.send([envelope for _, envelope in ways]) if channel else []
        return [Result(composed, outcome) for (composed, _), outcome in zip(ways, outcomes, strict=True)]

    async def _channel(self, sender: Sender) -> Channel:
        known = self._channels.get(sender.id)
        if known is not None and known[0] == sender:
            return known[1]
        channel = self._open_channel(sender)
        self._channels[sender.id] = (sender, channel)
        if known is not None:
            await known[1].close()
        return channel

    async def _record(self, results: Sequence[Result]) -> None:
        """Outcomes are kept trying to be written until the database takes them: the messages have left already.

        A message whose row is gone has been recorded: by a commit that was not heard of, or by another worker.
        """
        now = self._context.clock()
        later = {result.outcome.message_id: due_at for result in results if (due_at := self._next_attempt(result, now))}
        final = [result for result in results if result.outcome.message_id not in later]
        happened = [_event(result, now) for result in final]
        pause = 0.1
        while True:
            with suppress(NotReady):
                async with self._context.database.transaction() as transaction:
                    await stored_profiles.prefer_indexes(transaction)
                    await messages.postpone(transaction, list(later.items()))
                    there = await messages.delete(transaction, [result.outcome.message_id for result in final])
                    recorded = [event for event in happened if event.message.id in there]
                    if recorded:
                        await events.insert(transaction, recorded)
                        await passages.wake(transaction, [event.message.id for event in recorded], now)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _next_attempt(self, result: Result, now: datetime) -> datetime | None:
        if result.outcome.state != "deferred":
            return None
        fraction = int.from_bytes(self._context.random(2)) / 65535
        return retry.next_attempt(result.composed.message.attempts, now, fraction)

    @asynccontextmanager
    async def _leases_kept(self, claimed: Sequence[ClaimedMessage]) -> AsyncIterator[set[bytes]]:
        """Nobody else may take these messages while this worker is alive, however slow the server is."""
        unfinished = {message.id for message in claimed}
        keeper = asyncio.create_task(self._keep_leases(unfinished))
        try:
            yield unfinished
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def _keep_leases(self, unfinished: set[bytes]) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            leased_until = self._context.clock() + self._lease
            with suppress(NotReady):
                async with self._context.database.transaction() as transaction:
                    await messages.postpone(transaction, [(identifier, leased_until) for identifier in unfinished])


class _Work(NamedTuple):
    """What a batch of messages needs to be composed."""

    configuration: Configuration
    launches: dict[bytes, Launch]
    profiles: dict[bytes, Profile]
    attachments: dict[bytes, list[Attachment]]
    now: datetime


def _event(result: Result, now: datetime) -> Event:
    """The end of a message, under the message's own id, so that who knows the message finds it."""
    composed, outcome = result
    type_: EventType = "send" if outcome.state == "sent" else "undeliv"
    data = {
        "address": composed.message.address,
        "attempts": composed.message.attempts,
        "code": outcome.code,
        "text": outcome.text,
        "missing_values": composed.missing,
        "custom_data": composed.message.custom_data,
    }
    kept = {name: value for name, value in data.items() if value}
    return Event(composed.message.id, now, type_, composed.database_id, composed.message, kept)

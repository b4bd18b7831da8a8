"""Sending what is due: claim, compose, send, record. No transaction waits for a server."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from tocsin.actions import bounces, composition, copies, readdressing, receipts, rules, short_links, withholding
from tocsin.actions.composition import Composed, Composer, Work
from tocsin.actions.context import Context
from tocsin.actions.flights import Flights
from tocsin.actions.senders import OpenChannel, Senders
from tocsin.channels.contract import Channel, Outcome
from tocsin.core import hashes, retry
from tocsin.core.configuration import Configuration
from tocsin.core.copies import SentMessage
from tocsin.core.errors import NotReady
from tocsin.core.message_log import channel_of
from tocsin.core.messages import LAST_TURN, ClaimedMessage, Event, event_type
from tocsin.core.outcomes import Attempt, OutcomeKind
from tocsin.log import get as get_log
from tocsin.store import copies as stored_copies
from tocsin.store import events, journal, messages, outcomes, passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.journal import Entry, Journal

log = get_log("tocsin.messages")

ALL_BUCKETS = range(256)

# Batches under way in a lane: of a sender one is being sent while the next waits, so that no connection is idle.
_MOST_BATCHES = 6
_MOST_BATCHES_OF_A_SENDER = 2
_LONGEST_PAUSE_SECONDS = 5.0

# While a sender has all it can take, how often others' messages are looked for behind its own.
_LOOK_FOR_OTHERS_SECONDS = 0.25

# One claim in so many begins with the last turns, so that a large launch goes on however many small ones there are.
_LAST_TURNS_FIRST_EVERY = 8


class Lane:
    """A share of the queue, by turns, and its batches under way."""

    def __init__(self, turns: range) -> None:
        self.turns = turns
        self.flights = Flights(_MOST_BATCHES, _MOST_BATCHES_OF_A_SENDER)
        self.claims = 0
        self.others_looked_for_at = 0.0


class Result(NamedTuple):
    """A message and what became of it."""

    composed: Composed
    outcome: Outcome

    @property
    def sender_id(self) -> int:
        """Which sender took it or was to; 0 for none."""
        return self.outcome.sender_id or (self.composed.sender.id if self.composed.sender else 0)


class Delivery:
    """Sends messages, several batches at a time. Keeps channels and journals open.

    The first messages of each launch have a lane of their own: one that is waited for never stands behind a batch.
    """

    def __init__(self, context: Context, open_channel: OpenChannel, lease: timedelta, journals: Path) -> None:
        """`journals` is a folder of this host that outlives the process."""
        self.worker_id = UUID(bytes=context.random(16), version=4)
        self.first = Lane(range(1))
        self.rest = Lane(range(1, LAST_TURN + 1))
        self._context = context
        self._lease = lease
        self.journals = journals
        self._composer = Composer()
        self.ways_out = Senders(open_channel)
        self._senders: frozenset[int] = frozenset()
        self._idle_journals: list[Journal] = []
        self._replaying = asyncio.Lock()
        self._replay_at = 0.0
        self._held: set[bytes] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def feed(self, lane: Lane, limit: int, buckets: range = ALL_BUCKETS) -> bool:
        """Claim due messages and set them on their way, once there is room; whether there may be more at once.

        What dead workers of this host have left is recorded before the first claim. Raises what broke a batch.
        """
        await self._replay_now_and_then()
        await lane.flights.wait_for_room()
        if not self._may_claim(lane):
            await lane.flights.wait_for_one(_LOOK_FOR_OTHERS_SECONDS)
            return True
        self._reserve(limit)
        configuration, claimed = await self._claim(lane, limit, buckets)
        if claimed:
            await self._launch(lane, configuration, claimed)
        return bool(claimed)

    async def deliver(self, limit: int, buckets: range = ALL_BUCKETS) -> bool:
        """Claim due messages and see each to an outcome; whether there were any."""
        found = [await self.feed(lane, limit, buckets) for lane in (self.first, self.rest)]
        await self.drain()
        return any(found)

    async def drain(self) -> None:
        """Until everything under way is recorded."""
        try:
            for lane in (self.first, self.rest):
                await lane.flights.drain()
        finally:
            if self._keeper:
                self._keeper.cancel()
                self._keeper = None

    async def close(self) -> None:
        """Finish what is under way and let go of journals and channels."""
        try:
            await self.drain()
        finally:
            for unused in self._idle_journals:
                unused.remove()
            self._idle_journals.clear()
            await self.ways_out.close()

    async def _replay_now_and_then(self) -> None:
        """At first, then often enough that what another worker has left is recorded before its lease ends."""
        async with self._replaying:
            now = asyncio.get_running_loop().time()
            if now >= self._replay_at:
                for path in journal.list_all(self.journals):
                    await self._replay(path)
                self._replay_at = now + self._lease.total_seconds() / 3

    async def _replay(self, path: Path) -> None:
        try:
            with journal.adopt(path) as entries:
                if entries:
                    await self._record_again({entry.message_id: entry for entry in entries})
        except NotReady:
            raise
        except Exception as error:  # noqa: BLE001 - a journal that cannot be used must not stop all sending
            log.failure("journal.unusable", error, path=str(path))

    async def _record_again(self, entries: dict[bytes, Entry]) -> None:
        async with self._context.database.transaction() as transaction:
            await stored_profiles.prefer_indexes(transaction)
            moved = await self._readdress_again(transaction, entries)
            left = await messages.take(transaction, [one for one in entries if one not in moved])
            ended = [_event(entries[message.id], message) for message in left]
            happened = [*ended, *filter(None, moved.values())]
            await self._settle(transaction, ended, entries)
            await outcomes.add(
                transaction, self.worker_id, [_attempt_again(entries[one.id]) for one in left], self._context.clock()
            )
            await receipts.note_provider_ids(transaction, [entries[message.id] for message in left])
        await bounces.suppress_refused(self._context, happened)
        log.warning("journal.replayed", entries=len(entries), recorded=len(left))

    async def _readdress_again(
        self, transaction: Transaction, entries: Mapping[bytes, Entry]
    ) -> dict[bytes, Event | None]:
        """Messages that go on to another device, or have already: with the end of the one that is gone, or None."""
        asked = [entry.message_id for entry in entries.values() if entry.address_hash]
        waiting = await messages.get(transaction, asked) if asked else []
        stale = {one.id for one in waiting if readdressing.is_stale(entries[one.id], one.address)}
        ended = {one.id: _event(entries[one.id], one) for one in waiting if one.id not in stale}
        moved = await readdressing.readdress(self._context, transaction, list(ended.values()), self._context.clock())
        return {one: ended[one] for one in moved} | dict.fromkeys(stale)

    def _may_claim(self, lane: Lane) -> bool:
        """While a sender has all it can take, only now and then: its own messages must be passed over one by one."""
        full = lane.flights.list_full()
        if not full:
            return True
        now = asyncio.get_running_loop().time()
        if self._senders <= full or now < lane.others_looked_for_at + _LOOK_FOR_OTHERS_SECONDS:
            return False
        lane.others_looked_for_at = now
        return True

    async def _claim(self, lane: Lane, limit: int, buckets: range) -> tuple[Configuration, list[ClaimedMessage]]:
        now = self._context.clock()
        lane.claims += 1
        turns = lane.turns if lane.claims % _LAST_TURNS_FIRST_EVERY else lane.turns[::-1]
        async with self._context.database.transaction() as transaction:
            configuration = await self._context.configuration(transaction)
            triggers = configuration.triggers.values()
            self._senders = frozenset(trigger.sender for trigger in triggers)
            full = lane.flights.list_full()
            claimed = await messages.claim(
                transaction,
                now=now,
                leased_until=now + self._lease,
                buckets=buckets,
                limit=limit,
                turns=turns,
                passed_over=[trigger.id for trigger in triggers if trigger.sender in full],
            )
        return configuration, claimed

    async def _launch(self, lane: Lane, configuration: Configuration, claimed: Sequence[ClaimedMessage]) -> None:
        """Compose the messages and set them on their way, each sender's by themselves."""
        waiting = {message.id for message in claimed}
        self._hold(waiting)
        try:
            async with self._context.database.transaction() as transaction:
                work = await composition.read(self._context, transaction, configuration, claimed)
            claimed = await self._withhold(work, claimed, waiting)
            claimed = await self._admit(work, claimed, waiting)
            for composed_group in self._composer.compose_groups(work, claimed):
                group = await short_links.store(self._context, composed_group)
                for sender_id, same in _by_sender(group).items():
                    await lane.flights.wait_for_room(sender_id)
                    lane.flights.start(sender_id, self._see_through(configuration, same))
                    waiting.difference_update(composed.message.id for composed in same)
        finally:
            self._held -= waiting

    async def _admit(self, work: Work, claimed: Sequence[ClaimedMessage], waiting: set[bytes]) -> list[ClaimedMessage]:
        """Those that no rule keeps; of the others it is recorded before anything is sent."""
        async with self._context.database.transaction() as transaction:
            await stored_profiles.prefer_indexes(transaction)
            admitted = await rules.admit(transaction, work, claimed)
            kept = {message.id for message in claimed} - {message.id for message in admitted}
            self._held -= kept
            waiting -= kept
        return admitted

    async def _withhold(
        self, work: Work, claimed: Sequence[ClaimedMessage], waiting: set[bytes]
    ) -> list[ClaimedMessage]:
        """Those that are to be sent; the others, of launches that are paused or cancelled, are dealt with."""
        withheld = withholding.choose(work.launches, claimed)
        self._held -= withheld
        waiting -= withheld
        if withheld:
            kept = [one for one in claimed if one.id in withheld]
            await withholding.withhold(self._context, work.configuration, work.launches, kept)
        return [one for one in claimed if one.id not in withheld]

    async def _see_through(self, configuration: Configuration, group: Sequence[Composed]) -> None:
        """Send messages that share a sender, or have none, and record what became of them."""
        sender = group[0].sender
        try:
            if sender:
                channel = await self.ways_out.get(sender, configuration.senders)
                await self._send(channel, {composed.message.id: composed for composed in group})
            else:
                await self._record([Result(composed, composed.outcome) for composed in group if composed.outcome])
        finally:
            self._held.difference_update(composed.message.id for composed in group)

    async def _send(self, channel: Channel, group: dict[bytes, Composed]) -> None:
        """Each outcome is in the journal before its connection takes another message."""
        pages = self._idle_journals.pop() if self._idle_journals else Journal(self.journals, len(group))

        def note(outcome: Outcome) -> None:
            if outcome.state != "deferred":
                pages.note(_entry(Result(group[outcome.message_id], outcome), self._context.clock()))

        try:
            said = await channel.send([composed.envelope for composed in group.values() if composed.envelope], note)
            await self._record([Result(group[outcome.message_id], outcome) for outcome in said])
            pages.begin()
        except BaseException:
            pages.abandon()
            self._replay_at = 0.0
            raise
        self._idle_journals.append(pages)

    def _reserve(self, limit: int) -> None:
        """Room for the outcomes of a batch, before one is claimed. NotReady when the disk has none."""
        if not self._idle_journals:
            self._idle_journals.append(Journal(self.journals, limit))

    async def _record(self, results: Sequence[Result]) -> None:
        """Outcomes are kept trying to be written until the database takes them: the messages have left already.

        A message whose row is gone has been recorded: by a commit that was not heard of, or by another worker.
        """
        now = self._context.clock()
        untried = [
            (result.composed.message, self._come_back(result, now)) for result in results if not result.outcome.is_tried
        ]
        tried = [result for result in results if result.outcome.is_tried]
        later = {result.outcome.message_id: due_at for result in tried if (due_at := self._next_attempt(result, now))}
        final = [result for result in tried if result.outcome.message_id not in later]
        entries = [_entry(result, now) for result in final]
        by_message = {entry.message_id: entry for entry in entries}
        happened = [_event(entry, result.composed.message) for entry, result in zip(entries, final, strict=True)]
        copied = await copies.prepare(self._context, _sent(final))
        pause = 0.1
        while True:
            with suppress(NotReady):
                async with self._context.database.transaction() as transaction:
                    await stored_profiles.prefer_indexes(transaction)
                    await messages.postpone(transaction, list(later.items()))
                    await messages.give_back(transaction, untried)
                    moved = await readdressing.readdress(self._context, transaction, happened, now)
                    ended = [event for event in happened if event.message.id not in moved]
                    there = await messages.delete(transaction, [event.message.id for event in ended])
                    recorded = [event for event in happened if event.message.id in there]
                    await self._settle(transaction, recorded, by_message)
                    await stored_copies.insert(transaction, copied, there, now)
                    await outcomes.add(transaction, self.worker_id, _attempts(tried, later.keys() | moved, there), now)
                    await receipts.note_provider_ids(transaction, [one for one in entries if one.message_id in there])
                break
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        await bounces.suppress_refused(self._context, happened)

    async def _settle(self, transaction: Transaction, ends: Sequence[Event], entries: Mapping[bytes, Entry]) -> None:
        """The ends of messages, and what has arrived with them, in the transaction that deletes their rows."""
        if ends:
            arrived = [event for event in ends if entries[event.message.id].is_delivered]
            event_ids = self._context.new_ids_beside([event.message.profile_id for event in arrived])
            deliveries = [_delivery(*one) for one in zip(event_ids, arrived, strict=True)]
            await events.insert(transaction, [*ends, *deliveries])
            await passages.wake(transaction, [event.message.id for event in ends], ends[0].at)

    def _next_attempt(self, result: Result, now: datetime) -> datetime | None:
        if result.outcome.state != "deferred":
            return None
        message = result.composed.message
        give_up_at = (message.first_due_at or now) + result.composed.give_up_after
        due_at = retry.next_attempt(message.attempts, now, give_up_at, self._fraction())
        return due_at and max(due_at, now + timedelta(seconds=result.outcome.retry_after_seconds))

    def _come_back(self, result: Result, now: datetime) -> datetime:
        outcome = result.outcome
        since = result.composed.message.first_due_at if outcome.may_go_elsewhere else None
        waited_seconds = (now - since).total_seconds() if since else 0.0
        return retry.come_back(now, outcome.retry_after_seconds, waited_seconds, self._fraction())

    def _fraction(self) -> float:
        return int.from_bytes(self._context.random(2)) / 65535

    def _hold(self, message_ids: set[bytes]) -> None:
        """Nobody else may take these messages while this worker is alive, however slow a server is."""
        self._held |= message_ids
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep_leases())

    async def _keep_leases(self) -> None:
        while self._held:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            leased_until = self._context.clock() + self._lease
            with suppress(NotReady):
                async with self._context.database.transaction() as transaction:
                    await messages.postpone(transaction, [(identifier, leased_until) for identifier in self._held])


def _attempts(tried: Sequence[Result], later: AbstractSet[bytes], there: set[bytes]) -> list[Attempt]:
    """What the attempts have come to; nothing of messages that somebody else has recorded."""
    return [
        Attempt(result.sender_id, result.composed.channel, _kind(result.outcome, later), result.outcome.text)
        for result in tried
        if result.outcome.message_id in later or result.outcome.message_id in there
    ]


def _sent(final: Sequence[Result]) -> list[SentMessage]:
    """Those that went out, to be kept as they did."""
    return [
        SentMessage(composed.message.id, composed.message.launch_id, composed.message.profile_id, composed.copy)
        for composed, outcome in final
        if outcome.state == "sent" and composed.copy
    ]


def _kind(outcome: Outcome, later: AbstractSet[bytes]) -> OutcomeKind:
    if outcome.message_id in later:
        return "deferred"
    return "gave_up" if outcome.state == "deferred" else outcome.state


def _attempt_again(entry: Entry) -> Attempt:
    """What is in a journal was sent or refused for good."""
    sent = entry.type.startswith("send")
    return Attempt(entry.sender_id, channel_of(entry.type), "sent" if sent else "refused", entry.text)


def _by_sender(group: Sequence[Composed]) -> dict[int, list[Composed]]:
    """0 for those that are not to be sent."""
    found: dict[int, list[Composed]] = defaultdict(list)
    for composed in group:
        found[composed.sender.id if composed.sender else 0].append(composed)
    return found


def _entry(result: Result, now: datetime) -> Entry:
    composed, outcome = result
    text, message = outcome.text, composed.message
    if outcome.state == "deferred":
        text = retry.describe_given_up(text, message.attempts, now - (message.first_due_at or now))
    type_ = event_type(composed.channel, "send" if outcome.state == "sent" else "undeliv")
    is_gone = readdressing.is_of_device_gone(type_, outcome.code)
    return Entry(
        outcome.message_id,
        now,
        type_,
        composed.database_id,
        message.attempts,
        outcome.code,
        text,
        composed.missing,
        composed.segments,
        result.sender_id,
        outcome.provider_id,
        hashes.of_address(message.address) if is_gone else "",
        outcome.is_delivered,
    )


def _event(entry: Entry, message: ClaimedMessage) -> Event:
    """The end of a message, under the message's own id, so that who knows the message finds it."""
    data = {
        "address": message.address,
        "attempts": entry.attempts,
        "code": entry.code,
        "text": entry.text,
        "missing_values": entry.missing,
        "segments": entry.segments,
        "provider_id": entry.provider_id,
        "custom_data": message.custom_data,
    }
    kept = {name: value for name, value in data.items() if value}
    return Event(message.id, entry.at, entry.type, entry.database_id, message, kept)


def _delivery(event_id: bytes, sent: Event) -> Event:
    """A moment after the message was sent, so that whoever lists both has them in order."""
    at = sent.at + timedelta(microseconds=1)
    return Event(event_id, at, "deliv", sent.database_id, sent.message, {"address": sent.message.address})

"""What SMS providers report later becomes events of their messages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Any

from tocsin.actions import profiles
from tocsin.actions.context import Context
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_senders import HttpSender
from tocsin.core.errors import NotFound
from tocsin.core.identities import Kind
from tocsin.core.messages import Event, Subject, event_type
from tocsin.core.profiles import Profile, Revision
from tocsin.core.sms_receipts import ReceiptReader, Report
from tocsin.core.unsubscribing import unsubscribe_phones
from tocsin.log import get as get_log
from tocsin.store import events, history, identities, passages, provider_ids
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.history import KnownMessage
from tocsin.store.journal import Entry
from tocsin.store.provider_ids import ProviderId

log = get_log("tocsin.receipts")


async def note_provider_ids(transaction: Transaction, entries: Sequence[Entry]) -> None:
    """Keep how providers call SMS that have been sent, in the transaction that records them."""
    named = [
        ProviderId(one.provider_id, one.sender_id, one.message_id, one.at)
        for one in entries
        if one.provider_id and one.type == "send_sms"
    ]
    if named:
        await provider_ids.insert(transaction, named)


async def take(context: Context, sender_id: int, secret: str, said: Any) -> None:
    """Record what a provider says; committed. NotFound when the place is not known, or a message is not: then what is
    known is recorded all the same.
    """
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        sender = _admit(configuration, sender_id, secret)
        if sender.receipts is None:
            return
        found = ReceiptReader(sender.receipts).read(said)
        await stored_profiles.prefer_indexes(transaction)
        reports = await _by_message(transaction, sender, found.reports)
        known = await history.find_all(transaction, list(reports))
        owners = await _list_owners(transaction, configuration, found.stopped)
    by_database = _by_database(configuration, known)
    for database in configuration.databases.values():
        await _record(context, database, by_database[database.id], reports)
        await _stop(context, database, owners.get(database.id, {}))
    missing = len(found.reports) - sum(len(reports[message_id]) for message_id in known)
    log.info("receipts.taken", sender=sender_id, reports=len(found.reports), unknown=missing, stops=len(found.stopped))
    if missing:
        raise NotFound("there is no such message")


def _admit(configuration: Configuration, sender_id: int, secret: str) -> HttpSender:
    sender = configuration.senders.get(sender_id)
    expected = sender.callback_secret if isinstance(sender, HttpSender) else ""
    if not isinstance(sender, HttpSender) or not expected or not compare_digest(expected.encode(), secret.encode()):
        raise NotFound("there is nothing here")
    return sender


async def _by_message(
    transaction: Transaction, sender: HttpSender, reports: Sequence[Report]
) -> dict[bytes, list[Report]]:
    """The reports by our message ids; those of unknown names are left out."""
    named = {one.provider_id for one in reports if one.message_id is None}
    found = await provider_ids.find(transaction, sender.id, sorted(named)) if named else {}
    meant: dict[bytes, list[Report]] = defaultdict(list)
    for one in reports:
        message_id = one.message_id or found.get(one.provider_id)
        if message_id is not None:
            meant[message_id].append(one)
    return meant


def _by_database(
    configuration: Configuration, known: Mapping[bytes, KnownMessage]
) -> defaultdict[int, dict[bytes, KnownMessage]]:
    found: defaultdict[int, dict[bytes, KnownMessage]] = defaultdict(dict)
    for message_id, message in known.items():
        trigger = configuration.triggers.get(message.trigger_id)
        found[message.database_id or (trigger.database if trigger else 0)][message_id] = message
    return found


async def _record(
    context: Context,
    database: Database,
    messages: Mapping[bytes, KnownMessage],
    reports: Mapping[bytes, Sequence[Report]],
) -> None:
    """One event for each message and word, under the locks of the profiles, so that one that comes twice is one."""
    if not messages:
        return
    async with context.database.transaction() as transaction:
        happened = await _happened(context, transaction, database, messages, reports)
        if happened:
            await events.insert(transaction, happened)
            await passages.wake(transaction, [event.message.id for event in happened], context.clock())


async def _list_owners(
    transaction: Transaction, configuration: Configuration, stopped: Sequence[str]
) -> Mapping[int, Mapping[bytes, set[str]]]:
    """By database, who has which of the phones that want nothing more."""
    found: dict[int, dict[bytes, set[str]]] = defaultdict(lambda: defaultdict(set))
    owners = await identities.list_owners(transaction, stopped, Kind.SUBSCRIPTION_PHONE) if stopped else []
    for database_id, profile_id, phone in owners:
        if database_id in configuration.databases:
            found[database_id][profile_id].add(phone)
    return found


async def _stop(context: Context, database: Database, owners: Mapping[bytes, set[str]]) -> None:
    """End the SMS subscriptions of phones, at every resource: who says STOP does not know of resources."""
    if not owners:
        return
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        before = await profiles.get_locked(transaction, database, list(owners))
        revisions = [
            Revision(one, Profile(one.id, one.fields, unsubscribe_phones(one.subscriptions, owners[one.id])))
            for one in before.values()
        ]
        changed = [one for one in revisions if one.after != one.before]
        if not changed:
            return
        await profiles.revise(context, transaction, configuration, database, changed)
        stopped = [one.profile_id for one in changed]
        at = context.clock()
        happened = [
            Event(event_id, at, "unsub_sms", database.id, Subject(profile_id), {"address": min(owners[profile_id])})
            for event_id, profile_id in zip(context.new_ids_beside(stopped), stopped, strict=True)
        ]
        await events.insert(transaction, happened)


async def _happened(
    context: Context,
    transaction: Transaction,
    database: Database,
    messages: Mapping[bytes, KnownMessage],
    reports: Mapping[bytes, Sequence[Report]],
) -> list[Event]:
    there = await profiles.get_locked(transaction, database, list({one.profile_id for one in messages.values()}))
    kept = {message_id: one for message_id, one in messages.items() if one.profile_id in there}
    pairs = [(one.profile_id, message_id) for message_id, one in kept.items()]
    before = await passages.list_happened(transaction, pairs) if pairs else {}
    new = {
        (message_id, event_type("sms", report.word)): report
        for message_id in kept
        for report in reports[message_id]
        if event_type("sms", report.word) not in before.get(message_id, frozenset())
    }
    event_ids = context.new_ids_beside([kept[message_id].profile_id for message_id, _ in new])
    return [
        _event(event_id, context.clock(), database.id, message_id, kept[message_id], report)
        for event_id, ((message_id, _), report) in zip(event_ids, new.items(), strict=True)
    ]


def _event(
    event_id: bytes, at: datetime, database_id: int, message_id: bytes, message: KnownMessage, report: Report
) -> Event:
    of = Subject(message.profile_id, message_id, message.launch_id, message.trigger_id, message.address)
    data = {"address": message.address, "status": report.status, "text": report.reason}
    kept = {name: value for name, value in data.items() if value}
    return Event(event_id, at, event_type("sms", report.word), database_id, of, kept)

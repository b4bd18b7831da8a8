"""What came back about messages becomes events, and ends what is sent to the address."""

from collections.abc import Sequence

from tocsin.actions import profiles, suppressed
from tocsin.actions.context import Context
from tocsin.core import push
from tocsin.core.bounces import Report, means_nobody
from tocsin.core.configuration import Configuration, Database
from tocsin.core.messages import ClaimedMessage, Event
from tocsin.core.profiles import Profile, Revision
from tocsin.core.suppressing import COMPLAINED, HARDBOUNCED, invalidate_device, suppress
from tocsin.log import get as get_log
from tocsin.store import events, history, passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.history import KnownMessage

log = get_log("tocsin.bounces")


_REFUSED_FOR_GOOD = 500


async def receive(context: Context, message_id: bytes, report: Report | None) -> None:
    """Record what is said of a message; mail that says nothing, as an automatic answer, is only noted in the log."""
    if report is None:
        log.info("bounce.unclear", message_id=message_id.hex())
    elif await record(context, message_id, report):
        log.info("bounce.recorded", message_id=message_id.hex(), type=report.type, status=report.status)


async def record(context: Context, message_id: bytes, report: Report) -> bool:
    """One event for each message and type, the statuses that it means, and whoever waits for it is due; then committed.

    False when the message is not known any more, or such an event is there already.
    """
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        await stored_profiles.prefer_indexes(transaction)
        message = await history.find(transaction, message_id)
        database = _database(configuration, message) if message else None
        if message is None or database is None:
            return False
        before = (await profiles.get_locked(transaction, database, [message.profile_id])).get(message.profile_id)
        known = await history.list_of_message(transaction, message.profile_id, message_id)
        if before is None or any(event.type == report.type for event in known):
            return False
        await _suppress(context, transaction, configuration, database, before, message, report)
        await suppressed.note_report(context, transaction, configuration, message_id, message, report)
        await _insert_event(context, transaction, database, message_id, message, report)
    return True


async def suppress_refused(context: Context, happened: Sequence[Event]) -> None:
    """Give addresses that a server has refused, since they lead to nobody, the status of a bounce.

    The events are recorded already: what fails here is only logged, and made good when the address is refused again.
    """
    refused = [event for event in happened if _is_of_nobody(event)]
    for database_id in {event.database_id for event in refused}:
        try:
            await _suppress_all(context, database_id, [event for event in refused if event.database_id == database_id])
        except Exception as error:  # noqa: BLE001 - the messages are recorded, and others are to go on
            log.failure("bounce.unsuppressed", error, messages=len(refused))


def _is_of_nobody(event: Event) -> bool:
    code, text = event.data.get("code", 0), event.data.get("text", "")
    if event.type == "undeliv_push":
        return bool(code == push.GONE)
    return event.type == "undeliv" and code >= _REFUSED_FOR_GOOD and means_nobody(text)


async def _suppress_all(context: Context, database_id: int, refused: Sequence[Event]) -> None:
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        database = configuration.get_database(database_id)
        before = await profiles.get_locked(transaction, database, list({event.message.profile_id for event in refused}))
        after = dict(before)
        for event in refused:
            profile_id = event.message.profile_id
            if profile_id in after:
                after[profile_id] = _without_address(after[profile_id], event)
        revisions = [Revision(one, after[one.id]) for one in before.values() if after[one.id] != one]
        await profiles.revise(context, transaction, configuration, database, revisions)
        mails = [event for event in refused if event.type == "undeliv"]
        if mails:
            await suppressed.note_refused(context, transaction, mails)


def _without_address(profile: Profile, refused: Event) -> Profile:
    if refused.type == "undeliv_push":
        return invalidate_device(profile, refused.message.address)
    return suppress(profile, refused.message.address, HARDBOUNCED, None)


def _database(configuration: Configuration, message: KnownMessage) -> Database | None:
    if message.database_id is not None:
        return configuration.databases.get(message.database_id)
    trigger = configuration.triggers.get(message.trigger_id)
    return configuration.databases.get(trigger.database) if trigger else None


async def _suppress(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    before: Profile,
    message: KnownMessage,
    report: Report,
) -> None:
    """An address that leads to nobody does so for every resource; who complains means the one that wrote."""
    after = before
    if report.type == "hbounce":
        after = suppress(before, message.address, HARDBOUNCED, None)
    elif report.type == "complain":
        trigger = configuration.triggers.get(message.trigger_id)
        after = suppress(before, message.address, COMPLAINED, trigger.resource if trigger else None)
    if after != before:
        await profiles.revise(context, transaction, configuration, database, [Revision(before, after)])


async def _insert_event(
    context: Context,
    transaction: Transaction,
    database: Database,
    message_id: bytes,
    message: KnownMessage,
    report: Report,
) -> None:
    now = context.clock()
    of = ClaimedMessage(
        message_id, message.launch_id, message.profile_id, message.trigger_id, 0, message.address, None, None
    )
    data = {
        "address": message.address,
        "code": report.code,
        "status": report.status,
        "text": report.text,
        "subject": report.subject,
        "from_email": report.from_email,
    }
    kept = {name: value for name, value in data.items() if value}
    (event_id,) = context.new_ids_beside([message.profile_id])
    await events.insert(transaction, [Event(event_id, now, report.type, database.id, of, kept)])
    await passages.wake(transaction, [message_id], now)

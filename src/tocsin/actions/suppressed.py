"""Putting addresses on suppression lists and lifting them: by the file, by calls, by what came back."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from tocsin.actions import audits
from tocsin.actions.context import Context
from tocsin.core.audits import Author, Deed
from tocsin.core.bounces import Report
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_file import Change
from tocsin.core.configuration_rules import GLOBAL_LIST, SuppressionList
from tocsin.core.errors import Invalid
from tocsin.core.launches import ItemError, item_error
from tocsin.core.messages import Event
from tocsin.core.suppression import (
    AUTOMATIC_LIST,
    Suppression,
    covering,
    describe_entry,
    hashes_of,
    parse_value,
    parse_values,
    values_of,
)
from tocsin.store import configuration as stored_configuration
from tocsin.store import suppressions
from tocsin.store.configuration import ObjectChange
from tocsin.store.database import Transaction
from tocsin.store.history import KnownMessage

MOST_VALUES = 10_000

_REASON_LENGTH = 500


class Added(NamedTuple):
    """Of the values of a call: how many were given, given again, new, and on the list before; and what was wrong."""

    given: int
    duplicated: int
    new: int
    known: int
    errors: list[ItemError]


async def add(context: Context, transaction: Transaction, list_id: int, texts: Sequence[str], reason: str) -> Added:
    """Put addresses on a list; those that are none are errors of their own."""
    values, errors = _read(texts)
    now = context.clock()
    new = await suppressions.upsert(
        transaction, [Suppression(value, list_id, "api", now, reason[:_REASON_LENGTH]) for value in values]
    )
    given_again = values.total() - len(values)
    return Added(len(texts), given_again, new, len(values) - new, errors)


async def remove(transaction: Transaction, list_id: int, texts: Sequence[str]) -> tuple[int, list[ItemError]]:
    """Take addresses from a list, themselves or their hashes, but what the file keeps there; how many were on it."""
    values, errors = _read(texts)
    written = {value: (value, *hashes_of(value)) for value in values}
    removed = await suppressions.delete(transaction, list_id, {one for several in written.values() for one in several})
    return sum(not removed.isdisjoint(several) for several in written.values()), errors


async def add_by_hand(context: Context, author: Author, list_id: int, texts: Sequence[str], reason: str) -> Added:
    """Put addresses on a list in a transaction of its own, and note who wanted it."""
    async with context.database.transaction() as transaction:
        name = (await context.configuration(transaction)).get_suppression_list(list_id).name
        added = await add(context, transaction, list_id, texts, reason)
        deed = Deed("suppressed", "suppressions", str(list_id), name, {"added": added.new})
        await audits.record(context, transaction, author, [deed])
    return added


async def remove_by_hand(context: Context, author: Author, list_id: int, texts: Sequence[str]) -> int:
    """Take addresses from a list in a transaction of its own, and note who wanted it; how many were on it."""
    async with context.database.transaction() as transaction:
        name = (await context.configuration(transaction)).get_suppression_list(list_id).name
        removed, _ = await remove(transaction, list_id, texts)
        await audits.record(
            context, transaction, author, [Deed("lifted", "suppressions", str(list_id), name, {"removed": removed})]
        )
    return removed


async def create_list(
    context: Context, transaction: Transaction, author: Author, name: str, description: str, databases: tuple[int, ...]
) -> int:
    """Configure one more list; its number. NotFound for a database that is not there."""
    await stored_configuration.lock(transaction)
    configuration = await context.configuration(transaction)
    for index, identifier in enumerate(databases):
        if identifier not in configuration.databases:
            raise Invalid(f"there is no database {identifier}", path=f"databases[{index}]")
    number = max(configuration.suppression_lists, default=1) + 1
    made = SuppressionList(number, name, description, databases)
    change = ObjectChange("suppression_lists", str(number), made)
    deed = Deed("created", "suppression_lists", str(number), name)
    await audits.write_configuration(context, transaction, author, [change], [deed])
    return number


def _read(texts: Sequence[str]) -> tuple[Counter[str], list[ItemError]]:
    """How often each value is given, and what is wrong with others."""
    if not texts or len(texts) > MOST_VALUES:
        raise Invalid(f"expected 1 to {MOST_VALUES} addresses", path="emails")
    values: Counter[str] = Counter()
    errors = []
    for index, value in enumerate(parse_values(texts)):
        if isinstance(value, ValueError):
            errors.append(item_error(index, Invalid(str(value), path=f"emails[{index}]")))
        else:
            values[value] += 1
    return values, errors


async def follow_file(
    transaction: Transaction, wanted: Mapping[int, SuppressionList], changes: Iterable[Change], at: datetime
) -> None:
    """Make what the file has put on lists equal to what it says now."""
    for change in changes:
        if change.section == "suppression_lists" and change.action != "unchanged":
            listed = wanted.get(int(change.key))
            values = {parse_value(address) for address in listed.addresses} if listed else set()
            await suppressions.replace_of_file(transaction, int(change.key), values, at)


async def note_report(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    message_id: bytes,
    message: KnownMessage,
    report: Report,
) -> None:
    """An address that bounced for good gets nothing more at all; one that complained, nothing of what it was about."""
    trigger = configuration.triggers.get(message.trigger_id)
    if report.type not in ("hbounce", "complain") or (trigger and trigger.channel != "email"):
        return
    is_bounce = report.type == "hbounce"
    noted = Suppression(
        value=values_of("email", message.address)[0],
        list_id=AUTOMATIC_LIST,
        source="bounce" if is_bounce else "complaint",
        at=context.clock(),
        reason=report.text[:_REASON_LENGTH],
        message_id=message_id,
        resource_id=0 if is_bounce or trigger is None else trigger.resource or 0,
    )
    await suppressions.upsert(transaction, [noted])


async def note_refused(context: Context, transaction: Transaction, refused: Sequence[Event]) -> None:
    """Addresses that a server has refused, since they lead to nobody, get nothing more from anybody."""
    noted = {
        value: Suppression(
            value,
            AUTOMATIC_LIST,
            "bounce",
            context.clock(),
            event.data.get("text", "")[:_REASON_LENGTH],
            event.message.id,
        )
        for event in refused
        for value in values_of("email", event.message.address)[:1]
    }
    await suppressions.upsert(transaction, list(noted.values()))


async def change(
    context: Context,
    verb: Literal["add", "remove", "show"],
    texts: Sequence[str],
    list_id: int | None,
    reason: str,
) -> list[str]:
    """Add, remove or show addresses on one list, or where none is named on all; what is known then, line by line.

    Invalid when one is no address, NotFound for a list that is not there; then nothing has changed.
    """
    values, errors = _read(texts)
    if errors:
        raise Invalid(errors[0].error_debug)
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        lists = [GLOBAL_LIST if verb == "add" else AUTOMATIC_LIST, *configuration.suppression_lists]
        chosen = {GLOBAL_LIST, *lists} if list_id is None else {list_id}
        for number in chosen - {AUTOMATIC_LIST}:
            configuration.get_suppression_list(number)
        if verb == "add":
            await add(context, transaction, _one_to_add_to(list_id), texts, reason)
        for number in sorted(chosen) if verb == "remove" else ():
            await remove(transaction, number, texts)
        known = {value for one in values for value in covering(one)}
        entries = await suppressions.list_entries(transaction, known)
    return [describe_entry(one) for one in entries] or ["on no list"]


def _one_to_add_to(list_id: int | None) -> int:
    if list_id == AUTOMATIC_LIST:
        raise Invalid("list 0 is kept by what comes back; use another one")
    return GLOBAL_LIST if list_id is None else list_id

"""What happened: append-only, in a partition a month, with running totals beside."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from tocsin.core import ids
from tocsin.core.messages import Event
from tocsin.core.traffic import COUNTED, minute_of
from tocsin.store import hook_events, queries
from tocsin.store.database import (
    Transaction,
    bytea_column,
    copy,
    copy_json,
    fetch,
    id_columns,
    integer_column,
    smallint_column,
    text_column,
)

_SQL = queries.load("events")
_COLUMNS = (
    "bucket", "id", "at", "type", "database_id", "profile_id", "message_id", "launch_id", "trigger_id", "data",
)  # fmt: skip

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict).decode


_K = TypeVar("_K", bound=tuple[Any, ...])


class _Kind(NamedTuple):
    """What an event is counted by."""

    trigger_id: int
    launch_id: bytes
    at: datetime
    type: str


class Addressee(NamedTuple):
    """Whom a message went to, and at which address."""

    database_id: int
    profile_id: bytes
    address: str


class FailedMessage(NamedTuple):
    """A message that did not arrive; `data` is that of the event that says so."""

    id: bytes
    profile_id: bytes
    database_id: int
    trigger_id: int
    data: dict[str, Any]


async def insert(transaction: Transaction, events: Sequence[Event]) -> None:
    """Events by COPY, their totals, and places in the queues of the hooks that want them."""
    await copy(transaction, "events", _COLUMNS, map(_line, events))
    await transaction.execute(_SQL["add_totals"], _totals(events))
    await hook_events.enqueue(transaction, events)


async def list_totals(transaction: Transaction) -> list[tuple[int, str, int]]:
    """How many events of each type each trigger has had."""
    rows = await fetch(transaction, _SQL["list_totals"])
    return [(trigger_id, type_, total) for trigger_id, type_, total in rows]


async def find_addressee(transaction: Transaction, message_id: bytes) -> Addressee | None:
    """Of a message whose outcome is recorded. Only after its profile was merged are other buckets asked."""
    for buckets in ([ids.bucket(message_id)], range(ids.BUCKETS)):
        rows = await fetch(transaction, _SQL["find_addressee"], buckets=smallint_column(buckets), message_id=message_id)
        if rows:
            return Addressee(*rows[0])
    return None


async def list_failed(transaction: Transaction, launch_id: bytes, after: bytes, limit: int) -> list[FailedMessage]:
    """Messages of a launch that did not arrive and were not sent again, in the order of their ids, after that one."""
    rows = await fetch(transaction, _SQL["list_failed"], launch_id=launch_id, after=after, limit=limit)
    return [FailedMessage(*row)._replace(data=_decode(row[-1])) for row in rows]


async def move(transaction: Transaction, profile_ids: Sequence[bytes], to: bytes) -> None:
    """Give the events of profiles to another; the caller holds the locks of them all."""
    await transaction.execute(
        _SQL["move"], {**id_columns(profile_ids), "new_bucket": ids.bucket(to), "new_profile_id": to}
    )


async def delete(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """All events of profiles. Totals, which name nobody, stay."""
    await transaction.execute(_SQL["delete"], id_columns(profile_ids))


def _counted_as(event: Event) -> str:
    """What no person did has totals of its own."""
    return f"{event.type}_bot" if event.data.get("is_bot") else event.type


def _totals(events: Sequence[Event]) -> dict[str, object]:
    """The columns of what is counted, each in order, so that nobody waits in a circle; what has no key is not counted.

    Most events of a batch share what they are counted by: they are gone through once.
    """
    kinds = Counter(
        _Kind(one.message.trigger_id, one.message.launch_id, one.at, _counted_as(one)) for one in events
    ).items()
    of_triggers = _sum(((one.trigger_id, one.type), total) for one, total in kinds if one.trigger_id)
    of_launches = _sum(((one.launch_id, one.type), total) for one, total in kinds if one.launch_id)
    of_days = _sum(
        ((one.trigger_id, one.at.astimezone(UTC).date(), one.type), total) for one, total in kinds if one.trigger_id
    )
    of_minutes = _sum(((minute_of(one.at), *COUNTED[one.type]), total) for one, total in kinds if one.type in COUNTED)
    return {
        "trigger_ids": integer_column([trigger_id for (trigger_id, _), _ in of_triggers]),
        "types": text_column([type_.encode() for (_, type_), _ in of_triggers]),
        "totals": [total for _, total in of_triggers],
        "buckets": smallint_column([launch_id[-1] for (launch_id, _), _ in of_launches]),
        "launch_ids": bytea_column([launch_id for (launch_id, _), _ in of_launches]),
        "launch_types": text_column([type_.encode() for (_, type_), _ in of_launches]),
        "launch_totals": [total for _, total in of_launches],
        "day_triggers": integer_column([trigger_id for (trigger_id, _, _), _ in of_days]),
        "days": [day for (_, day, _), _ in of_days],
        "day_types": [type_ for (_, _, type_), _ in of_days],
        "day_totals": [total for _, total in of_days],
        "minutes": [minute for (minute, _, _), _ in of_minutes],
        "channels": [channel for (_, channel, _), _ in of_minutes],
        "outcomes": [outcome for (_, _, outcome), _ in of_minutes],
        "minute_totals": [total for _, total in of_minutes],
    }


def _sum(counted: Iterable[tuple[_K, int]]) -> list[tuple[_K, int]]:
    """How often each key occurs, in order."""
    found: Counter[_K] = Counter()
    for key, total in counted:
        found[key] += total
    return sorted(found.items())


def _line(event: Event) -> str:
    message = event.message
    return (
        f"{event.id[-1]}\t\\\\x{event.id.hex()}\t{event.at.isoformat()}\t{event.type}\t{event.database_id}"
        f"\t\\\\x{message.profile_id.hex()}\t\\\\x{message.id.hex()}\t\\\\x{message.launch_id.hex()}"
        f"\t{message.trigger_id}\t{copy_json(_encode(event.data))}\n"
    )

"""What happened: append-only, in a partition a month, with running totals beside."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec
from psycopg import sql

from tocsin.core.messages import Event
from tocsin.store import queries
from tocsin.store.database import Transaction, copy, copy_json, fetch

_SQL = queries.load("events")
_COLUMNS = (
    "bucket", "id", "at", "type", "database_id", "profile_id", "message_id", "launch_id", "trigger_id", "data",
)  # fmt: skip

_encode = msgspec.json.Encoder().encode


async def insert(transaction: Transaction, events: Sequence[Event]) -> None:
    """Events by COPY, and their totals."""
    await copy(transaction, "events", _COLUMNS, map(_line, events))
    totals = Counter((event.message.trigger_id, event.type) for event in events)
    await transaction.execute(
        _SQL["add_totals"],
        {
            "trigger_ids": [trigger_id for trigger_id, _ in sorted(totals)],
            "types": [type_ for _, type_ in sorted(totals)],
            "totals": [totals[key] for key in sorted(totals)],
        },
    )


async def list_totals(transaction: Transaction) -> list[tuple[int, str, int]]:
    """How many events of each type each trigger has had."""
    rows = await fetch(transaction, _SQL["list_totals"])
    return [(trigger_id, type_, total) for trigger_id, type_, total in rows]


async def add_partitions(transaction: Transaction, today: date, *, months_ahead: int = 2) -> None:
    """Partitions for this month and the next ones; those that are there stay."""
    month = today.replace(day=1)
    for _ in range(months_ahead + 1):
        following = _next_month(month)
        await transaction.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF events FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(_partition(month)), sql.Literal(_start(month)), sql.Literal(_start(following))
            )
        )
        month = following


async def drop_partitions(transaction: Transaction, before: date) -> list[str]:
    """Drop the months that ended before a day; returns their names."""
    rows = await fetch(transaction, _SQL["list_partitions"])
    old = [name for (name,) in rows if name < _partition(before)]
    for name in old:
        await transaction.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return old


def _partition(month: date) -> str:
    return f"events_{month:%Y_%m}"


def _next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _start(month: date) -> str:
    return datetime(month.year, month.month, 1, tzinfo=UTC).isoformat()


def _line(event: Event) -> str:
    message = event.message
    return (
        f"{event.id[-1]}\t\\\\x{event.id.hex()}\t{event.at.isoformat()}\t{event.type}\t{event.database_id}"
        f"\t\\\\x{message.profile_id.hex()}\t\\\\x{message.id.hex()}\t\\\\x{message.launch_id.hex()}"
        f"\t{message.trigger_id}\t{copy_json(_encode(event.data))}\n"
    )

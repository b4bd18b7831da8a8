"""History tables: a partition a month or a week, made ahead of time, dropped whole."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from psycopg import sql

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

Table = Literal["events", "steps", "provider_ids", "copies"]

# Of which a month is kept or dropped, and of which a week.
OF_EVENTS: tuple[Table, ...] = ("events", "steps", "provider_ids")
TABLES: tuple[Table, ...] = (*OF_EVENTS, "copies")

# Always the next two months.
_DAYS_AHEAD = 62

_SQL = queries.load("partitions")


async def add(transaction: Transaction, table: Table, today: date, *, days_ahead: int = _DAYS_AHEAD) -> None:
    """Partitions for today and so many days to come; those that are there stay."""
    begins = _begin(table, today)
    while begins <= today + timedelta(days=days_ahead):
        ends = _following(table, begins)
        await transaction.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(_name(table, begins)),
                sql.Identifier(table),
                sql.Literal(_start(begins)),
                sql.Literal(_start(ends)),
            )
        )
        begins = ends


async def drop(transaction: Transaction, table: Table, before: date) -> list[str]:
    """Drop the months or weeks that ended before a day; returns their names."""
    rows = await fetch(transaction, _SQL["list"], table=table)
    old = [name for (name,) in rows if name < _name(table, before)]
    for name in old:
        await transaction.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return old


def _begin(table: Table, day: date) -> date:
    """The first day of its month, or the Monday of its week."""
    return day.replace(day=1) if table in OF_EVENTS else day - timedelta(days=day.weekday())


def _following(table: Table, begins: date) -> date:
    if table in OF_EVENTS:
        return date(begins.year + begins.month // 12, begins.month % 12 + 1, 1)
    return begins + timedelta(days=7)


def _name(table: Table, day: date) -> str:
    return f"{table}_{_begin(table, day):{'%Y_%m' if table in OF_EVENTS else '%Y_%m_%d'}}"


def _start(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()

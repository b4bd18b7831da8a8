"""History tables: a partition a month, made ahead of time, dropped whole."""

from datetime import UTC, date, datetime
from typing import Literal

from psycopg import sql

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

Table = Literal["events", "steps", "provider_ids"]

TABLES: tuple[Table, ...] = ("events", "steps", "provider_ids")

_SQL = queries.load("partitions")


async def add(transaction: Transaction, table: Table, today: date, *, months_ahead: int = 2) -> None:
    """Partitions for this month and the next ones; those that are there stay."""
    month = today.replace(day=1)
    for _ in range(months_ahead + 1):
        following = _next_month(month)
        await transaction.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(_name(table, month)),
                sql.Identifier(table),
                sql.Literal(_start(month)),
                sql.Literal(_start(following)),
            )
        )
        month = following


async def drop(transaction: Transaction, table: Table, before: date) -> list[str]:
    """Drop the months that ended before a day; returns their names."""
    rows = await fetch(transaction, _SQL["list"], table=table)
    old = [name for (name,) in rows if name < _name(table, before)]
    for name in old:
        await transaction.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return old


def _name(table: Table, month: date) -> str:
    return f"{table}_{month:%Y_%m}"


def _next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _start(month: date) -> str:
    return datetime(month.year, month.month, 1, tzinfo=UTC).isoformat()

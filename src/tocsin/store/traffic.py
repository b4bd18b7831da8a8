"""How many messages came to what: by minute and channel for two days, by hour for a year; by day and trigger."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from tocsin.core.traffic import Count
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, integer_column

_SQL = queries.load("traffic")


class DayTotal(NamedTuple):
    """How many events of a type a trigger has had on a day, UTC. What no person did ends with `_bot`."""

    trigger_id: int
    day: date
    type: str
    total: int


async def list_counts(transaction: Transaction, from_at: datetime, until: datetime) -> list[Count]:
    """By minute, channel and outcome, in order; by hour of what is older than two days. Nothing is told where nothing
    was: core.traffic.fill makes lines of a chart of it.
    """
    return [Count(*row) for row in await fetch(transaction, _SQL["list_counts"], from_at=from_at, until=until)]


async def list_days(
    transaction: Transaction, trigger_ids: Sequence[int], from_day: date, until: date
) -> list[DayTotal]:
    """By trigger, day and type, in order; `until` is the first day that does not count."""
    rows = await fetch(
        transaction, _SQL["list_days"], trigger_ids=integer_column(trigger_ids), from_day=from_day, until=until
    )
    return [DayTotal(*row) for row in rows]


async def fold(transaction: Transaction, *, minutes_before: datetime, hours_before: datetime) -> None:
    """Add up what connections counted before the one instant; make hours of what is before the other, a whole hour."""
    await transaction.execute(_SQL["fold_connections"], {"before": minutes_before})
    await transaction.execute(_SQL["fold_minutes"], {"before": hours_before})
    await transaction.execute(_SQL["fold_days"], {"before": hours_before.date()})


async def delete_old(transaction: Transaction, before: datetime) -> None:
    """Forget what was before an instant."""
    await transaction.execute(_SQL["delete_old"], {"before": before})

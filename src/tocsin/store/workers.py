"""Which worker processes live: each says so now and then."""

from datetime import datetime
from uuid import UUID

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("workers")


async def note(transaction: Transaction, worker_id: UUID, seen_at: datetime) -> None:
    """A worker lives."""
    await transaction.execute(_SQL["note"], {"id": worker_id, "seen_at": seen_at})


async def count(transaction: Transaction, after: datetime) -> int:
    """How many have said so after that instant."""
    rows = await fetch(transaction, _SQL["count"], after=after)
    return int(rows[0][0])


async def delete_silent(transaction: Transaction, until: datetime) -> list[UUID]:
    """Forget those who have not said so since that instant; answers their ids."""
    return [worker_id for (worker_id,) in await fetch(transaction, _SQL["delete_silent"], until=until)]


async def delete(transaction: Transaction, worker_id: UUID) -> None:
    """Forget one that ends."""
    await transaction.execute(_SQL["delete"], {"id": worker_id})

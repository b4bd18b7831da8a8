"""What the planner of PostgreSQL is told where its counts of a table mislead it."""

from tocsin.store import queries
from tocsin.store.database import Transaction

_SQL = queries.load("planner")


async def prefer_keys(transaction: Transaction) -> None:
    """For the rest of the transaction: rows of a queue by their keys, whatever was known of it when it was empty."""
    await transaction.execute(_SQL["prefer_keys"])


async def prefer_order(transaction: Transaction) -> None:
    """For the rest of the transaction: rows by their keys, and in the order of their index."""
    await transaction.execute(_SQL["prefer_order"])

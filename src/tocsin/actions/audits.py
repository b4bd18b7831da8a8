"""The log of who changed what, and the one way by which the configuration is written."""

from collections.abc import Sequence

from tocsin.actions.context import Context
from tocsin.core.audits import Author, Deed
from tocsin.store import audits, configuration
from tocsin.store.configuration import ObjectChange
from tocsin.store.database import Transaction


async def record(context: Context, transaction: Transaction, author: Author, deeds: Sequence[Deed]) -> None:
    """Note what somebody does in this transaction."""
    if not deeds:
        return
    at = context.clock()
    microseconds = int(at.timestamp() * 1_000_000)
    ids = [(microseconds + place).to_bytes(8) + context.random(4) for place in range(len(deeds))]
    await audits.insert(transaction, ids, at, author, deeds)


async def write_configuration(
    context: Context, transaction: Transaction, author: Author, changes: Sequence[ObjectChange], deeds: Sequence[Deed]
) -> None:
    """Change what is configured, and note who did it."""
    await configuration.write(transaction, changes, context.clock(), author.name)
    await record(context, transaction, author, deeds)

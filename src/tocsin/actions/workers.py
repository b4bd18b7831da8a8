"""A worker says that it lives, and its counts outlive it."""

from datetime import timedelta
from uuid import UUID

from tocsin.actions.context import Context
from tocsin.store import outcomes, workers

# How often a worker says that it lives, and after which silence it counts as gone.
BEAT_SECONDS = 10.0
GONE_AFTER = timedelta(seconds=35)


async def beat(context: Context, worker_id: UUID) -> None:
    """Say that a worker lives; those that have died are forgotten, but not what they have counted."""
    now = context.clock()
    async with context.database.transaction() as transaction:
        await workers.note(transaction, worker_id, now)
        gone = await workers.delete_silent(transaction, now - GONE_AFTER)
        if gone:
            await outcomes.fold(transaction, gone)


async def leave(context: Context, worker_id: UUID) -> None:
    """Say that a worker ends, in good order."""
    async with context.database.transaction() as transaction:
        await workers.delete(transaction, worker_id)
        await outcomes.fold(transaction, [worker_id])

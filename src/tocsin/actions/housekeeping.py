"""What is done now and then: partitions for history to come, and forgetting what nobody will ask for."""

from datetime import datetime, timedelta

from tocsin.actions import hooks, inbox, requests, sessions, tasks
from tocsin.actions.context import Context
from tocsin.store import confirmations, files, launches, partitions, reactions

_CHUNK_ROWS = 5000


async def tidy(context: Context, keep_events: timedelta) -> None:
    """Safe to do at any time, by any number of workers."""
    await prepare(context)
    await requests.forget_old(context)
    await sessions.forget_old(context)
    await tasks.forget_old(context)
    await inbox.forget_old(context)
    await hooks.forget_old(context, context.clock() - keep_events)
    await _forget_launches(context, context.clock() - keep_events)
    async with context.database.transaction() as transaction:
        await reactions.delete_old(transaction, context.clock() - keep_events)
        await confirmations.delete_old(transaction, context.clock().date())
        for table in partitions.OF_EVENTS:
            await partitions.drop(transaction, table, (context.clock() - keep_events).date())
        await partitions.drop(transaction, "copies", (context.clock() - context.keep_copies).date())


async def _forget_launches(context: Context, before: datetime) -> None:
    """Launches of which nothing is left, and then the files that none names, in chunks, each one transaction."""
    for delete_old in (launches.delete_old, files.delete_old):
        deleted = _CHUNK_ROWS
        while deleted == _CHUNK_ROWS:
            async with context.database.transaction() as transaction:
                deleted = await delete_old(transaction, before, _CHUNK_ROWS)


async def prepare(context: Context) -> None:
    """What must be there before the first message is sent."""
    async with context.database.transaction() as transaction:
        for table in partitions.TABLES:
            await partitions.add(transaction, table, context.clock().date())

"""What is done now and then: partitions for history to come, and forgetting what nobody will ask for."""

from datetime import timedelta

from tocsin.actions import requests, tasks
from tocsin.actions.context import Context
from tocsin.store import partitions


async def tidy(context: Context, keep_events: timedelta) -> None:
    """Safe to do at any time, by any number of workers."""
    await prepare(context)
    await requests.forget_old(context)
    await tasks.forget_old(context)
    async with context.database.transaction() as transaction:
        for table in partitions.TABLES:
            await partitions.drop(transaction, table, (context.clock() - keep_events).date())


async def prepare(context: Context) -> None:
    """What must be there before the first message is sent."""
    async with context.database.transaction() as transaction:
        for table in partitions.TABLES:
            await partitions.add(transaction, table, context.clock().date())

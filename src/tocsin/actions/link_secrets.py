"""The secret that links in mails are signed with."""

from tocsin.actions.context import LINKS, Context
from tocsin.store import secrets


async def rotate(context: Context, *, forget_old: bool) -> None:
    """Sign with a new one within minutes. Links made before go on working, unless the old ones are forgotten."""
    async with context.database.transaction() as transaction:
        await secrets.rotate(transaction, LINKS, context.random(secrets.BYTES), forget_old=forget_old)

"""The development inbox: taking mail, many at a time, and looking at it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core.errors import NotFound, NotReady
from tocsin.core.inbox import ReceivedMail, describe_mail, make_id
from tocsin.log import get as get_log
from tocsin.store import inbox
from tocsin.store.database import Transaction
from tocsin.store.inbox import NEWEST, WholeMail

MOST_MAILS = 10_000
MOST_BYTES = 200 * 1024 * 1024

_RANDOM_BYTES = 5
_BATCH_MAILS = 500
_BATCH_BYTES = 32 * 1024 * 1024
# How much may come before room is made again: a tenth of what is kept.
_PRUNED_EVERY_MAILS = MOST_MAILS // 10
_PRUNED_EVERY_BYTES = MOST_BYTES // 10
_TICK = timedelta(microseconds=1)

log = get_log("tocsin.inbox")


class Inbox:
    """Takes mail. What comes while a batch is being written is the next batch."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: list[tuple[WholeMail, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._last = context.clock()
        self._mails = self._bytes = 0

    async def take(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Committed when it returns. NotReady when the sender is to try again."""
        at = self._last = max(self._context.clock(), self._last + _TICK)
        told = describe_mail(make_id(at, self._context.random(_RANDOM_BYTES)), at, sender, recipients, raw)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((WholeMail(told, raw), written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await written

    async def close(self) -> None:
        """Until what is being written is written."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._write_batch([mail for mail, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits is told, and the next batch has its own try
                log.failure("inbox.failed", error)
                trouble = error if isinstance(error, NotReady) else NotReady("the inbox cannot take mail; see the log")
                for _, written in batch:
                    if not written.done():
                        written.set_exception(trouble)
            else:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)

    def _next_batch(self) -> list[tuple[WholeMail, asyncio.Future[None]]]:
        size = count = 0
        for mail, _ in self._waiting[:_BATCH_MAILS]:
            size += len(mail.raw)
            count += 1
            if size > _BATCH_BYTES:
                break
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _write_batch(self, mails: Sequence[WholeMail]) -> None:
        self._mails += len(mails)
        self._bytes += sum(len(mail.raw) for mail in mails)
        async with self._context.database.transaction() as transaction:
            await inbox.insert(transaction, mails)
            if self._mails >= _PRUNED_EVERY_MAILS or self._bytes >= _PRUNED_EVERY_BYTES:
                await inbox.delete_old(transaction, MOST_MAILS, MOST_BYTES)
                self._mails = self._bytes = 0


async def forget_old(context: Context) -> None:
    """Keep the newest."""
    async with context.database.transaction() as transaction:
        await inbox.delete_old(transaction, MOST_MAILS, MOST_BYTES)


async def list_page(
    transaction: Transaction, *, search: str = "", before: bytes = NEWEST, limit: int = 100
) -> list[ReceivedMail]:
    """Up to `limit` mails, the newest first, that came before a given one. `search`: part of an address or subject."""
    return await inbox.list_page(transaction, search=search, before=before, limit=limit)


async def get(transaction: Transaction, said: str) -> WholeMail:
    """The mail with this id, or NotFound."""
    mail_id = ids.parse(said)
    found = await inbox.find(transaction, mail_id) if mail_id else None
    if found is None:
        raise NotFound(f"there is no mail {said} in the inbox")
    return found


async def count(transaction: Transaction) -> int:
    """How many mails there are."""
    return await inbox.count(transaction)


async def clear(context: Context) -> int:
    """Delete all mail of the inbox; how many there were."""
    async with context.database.transaction() as transaction:
        return await inbox.delete_all(transaction)

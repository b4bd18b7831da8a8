"""Doing what a request asks once, however often it is repeated (design.md, section 4)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from tocsin.actions.context import Context
from tocsin.core.configuration import Configuration, Token
from tocsin.core.errors import Conflict
from tocsin.store import requests
from tocsin.store.database import Transaction

REMEMBERED_FOR = timedelta(hours=24)


class Answer(NamedTuple):
    """Bytes for the client. `is_repeat`: they answered an earlier request with the same key."""

    body: bytes
    content_type: str
    is_repeat: bool = False


Admit = Callable[[Configuration], Token]
Work = Callable[[Transaction, Configuration, Token], Awaitable[Answer]]


class RequestKey(NamedTuple):
    """`key` names the request (SHA-256 of token and client's key), `fingerprint` is the SHA-256 of what it asks."""

    key: bytes
    fingerprint: bytes


def request_key(token: str, key: str, asked: bytes) -> RequestKey:
    """The key of a request; `asked` are its path and body."""
    return RequestKey(sha256(f"{token}\n{key}".encode()).digest(), sha256(asked).digest())


async def answer(context: Context, admit: Admit, key: RequestKey | None, work: Work) -> Answer:
    """Do the work and keep its answer in one transaction; a repeat gets the kept answer and nothing is done.

    A repeat that comes while the first is under way waits for it. An error of the work undoes it all, and is not kept.
    Raises what `admit` raises, and Conflict when the key was used for another request.
    """
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        token = admit(configuration)
        if key is None:
            return await work(transaction, configuration, token)
        now = context.clock()
        is_first = await requests.claim(
            transaction, key.key, key.fingerprint, now=now, forgotten_before=now - REMEMBERED_FOR
        )
        if is_first:
            first = await work(transaction, configuration, token)
            await requests.record_answer(transaction, key.key, first.body, first.content_type)
            return first
        stored = await requests.get(transaction, key.key)
        if stored.fingerprint != key.fingerprint:
            raise Conflict("this key was used for a request with another path or body; use a new key")
        return Answer(stored.answer, stored.content_type, is_repeat=True)


async def forget_old(context: Context) -> None:
    """Delete answers that no repeat will ask for."""
    async with context.database.transaction() as transaction:
        await requests.delete_old(transaction, context.clock() - REMEMBERED_FOR)

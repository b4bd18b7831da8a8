"""First answers by key: who is first, who waits, and what is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg

from tocsin.store import requests
from tocsin.store.requests import StoredAnswer

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
KEY, ASKED = b"k" * 32, b"a" * 32
ANSWER = b'\x00{"error": 0}\\N\n'


async def claim(transaction, *, key=KEY, fingerprint=ASKED, now=NOW):
    return await requests.claim(transaction, key, fingerprint, now=now, forgotten_before=now - DAY)


async def answer(transaction, body=ANSWER, key=KEY):
    await requests.record_answer(transaction, key, body, "application/json")


async def test_the_first_answer_is_kept_for_its_repeats(stage):
    assert await claim(stage.connection)
    await answer(stage.connection)
    assert not await claim(stage.connection, fingerprint=b"other", now=NOW + DAY)
    assert await requests.get(stage.connection, KEY) == StoredAnswer(ASKED, ANSWER, "application/json")


async def test_another_key_is_another_request(stage):
    assert await claim(stage.connection)
    assert await claim(stage.connection, key=b"o" * 32)
    await answer(stage.connection)
    assert (await requests.get(stage.connection, b"o" * 32)).answer == b""


async def test_a_key_may_be_used_anew_when_its_answer_is_too_old(stage):
    await claim(stage.connection)
    await answer(stage.connection)
    later = NOW + DAY + timedelta(microseconds=1)
    assert await claim(stage.connection, fingerprint=b"b" * 32, now=later)
    await answer(stage.connection, b"second")
    assert not await claim(stage.connection, now=later + DAY)
    assert await requests.get(stage.connection, KEY) == StoredAnswer(b"b" * 32, b"second", "application/json")


async def test_old_answers_are_forgotten_and_younger_ones_kept(stage):
    for n in range(4):
        await claim(stage.connection, key=bytes([n]), now=NOW - n * DAY)
    await requests.delete_old(stage.connection, NOW - 2 * DAY)
    assert sorted(await stage.rows("SELECT key FROM requests")) == [(b"\x00",), (b"\x01",), (b"\x02",)]


async def test_a_repeat_waits_for_the_first_and_gets_its_answer(database, until_blocked):
    async def repeat():
        async with database.transaction() as transaction:
            return await claim(transaction), await requests.get(transaction, KEY)

    async with database.transaction() as transaction:
        assert await claim(transaction)
        waiting = [asyncio.create_task(repeat()) for _ in range(2)]
        await until_blocked()
        await answer(transaction)
    assert await asyncio.gather(*waiting) == [(False, StoredAnswer(ASKED, ANSWER, "application/json"))] * 2


async def test_when_the_first_fails_the_repeat_that_waited_is_first(database, until_blocked):
    async def repeat():
        async with database.transaction() as transaction:
            return await claim(transaction, fingerprint=b"b" * 32)

    async with database.transaction() as transaction:
        assert await claim(transaction)
        waiting = asyncio.create_task(repeat())
        await until_blocked()
        raise psycopg.Rollback
    assert await waiting
    async with database.transaction() as transaction:
        assert (await requests.get(transaction, KEY)).fingerprint == b"b" * 32


async def test_of_two_that_find_a_forgotten_answer_one_is_first(database, until_blocked):
    async def repeat():
        async with database.transaction() as transaction:
            return await claim(transaction, now=NOW + 2 * DAY)

    async with database.transaction() as transaction:
        await claim(transaction)
        await answer(transaction)
    async with database.transaction() as transaction:
        assert await claim(transaction, now=NOW + 2 * DAY)
        waiting = asyncio.create_task(repeat())
        await until_blocked()
        await answer(transaction, b"anew")
    assert not await waiting

"""Adds, deletions and merges beside imports of the same people, on several connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tocsin.actions import profile_changes, profiles
from tocsin.actions.context import Context
from tocsin.core.configuration import Configuration
from tocsin.core.launches import ImportItem
from tocsin.core.matching import Search, check_matching
from tocsin.store.database import Transaction

Post = Callable[..., Awaitable[dict[str, Any]]]
Change = Callable[[Context, Transaction, Configuration, list[bytes]], Awaitable[bytes]]

ANN, BOB = "ann@example.com", "bob@example.com"


async def test_of_many_adds_of_one_email_at_once_one_succeeds(context: Context, post: Post):
    add = {"db_id": 1, "data": {"email": ANN}}
    answers = await asyncio.gather(*(post("profiles/add", **add) for _ in range(12)))
    assert sorted(answer["error"] for answer in answers) == [0] + [409] * 11
    batch = {"db_id": 1, "data": [{"email": f"p{number}@example.com"} for number in range(50)]}
    batches = await asyncio.gather(*(post("profiles/add_batch", **batch) for _ in range(6)))
    added = [one for answer in batches for one in answer["result"] if one["error"] == 0]
    assert len(added) == 50
    async with context.database.transaction() as transaction:
        rows = await (await transaction.execute("SELECT count(*) FROM profiles")).fetchall()
    assert rows == [(51,)]


@asynccontextmanager
async def changing(context: Context, change: Change, *profile_ids: str) -> AsyncIterator[None]:
    """The change is made; it is committed once the block, begun beside it, ends."""
    async with context.database.transaction() as transaction:
        known = await context.configuration(transaction)
        await change(context, transaction, known, [bytes.fromhex(one) for one in profile_ids])
        yield


async def delete(context: Context, transaction: Transaction, known: Configuration, profile_ids: list[bytes]) -> bytes:
    database = known.databases[1]
    search = Search(profile_id=profile_ids[0].hex())
    return await profile_changes.delete(
        context, transaction, known, database, check_matching("profile_id", database), search
    )


async def merge(context: Context, transaction: Transaction, known: Configuration, profile_ids: list[bytes]) -> bytes:
    named = {profile_id: f"profile_ids[{place}]" for place, profile_id in enumerate(profile_ids)}
    return await profile_changes.merge(context, transaction, known, known.databases[1], named, profile_ids[0])


async def test_an_import_that_waits_for_a_deletion_makes_the_profile_anew(
    context: Context, post: Post, until_blocked: Callable[[], Awaitable[None]]
):
    ann = (await post("profiles/import", db_id=1, data={"email": ANN}))["profile_id"]
    async with changing(context, delete, ann):
        waiting = asyncio.create_task(post("profiles/import", db_id=1, data={"email": ANN, "bonus": 1}))
        await until_blocked()
    answer = await waiting
    assert (answer["error"], answer["profile_id"] != ann) == (0, True)
    found = await post("profiles/get", db_id=1, email=ANN)
    assert (found["data"]["id"], found["data"]["bonus"]) == (answer["profile_id"], 1)


async def test_an_update_that_waits_for_a_deletion_finds_nobody(
    context: Context, post: Post, until_blocked: Callable[[], Awaitable[None]]
):
    ann = (await post("profiles/import", db_id=1, data={"email": ANN}))["profile_id"]
    async with changing(context, delete, ann):
        updating = asyncio.create_task(
            post("profiles/update", db_id=1, matching="profile_id", profile_id=ann, data={"bonus": 1})
        )
        deleting = asyncio.create_task(post("profiles/delete", db_id=1, email=ANN))
        await until_blocked()
    assert (await updating)["error"] == 404
    assert (await deleting)["error"] == 404


async def test_an_import_that_waits_for_a_merge_finds_the_profile_that_stays(
    context: Context, post: Post, until_blocked: Callable[[], Awaitable[None]]
):
    ann = (await post("profiles/import", db_id=1, data={"email": ANN}))["profile_id"]
    bob = (await post("profiles/import", db_id=1, data={"email": BOB, "CRM_ID": "2"}))["profile_id"]
    async with changing(context, merge, ann, bob):
        by_field = {"db_id": 1, "matching": "custom", "field_name": "CRM_ID"}
        waiting = asyncio.create_task(post("profiles/import", **by_field, data={"CRM_ID": "2", "bonus": 1}))
        await until_blocked()
    assert (await waiting)["profile_id"] == ann


def importing(data: dict[str, Any]) -> Change:
    async def change(context: Context, transaction: Transaction, known: Configuration, _: list[bytes]) -> bytes:
        database = known.databases[1]
        job = profiles.Import(known, database, check_matching("email", database))
        found = await profiles.import_items(context, transaction, job, [ImportItem(data)])
        assert isinstance(found.outcomes[0], bytes)
        return found.outcomes[0]

    return change


@pytest.mark.parametrize(("brought", "code"), [({"score": 7.5}, 0), ({"phones": "+79000000001"}, 409)])
async def test_a_merge_that_waits_for_an_import_has_what_that_brought_or_is_to_be_asked_again(
    context: Context, post: Post, until_blocked: Callable[[], Awaitable[None]], brought: dict[str, Any], code: int
):
    people = [(await post("profiles/import", db_id=1, data={"email": email}))["profile_id"] for email in (ANN, BOB)]
    async with changing(context, importing({"email": BOB} | brought)):
        merging = asyncio.create_task(post("profiles/merge", db_id=1, profile_ids=people))
        await until_blocked()
    answer = await merging
    assert answer["error"] == code
    if code:
        assert answer["error_debug"] == "the profile was changed at the same moment; ask again"
        assert (await post("profiles/merge", db_id=1, profile_ids=people))["error"] == 0
    found = (await post("profiles/get", db_id=1, email=ANN))["data"]
    assert found.get("score", found.get("phones")) in (7.5, ["+79000000001"])


async def test_merges_of_the_same_profiles_at_once_are_one(context: Context, post: Post):
    people = [(await post("profiles/add", db_id=1, data={"email": f"p{n}@example.com"}))["profile_id"] for n in "abc"]
    answers = await asyncio.gather(
        *(post("profiles/merge", db_id=1, profile_ids=people[:: 1 if n % 2 else -1]) for n in range(4))
    )
    assert sorted(answer["error"] for answer in answers) == [0, 404, 404, 404]
    async with context.database.transaction() as transaction:
        rows = await (await transaction.execute("SELECT count(*) FROM profiles")).fetchall()
    assert rows == [(1,)]

"""Profiles as stored: whole documents in and out, whatever text they hold."""

import asyncio

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.profiles import Profile
from tocsin.store import profiles

NASTY = {
    "backslashes": "\\ \\\\ \\n \\N \\. \\u0041 C:\\new\\table",
    "quotes": "'\"`''",
    "white": "tab\tline\nreturn\r\r\nvertical\v form\f",
    "controls": "\x01\x1f\x7f\x80",
    "unicode": "Ünïcødé Ж 漢 😀 👩‍👩‍👧 \u2028\u2029\ufeff",
    "arrays": '{a,"b",NULL}',
    'name "\\\t\n': {"nested": [{"deep": ["\\", None, True]}]},
    "": "",
}
text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20)
# Above 10^16 a float is read as the whole number that it is.
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(-1e15, 1e15))
scalars = st.one_of(st.none(), st.booleans(), numbers, text)
documents = st.dictionaries(
    text, st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(text, scalars, max_size=3)), max_size=4
)


def make_id(n):
    return n.to_bytes(11) + bytes([n * 37 % 256])


def make(n, fields=None, subscriptions=None):
    return Profile(make_id(n), fields or {"n": n}, subscriptions or [])


async def get(stage, *ids, database=1):
    return await profiles.get(stage.connection, database, ids)


async def test_profiles_are_got_by_id_from_their_database(stage):
    ann, bob = make(1, {"email": "ann@x.org"}, [{"channel": "email", "resource_id": 21}]), make(2)
    await profiles.insert(stage.connection, 1, [ann, bob])
    assert await get(stage, ann.id, make_id(3), bob.id) == {ann.id: ann, bob.id: bob}
    assert await get(stage, ann.id, database=2) == {}
    assert await profiles.get_anywhere(stage.connection, [bob.id, make_id(3)]) == {bob.id: bob}
    assert await get(stage) == {}


async def test_a_profile_lies_in_the_bucket_of_its_last_byte(stage):
    await profiles.insert(stage.connection, 1, [make(n) for n in range(300)])
    rows = await stage.rows("SELECT bucket, id, created_at, updated_at FROM profiles")
    assert {(bucket, identifier) for bucket, identifier, *_ in rows} == {
        (make_id(n)[-1], make_id(n)) for n in range(300)
    }


async def test_the_same_profile_is_not_inserted_twice(stage):
    await profiles.insert(stage.connection, 1, [make(1)])
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with stage.connection.transaction():
            await profiles.insert(stage.connection, 1, [make(1)])


async def test_updates_replace_whole_documents_of_the_profiles_named(stage):
    before = [make(n, {"old": n}, [{"channel": "email"}]) for n in range(5)]
    await profiles.insert(stage.connection, 1, before)
    after = [make(1, {"new": 1}), make(3, {"new": 3}, [{"channel": "sms"}])]
    await profiles.update(stage.connection, [*after, make(9)])
    expected = {one.id: one for one in [*before, *after]}
    assert await get(stage, *map(make_id, range(10))) == expected


async def test_nasty_text_survives_insert_and_update(stage):
    nasty = make(1, NASTY, [{"channel": "email", "custom_fields": NASTY}])
    await profiles.insert(stage.connection, 1, [nasty, make(2)])
    assert await get(stage, nasty.id) == {nasty.id: nasty}
    await profiles.update(stage.connection, [make(2, NASTY, [NASTY, NASTY])])
    assert await get(stage, make_id(2)) == {make_id(2): make(2, NASTY, [NASTY, NASTY])}


@given(st.lists(st.tuples(documents, st.lists(documents, max_size=2)), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_written_is_read(stage, written):
    async with stage.connection.transaction(force_rollback=True):
        inserted = {make_id(n): make(n, *one) for n, one in enumerate(written)}
        await profiles.insert(stage.connection, 1, list(inserted.values()))
        assert await get(stage, *inserted) == inserted
        updated = {make_id(n): make(n, *one) for n, one in enumerate(reversed(written))}
        await profiles.update(stage.connection, list(updated.values()))
        assert await get(stage, *updated) == updated


async def test_pages_hold_every_profile_of_the_database_once(stage):
    await profiles.insert(stage.connection, 1, [make(n) for n in range(600)])
    await profiles.insert(stage.connection, 2, [make(n) for n in range(600, 700)])
    seen, last = [], b""
    while page := await profiles.list_after(stage.connection, 1, last, 90):
        assert len(page) <= 90
        seen += [one.id for one in page]
        last = seen[-1]
    assert len(seen) == 600
    assert seen == sorted(map(make_id, range(600)), key=lambda identifier: (identifier[-1], identifier))


async def test_preferring_indexes_ends_with_the_transaction(prepared):
    async with await psycopg.AsyncConnection.connect(prepared, autocommit=True) as connection:

        async def settings_now():
            query = "SELECT current_setting('enable_seqscan'), current_setting('lock_timeout')"
            return await (await connection.execute(query)).fetchone()

        before = await settings_now()
        async with connection.transaction():
            await profiles.prefer_indexes(connection)
            assert await settings_now() == ("off", "30s")
        assert await settings_now() == before


async def test_writers_of_the_same_bucket_wait_for_one_another(database, until_blocked):
    async def lock(*ids):
        async with database.transaction() as transaction:
            await profiles.lock(transaction, ids)
            order.append(ids)

    order = []
    async with database.transaction() as transaction:
        await profiles.lock(transaction, [make_id(1), make_id(2)])
        await lock(make_id(3))
        waiting = asyncio.create_task(lock(make_id(2), make_id(3)))
        await until_blocked()
        assert order == [(make_id(3),)]
    await waiting
    assert order == [(make_id(3),), (make_id(2), make_id(3))]

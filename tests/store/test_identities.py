"""Which profile an address or key belongs to: finding, combinations, forgetting."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core import fields
from tocsin.core.configuration import Database as Customers
from tocsin.core.configuration import Field
from tocsin.core.identities import Describer, Kind
from tocsin.store import identities

ANN, BOB, CEM = (bytes(11) + bytes([n]) for n in (1, 2, 3))
EMAILS = (Kind.PROFILE_EMAIL, Kind.SUBSCRIPTION_EMAIL)
FIELDS = (Kind.CUSTOM_FIELD,)
NASTY = [
    "back\\slash",
    "\\N",
    "\\.",
    "tab\tline\nreturn\r",
    "'quotes\"",
    "{a,b}",
    "NULL",
    "",
    "\u2028",
    "😀",
    "\x7f\x01",
]

# What PostgreSQL takes as text: no NUL, no half of a pair.
text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=40)


async def insert(stage, *rows, database=1):
    """Rows of profile, kind, value and, for those of a subscription, resource."""
    gained = [(who, [(kind, resource[0] if resource else 0, value)]) for who, kind, value, *resource in rows]
    await identities.insert(stage.connection, database, gained)


async def find(stage, *keys, kinds=EMAILS, resource_id=None, database=1):
    found = await identities.find(stage.connection, database, keys, kinds, resource_id)
    return {key: sorted(owners) for key, owners in found.items()}


async def test_owners_are_found_by_value_and_every_key_is_answered(stage):
    await insert(stage, (ANN, Kind.PROFILE_EMAIL, "ann@x.org"), (BOB, Kind.SUBSCRIPTION_EMAIL, "bob@x.org", 21))
    found = await find(stage, ("ann@x.org",), ("bob@x.org",), ("nobody@x.org",))
    assert found == {("ann@x.org",): [ANN], ("bob@x.org",): [BOB], ("nobody@x.org",): []}


async def test_without_keys_nothing_is_asked(stage):
    assert await find(stage) == {}


async def test_only_the_kinds_asked_for_count(stage):
    await insert(stage, (ANN, Kind.PROFILE_EMAIL, "a@x.org"), (BOB, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 21))
    assert await find(stage, ("a@x.org",), kinds=[Kind.PROFILE_EMAIL]) == {("a@x.org",): [ANN]}
    assert await find(stage, ("a@x.org",)) == {("a@x.org",): [ANN, BOB]}
    assert await find(stage, ("a@x.org",), kinds=FIELDS) == {("a@x.org",): []}


async def test_a_resource_narrows_subscriptions_but_not_the_profiles_own_address(stage):
    await insert(
        stage,
        (ANN, Kind.PROFILE_EMAIL, "own@x.org"),
        (ANN, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 21),
        (BOB, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 22),
    )
    assert await find(stage, ("own@x.org",), ("a@x.org",), resource_id=22) == {
        ("own@x.org",): [ANN],
        ("a@x.org",): [BOB],
    }
    assert await find(stage, ("a@x.org",), resource_id=23) == {("a@x.org",): []}
    assert await find(stage, ("a@x.org",)) == {("a@x.org",): [ANN, BOB]}


async def test_another_database_is_another_world(stage):
    await insert(stage, (ANN, Kind.PROFILE_EMAIL, "a@x.org"), database=2)
    assert await find(stage, ("a@x.org",)) == {("a@x.org",): []}
    assert await find(stage, ("a@x.org",), database=2) == {("a@x.org",): [ANN]}


async def test_of_many_owners_two_are_named(stage):
    await insert(stage, *((who, Kind.PROFILE_EMAIL, "a@x.org") for who in (ANN, BOB, CEM)))
    assert len((await find(stage, ("a@x.org",)))[("a@x.org",)]) == 2


async def test_a_profile_that_has_a_value_twice_is_one_owner(stage):
    await insert(
        stage,
        (ANN, Kind.PROFILE_EMAIL, "a@x.org"),
        (ANN, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 21),
        (ANN, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 22),
    )
    assert await find(stage, ("a@x.org",)) == {("a@x.org",): [ANN]}
    await insert(stage, (BOB, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 23))
    assert await find(stage, ("a@x.org",)) == {("a@x.org",): [ANN, BOB]}


async def test_a_combination_is_owned_by_having_all_of_it(stage):
    await insert(
        stage,
        *(
            (who, Kind.CUSTOM_FIELD, f"tags.{tag}")
            for who, tags in ((ANN, "abc"), (BOB, "ab"), (CEM, "c"))
            for tag in tags
        ),
    )
    asked = [("tags.a", "tags.b"), ("tags.a", "tags.c"), ("tags.b", "tags.z"), ("tags.c",)]
    assert await find(stage, *asked, kinds=FIELDS) == dict(zip(asked, [[ANN, BOB], [ANN], [], [ANN, CEM]], strict=True))
    assert await find(stage, ("tags.a", "tags.b"), kinds=(Kind.PROFILE_EMAIL,)) == {("tags.a", "tags.b"): []}
    assert await find(stage, ("tags.a", "tags.b"), kinds=FIELDS, database=2) == {("tags.a", "tags.b"): []}


async def test_a_combination_is_found_by_its_rarest_value_whatever_half_of_all_have(stage):
    crowd = [(number.to_bytes(12, "big"), Kind.CUSTOM_FIELD, "tags.all") for number in range(1, 3001)]
    one, two = crowd[7][0], crowd[8][0]
    await insert(stage, *crowd, (one, Kind.CUSTOM_FIELD, "tags.one"), (two, Kind.CUSTOM_FIELD, "tags.b"))
    asked = [("tags.all", "tags.one"), ("tags.b", "tags.all"), ("tags.one", "tags.b")]
    many = [("tags.all", f"tags.{number}") for number in range(2000)]
    found = await find(stage, *asked, *many, kinds=FIELDS)
    assert [found[key] for key in asked] == [[one], [two], []]
    assert not any(found[key] for key in many)


async def test_a_combination_with_a_repeated_value_asks_for_it_once(stage):
    await insert(stage, (ANN, Kind.CUSTOM_FIELD, "tags.a"))
    assert await find(stage, ("tags.a", "tags.a"), kinds=FIELDS) == {("tags.a", "tags.a"): [ANN]}


async def test_of_many_owners_of_a_combination_two_are_named(stage):
    await insert(stage, *((who, Kind.CUSTOM_FIELD, f"tags.{tag}") for who in (ANN, BOB, CEM) for tag in "ab"))
    asked = [("tags.a", "tags.b"), ("tags.b", "tags.a")]
    found = await find(stage, *asked, kinds=FIELDS)
    assert [len(found[key]) for key in asked] == [2, 2]


async def test_exactly_the_lost_identities_are_deleted(stage):
    kept = [
        (ANN, Kind.PROFILE_EMAIL, "a@x.org", 0),
        (ANN, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 22),
        (BOB, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 21),
        (ANN, Kind.SUBSCRIPTION_EMAIL, "b@x.org", 21),
    ]
    lost = (ANN, Kind.SUBSCRIPTION_EMAIL, "a@x.org", 21)
    await insert(stage, *kept, lost)
    await insert(stage, lost, database=2)
    await identities.delete(
        stage.connection,
        1,
        [(ANN, [(Kind.SUBSCRIPTION_EMAIL, 21, "a@x.org"), (Kind.PROFILE_EMAIL, 0, "none@x.org")])],
    )
    rows = await stage.rows("SELECT profile_id, kind, value, resource_id FROM identities WHERE database_id = 1")
    assert sorted(rows) == sorted((who, int(kind), value, resource) for who, kind, value, resource in kept)
    assert await find(stage, ("a@x.org",), database=2) == {("a@x.org",): [ANN]}


async def test_a_field_is_forgotten_by_its_whole_name(stage):
    await insert(stage, *((ANN, Kind.CUSTOM_FIELD, value) for value in ("a_b.1", "a_b.2", "axb.1", "a_bc.1", "A_B.1")))
    await insert(stage, (ANN, Kind.PROFILE_EMAIL, "a_b.c@x.org"))
    await insert(stage, (ANN, Kind.CUSTOM_FIELD, "a_b.1"), database=2)
    await identities.delete_fields(stage.connection, 1, ["a_b", "none"])
    rows = await stage.rows("SELECT value FROM identities WHERE database_id = 1")
    assert {value for (value,) in rows} == {"axb.1", "a_bc.1", "A_B.1", "a_b.c@x.org"}
    assert await find(stage, ("a_b.1",), kinds=FIELDS, database=2) == {("a_b.1",): [ANN]}


@given(st.sets(st.one_of(st.sampled_from(NASTY), text), min_size=1, max_size=20))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_value_is_found_as_it_was_written_and_deleted_as_it_is(stage, values):
    owners = {value: n.to_bytes(12) for n, value in enumerate(values)}
    async with stage.connection.transaction(force_rollback=True):
        await insert(stage, *((who, Kind.CUSTOM_FIELD, value) for value, who in owners.items()))
        expected = {(value,): [who] for value, who in owners.items()}
        assert await find(stage, *expected, kinds=FIELDS) == expected
        lost = [(who, [(Kind.CUSTOM_FIELD, 0, value)]) for value, who in owners.items()]
        await identities.delete(stage.connection, 1, lost)
        assert await stage.rows("SELECT value FROM identities") == []


@pytest.mark.parametrize("value", NASTY)
async def test_a_value_of_a_combination_is_found_as_it_was_written(stage, value):
    await insert(stage, (ANN, Kind.CUSTOM_FIELD, value), (ANN, Kind.CUSTOM_FIELD, "other"))
    assert await find(stage, (value, "other"), kinds=FIELDS) == {(value, "other"): [ANN]}


async def test_the_longest_values_of_a_profile_fit_the_index(stage):
    """Each character of four bytes, and none like the next, so that nothing can be packed."""
    longest = "".join(chr(0x20000 + n * 7919 % 40000) for n in range(fields.TEXT_LENGTH))
    customers = Customers(id=1, name="Customers", fields={longest[: fields.NAME_LENGTH]: Field(type="string")})
    push = {"channel": "push", "resource_id": 22, "provider": "ios-apns", "subscription_id": longest[:4096]}
    found = Describer(customers).describe({longest[: fields.NAME_LENGTH]: longest}, [push])
    assert len(found) == 2
    await identities.insert(stage.connection, 1, [(ANN, found)])
    key = (next(value for kind, _, value in found if kind == Kind.CUSTOM_FIELD),)
    assert await find(stage, key, kinds=FIELDS) == {key: [ANN]}


async def test_who_creates_profiles_of_a_value_waits_for_who_is_at_it(database, until_blocked):
    async def lock(*values):
        async with database.transaction() as transaction:
            await identities.lock(transaction, values)
            order.append(values)

    order = []
    async with database.transaction() as transaction:
        await identities.lock(transaction, ["a@x.org"])
        await lock("somebody else")
        waiting = asyncio.create_task(lock("b@x.org", "a@x.org"))
        await until_blocked()
        assert order == [("somebody else",)]
    await waiting
    assert order == [("somebody else",), ("b@x.org", "a@x.org")]


async def test_a_change_of_fields_waits_for_every_import(database, until_blocked):
    async def lock_all():
        async with database.transaction() as transaction:
            await identities.lock_all(transaction)

    async with database.transaction() as transaction:
        await identities.lock(transaction, ["a@x.org"])
        waiting = asyncio.create_task(lock_all())
        await until_blocked()
        assert not waiting.done()
    await waiting


async def test_ten_thousand_values_are_locked_without_a_deadlock(database):
    async def lock(values):
        async with database.transaction() as transaction:
            await identities.lock(transaction, values)

    values = [f"{n}@x.org" for n in range(10_000)]
    await asyncio.gather(lock(values), lock(values[::-1]), lock(values[:900]), lock(values[900:0:-1]))

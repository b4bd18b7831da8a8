"""The configuration as stored: a version that moves with every change, and what moved with it."""

import asyncio
from datetime import UTC, datetime

import pytest

from tocsin.core.configuration import Configuration, Database, Field, Resource, Token, Trigger
from tocsin.core.configuration_senders import SmtpSender
from tocsin.core.configuration_templates import SmsTemplate, Template
from tocsin.store import configuration
from tocsin.store.configuration import ObjectChange

NASTY = "Ünïcødé 😀 \\N \\u0041 'quotes\" \t \u2028 {a,b} NULL"
OBJECTS = {
    "databases": Database(id=901, name=NASTY, fields={"CRM_ID": Field(type="string", unique=True), "bonus": "int"}),
    "resources": Resource(id=902, name="Newsletter", databases=(901,), channels=("email",), categories=(NASTY,)),
    "senders": SmtpSender(id=903, name="relay", channel="email", host="127.0.0.1", password=NASTY),
    "templates": Template(id=904, name="Thanks", sms=SmsTemplate(text=NASTY)),
    "triggers": Trigger(id=905, name="Order", database=901, template=904, sender=903),
    "tokens": Token(name="till", sha256="ab" * 32, permissions=("launch",)),
}
KEYS = {kind: "till" if kind == "tokens" else str(value.id) for kind, value in OBJECTS.items()}
EMPTY = Configuration()
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def change(kind, **members):
    """The object of this kind as it is above, or changed, or removed with `spec=None`."""
    spec = members.get("spec", OBJECTS[kind])
    return ObjectChange(kind, KEYS[kind], spec)


async def write(stage, *changes):
    return await configuration.write(stage.connection, changes, NOW, "test")


async def refresh(stage, known):
    return await configuration.refresh(stage.connection, known)


async def test_what_is_written_is_read(stage):
    before = await refresh(stage, EMPTY)
    version = await write(stage, *map(change, OBJECTS))
    after = await refresh(stage, before)
    assert after.version == version == before.version + 1
    for kind, value in OBJECTS.items():
        key = value.sha256 if kind == "tokens" else value.id
        assert getattr(after, kind) == {**getattr(before, kind), key: value}


async def test_without_a_change_the_known_configuration_is_kept(stage):
    known = await refresh(stage, EMPTY)
    assert await refresh(stage, known) is known
    await write(stage, change("databases"))
    assert await refresh(stage, known) is not known


async def test_the_known_configuration_itself_is_never_changed(stage):
    known = await refresh(stage, EMPTY)
    databases = dict(known.databases)
    await write(stage, change("databases"))
    await refresh(stage, known)
    assert known.databases == databases


async def test_however_old_the_known_version_the_refreshed_one_is_the_same(stage):
    versions = [EMPTY, await refresh(stage, EMPTY)]
    for kind in OBJECTS:
        await write(stage, change(kind))
        versions.append(await refresh(stage, versions[-1]))
    await write(stage, change("triggers", spec=None), change("tokens", spec=None))
    refreshed = [await refresh(stage, known) for known in versions]
    assert refreshed == [refreshed[0]] * len(versions)
    assert 905 not in refreshed[0].triggers


@pytest.mark.parametrize("kind", OBJECTS)
async def test_a_removed_object_is_gone_for_readers_old_and_new(stage, kind):
    before = await refresh(stage, EMPTY)
    await write(stage, change(kind))
    known = await refresh(stage, before)
    assert getattr(known, kind) != getattr(before, kind)
    await write(stage, change(kind, spec=None))
    assert getattr(await refresh(stage, known), kind) == getattr(before, kind)
    assert getattr(await refresh(stage, EMPTY), kind) == getattr(before, kind)


async def test_a_removed_object_may_return(stage):
    await write(stage, change("triggers"))
    await write(stage, change("triggers", spec=None))
    known = await refresh(stage, EMPTY)
    await write(stage, change("triggers"))
    assert (await refresh(stage, known)).triggers[905] == OBJECTS["triggers"]


async def test_an_unchanged_object_stays_the_very_same(stage):
    await write(stage, change("templates"))
    known = await refresh(stage, EMPTY)
    await write(stage, change("triggers"))
    assert (await refresh(stage, known)).templates[904] is known.templates[904]


async def test_a_new_text_of_a_token_ends_the_old_one(stage):
    await write(stage, change("tokens"))
    known = await refresh(stage, EMPTY)
    renewed = Token(name="till", sha256="cd" * 32)
    await write(stage, change("tokens", spec=renewed))
    for configured in (await refresh(stage, known), await refresh(stage, EMPTY)):
        assert "ab" * 32 not in configured.tokens
        assert configured.tokens["cd" * 32] == renewed


async def test_changes_wait_for_one_another_and_each_has_its_version(database, until_blocked):
    async def write_other():
        async with database.transaction() as transaction:
            return await configuration.write(transaction, [change("resources")], NOW, "test")

    async with database.transaction() as transaction:
        first = await configuration.write(transaction, [change("databases")], NOW, "test")
        waiting = asyncio.create_task(write_other())
        await until_blocked()
    assert await waiting == first + 1
    async with database.transaction() as transaction:
        known = await configuration.refresh(transaction, EMPTY)
    assert (list(known.databases), list(known.resources)) == ([901], [902])

"""Migrations: from nothing to the schema of today, once, whoever else is at it."""

import asyncio
from importlib.resources import files

import psycopg
import pytest

from tocsin.core.errors import NotReady
from tocsin.store import migrate
from tocsin.store.database import Database

# Everything that makes a schema, as rows of text. The names of NOT NULL constraints are PostgreSQL's own choice.
CATALOGS = {
    "relations": """
        SELECT relname, relkind, relpersistence, reloptions, relispartition, pg_get_partkeydef(oid)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace""",
    "columns": """
        SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attstorage,
            attcompression, attidentity, attgenerated, attoptions, collname, pg_get_expr(adbin, adrelid)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped""",
    "constraints": """
        SELECT conrelid::regclass, CASE contype WHEN 'n' THEN '' ELSE conname END, contype,
            pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "types": """
        SELECT typname, typtype, typcategory,
            (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = pg_type.oid)
        FROM pg_type WHERE typnamespace = 'public'::regnamespace""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "triggers": "SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger",
    "extensions": "SELECT extname FROM pg_extension",
    "rows": "SELECT version FROM configuration_version",
}


async def catalog_of(conninfo):
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        found = {}
        for name, query in CATALOGS.items():
            cursor = await connection.execute(query)
            found[name] = sorted(map(repr, await cursor.fetchall()))
        return found


@pytest.fixture
async def empty(create_database):
    """An empty database that several can be connected to."""
    opened = Database(await create_database(), connections=2)
    await opened.open()
    yield opened
    await opened.close()


async def test_migrations_from_an_empty_database_end_at_the_schema_of_today(create_database):
    migrated, today = await create_database(), await create_database()
    async with await psycopg.AsyncConnection.connect(migrated) as connection:
        await migrate.migrate(connection)
    async with await psycopg.AsyncConnection.connect(today) as connection:
        await connection.execute(files("tocsin.store").joinpath("schema.sql").read_text("utf-8"))

    found = await catalog_of(migrated)
    assert found == await catalog_of(today)
    assert "profiles" in str(found["relations"])
    assert "task_status" in str(found["types"])


def test_migrations_are_numbered_without_a_gap():
    assert [one.version for one in migrate.migrations()] == list(range(1, len(migrate.migrations()) + 1))
    found = {file.name for file in files("tocsin.store").joinpath("migrations").iterdir() if file.is_file()}
    assert found == {f"{one.version:04}_{one.name}.sql" for one in migrate.migrations()}


async def test_a_second_migration_does_nothing(empty):
    async with empty.transaction() as transaction:
        assert await migrate.applied_version(transaction) == 0
        assert await migrate.migrate(transaction) == migrate.migrations()
    async with empty.transaction() as transaction:
        assert await migrate.migrate(transaction) == []
        await migrate.check(transaction)


async def test_of_two_migrations_at_once_one_does_it_and_the_other_waits(empty):
    async def run():
        async with empty.transaction() as transaction:
            ready.release()
            await both.wait()
            return await migrate.migrate(transaction)

    ready, both = asyncio.Semaphore(0), asyncio.Event()
    running = [asyncio.create_task(run()) for _ in range(2)]
    for _ in running:
        await ready.acquire()
    both.set()
    applied = await asyncio.gather(*running)
    assert sorted(map(len, applied)) == [0, len(migrate.migrations())]


async def test_a_migration_that_breaks_leaves_nothing_behind(empty, monkeypatch):
    broken = migrate.Migration(9999, "broken", "CREATE TABLE half (id integer); SELECT * FROM nowhere")
    every = [*migrate.migrations(), broken]
    monkeypatch.setattr(migrate, "migrations", lambda: every)
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with empty.transaction() as transaction:
            await migrate.migrate(transaction)
    async with empty.transaction() as transaction:
        assert await migrate.applied_version(transaction) == 0
        cursor = await transaction.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert await cursor.fetchone() == (0,)


async def test_an_older_schema_is_refused_with_what_to_do(empty):
    async with empty.transaction() as transaction:
        with pytest.raises(NotReady) as refused:
            await migrate.check(transaction)
    assert "at version 0" in refused.value.debug
    assert "run `tocsin migrate`" in refused.value.debug


async def test_a_newer_schema_is_refused_and_left_alone(stage):
    await stage.connection.execute("INSERT INTO schema_migrations (version, name) VALUES (9999, 'later')")
    with pytest.raises(NotReady) as refused:
        await migrate.check(stage.connection)
    assert "upgrade Tocsin" in refused.value.debug
    assert await migrate.migrate(stage.connection) == []

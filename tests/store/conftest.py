"""Databases of their own, for what needs several connections or an empty one. They are dropped after the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cast import CONFIGURATION, open_call_stage
from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.store import migrate, partitions
from tocsin.store.database import Database

CreateDatabase = Callable[[], Awaitable[str]]
Post = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def create_database(server: str) -> AsyncIterator[CreateDatabase]:
    """Makes an empty database and answers its conninfo."""
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        names: list[str] = []

        async def create() -> str:
            names.append(f"test_{uuid4().hex}")
            await connection.execute(f"CREATE DATABASE {names[-1]} TEMPLATE template0 STRATEGY file_copy")
            return make_conninfo(server, dbname=names[-1])

        yield create
        for name in names:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(create_database: CreateDatabase) -> AsyncIterator[Database]:
    """A database with the schema, in which several transactions can be open and are committed."""
    async with AsyncExitStack() as stack:
        opened = Database(await create_database(), connections=4)
        await opened.open()
        stack.push_async_callback(opened.close)
        async with opened.transaction() as transaction:
            await migrate.migrate(transaction)
            for table in partitions.TABLES:
                await partitions.add(transaction, table, datetime.now(UTC).date())
        yield opened


@pytest.fixture
async def context(database: Database) -> Context:
    """On a database that commits, with the cast's configuration."""
    made = Context(database)
    await configuration.apply(made, CONFIGURATION, "cast.yaml", {})
    return made


@pytest.fixture
async def post(context: Context) -> AsyncIterator[Post]:
    """Calls in JSON on that database."""
    async with open_call_stage(context) as made:
        yield made


@pytest.fixture
def until_blocked(database: Database) -> Callable[[], Awaitable[None]]:
    """Returns once some connection to the database waits for a lock."""

    async def wait() -> None:
        async with asyncio.timeout(30), database.transaction() as transaction:
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while (await (await transaction.execute(waiting)).fetchone()) == (0,):
                pass

    return wait

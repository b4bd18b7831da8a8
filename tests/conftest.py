"""One embedded server for the whole run; each test in a transaction that is rolled back."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cast import CONFIGURATION, Stage, open_stage
from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.store import embedded, migrate, partitions
from tocsin.store.database import Database


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The conninfo of an empty database on a server of this run."""
    with embedded.running(Path(tmp_path_factory.mktemp("postgres")), durable=False) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
async def prepared(server: str) -> str:
    """The conninfo of a database with the schema and the cast's configuration."""
    database = Database(server, connections=1)
    await database.open()
    context = Context(database)
    async with database.transaction() as transaction:
        await migrate.migrate(transaction)
        for table in partitions.TABLES:
            await partitions.add(transaction, table, context.clock().date())
    await configuration.apply(context, CONFIGURATION, "cast.yaml", {})
    await database.close()
    return server


@pytest.fixture
async def stage(prepared: str) -> AsyncIterator[Stage]:
    """The whole product but for the processes, on a database that forgets the test."""
    async with open_stage(prepared) as opened:
        yield opened

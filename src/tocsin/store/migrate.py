"""Bringing the schema up to date: numbered SQL files, forward only, all in one transaction."""

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

from tocsin.core.errors import NotReady
from tocsin.store.database import LOCK_MIGRATE, Transaction

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    script: LiteralString


def migrations() -> list[Migration]:
    """Every migration of this version of Tocsin, in order."""
    found = [
        Migration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in files("tocsin.store").joinpath("migrations").iterdir()
        if (match := _FILE.fullmatch(file.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


async def applied_version(transaction: Transaction) -> int:
    """The last migration applied to this database, 0 for an empty one."""
    cursor = await transaction.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
    if (await cursor.fetchone()) != (True,):
        return 0
    cursor = await transaction.execute("SELECT coalesce(max(version), 0) FROM schema_migrations")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def migrate(transaction: Transaction) -> list[Migration]:
    """Apply what is missing and return it. Two at once: the second waits, then finds nothing to do."""
    await transaction.execute("SELECT pg_advisory_xact_lock(%s, 0)", (LOCK_MIGRATE,))
    version = await applied_version(transaction)
    missing = [migration for migration in migrations() if migration.version > version]
    for migration in missing:
        await transaction.execute(migration.script)
        await transaction.execute(
            "INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (migration.version, migration.name)
        )
    return missing


async def check(transaction: Transaction) -> None:
    """NotReady unless the schema is exactly the one this version needs."""
    version, needed = await applied_version(transaction), migrations()[-1].version
    if version < needed:
        raise NotReady(f"the database schema is at version {version}, {needed} is needed: run `tocsin migrate`")
    if version > needed:
        raise NotReady(
            f"the database schema is at version {version}, newer than this Tocsin ({needed}): upgrade Tocsin"
        )

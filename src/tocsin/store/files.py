"""Files of calls."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("files")


class File(Struct, frozen=True):
    """A stored file."""

    id: UUID
    name: str
    content_type: str
    data: bytes


class FileNote(Struct, frozen=True):
    """A stored file without its data."""

    id: UUID
    name: str
    content_type: str
    size_bytes: int


async def insert(transaction: Transaction, files: Sequence[File], now: datetime) -> None:
    """New files; few, and each as large as it is, hence one statement each in one round trip."""
    async with transaction.pipeline():
        for file in files:
            await transaction.execute(
                _SQL["insert"],
                {
                    "id": file.id,
                    "name": file.name,
                    "content_type": file.content_type,
                    "data": file.data,
                    "created_at": now,
                },
                binary=True,
            )


async def describe(transaction: Transaction, file_ids: Sequence[UUID]) -> dict[UUID, FileNote]:
    """Files by id without their data; those that are not there are left out."""
    rows = await fetch(transaction, _SQL["describe"], ids=list(file_ids))
    return {row[0]: FileNote(*row) for row in rows}


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Delete files that were stored before an instant and that no launch names; how many. None while tasks are under
    way that may name some.
    """
    return len(await fetch(transaction, _SQL["delete_old"], before=before, limit=limit))


async def lock(transaction: Transaction, file_ids: Sequence[UUID]) -> None:
    """Keep files until the transaction ends, for a launch that names them."""
    await transaction.execute(_SQL["lock"], {"ids": list(file_ids)})


async def get(transaction: Transaction, file_ids: Sequence[UUID]) -> dict[UUID, File]:
    """Files by id; those that are not there are left out."""
    rows = await fetch(transaction, _SQL["get"], ids=list(file_ids))
    return {row[0]: File(*row) for row in rows}

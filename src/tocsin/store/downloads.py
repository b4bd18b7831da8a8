"""Files that tasks make for callers to fetch: kept in pieces, so that no host ever holds a whole one."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from tocsin.core.errors import NotFound
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("downloads")


class Download(Struct, frozen=True):
    """A file that is whole. Its id is that of the task that made it."""

    id: UUID
    name: str
    content_type: str
    bytes: int
    created_at: datetime


async def insert(transaction: Transaction, download: Download) -> None:
    """A file whose pieces are all there; from now on it can be fetched."""
    await transaction.execute(_SQL["insert"], structs.asdict(download))


async def insert_chunk(transaction: Transaction, file_id: UUID, number: int, data: bytes) -> None:
    """A piece of a file in the making, numbered from 0."""
    await transaction.execute(_SQL["insert_chunk"], {"file_id": file_id, "number": number, "data": data}, binary=True)


async def find(transaction: Transaction, file_id: UUID) -> Download | None:
    """A file that is whole, None when there is none."""
    rows = await fetch(transaction, _SQL["find"], id=file_id)
    return Download(*rows[0]) if rows else None


async def get_chunk(transaction: Transaction, file_id: UUID, number: int) -> bytes:
    """A piece of a file, or NotFound."""
    rows = await fetch(transaction, _SQL["get_chunk"], file_id=file_id, number=number)
    if not rows:
        raise NotFound("there is no such piece of the file")
    data: bytes = rows[0][0]
    return data


async def delete(transaction: Transaction, file_ids: Sequence[UUID]) -> None:
    """Files, those in the making too."""
    await transaction.execute(_SQL["delete_chunks"], {"ids": list(file_ids)})
    await transaction.execute(_SQL["delete"], {"ids": list(file_ids)})

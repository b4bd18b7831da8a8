"""Files that tasks make: pieces until they are whole, then files, then gone."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tocsin.core.errors import NotFound
from tocsin.store import downloads
from tocsin.store.downloads import Download

FIRST, SECOND = UUID(int=1), UUID(int=2)
WHOLE = Download(FIRST, "1_database_export.csv", "text/csv", 3_000_000_000, datetime(2026, 5, 1, tzinfo=UTC))
PIECE = bytes(range(256))


async def write(stage, file_id=FIRST, pieces=(PIECE, b"", b"\\x00\\N")):
    for number, piece in enumerate(pieces):
        await downloads.insert_chunk(stage.connection, file_id, number, piece)


async def test_a_file_in_the_making_is_no_file(stage):
    await write(stage)
    assert await downloads.find(stage.connection, FIRST) is None


async def test_a_whole_file_is_what_was_written(stage):
    await write(stage)
    await downloads.insert(stage.connection, WHOLE)
    assert await downloads.find(stage.connection, FIRST) == WHOLE
    pieces = [await downloads.get_chunk(stage.connection, FIRST, number) for number in range(3)]
    assert pieces == [PIECE, b"", b"\\x00\\N"]


async def test_a_piece_that_is_not_there_is_an_error(stage):
    await write(stage)
    for file_id, number in ((FIRST, 3), (SECOND, 0)):
        with pytest.raises(NotFound):
            await downloads.get_chunk(stage.connection, file_id, number)


async def test_whole_files_and_those_in_the_making_are_deleted(stage):
    for file_id in (FIRST, SECOND, UUID(int=3)):
        await write(stage, file_id)
    await downloads.insert(stage.connection, WHOLE)
    await downloads.delete(stage.connection, [FIRST, SECOND])
    assert await downloads.find(stage.connection, FIRST) is None
    assert await stage.rows("SELECT DISTINCT file_id FROM download_chunks") == [(UUID(int=3),)]


async def test_nothing_is_deleted_for_no_files(stage):
    await write(stage)
    await downloads.delete(stage.connection, [])
    assert await stage.rows("SELECT count(*) FROM download_chunks") == [(3,)]


async def test_of_two_workers_with_the_same_piece_the_second_waits_and_writes_nothing(database, until_blocked):
    async def apply():
        async with database.transaction() as transaction:
            await downloads.insert_chunk(transaction, FIRST, 0, b"late")

    async with database.transaction() as transaction:
        await downloads.insert_chunk(transaction, FIRST, 0, b"mine")
        late = asyncio.create_task(apply())
        await until_blocked()
    await late
    async with database.transaction() as transaction:
        assert await downloads.get_chunk(transaction, FIRST, 0) == b"mine"

"""Exporting profiles to a file: a page at a time, each in one transaction with its progress."""

import asyncio
from uuid import UUID

import msgspec
from msgspec import Struct

from tocsin.actions.context import Context
from tocsin.core import exports, ids, mongo
from tocsin.core.configuration import Configuration
from tocsin.core.exports import CONTENT_TYPES, ExportCall
from tocsin.core.profiles import Profile
from tocsin.store import downloads, profiles, tasks
from tocsin.store.database import Transaction
from tocsin.store.downloads import Download
from tocsin.store.tasks import ClaimedTask

KIND = "profiles.export"
PAGE = 5000

# How many profiles there will be is not known before the end. Progress is the place among buckets, in which pages are
# numbered; it grows with each page.
_PAGES_OF_A_BUCKET = 2**22
_STEPS = 256 * _PAGES_OF_A_BUCKET


class ExportProgress(Struct):
    """What is in the file so far; `last` is the id of the last profile, hex."""

    chunks: int = 0
    profiles: int = 0
    bytes: int = 0
    last: str = ""


class ExportOutcome(Struct):
    """The documented result of an export (facts, 1.10)."""

    errors: list[str]
    source_id: int
    total: int
    type: str
    urls: list[str]


def check(configuration: Configuration, call: ExportCall) -> None:
    """NotFound or Invalid unless there is such a database and its profiles can be asked so."""
    database = configuration.get_database(call.database_id)
    mongo.parse(call.query, database)


async def enqueue(context: Context, transaction: Transaction, configuration: Configuration, call: ExportCall) -> UUID:
    """Accept an export; its columns are those of now. Raises as `check`."""
    check(configuration, call)
    task_id = UUID(bytes=context.random(16), version=4)
    request = msgspec.json.encode(call)
    await tasks.insert(transaction, task_id, KIND, total=_STEPS, request=request, now=context.clock())
    return task_id


class ExportRun:
    """An export under way. It keeps nothing between pages but what is stored."""

    def __init__(self, context: Context, claimed: ClaimedTask) -> None:
        self._context = context
        self._id = claimed.id
        self._call = msgspec.json.decode(claimed.request, type=ExportCall)

    async def run_chunk(self, transaction: Transaction, done: int) -> tuple[int, bytes]:
        """Write the next page; the progress then."""
        progress = await self._progress(transaction)
        page = await self._list_after(transaction, bytes.fromhex(progress.last))
        is_last = len(page) < PAGE
        data = await asyncio.to_thread(
            exports.write_page, self._call, page, is_first=not progress.chunks, is_last=is_last
        )
        await downloads.insert_chunk(transaction, self._id, progress.chunks, data)
        written = ExportProgress(
            progress.chunks + 1,
            progress.profiles + len(page),
            progress.bytes + len(data),
            page[-1].id.hex() if page else progress.last,
        )
        return _STEPS if is_last else _steps(page[-1], done), msgspec.json.encode(written)

    async def finish(self, transaction: Transaction) -> ExportOutcome:
        """The file can be fetched from now on."""
        progress, call = await self._progress(transaction), self._call
        download = Download(
            self._id, call.file_name, CONTENT_TYPES[call.file_format], progress.bytes, self._context.clock()
        )
        await downloads.insert(transaction, download)
        url = f"/api/download/data/{self._id}/{call.file_name}"
        return ExportOutcome([], call.database_id, progress.profiles, "database", [url])

    async def _progress(self, transaction: Transaction) -> ExportProgress:
        stored = await tasks.find_last_chunk(transaction, self._id)
        return msgspec.json.decode(stored, type=ExportProgress) if stored else ExportProgress()

    async def _list_after(self, transaction: Transaction, last: bytes) -> list[Profile]:
        database = (await self._context.configuration(transaction)).get_database(self._call.database_id)
        wanted = mongo.parse(self._call.query, database)
        return await profiles.list_page(transaction, database.id, wanted, last, PAGE)


def _steps(last: Profile, done: int) -> int:
    return max(ids.bucket(last.id) * _PAGES_OF_A_BUCKET, done + 1)

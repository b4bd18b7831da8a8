"""Asynchronous calls: accepted durably, gone through chunk by chunk, then brought to their end."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from tocsin.actions import exports, launches, rehearsals
from tocsin.actions.context import Context
from tocsin.actions.launches import CheckedCall
from tocsin.actions.profiles import Found
from tocsin.core.errors import Conflict, NotFound, TocsinError
from tocsin.core.launches import BatchOutcome, ImportCall, ItemError, StartCall
from tocsin.store import downloads, tasks
from tocsin.store.database import Transaction
from tocsin.store.tasks import ClaimedTask

CHUNK_ITEMS = 500
MOST_ATTEMPTS = 5
RETRY_AFTER = timedelta(seconds=10)
KEPT_FOR = timedelta(days=7)
# After this long other tasks come first, and a worker that is to stop may do so.
TURN = timedelta(seconds=5)

KIND = "triggers.start"
CANCELLED = "the task was cancelled"


class TaskRequest(Struct):
    """What a task was asked, and when."""

    call: ImportCall | StartCall
    called_at: datetime


class ChunkOutcome(Struct):
    """What a chunk did: a profile id (24 hex digits) or an error per item."""

    outcomes: list[str | ItemError]
    ignored_fields: list[str]
    warnings: list[str] = []


class TaskResult(Struct):
    """The documented result of a task: of one that was done the outcome of its kind; of one that failed, the error."""

    error: int
    error_text: str
    outcome: Any = None
    error_debug: str = ""


class LostTask(Exception):
    """Another worker went on with the task; this transaction must not count."""


async def enqueue(context: Context, transaction: Transaction, call: ImportCall | StartCall) -> UUID:
    """Accept a call whose trigger and matching were checked."""
    task_id = UUID(bytes=context.random(16), version=4)
    now = context.clock()
    request = msgspec.json.encode(TaskRequest(call, now))
    await tasks.insert(transaction, task_id, KIND, total=len(call.items), request=request, now=now)
    return task_id


async def run_next(context: Context, lease: timedelta) -> bool:
    """Take the oldest due task and go through it to its end. False when there is none."""
    now = context.clock()
    async with context.database.transaction() as transaction:
        claimed = await tasks.claim(transaction, now=now, leased_until=now + lease)
    if claimed is None:
        return False
    try:
        await _run(context, claimed, lease)
    except LostTask:
        return True
    except TocsinError as mistake:
        await _fail(context, claimed, mistake)
    except Exception:
        await _give_back(context, claimed)
        raise
    return True


class Run(Protocol):
    """A task under way: chunks, each in one transaction with its progress, then an end in another."""

    async def run_chunk(self, transaction: Transaction, done: int) -> tuple[int, bytes]:
        """Do what comes after `done`; what is done then, and what the chunk answers."""

    async def finish(self, transaction: Transaction) -> Struct:
        """The outcome, once everything is done."""


class LaunchRun:
    """A launching call under way. Its chunks are items; it launches at the end."""

    def __init__(self, context: Context, claimed: ClaimedTask) -> None:
        self._context = context
        self._claimed = claimed
        self._request = msgspec.json.decode(claimed.request, type=TaskRequest)

    async def run_chunk(self, transaction: Transaction, done: int) -> tuple[int, bytes]:
        """Import or find the next items."""
        checked = await self._check(transaction)
        if checked.call.dry_run:
            outcome = await rehearsals.run(self._context, transaction, checked)
            return self._claimed.total, msgspec.json.encode(outcome)
        after = min(done + CHUNK_ITEMS, self._claimed.total)
        found = await launches.gather(self._context, transaction, checked, done, after)
        chunk = ChunkOutcome(
            [outcome.hex() if isinstance(outcome, bytes) else outcome for outcome in found.outcomes],
            list(found.ignored_fields),
            list(found.warnings),
        )
        return after, msgspec.json.encode(chunk)

    async def finish(self, transaction: Transaction) -> BatchOutcome:
        """Only once every item is applied: a later item may change what an earlier one's message says."""
        chunks = await tasks.list_chunks(transaction, self._claimed.id)
        if self._request.call.dry_run:
            return msgspec.json.decode(chunks[0], type=BatchOutcome)
        checked = await self._check(transaction)
        found = _found([msgspec.json.decode(chunk, type=ChunkOutcome) for chunk in chunks])
        return await launches.launch(self._context, transaction, checked, found, self._request.called_at)

    async def _check(self, transaction: Transaction) -> CheckedCall:
        configuration = await self._context.configuration(transaction)
        return await launches.check(transaction, configuration, self._request.call)


_RUNS: Mapping[str, Callable[[Context, ClaimedTask], Run]] = {KIND: LaunchRun, exports.KIND: exports.ExportRun}


async def _run(context: Context, claimed: ClaimedTask, lease: timedelta) -> None:
    run = _RUNS[claimed.kind](context, claimed)
    done, turn_ends_at = claimed.done, context.clock() + TURN
    while done < claimed.total and context.clock() <= turn_ends_at:
        done = await _run_chunk(context, claimed, run, done, lease)
    async with context.database.transaction() as transaction:
        if done < claimed.total:
            await tasks.postpone(transaction, claimed.id, context.clock())
        else:
            await _finish(context, transaction, claimed, TaskResult(0, "", await run.finish(transaction)))


async def _run_chunk(context: Context, claimed: ClaimedTask, run: Run, done: int, lease: timedelta) -> int:
    """Do the next chunk and note the progress in one transaction; what is done then."""
    async with context.database.transaction() as transaction:
        after, outcome = await run.run_chunk(transaction, done)
        is_ours = await tasks.record_chunk(
            transaction,
            claimed.id,
            done_before=done,
            done=after,
            outcome=outcome,
            leased_until=context.clock() + lease,
        )
        if not is_ours:
            raise LostTask
    return after


async def _finish(context: Context, transaction: Transaction, claimed: ClaimedTask, result: TaskResult) -> None:
    status: Literal["completed", "failed"] = "failed" if result.error else "completed"
    if not await tasks.finish(transaction, claimed.id, status, msgspec.json.encode(result), context.clock()):
        raise LostTask
    if result.error:
        await downloads.delete(transaction, [claimed.id])


async def _fail(context: Context, claimed: ClaimedTask, mistake: TocsinError) -> None:
    """A trouble of ours is tried again some times; a mistake in what was asked ends the task."""
    if mistake.is_ours and claimed.attempts < MOST_ATTEMPTS:
        await _give_back(context, claimed)
        return
    async with context.database.transaction() as transaction:
        result = TaskResult(mistake.code, mistake.text, error_debug=mistake.describe())
        await _finish(context, transaction, claimed, result)


async def _give_back(context: Context, claimed: ClaimedTask) -> None:
    async with context.database.transaction() as transaction:
        if claimed.attempts < MOST_ATTEMPTS:
            await tasks.postpone(transaction, claimed.id, context.clock() + RETRY_AFTER)
        else:
            await _finish(context, transaction, claimed, TaskResult(500, TocsinError.text))


async def cancel(context: Context, transaction: Transaction, task_id: UUID) -> None:
    """End a task: what its chunks have applied stays, nothing more is done, and nothing is launched.

    NotFound; Conflict when it has ended. A worker that is at it finds out when it would record its chunk.
    """
    if await tasks.find(transaction, task_id) is None:
        raise NotFound("there is no such task", path="task_id")
    result = TaskResult(Conflict.code, Conflict.text, error_debug=CANCELLED)
    if not await tasks.finish(transaction, task_id, "failed", msgspec.json.encode(result), context.clock()):
        raise Conflict("the task has ended", path="task_id")
    await downloads.delete(transaction, [task_id])


async def forget_old(context: Context) -> None:
    """Delete tasks that ended long ago, and the files that they made."""
    async with context.database.transaction() as transaction:
        gone = await tasks.delete_finished(transaction, context.clock() - KEPT_FOR)
        await downloads.delete(transaction, gone)


def _found(chunks: list[ChunkOutcome]) -> Found:
    outcomes = [outcome for chunk in chunks for outcome in chunk.outcomes]
    ignored = {name for chunk in chunks for name in chunk.ignored_fields}
    return Found(
        [bytes.fromhex(outcome) if isinstance(outcome, str) else outcome for outcome in outcomes],
        ignored_fields=sorted(ignored),
        warnings=sorted({warning for chunk in chunks for warning in chunk.warnings}),
    )

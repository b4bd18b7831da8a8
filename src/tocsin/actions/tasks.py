"""Asynchronous launches: accepted durably, then imported or matched chunk by chunk, then launched."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from tocsin.actions import profiles, triggers
from tocsin.actions.context import Context
from tocsin.actions.profiles import Found
from tocsin.actions.triggers import CheckedCall
from tocsin.core.errors import TocsinError
from tocsin.core.launches import BatchOutcome, ImportCall, ItemError, StartCall
from tocsin.store import tasks
from tocsin.store.database import Transaction
from tocsin.store.tasks import ClaimedTask

CHUNK_ITEMS = 500
MOST_ATTEMPTS = 5
RETRY_AFTER = timedelta(seconds=10)
KEPT_FOR = timedelta(days=7)

KIND = "triggers.start"


class TaskRequest(Struct):
    """What a task was asked, and when."""

    call: ImportCall | StartCall
    called_at: datetime


class ChunkOutcome(Struct):
    """What a chunk did: a profile id (24 hex digits) or an error per item."""

    outcomes: list[str | ItemError]
    ignored_fields: list[str]


class TaskResult(Struct):
    """The documented result of a task; of one that failed, the error."""

    error: int
    error_text: str
    outcome: BatchOutcome | None = None
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


async def _run(context: Context, claimed: ClaimedTask, lease: timedelta) -> None:
    request = msgspec.json.decode(claimed.request, type=TaskRequest)
    done = claimed.done
    while done < claimed.total:
        done = await _run_chunk(context, claimed, request, done, lease)
    await _launch(context, claimed, request)


async def _run_chunk(context: Context, claimed: ClaimedTask, request: TaskRequest, done: int, lease: timedelta) -> int:
    """Apply the next items and the progress in one transaction; the number of items done then."""
    async with context.database.transaction() as transaction:
        checked = triggers.check(await context.configuration(transaction), request.call)
        after = min(done + CHUNK_ITEMS, claimed.total)
        found = await _find(context, transaction, checked, done, after)
        chunk = ChunkOutcome(
            [outcome.hex() if isinstance(outcome, bytes) else outcome for outcome in found.outcomes],
            list(found.ignored_fields),
        )
        is_ours = await tasks.record_chunk(
            transaction,
            claimed.id,
            done_before=done,
            done=after,
            outcome=msgspec.json.encode(chunk),
            leased_until=context.clock() + lease,
        )
        if not is_ours:
            raise LostTask
    return after


async def _find(context: Context, transaction: Transaction, checked: CheckedCall, first: int, after: int) -> Found:
    call = checked.call
    if isinstance(call, ImportCall):
        return await profiles.import_items(context, transaction, checked.imports(), call.items[first:after], first)
    return await triggers.find(transaction, checked, call.items[first:after], first)


async def _launch(context: Context, claimed: ClaimedTask, request: TaskRequest) -> None:
    """Only once every item is applied: a later item may change what an earlier one's message says."""
    async with context.database.transaction() as transaction:
        checked = triggers.check(await context.configuration(transaction), request.call)
        found = _found(
            [
                msgspec.json.decode(chunk, type=ChunkOutcome)
                for chunk in await tasks.list_chunks(transaction, claimed.id)
            ]
        )
        outcome = await triggers.launch(context, transaction, checked, found, request.called_at)
        await _finish(context, transaction, claimed, TaskResult(0, "", outcome))


async def _finish(context: Context, transaction: Transaction, claimed: ClaimedTask, result: TaskResult) -> None:
    status: Literal["completed", "failed"] = "failed" if result.error else "completed"
    if not await tasks.finish(transaction, claimed.id, status, msgspec.json.encode(result), context.clock()):
        raise LostTask


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


async def forget_old(context: Context) -> None:
    """Delete tasks that ended long ago."""
    async with context.database.transaction() as transaction:
        await tasks.delete_finished(transaction, context.clock() - KEPT_FOR)


def _found(chunks: list[ChunkOutcome]) -> Found:
    outcomes = [outcome for chunk in chunks for outcome in chunk.outcomes]
    ignored = {name for chunk in chunks for name in chunk.ignored_fields}
    return Found(
        [bytes.fromhex(outcome) if isinstance(outcome, str) else outcome for outcome in outcomes],
        ignored_fields=sorted(ignored),
    )

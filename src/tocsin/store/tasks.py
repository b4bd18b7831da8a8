"""Asynchronous calls: durable once accepted, gone through chunk by chunk, each chunk with its progress."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("tasks")

Status = Literal["queued", "processing", "completed", "failed"]


class ClaimedTask(NamedTuple):
    """A task that this worker has until the lease ends. `attempts` counts claims since its last progress."""

    id: UUID
    kind: str
    total: int
    done: int
    attempts: int
    request: bytes


class TaskProgress(NamedTuple):
    """How far a task is; `result` once it has ended."""

    status: Status
    total: int
    done: int
    result: bytes | None


class ListedTask(NamedTuple):
    """A task as it is listed. `result`, the answer with its error in it, only of one that has failed."""

    id: UUID
    kind: str
    status: Status
    total: int
    done: int
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    result: bytes | None

    @property
    def percent(self) -> int:
        """As `progress` in the API: at most 99 until the task is completed."""
        return 100 if self.status == "completed" else min(99, 100 * self.done // max(self.total, 1))


async def insert(
    transaction: Transaction, task_id: UUID, kind: str, *, total: int, request: bytes, now: datetime
) -> None:
    """An accepted call."""
    await transaction.execute(
        _SQL["insert"],
        {"id": task_id, "kind": kind, "total": total, "created_at": now, "request": request},
        binary=True,
    )


async def claim(transaction: Transaction, *, now: datetime, leased_until: datetime) -> ClaimedTask | None:
    """The oldest due task, if any."""
    rows = await fetch(transaction, _SQL["claim"], now=now, leased_until=leased_until)
    return ClaimedTask(*rows[0]) if rows else None


async def record_chunk(
    transaction: Transaction, task_id: UUID, *, done_before: int, done: int, outcome: bytes, leased_until: datetime
) -> bool:
    """Progress, in the transaction that made it. False: another worker went on with the task, so undo."""
    rows = await fetch(
        transaction, _SQL["record_chunk"], id=task_id, done_before=done_before, done=done, leased_until=leased_until
    )
    if rows:
        await transaction.execute(
            _SQL["insert_chunk"], {"task_id": task_id, "first_item": done_before, "outcome": outcome}, binary=True
        )
    return bool(rows)


async def list_chunks(transaction: Transaction, task_id: UUID) -> list[bytes]:
    """What the chunks answered, in order."""
    return [outcome for (outcome,) in await fetch(transaction, _SQL["list_chunks"], task_id=task_id)]


async def find_last_chunk(transaction: Transaction, task_id: UUID) -> bytes | None:
    """What the last chunk answered, None before there is one."""
    rows = await fetch(transaction, _SQL["find_last_chunk"], task_id=task_id)
    return rows[0][0] if rows else None


async def finish(
    transaction: Transaction, task_id: UUID, status: Literal["completed", "failed"], result: bytes, now: datetime
) -> bool:
    """The end. False: it had ended before, so undo."""
    rows = await fetch(transaction, _SQL["finish"], id=task_id, status=status, result=result, now=now)
    await transaction.execute(_SQL["delete_chunks"], {"task_id": task_id})
    return bool(rows)


async def postpone(transaction: Transaction, task_id: UUID, due_at: datetime) -> None:
    """Try again later."""
    await transaction.execute(_SQL["postpone"], {"id": task_id, "due_at": due_at})


async def find(transaction: Transaction, task_id: UUID) -> TaskProgress | None:
    """How far a task is, None when there is no such task."""
    rows = await fetch(transaction, _SQL["get"], id=task_id)
    return TaskProgress(*rows[0]) if rows else None


async def list_unfinished(transaction: Transaction, limit: int) -> list[ListedTask]:
    """Those that go on or wait to, the oldest first."""
    return [ListedTask(*row) for row in await fetch(transaction, _SQL["list_unfinished"], limit=limit)]


async def list_finished(transaction: Transaction, limit: int) -> list[ListedTask]:
    """Those that have ended, the newest first."""
    return [ListedTask(*row) for row in await fetch(transaction, _SQL["list_finished"], limit=limit)]


async def count(transaction: Transaction) -> dict[str, int]:
    """Unfinished tasks by status."""
    return dict(await fetch(transaction, _SQL["count"]))


async def delete_finished(transaction: Transaction, before: datetime) -> list[UUID]:
    """Tasks that ended before an instant; those that were deleted."""
    return [task_id for (task_id,) in await fetch(transaction, _SQL["delete_finished"], before=before)]

"""`tasks/status`: how far an asynchronous call is (seeds 000 and 004; facts, 1.10)."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from tocsin.actions import tasks as task_actions
from tocsin.actions.tasks import TaskResult
from tocsin.core.errors import NotFound
from tocsin.store import tasks
from tocsin.store.tasks import TaskProgress
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope

_PREFIX = "task_"


class StatusRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which task."""

    task_id: str


class TaskStatus(Struct):
    """`status`: queued, processing, completed, failed. `progress`: percent of items done, never less than before."""

    status: str
    progress: int
    result: Any = None


async def status(call: Call, request: StatusRequest) -> DataAnswer:
    """How far a task is, and once it has ended its result."""
    progress = await tasks.find(call.transaction, _parse(request.task_id))
    if progress is None:
        raise NotFound("there is no such task", path="task_id")
    return DataAnswer(data=TaskStatus(progress.status, _percent(progress), _result(progress)))


async def cancel(call: Call, request: StatusRequest) -> DataAnswer:
    """End a task that has not ended: what it has applied stays, and nothing is launched."""
    await task_actions.cancel(call.context, call.transaction, _parse(request.task_id))
    return DataAnswer(data=None)


def _parse(text: str) -> UUID:
    try:
        return UUID(text.removeprefix(_PREFIX))
    except ValueError:
        raise NotFound("there is no such task", path="task_id") from None


def _percent(progress: TaskProgress) -> int:
    """100 only at the very end: after the last item there is still the launch."""
    percent = progress.done * 100 // max(progress.total, 1)
    return percent if progress.status == "completed" else min(percent, 99)


def _result(progress: TaskProgress) -> dict[str, Any] | None:
    if progress.result is None:
        return None
    result = msgspec.json.decode(progress.result, type=TaskResult)
    described: dict[str, Any] = {"error": result.error, "error_text": result.error_text}
    if result.error_debug:
        described["error_debug"] = result.error_debug
    return described | (result.outcome or {})

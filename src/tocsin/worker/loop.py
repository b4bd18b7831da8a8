"""The worker's loops: one per kind of work, each until it is told to stop; what is in hand is finished first."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from tocsin.core.errors import NotReady
from tocsin.log import get as get_log
from tocsin.worker.kinds import Kind

log = get_log("tocsin.worker")

_LONGEST_PAUSE_SECONDS = 5.0


async def run(kinds: Sequence[Kind], stop: asyncio.Event) -> None:
    """All loops until `stop` is set and each has finished what it had begun."""
    async with asyncio.TaskGroup() as loops:
        for kind in kinds:
            loops.create_task(_run_one(kind, stop))


async def _run_one(kind: Kind, stop: asyncio.Event) -> None:
    pause = kind.look_seconds
    while not stop.is_set():
        try:
            found_work = await kind.work()
            pause = kind.look_seconds
        except NotReady as reason:
            log.warning("worker.waiting", kind=kind.name, reason=reason.describe())
            found_work, pause = False, _longer(pause)
        except Exception as error:  # noqa: BLE001 - one broken batch must not end the worker; its lease brings it back
            log.failure("worker.failed", error, kind=kind.name)
            found_work, pause = False, _longer(pause)
        if not found_work:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


def _longer(pause: float) -> float:
    return min(max(pause * 2, 0.2), _LONGEST_PAUSE_SECONDS)

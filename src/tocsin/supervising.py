"""Worker processes: each is kept going by itself and started again when it dies, later and later if it cannot begin."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from contextlib import suppress

from tocsin import log as logs

log = logs.get("tocsin.main")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


async def keep_workers(count: int, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """So many workers until `stop`, then until each has finished what it has in hand.

    `ready` is set once each works or has died once: whatever else this process does can go on without it.
    """
    begun = [asyncio.Event() for _ in range(count)]
    async with asyncio.TaskGroup() as keepers:
        for one in begun:
            keepers.create_task(_keep(stop, one))
        for one in begun:
            await one.wait()
        ready.set()


async def _keep(stop: asyncio.Event, begun: asyncio.Event) -> None:
    pause_seconds = _FIRST_PAUSE_SECONDS
    while not stop.is_set():
        works = asyncio.Event()
        status = await _run(stop, begun, works)
        begun.set()
        if stop.is_set():
            return
        if works.is_set():
            pause_seconds = _FIRST_PAUSE_SECONDS
        log.error("worker.died", status=status, started_again_in_seconds=pause_seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)
        pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)


async def _run(stop: asyncio.Event, begun: asyncio.Event, works: asyncio.Event) -> int | str | None:
    """One process, from its start to its end; its exit status, or why it could not be started. `works` once it does."""
    try:
        process = await _start()
    except OSError as trouble:
        return trouble.strerror
    stopping = asyncio.create_task(_terminate_at(stop, process))
    try:
        if process.stdout and await process.stdout.readline():
            works.set()
        begun.set()
        return await process.wait()
    finally:
        stopping.cancel()


async def _start() -> Process:
    """A process that works by itself. The pipe at its standard input ends with us, however we end."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin", "serve", "--roles", "worker",
        env=os.environ | {"TOCSIN_WORKERS": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def _terminate_at(stop: asyncio.Event, process: Process) -> None:
    await stop.wait()
    with suppress(ProcessLookupError):
        process.terminate()

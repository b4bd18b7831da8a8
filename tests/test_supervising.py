"""Worker processes are kept going, each by itself."""

import asyncio
import sys

import pytest

from tocsin import supervising

STEADY = "import sys; print('ready', flush=True); sys.stdin.read()"
SLOW = "import time; time.sleep(60)"
KILLED = "print('ready', flush=True); raise SystemExit(9)"
DEAD = "raise SystemExit(3)"
NONE = ""


class Starts:
    """Runs the programs given in turn, the last of them from then on; when it did."""

    def __init__(self, *programs):
        self.at = []
        self._programs = list(programs)
        self._instants = asyncio.Queue()

    async def start(self):
        program = self._programs.pop(0) if len(self._programs) > 1 else self._programs[0]
        self._instants.put_nowait(asyncio.get_running_loop().time())
        if program == NONE:
            raise OSError(11, "Resource temporarily unavailable")
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )

    async def wait_for(self, count):
        while len(self.at) < count:
            self.at.append(await self._instants.get())


async def keep(monkeypatch, starts, *, workers, count, is_ready=True, longest=0.24):
    """Keep workers until so many have been started, and then stop them."""
    monkeypatch.setattr(supervising, "_FIRST_PAUSE_SECONDS", 0.03)
    monkeypatch.setattr(supervising, "_LONGEST_PAUSE_SECONDS", longest)
    monkeypatch.setattr(supervising, "_start", starts.start)
    stop, ready = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as running:
        running.create_task(supervising.keep_workers(workers, stop, ready))
        if is_ready:
            await ready.wait()
        await starts.wait_for(count)
        stop.set()
    assert ready.is_set()


@pytest.mark.parametrize("count", [0, 3])
async def test_all_are_started_and_end_at_a_signal(monkeypatch, count):
    await keep(monkeypatch, Starts(STEADY), workers=count, count=count)


@pytest.mark.parametrize("broken", [DEAD, NONE])
async def test_one_that_dies_or_cannot_be_started_is_tried_again_and_stops_no_other(monkeypatch, broken):
    await keep(monkeypatch, Starts(broken, STEADY), workers=2, count=3)


async def test_one_that_dies_again_and_again_is_started_later_and_later(monkeypatch):
    starts = Starts(DEAD)
    await keep(monkeypatch, starts, workers=1, count=5)
    assert starts.at[1] - starts.at[0] >= 0.03
    assert starts.at[4] - starts.at[3] >= 0.24


async def test_one_that_worked_is_started_again_soon_however_often_it_is_killed(monkeypatch):
    """Doubled each time, the pauses would be half a minute in all, which is longer than `keep` waits."""
    await keep(monkeypatch, Starts(KILLED), workers=1, count=11, longest=100)


async def test_a_stop_does_not_wait_for_one_that_is_still_beginning(monkeypatch):
    await keep(monkeypatch, Starts(SLOW), workers=1, count=1, is_ready=False)

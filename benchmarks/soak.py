"""Sending at full speed for minutes: memory, sizes of the queue on disk and rate, minute by minute. `--minutes N`.

New messages are launched whenever the queue gets short, so that it is never empty and never long.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from delivery import SENT, add_profiles, configuration, count_rows, launch, working
from floor import configured, postgres
from memory import memory
from sinks import postfix_sink

from tocsin.actions.context import Context

PROFILES = 20_000
LEAST_WAITING = 10_000
WAITING = "SELECT count(*) FROM (SELECT 1 FROM messages LIMIT 100000) AS some_of_them"
TABLE_BYTES = "SELECT pg_relation_size('messages')"
INDEX_BYTES = "SELECT pg_indexes_size('messages')"
MEGABYTE = 1024 * 1024


async def keep_busy(context: Context, profile_ids: Sequence[str], until: float) -> None:
    """Launch again and again."""
    while time.monotonic() < until:
        if await count_rows(context, WAITING) < LEAST_WAITING:
            await launch(context, profile_ids)
        await asyncio.sleep(0.1)


async def measure(conninfo: str, folder: Path, chosen: argparse.Namespace) -> None:
    with postfix_sink() as port:
        async with configured(conninfo, configuration(port)) as context:
            profile_ids = await add_profiles(context, PROFILES)
            with working(conninfo, folder, chosen.workers) as pids:
                until = time.monotonic() + 60 * chosen.minutes
                feeding = asyncio.create_task(keep_busy(context, profile_ids, until))
                seen = await watch(context, pids, until)
                await feeding
    (first_rate, first_memory), (last_rate, last_memory) = seen[0], seen[-1]
    print(
        f"soak     {chosen.minutes:g} minutes: rate at the end {last_rate / first_rate:.2f} of that at the beginning, "
        f"memory of the largest worker {last_memory / first_memory:.2f}"
    )


async def watch(context: Context, pids: Sequence[int], until: float) -> list[tuple[float, float]]:
    """A line a minute; the rate and the largest memory of each."""
    seen: list[tuple[float, float]] = []
    sent, at = await count_rows(context, SENT), time.monotonic()
    while (now := time.monotonic()) < until:
        await asyncio.sleep(min(60.0, until - now))
        now_sent, now = await count_rows(context, SENT), time.monotonic()
        rate, sent, at = (now_sent - sent) / (now - at), now_sent, now
        megabytes = [memory(pid)[0] for pid in pids]
        seen.append((rate, max(megabytes)))
        print(
            f"minute {len(seen)}: {rate:7,.0f} messages/s, workers {', '.join(f'{one:.0f}' for one in megabytes)} MB, "
            f"queue {await count_rows(context, TABLE_BYTES) / MEGABYTE:.0f} MB, its indexes "
            f"{await count_rows(context, INDEX_BYTES) / MEGABYTE:.0f} MB, rows {await count_rows(context, WAITING):,}",
            flush=True,
        )
    return seen


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--workers", type=int, default=1)
    with TemporaryDirectory() as name, postgres() as address:
        uvloop.run(measure(address, Path(name), options.parse_args()))

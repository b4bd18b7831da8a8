"""Launched messages of 4 KB, HTML and text, personalised, until each is recorded; against Postfix's own generator.

The server is Postfix's `smtp-sink` on loopback; the floor is `smtp-source -d`, which sends the same message again and
again over as many sessions and records nothing. Both are in Debian's package `postfix`. `--messages N`, `--rounds N`.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import uvloop
import yaml
from floor import configured, postgres
from memory import memory
from psycopg.conninfo import conninfo_to_dict

from tocsin.actions import launches, profiles
from tocsin.actions.context import Context
from tocsin.core.launches import ImportItem, StartCall, StartItem
from tocsin.core.matching import check_matching

SESSIONS = 20
BYTES = 4096
TARGET = 0.6
PARAGRAPH = "Thank you for your order, {lead._fname}: it is being packed, and leaves our house tomorrow at the latest. "


def configuration(port: int) -> str:
    """One sender to the sink, one template of about 4 KB as it is sent."""
    html = f"<html><body><h1>Dear {{lead._fname}} {{lead._lname}}</h1>{f'<p>{PARAGRAPH}</p>{chr(10)}' * 15}"
    email = {"from_email": "shop@example.com", "subject": "Thank you, {lead._fname}", "html": html + "</body></html>"}
    sender = {"id": 1, "name": "sink", "channel": "email", "type": "smtp", "host": "127.0.0.1", "port": port}
    trigger = {"id": 96, "name": "Welcome", "database": 1, "template": 1, "sender": 1, "active": True}
    return yaml.safe_dump(
        {
            "databases": [{"id": 1, "name": "Customers"}],
            "senders": [sender | {"security": "none", "connections": SESSIONS}],
            "templates": [{"id": 1, "name": "Welcome", "email": email}],
            "triggers": [trigger],
            "tokens": [{"name": "shop", "token": "abcdefghijklmnqrstuvwxyz"}],
        }
    )


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def sink() -> Iterator[int]:
    """The port of a `smtp-sink`."""
    port = free_port()
    process = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "1000"])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait()


def source(port: int, count: int) -> float:
    """Seconds that Postfix's generator takes for as many messages."""
    sizes = ["-s", str(SESSIONS), "-m", str(count), "-l", str(BYTES)]
    addresses = ["-f", "shop@example.com", "-t", "person@example.com"]
    started = time.perf_counter()
    subprocess.run(["smtp-source", "-d", *sizes, *addresses, f"127.0.0.1:{port}"], check=True)
    return time.perf_counter() - started


@contextmanager
def working(conninfo: str, folder: Path, count: int = 1) -> Iterator[list[int]]:
    """Process ids of so many workers."""
    parts = conninfo_to_dict(conninfo)
    url = f"postgresql:///{parts['dbname']}?host={quote(str(parts['host']), safe='')}&user={parts['user']}"
    environment = {"TOCSIN_DATA_DIR": str(folder), "TOCSIN_DATABASE_URL": url, "TOCSIN_LOG_LEVEL": "warning"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tocsin", "serve", "--roles", "worker"],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout
            process.stdout.readline()
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
            process.wait()


async def add_profiles(context: Context, count: int) -> list[str]:
    """The ids of as many."""
    found: list[str] = []
    for first in range(0, count, 10_000):
        async with context.database.transaction() as transaction:
            known = await context.configuration(transaction)
            database = known.get_database(1)
            job = profiles.Import(known, database, check_matching("email", database))
            numbers = range(first, min(first + 10_000, count))
            items = [
                ImportItem({"email": f"person{number}@example.com", "_fname": f"Ann{number}", "_lname": "Beckham"})
                for number in numbers
            ]
            outcomes = (await profiles.import_items(context, transaction, job, items)).outcomes
            found += [outcome.hex() for outcome in outcomes if isinstance(outcome, bytes)]
    return found


async def launch(context: Context, profile_ids: Sequence[str]) -> None:
    """A launch of every ten thousand of the profiles, all in one transaction."""
    async with context.database.transaction() as transaction:
        known = await context.configuration(transaction)
        for first in range(0, len(profile_ids), 10_000):
            items = [StartItem(profile_id=one) for one in profile_ids[first : first + 10_000]]
            call = StartCall(trigger_id=96, matching="profile_id", items=items)
            await launches.run(context, transaction, await launches.check(transaction, known, call))


async def count_rows(context: Context, query: str) -> int:
    """What a query counts."""
    async with context.database.transaction() as transaction:
        row = await (await transaction.execute(query)).fetchone()  # type: ignore[call-overload]  # One of those below.
        return int(row[0]) if row else 0


async def until_empty(context: Context) -> None:
    """Until the queue has no row."""
    is_empty = False
    while not is_empty:
        await asyncio.sleep(0.02)
        is_empty = not await count_rows(context, "SELECT count(*) FROM (SELECT 1 FROM messages LIMIT 1) AS one")


async def measure(conninfo: str, folder: Path, count: int, rounds: int, workers: int) -> None:
    with sink() as port:
        async with configured(conninfo, configuration(port)) as context:
            profile_ids = await add_profiles(context, count)
            floors, rates, peak = [], [], 0.0
            for number in range(rounds):
                floors.append(count / source(port, count))
                with working(conninfo, folder, workers) as pids:
                    await asyncio.sleep(0.5)
                    launching = time.perf_counter()
                    await launch(context, profile_ids)
                    started = time.perf_counter()
                    await until_empty(context)
                    rates.append(count / (time.perf_counter() - started))
                    peak = max(peak, *(memory(pid)[1] for pid in pids))
                sent = await count_rows(context, "SELECT count(*) FROM events WHERE type = 'send'")
                if sent != count * (number + 1):
                    raise SystemExit(f"{sent} recorded of {count * (number + 1)}")
                print(
                    f"launched in {started - launching:.2f} s; smtp-source {floors[-1]:8,.0f} messages/s, "
                    f"tocsin {rates[-1]:8,.0f}, ratio {rates[-1] / floors[-1]:.2f}",
                    flush=True,
                )
    rate, floor = statistics.median(rates), statistics.median(floors)
    print(
        f"delivery {rate:8,.0f} messages/s, all recorded, by {workers} worker(s); ratio {rate / floor:.2f} against "
        f"smtp-source -d (aim: {TARGET} or more); memory of a worker at the most {peak:.0f} MB"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--workers", type=int, default=1)
    chosen = options.parse_args()
    with TemporaryDirectory() as name, postgres() as address:
        uvloop.run(measure(address, Path(name), chosen.messages, chosen.rounds, chosen.workers))

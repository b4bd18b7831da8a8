"""Launched messages of 4 KB, HTML and text, personalised, until each is recorded; against Postfix's own generator.

The server is Postfix's `smtp-sink` on loopback; the floor is `smtp-source -d`, which sends a message of the same size
again and again over as many sessions and records nothing. Both are in Debian's package `postfix`.

`--messages N`, `--rounds N`, `--workers N`; `--attachment`: of 100 KB; `--dkim rsa|ed25519`; `--delivered accepted`:
one event more for each. `--tls` and `--late-ms N` send to a server of ours (sinks.py), since `smtp-sink` has neither;
the floor of `--tls` is without TLS, that of `--late-ms` is as late.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import uvloop
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from floor import configured, postgres
from memory import memory
from psycopg.conninfo import conninfo_to_dict
from sinks import own_sink, postfix_sink, write_certificate

from tocsin.actions import configuration as configuration_actions
from tocsin.actions import files, launches, profiles
from tocsin.actions.context import Context
from tocsin.core.launches import Attachment, ImportItem, StartCall, StartItem
from tocsin.core.matching import check_matching

SESSIONS = 20
BYTES = 4096
ATTACHED_BYTES = 100_000
# As base64, in lines of 76.
ATTACHMENT_BYTES = ATTACHED_BYTES * 4 // 3 * 78 // 76
TARGET = 0.6
SENT = "SELECT coalesce(sum(total), 0)::bigint FROM event_totals WHERE type = 'send'"
PARAGRAPH = "Thank you for your order, {lead._fname}: it is being packed, and leaves our house tomorrow at the latest. "


def configuration(port: int, **sending: Any) -> str:
    """One sender to the sink, one template of about 4 KB as it is sent."""
    html = f"<html><body><h1>Dear {{lead._fname}} {{lead._lname}}</h1>{f'<p>{PARAGRAPH}</p>{chr(10)}' * 15}"
    email = {"from_email": "shop@example.com", "subject": "Thank you, {lead._fname}", "html": html + "</body></html>"}
    sender = {"id": 1, "name": "sink", "channel": "email", "type": "smtp", "host": "127.0.0.1", "port": port}
    trigger = {"id": 96, "name": "Welcome", "database": 1, "template": 1, "sender": 1, "active": True}
    return yaml.safe_dump(
        {
            "databases": [{"id": 1, "name": "Customers"}],
            "senders": [sender | {"security": "none", "connections": SESSIONS} | sending],
            "templates": [{"id": 1, "name": "Welcome", "email": email}],
            "triggers": [trigger],
            "tokens": [{"name": "shop", "token": "abcdefghijklmnqrstuvwxyz"}],
        }
    )


def write_key(algorithm: str, path: Path) -> None:
    """What mails are signed with."""
    key = rsa.generate_private_key(65537, 2048) if algorithm == "rsa" else ed25519.Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def source(port: int, count: int, size: int) -> float:
    """Seconds that Postfix's generator takes for as many messages."""
    sizes = ["-s", str(SESSIONS), "-m", str(count), "-l", str(size)]
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


async def attach(context: Context) -> tuple[Attachment, ...]:
    """One file, kept for all launches."""
    async with context.database.transaction() as transaction:
        data = f"data:application/octet-stream;base64,{b64encode(os.urandom(ATTACHED_BYTES)).decode()}"
        file_id = await files.upload(context, transaction, "report.pdf", data)
    return (Attachment("report.pdf", "application/pdf", str(file_id)),)


async def launch(context: Context, profile_ids: Sequence[str], attachments: tuple[Attachment, ...] = ()) -> None:
    """A launch of every ten thousand of the profiles, all in one transaction."""
    async with context.database.transaction() as transaction:
        known = await context.configuration(transaction)
        for first in range(0, len(profile_ids), 10_000):
            items = [StartItem(profile_id=one) for one in profile_ids[first : first + 10_000]]
            call = StartCall(trigger_id=96, matching="profile_id", items=items, attachments=attachments)
            await launches.run(context, transaction, await launches.check(transaction, known, call))


async def count_rows(context: Context, query: str) -> int:
    """What a query counts."""
    async with context.database.transaction() as transaction:
        row = await (await transaction.execute(query)).fetchone()
        return int(row[0]) if row else 0


async def until_empty(context: Context) -> None:
    """Until the queue has no row."""
    is_empty = False
    while not is_empty:
        await asyncio.sleep(0.02)
        is_empty = not await count_rows(context, "SELECT count(*) FROM (SELECT 1 FROM messages LIMIT 1) AS one")


class Numbers:
    """What the rounds of one way of sending have shown: messages a second, and megabytes of each worker."""

    def __init__(self) -> None:
        self.floors: list[float] = []
        self.rates: list[float] = []
        self.peaks: list[float] = []

    def note(self, floor: float, rate: float, pids: Sequence[int]) -> None:
        self.floors.append(floor)
        self.rates.append(rate)
        self.peaks += [memory(pid)[1] for pid in pids]

    def show(self, what: str) -> None:
        rate, floor = statistics.median(self.rates), statistics.median(self.floors)
        print(
            f"delivery {rate:8,.0f} messages/s, all recorded, {what}; ratio {rate / floor:.2f} against smtp-source -d "
            f"(aim: {TARGET} or more); memory of each worker at the most "
            f"{', '.join(f'{peak:.0f}' for peak in sorted(self.peaks))} MB",
            flush=True,
        )


async def measure(conninfo: str, folder: Path, chosen: argparse.Namespace) -> None:
    with ExitStack() as servers:
        sending: dict[str, Any] = {"delivered": chosen.delivered}
        if chosen.dkim:
            write_key(chosen.dkim, folder / "dkim.pem")
            sending["dkim"] = {"domain": "example.com", "selector": "s", "key_file": str(folder / "dkim.pem")}
        floor_port = port = servers.enter_context(own_sink(chosen.late_ms) if chosen.late_ms else postfix_sink())
        if chosen.tls:
            write_certificate(folder / "tls.pem")
            port = servers.enter_context(own_sink(chosen.late_ms, folder / "tls.pem"))
            sending |= {"security": "tls", "verify_certificate": False}
        async with configured(conninfo, configuration(port, **sending)) as context:
            profile_ids = await add_profiles(context, chosen.messages)
            for pipelining in (True, False) if chosen.late_ms else (True,):
                text = configuration(port, pipelining=pipelining, **sending)
                await configuration_actions.apply(context, text, "benchmark.yaml", {})
                await measure_one(context, conninfo, folder, chosen, floor_port, profile_ids, pipelining=pipelining)


async def measure_one(
    context: Context,
    conninfo: str,
    folder: Path,
    chosen: argparse.Namespace,
    floor_port: int,
    profile_ids: Sequence[str],
    *,
    pipelining: bool,
) -> None:
    """Some rounds of sending in the same way."""
    count = len(profile_ids)
    attachments = await attach(context) if chosen.attachment else ()
    numbers = Numbers()
    for _ in range(chosen.rounds):
        floor = count / source(floor_port, count, BYTES + (ATTACHMENT_BYTES if attachments else 0))
        before = await count_rows(context, SENT)
        with working(conninfo, folder, chosen.workers) as pids:
            await asyncio.sleep(0.5)
            await launch(context, profile_ids, attachments)
            started = time.perf_counter()
            await until_empty(context)
            numbers.note(floor, count / (time.perf_counter() - started), pids)
        sent = await count_rows(context, SENT) - before
        if sent != count:
            raise SystemExit(f"{sent} recorded of {count}")
        print(f"smtp-source {floor:8,.0f} messages/s, tocsin {numbers.rates[-1]:8,.0f}", flush=True)
    numbers.show(f"by {chosen.workers} worker(s){'' if pipelining else ' without pipelining'}")


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--attachment", action="store_true")
    options.add_argument("--dkim", choices=["rsa", "ed25519"])
    options.add_argument("--delivered", choices=["never", "accepted", "reported"], default="never")
    options.add_argument("--tls", action="store_true")
    options.add_argument("--late-ms", type=float, default=0)
    with TemporaryDirectory() as name, postgres() as address:
        uvloop.run(measure(address, Path(name), options.parse_args()))

"""Single `triggers/start` calls, 200 a second, alone and during a launch of 50,000: from the POST to the message at the
mail server; and how many calls a second, against a bare handler on the same database that inserts one row.

`--bulk N`, `--rate N`, `--seconds N`, `--calls N`.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from calling import Caller, calling
from counting import launch, serving
from floor import TOKEN
from sinks import own_sink

from tocsin.store import embedded

START = "/api/v1.1/campaigns/triggers/start"
PEOPLE = 200
CONNECTIONS = 16
ROUNDS = 3


def import_people(client: httpx.Client) -> None:
    """Those whom single calls are for; by a call whose messages wait for half a day."""
    people = [{"data": {"email": address(number)}} for number in range(PEOPLE)]
    call = {"token": TOKEN, "trigger_id": 96, "timeout": {"hours": 12}, "data": people}
    if client.post("import_and_start_batch", json=call).json()["error"]:
        raise SystemExit("the people could not be imported")


def address(number: int) -> str:
    return f"single{number % PEOPLE}@example.com"


def read_arrivals(notes: Path) -> list[tuple[float, str]]:
    """When a message to whom was at the server."""
    lines = [line.split() for line in notes.read_text().splitlines()]
    return [(float(at), email) for at, email in lines]


async def call_steadily(caller: Caller, rate: float, seconds: float) -> list[tuple[float, str]]:
    """Which call was begun when."""
    begun: list[tuple[float, str]] = []

    async def call(email: str) -> None:
        await caller.post(START, {"token": TOKEN, "id": 96, "matching": "email", "email": email})

    async with asyncio.TaskGroup() as calls:
        started = time.monotonic()
        for number in range(int(rate * seconds)):
            begun.append((time.monotonic(), address(number)))
            calls.create_task(call(address(number)))
            await asyncio.sleep(max(0.0, started + (number + 1) / rate - time.monotonic()))
    return begun


def measure(port: int, notes: Path, rate: float, seconds: float) -> list[float]:
    """Milliseconds from each call to its message. Calls for the same person are told apart by their order."""
    before = len(read_arrivals(notes))

    async def run() -> list[tuple[float, str]]:
        async with calling(port, 64) as caller:
            return await call_steadily(caller, rate, seconds)

    begun = asyncio.run(run())
    deadline = time.monotonic() + 60
    while len(arrived := read_arrivals(notes)[before:]) < len(begun):
        if time.monotonic() > deadline:
            raise SystemExit("messages did not arrive")
        time.sleep(0.05)
    by_person = [sorted(pairs, key=lambda pair: (pair[1], pair[0])) for pairs in (begun, arrived)]
    return sorted(1000 * (came - went) for (went, _), (came, _) in zip(*by_person, strict=True))


def show(what: str, taken: list[float]) -> float:
    percentiles = statistics.quantiles(taken, n=100)
    print(
        f"{what:<24} p50 {percentiles[49]:6.0f} ms, p99 {percentiles[98]:6.0f} ms, most {taken[-1]:6.0f} ms", flush=True
    )
    return percentiles[49]


async def count_rate(port: int, path: str, calls: int, make: Callable[[int], dict[str, Any]]) -> float:
    """Calls a second over a few connections."""
    async with calling(port, CONNECTIONS) as caller:
        started = time.perf_counter()
        await asyncio.gather(*(caller.post(path, make(number)) for number in range(calls)))
        return calls / (time.perf_counter() - started)


@contextmanager
def bare_server(conninfo: str) -> Iterator[int]:
    """The port of the bare handler."""
    command = [sys.executable, str(Path(__file__).with_name("bare.py")), conninfo]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def compare(port: int, folder: Path, calls: int) -> None:
    """Both in turn; the messages of our calls are for later."""

    def ours(number: int) -> dict[str, Any]:
        return {
            "token": TOKEN, "id": 96, "matching": "email", "email": address(number), "timeout": {"hours": 12}
        }  # fmt: skip

    floors, rates = [], []
    with embedded.running(folder / "data") as conninfo, bare_server(conninfo) as bare_port:
        for _ in range(ROUNDS):
            floors.append(asyncio.run(count_rate(bare_port, "/bare", calls, lambda number: {"email": address(number)})))
            rates.append(asyncio.run(count_rate(port, START, calls, ours)))
    rate, floor = statistics.median(rates), statistics.median(floors)
    print(f"calls    {rate:7,.0f}/s of triggers/start, {floor:7,.0f}/s of a bare handler: ratio {rate / floor:.2f}")


def main(chosen: argparse.Namespace) -> None:
    with TemporaryDirectory() as name:
        notes = Path(name) / "notes"
        notes.touch()
        with own_sink(notes=notes) as sink_port, serving(Path(name), sink_port) as (_, client):
            port = client.base_url.port
            assert port
            import_people(client)
            measure(port, notes, chosen.rate, 1)
            alone = show(f"{chosen.rate:g} calls/s alone", measure(port, notes, chosen.rate, chosen.seconds))
            launch(client, chosen.bulk)
            among = show("during a large launch", measure(port, notes, chosen.rate, chosen.seconds))
            print(
                f"latency  {among / alone:.1f} x as long while {waits(client):,.0f} messages still wait for their turn"
            )
            compare(port, Path(name), chosen.calls)


def waits(client: httpx.Client) -> float:
    """How many messages the server says are due."""
    page = httpx.get(client.base_url.copy_with(path="/metrics"), timeout=60).text
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith("tocsin_messages_due{"))


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--bulk", type=int, default=50_000)
    options.add_argument("--rate", type=float, default=200)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--calls", type=int, default=2000)
    main(options.parse_args())

"""Single calls during a launch of 50,000, from the POST to the message at the mail server; against the same alone."""

import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from counting import CountingServer, launch, serving, wait_for
from floor import TOKEN

BULK = 50_000
CALLS_PER_SECOND = 50
SECONDS = 4


async def call_steadily(url: str, name: str) -> dict[str, float]:
    """When each recipient's call was begun."""
    begun: dict[str, float] = {}

    async def call(client: httpx.AsyncClient, email: str) -> None:
        begun[email] = time.monotonic()
        body = {"token": TOKEN, "trigger_id": 96, "data": {"email": email}}
        answer = (await client.post(f"{url}import_and_start", json=body)).json()
        if answer["error"]:
            raise SystemExit(str(answer)[:300])

    async with httpx.AsyncClient(timeout=60) as client, asyncio.TaskGroup() as calls:
        started = time.monotonic()
        for number in range(CALLS_PER_SECOND * SECONDS):
            calls.create_task(call(client, f"{name}{number}@example.com"))
            await asyncio.sleep(max(0.0, started + (number + 1) / CALLS_PER_SECOND - time.monotonic()))
    return begun


def measure(mail: Any, client: httpx.Client, name: str) -> list[float]:
    """Milliseconds from each call to its message."""
    begun = asyncio.run(call_steadily(str(client.base_url), name))
    deadline = time.monotonic() + 60
    while not begun.keys() <= mail.arrived_at.keys():
        if time.monotonic() > deadline:
            raise SystemExit("messages did not arrive")
        time.sleep(0.05)
    return sorted(1000 * (mail.arrived_at[email] - at) for email, at in begun.items())


def show(what: str, taken: list[float]) -> float:
    percentiles = statistics.quantiles(taken, n=100)
    print(
        f"{what:<24} p50 {percentiles[49]:6.0f} ms, p99 {percentiles[98]:6.0f} ms, most {taken[-1]:6.0f} ms", flush=True
    )
    return percentiles[49]


def main() -> None:
    with (
        TemporaryDirectory() as name,
        CountingServer() as mail,
        serving(Path(name), mail.port) as (_, client),
    ):
        measure(mail, client, "warm")
        alone = show(f"{CALLS_PER_SECOND} calls/s alone", measure(mail, client, "alone"))
        launch(client, BULK)
        among = show("during a large launch", measure(mail, client, "among"))
        is_running = len(mail.accepted) < BULK
        wait_for(mail, BULK + 3 * CALLS_PER_SECOND * SECONDS)
        print(f"latency  {among / alone:.1f} x as long while it runs{'' if is_running else ', but it was over before'}")


if __name__ == "__main__":
    main()

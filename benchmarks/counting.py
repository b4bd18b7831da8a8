"""The server of the stories that counts mail, and a Tocsin of its own that sends to it."""

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from delivery import configuration
from floor import TOKEN

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "stories"))
CountingServer: Any = importlib.import_module("counting_server").CountingServer


@contextmanager
def serving(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server with a worker and the embedded PostgreSQL, and a client of its API."""
    (folder / "tocsin.yaml").write_text(configuration(port))
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "serve", "--listen", "127.0.0.1:0", "--config", folder / "tocsin.yaml"],
        env=os.environ
        | {"TOCSIN_DATA_DIR": str(folder / "data"), "TOCSIN_LOG_LEVEL": "error", "TOCSIN_LEASE_SECONDS": "5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=f"{url}/api/v1.1/campaigns/triggers/", timeout=600) as client:
            yield process, client
    finally:
        process.terminate()
        process.wait()


def launch(client: httpx.Client, count: int, name: str = "person") -> None:
    """So many messages, by as few calls as it takes."""
    for first in range(0, count, 10_000):
        numbers = range(first, min(first + 10_000, count))
        people = [{"data": {"email": f"{name}{number}@example.com"}} for number in numbers]
        call = {"token": TOKEN, "trigger_id": 96, "data": people}
        answer = client.post("import_and_start_batch", json=call).json()
        if answer["error"]:
            raise SystemExit(str(answer)[:300])


def wait_for(server: Any, count: int) -> None:
    """Until so many different messages have arrived."""
    deadline = time.monotonic() + 300
    while len(server.accepted) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {len(server.accepted)} of {count} arrived")
        time.sleep(0.05)

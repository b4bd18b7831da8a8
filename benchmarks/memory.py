"""Memory of the server, a real process, under ten calls of 10,000 profiles at once; against its memory when idle.

Large bodies wait for their turn (web/body.py), so the peak depends on how many are let in, not on how many come.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from floor import CONFIGURATION, ITEMS, call, json_body, profile, xml_body

CALLS = 10
ROUNDS = 3


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """Process id and URL of a server; its messages wait, so the worker has nothing to send."""
    (folder / "tocsin.yaml").write_text(CONFIGURATION)
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "serve", "--listen", "127.0.0.1:0", "--config", folder / "tocsin.yaml"],
        env=os.environ | {"TOCSIN_DATA_DIR": str(folder / "data"), "TOCSIN_LOG_LEVEL": "warning"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield process.pid, process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def memory(pid: int) -> tuple[float, float]:
    """Resident megabytes, now and at the most so far."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]  # Two.


async def post(client: httpx.AsyncClient, number: int) -> None:
    """One call; half of them in XML."""
    encode, encoding = (json_body, "json") if number % 2 else (xml_body, "xml")
    body = encode(call([profile(number * ITEMS + item) for item in range(ITEMS)]))
    response = await client.post(
        "/api/v1.1/campaigns/triggers/import_and_start_batch",
        content=body,
        headers={"content-type": f"application/{encoding}"},
    )
    assert b"Successful operation" in response.content, response.content[:300]


async def main() -> None:
    with TemporaryDirectory() as name, serving(Path(name)) as (pid, url):
        async with httpx.AsyncClient(base_url=url, timeout=600) as client:
            idle, _ = memory(pid)
            print(f"memory idle: {idle:.0f} MB")
            for done in range(ROUNDS):
                started = time.perf_counter()
                await asyncio.gather(*(post(client, done * CALLS + number) for number in range(CALLS)))
                seconds = time.perf_counter() - started
                now, peak = memory(pid)
                print(
                    f"memory after {CALLS} calls of {ITEMS:,} profiles at once ({seconds:.1f} s): {now:.0f} MB, "
                    f"at the most {peak:.0f} MB, {peak / idle:.1f} x idle",
                    flush=True,
                )


if __name__ == "__main__":
    asyncio.run(main())

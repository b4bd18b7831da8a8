"""Pages of the console with a million profiles and as many events: milliseconds on the server, bytes, and, where there
is Chromium, when the browser painted first; each against the smallest page, one's own account.

`--profiles N`, `--rounds N`.
"""

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from population import CONFIGURATION, add, profile_id
from psycopg.conninfo import conninfo_to_dict

from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.store import embedded, migrate, partitions
from tocsin.store.database import Database

EMAIL, PASSWORD = "olga@example.com", "correct horse battery"
# The floor: a session, one small statement, the frame.
FLOOR = "account"
EVENTS = """
INSERT INTO events (bucket, id, at, type, database_id, profile_id, message_id, launch_id, trigger_id, data)
SELECT get_byte(id, 11), message_id, now() - n * interval '2 seconds' / 20,
    (ARRAY['send', 'send', 'send', 'undeliv'])[1 + n % 4], 1, id, message_id, '', 8,
    jsonb_build_object('address', fields->>'email', 'code', 250, 'text', '2.0.0 ok')
FROM (
    SELECT id, fields, row_number() OVER () AS n,
        substring(int8send((extract(epoch FROM now())::bigint << 32) + row_number() OVER ()) FROM 1 FOR 8)
            || substring(id FROM 9 FOR 4) AS message_id
    FROM profiles
) AS numbered
"""


class Seen(NamedTuple):
    """What a page took. `paint`: milliseconds until something was to be seen, 0 where nobody looked."""

    path: str
    milliseconds: float
    size: int
    paint: float


async def fill(conninfo: str, profiles: int) -> str:
    """A database with that many profiles, each with an event; the id of one of them."""
    database = Database(conninfo, connections=4)
    await database.open()
    context = Context(database)
    async with database.transaction() as transaction:
        await migrate.migrate(transaction)
        for table in partitions.TABLES:
            await partitions.add(transaction, table, context.clock().date())
    await configuration.apply(context, CONFIGURATION, "benchmark.yaml", {})
    async with database.transaction() as transaction:
        known = await context.configuration(transaction)
    await add(database, known, 0, profiles)
    async with database.transaction() as transaction:
        await transaction.execute(EVENTS)
        await transaction.execute("ANALYZE events")
    await database.close()
    return profile_id(profiles // 2).hex()


@contextmanager
def serving(folder: Path, conninfo: str) -> Iterator[str]:
    """A server without a worker on that database; its URL."""
    parts = conninfo_to_dict(conninfo)
    environment = os.environ | {
        "TOCSIN_DATA_DIR": str(folder / "data"),
        "TOCSIN_DATABASE_URL": f"postgresql:///{parts['dbname']}?host={quote(str(parts['host']), safe='')}"
        f"&user={parts['user']}",
        "TOCSIN_LOG_LEVEL": "error",
        "TOCSIN_LISTEN": "127.0.0.1:0",
    }
    command = [sys.executable, "-m", "tocsin"]
    process = subprocess.Popen(
        [*command, "serve", "--roles", "api"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        url = process.stdout.readline().split()[-1]
        invite = [*command, "user", "invite", EMAIL, "--role", "owner"]
        invited = subprocess.run(invite, env=environment, capture_output=True, text=True, check=True)
        link = re.sub(r"^http://[^/]+", url, invited.stdout.strip())
        httpx.post(link, data={"password": PASSWORD})
        yield url
    finally:
        process.terminate()
        process.wait()


def list_paths(profile: str) -> Sequence[str]:
    """The pages that grow with profiles and events, and the floor."""
    return (
        FLOOR,
        "",
        "messages",
        "messages?state=failed",
        "messages?address=person500%40example.com",
        "messages?trigger=8",
        "launches",
        "profiles?database=1",
        "profiles?database=1&q=person500%40example.com",
        f"profiles/{profile}",
        "triggers",
        "triggers/8",
        "templates/1",
        "settings",
    )


def measure(url: str, paths: Sequence[str], rounds: int) -> list[Seen]:
    """The median of so many requests for each page; what is not there is left out."""
    seen = []
    with httpx.Client(base_url=f"{url}/admin/", follow_redirects=True, timeout=60) as client:
        client.post("login", data={"email": EMAIL, "password": PASSWORD})
        cookie = client.cookies["tocsin_session"]
        paints = paint(url, paths, cookie)
        for path in paths:
            times = []
            for _ in range(rounds):
                begun = time.perf_counter()
                answer = client.get(path)
                times.append((time.perf_counter() - begun) * 1000)
            if answer.status_code == httpx.codes.OK:
                seen.append(Seen(path, median(times), len(answer.content), paints.get(path, 0.0)))
    return seen


def paint(url: str, paths: Sequence[str], cookie: str) -> dict[str, float]:
    """When Chromium painted each page first, the median of three; nothing without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser for it

    found: dict[str, float] = {}
    script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        context.add_cookies([{"name": "tocsin_session", "value": cookie, "url": url}])
        tab: Any = context.new_page()
        for path in paths:
            times = []
            for _ in range(3):
                tab.goto(f"{url}/admin/{path}")
                while not (painted := tab.evaluate(script)):
                    tab.wait_for_timeout(20)
                times.append(painted)
            found[path] = median(times)
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with TemporaryDirectory() as name, embedded.running(Path(name) / "postgres", durable=False) as conninfo:
        profile = asyncio.run(fill(conninfo, asked.profiles))
        with serving(Path(name), conninfo) as url:
            seen = measure(url, list_paths(profile), asked.rounds)
    floor = next(one.milliseconds for one in seen if one.path == FLOOR)
    for one in seen:
        painted = f", painted after {one.paint:.0f} ms" if one.paint else ""
        print(
            f"console page {one.path or 'overview'}, {asked.profiles:,} profiles: {one.milliseconds:.1f} ms, "
            f"{one.milliseconds / floor:.2f} x {FLOOR}, {one.size / 1024:.0f} KB{painted}"
        )


if __name__ == "__main__":
    main()

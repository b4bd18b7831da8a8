"""What opens and clicks cost: composing a mail with a pixel and five tracked links against one without; answering
clicks against a bare handler that redirects; recording opens and clicks against a COPY of the same events.

`--calls N`, `--hits N`.
"""

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from statistics import median

import uvicorn
import uvloop
from calling import Caller, calling
from floor import CONFIGURATION, configured, postgres
from mime import page, rate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.actions.context import Context, utc_now
from tocsin.actions.tracking import Hits
from tocsin.core import tracking
from tocsin.core.composition import EmailComposer
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import EmailTemplate
from tocsin.core.configuration_tracking import Tracking
from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage, Event, Subject
from tocsin.core.profiles import Profile
from tocsin.core.public_links import PublicLinks
from tocsin.core.tokens import Signer
from tocsin.core.tracking import Target
from tocsin.store import events
from tocsin.store.database import Database, Transaction, copy
from tocsin.web.app import Limits, create_app

LINKS = 5
ROUNDS = 3
CONNECTIONS = 16
AT_ONCE = 2000
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
URL = "https://shop.example.com/autumn/chairs?colour=walnut&page=2"
COLUMNS = ("bucket", "id", "at", "type", "database_id", "profile_id", "message_id", "launch_id", "trigger_id", "data")


def make_composer() -> Callable[[bool], bytes]:
    """Composes the same mail of 4 KB, tracked or not."""
    links = "\n".join(f'<p><a class="button" href="{URL}&amp;n={number}">Look</a></p>' for number in range(LINKS))
    plain = (
        page("Walnut chair, two pieces").replace('a href="https://shop.example.com/i/7"', "b").replace("</a>", "</b>")
    )
    html = plain.replace("</body>", f"<p>Dear {{lead._fname}}</p>{links}</body>")
    template = EmailTemplate(from_email="shop@example.com", subject="Hello {lead._fname}", html=html, text="Hello")
    composer = EmailComposer(template, PublicLinks("https://mail.example.com", Signer((bytes(32),)), is_public=True))
    triggers = {
        is_on: Trigger(1 + is_on, "Autumn", 1, 1, 1, tracking=Tracking(opens=is_on, clicks=is_on))
        for is_on in (False, True)
    }
    message_id, launch = bytes.fromhex("65e07a450102030405060708"), Launch(bytes(12), 1, {}, {})
    profile = Profile(bytes(12), {"_fname": "Victoria", "email": "person@example.com"}, [])

    def compose(is_on: bool) -> bytes:
        message = ClaimedMessage(message_id, launch.id, profile.id, 1 + is_on, 1, "person@example.com", None, None)
        return composer.compose(message, triggers[is_on], launch, profile, (), utc_now()).body

    return compose


def compare_composing() -> None:
    compose = make_composer()
    assert compose(True).count(b"/m/c/") == LINKS + 1
    assert b"/m/c/" not in compose(False)
    with_links, without = rate(partial(compose, True)), rate(partial(compose, False))
    print(
        f"composing {with_links:7,.0f} mails/s with a pixel and {LINKS} links, {without:7,.0f} without: "
        f"ratio {with_links / without:.2f}, {1e6 / with_links - 1e6 / without:.0f} µs a mail more"
    )


async def add_messages(context: Context, count: int) -> list[bytes]:
    """The ids of as many messages that were sent a while ago."""
    message_ids = [one for one, _ in zip(context.new_ids(), range(count), strict=False)]
    at = context.clock() - timedelta(hours=1)
    data = {"address": "person@example.com"}
    for first in range(0, count, AT_ONCE):
        sent = [
            Event(one, at, "send", 1, Subject(one, one, bytes(12), 96), data)
            for one in message_ids[first : first + AT_ONCE]
        ]
        async with context.database.transaction() as transaction:
            await events.insert(transaction, sent)
    return message_ids


def _serve(conninfo: str, is_ours: bool, port: Connection) -> None:
    """The application, or a handler that redirects, on uvicorn as `tocsin serve` has it."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)

    async def redirect(_: Request) -> Response:
        return RedirectResponse(URL, 302)

    async def run() -> None:
        database = Database(conninfo, connections=4)
        await database.open()
        bare = Starlette(routes=[Route("/m/c/{token:path}", redirect)])
        app = create_app(Context(database), Limits(10**6, 10**6)) if is_ours else bare
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", http="httptools")
        port.send(listening.getsockname()[1])
        await uvicorn.Server(config).serve([listening])

    uvloop.run(run())


@contextmanager
def server(conninfo: str, *, is_ours: bool) -> Iterator[int]:
    """Its port."""
    here, there = multiprocessing.Pipe()
    started = multiprocessing.get_context("spawn").Process(target=_serve, args=(conninfo, is_ours, there), daemon=True)
    started.start()
    try:
        yield here.recv()
    finally:
        started.terminate()
        started.join()


async def follow(port: int, paths: Sequence[str]) -> float:
    """Clicks a second over a few connections."""

    async def get(caller: Caller, path: str) -> None:
        status, _ = await caller.exchange(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {BROWSER}", b"")
        assert status == 302, status

    async with calling(port, CONNECTIONS) as caller:
        started = time.perf_counter()
        await asyncio.gather(*(get(caller, path) for path in paths))
        return len(paths) / (time.perf_counter() - started)


async def compare_answering(context: Context, conninfo: str, calls: int) -> None:
    """Both in turn. What is recorded of the clicks meanwhile is in the same process, as in production."""
    message_ids = await add_messages(context, calls)
    async with context.database.transaction() as transaction:
        signer = await context.signer(transaction)
    url = URL.encode()
    paths = [
        f"/{tracking.CLICK_PATH}/{tracking.make_token(signer, 'click', one, number % LINKS, LINKS, url)}"
        for number, one in enumerate(message_ids)
    ]
    ours, floors = [], []
    with server(conninfo, is_ours=True) as port, server(conninfo, is_ours=False) as bare_port:
        for _ in range(ROUNDS):
            floors.append(await follow(bare_port, paths))
            ours.append(await follow(port, paths))
    clicks, floor = median(ours), median(floors)
    print(f"answering {clicks:7,.0f} clicks/s, {floor:7,.0f} of a bare redirect: ratio {clicks / floor:.2f}")


async def compare_recording(context: Context, count: int) -> None:
    """The floor writes the events that the hits came to, as many at once, and looks nothing up."""
    ours, floors = [], []
    for _ in range(ROUNDS):
        message_ids = await add_messages(context, count)
        hits = Hits(context)
        started = time.perf_counter()
        for number, one in enumerate(message_ids):
            target = Target("click", one, 0, LINKS, URL) if number % 4 == 0 else Target("open", one)
            hits.add(hits.make(target, method="GET", ip="192.0.2.7", user_agent=BROWSER))
        await hits.flush()
        ours.append(time.perf_counter() - started)
        await hits.close()
        async with context.database.transaction() as transaction:
            lines = await _read_lines(transaction)
        floors.append(await _copy(context.database, lines, len(lines) * AT_ONCE // count))
    seconds, floor = median(ours), median(floors)
    print(
        f"recording {count / seconds:7,.0f} hits/s, {count / floor:7,.0f} by COPY of their {len(lines):,} events: "
        f"ratio {floor / seconds:.2f}"
    )


async def _read_lines(transaction: Transaction) -> list[str]:
    """The events of opens and clicks, taken out of their table, as COPY has them."""
    await transaction.execute("CREATE TABLE IF NOT EXISTS bare (LIKE events INCLUDING ALL)")
    await transaction.execute("TRUNCATE bare")
    columns = ", ".join(COLUMNS)
    statement = f"COPY (SELECT {columns} FROM events WHERE type <> 'send') TO STDOUT"  # noqa: S608 - no input
    async with transaction.cursor().copy(statement.encode()) as source:
        lines = [bytes(line).decode() async for line in source]
    await transaction.execute("DELETE FROM events")
    return lines


async def _copy(database: Database, lines: Sequence[str], at_once: int) -> float:
    """Seconds to write them into a table like that of events."""
    started = time.perf_counter()
    for first in range(0, len(lines), at_once):
        async with database.transaction() as transaction:
            await copy(transaction, "bare", COLUMNS, lines[first : first + at_once])
    return time.perf_counter() - started


async def main(chosen: argparse.Namespace) -> None:
    compare_composing()
    with postgres() as conninfo:
        async with configured(conninfo, CONFIGURATION) as context:
            await compare_answering(context, conninfo, chosen.calls)
            await compare_recording(context, chosen.hits)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--calls", type=int, default=4000)
    options.add_argument("--hits", type=int, default=10_000)
    uvloop.run(main(options.parse_args()))

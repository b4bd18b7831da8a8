"""The wiring: settings become a database, an API and a worker. `serve` runs the worker as a process of its own."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta

import uvicorn

from tocsin import log as logs
from tocsin.actions import bounces, housekeeping, users, workers
from tocsin.actions.context import Context
from tocsin.actions.hook_delivery import HookDelivery
from tocsin.actions.hook_posts import OpenDoor
from tocsin.actions.inbox import Inbox
from tocsin.actions.messages import Delivery
from tocsin.actions.outside import Outside
from tocsin.actions.passage_requests import Asker
from tocsin.actions.passages import Graphs
from tocsin.actions.tracking import Hits
from tocsin.channels.bounce_server import BounceServer
from tocsin.channels.http import HttpDoor
from tocsin.channels.inbox_server import InboxServer
from tocsin.channels.ways_out import WaysOut
from tocsin.core.bounces import Report
from tocsin.core.errors import NotReady
from tocsin.settings import Settings
from tocsin.store import embedded, migrate
from tocsin.store.database import Database
from tocsin.store.geo import Places
from tocsin.supervising import keep_workers
from tocsin.web.admin.app import Console
from tocsin.web.app import Limits, create_app
from tocsin.web.public.reading import Reading
from tocsin.worker import kinds, loop

log = logs.get("tocsin.main")

_RESTART_SECONDS = 1.0
_DRAIN_SECONDS = 60


@asynccontextmanager
async def open_context(settings: Settings, *, migrated: bool = True) -> AsyncIterator[Context]:
    """The database, started first when it is the embedded one, with the schema of this version."""
    if settings.database_url is not None:
        async with _open_database(settings, settings.database_url, migrated=migrated, is_own=False) as context:
            yield context
        return
    server = embedded.EmbeddedServer(settings.data_dir)
    try:
        conninfo = await asyncio.to_thread(server.start)
        async with _open_database(settings, conninfo, migrated=migrated, is_own=True) as context:
            keeper = asyncio.create_task(_restart_when_down(server, context))
            try:
                yield context
            finally:
                keeper.cancel()
    finally:
        await asyncio.to_thread(server.close)


@asynccontextmanager
async def _open_database(settings: Settings, conninfo: str, *, migrated: bool, is_own: bool) -> AsyncIterator[Context]:
    database = Database(conninfo, connections=settings.database_connections)
    try:
        await database.open()
        if migrated:
            await _bring_up_to_date(database, is_own=is_own)
        places = Places(settings.geo_database) if settings.geo_database else None
        yield Context(
            database,
            places=places,
            public_url=settings.public_url,
            is_public=settings.is_public,
            confirmations_per_day=settings.confirmations_per_day,
            keep_copies=timedelta(days=settings.keep_copies_days),
            return_paths=settings.return_paths,
        )
    finally:
        await database.close()


async def _restart_when_down(server: embedded.EmbeddedServer, context: Context) -> None:
    """A server of ours that was killed is started again; everybody's work then goes on by itself."""
    while True:
        await asyncio.sleep(_RESTART_SECONDS)
        try:
            await context.database.check()
        except NotReady as reason:
            log.warning("database.restarted", reason=reason.describe())
            with suppress(NotReady):
                await asyncio.to_thread(server.start)


async def _bring_up_to_date(database: Database, *, is_own: bool) -> None:
    """Our own database is migrated as needed, any other one only when it is empty or by `tocsin migrate`."""
    async with database.transaction() as transaction:
        if is_own or await migrate.applied_version(transaction) == 0:
            await migrate.migrate(transaction)
        await migrate.check(transaction)
    await housekeeping.prepare(Context(database))


def collect_garbage_less_often() -> None:
    """A call of 10,000 profiles makes hundreds of thousands of objects, none in a cycle: looking for one is a waste."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def serve(settings: Settings, roles: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in hand."""
    collect_garbage_less_often()
    stop = asyncio.Event()
    event_loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        event_loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        context = await stack.enter_async_context(open_context(settings))
        if "bounces" in roles:
            await stack.enter_async_context(_bounces_taken(settings, context))
        if "inbox" in roles:
            await stack.enter_async_context(_inbox_open(settings, context))
        if "api" not in roles and "worker" in roles and settings.workers == 1:
            await _work(settings, context, stop)
            return
        workers_ready = asyncio.Event()
        async with asyncio.TaskGroup() as running:
            count = settings.workers if "worker" in roles else 0
            running.create_task(keep_workers(count, stop, workers_ready))
            running.create_task(
                _answer(settings, context, stop, workers_ready) if "api" in roles else _wait(stop, workers_ready)
            )


async def _wait(stop: asyncio.Event, workers_ready: asyncio.Event) -> None:
    await workers_ready.wait()
    print("tocsin ready", flush=True)  # noqa: T201 - the sign that whoever started us waits for
    await stop.wait()


@asynccontextmanager
async def _bounces_taken(settings: Settings, context: Context) -> AsyncIterator[None]:
    """While this lasts, mail to return paths is taken, if there is a place for it."""
    listen, return_paths = settings.bounce_listen, settings.return_paths
    if listen is None or return_paths is None:
        yield
        return

    async def take(message_id: bytes, report: Report | None) -> None:
        await bounces.receive(context, message_id, report)

    server = BounceServer(return_paths, take)
    log.info("bounces.listening", port=await server.start(listen.host, listen.port))
    try:
        yield
    finally:
        await server.close()


@asynccontextmanager
async def _inbox_open(settings: Settings, context: Context) -> AsyncIterator[None]:
    """While this lasts, the development inbox takes mail, if there is a place for it."""
    listen = settings.inbox_listen
    if listen is None:
        yield
        return
    box = Inbox(context)
    server = InboxServer(box.take)
    log.info("inbox.listening", port=await server.start(listen.host, listen.port))
    try:
        yield
    finally:
        await server.close()
        await box.close()


def ways_out(settings: Settings) -> WaysOut:
    """How this process reaches the outside."""
    return WaysOut(settings.allow_private_addresses, settings.return_paths)


def open_hook_door(settings: Settings) -> OpenDoor:
    """How hooks are reached: by doors of their own, of which none decides when to try again."""

    def open_door(connections: int) -> HttpDoor:
        allowed = settings.allow_private_addresses
        return HttpDoor(allowed, connections=connections, connections_per_host=connections, lets_rest=False)

    return open_door


async def _work(settings: Settings, context: Context, stop: asyncio.Event) -> None:
    lease = timedelta(seconds=settings.lease_seconds)
    delivery = Delivery(context, ways_out(settings).open, lease, settings.data_dir / "journal")
    graphs = Graphs()
    asker = Asker(context, HttpDoor(settings.allow_private_addresses), graphs, lease)
    hook_delivery = HookDelivery(context, open_hook_door(settings))
    parent = asyncio.create_task(_stop_with_parent(stop))
    print("tocsin worker ready", flush=True)  # noqa: T201 - the sign that whoever started us waits for
    try:
        work = kinds.kinds(
            context,
            kinds.Tools(delivery, asker, graphs, hook_delivery),
            lease=lease,
            batch=settings.worker_batch,
            keep_events=timedelta(days=settings.keep_events_days),
        )
        await loop.run(work, stop)
    finally:
        parent.cancel()
        await asker.close()
        await hook_delivery.close()
        await delivery.close()
        with suppress(NotReady):
            await workers.leave(context, delivery.worker_id)


async def _stop_with_parent(stop: asyncio.Event) -> None:
    """A worker started by `serve` has a pipe as its standard input; its end says that the parent is gone."""
    if not sys.stdin or sys.stdin.isatty():
        return
    reader = asyncio.StreamReader()
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except ValueError:
        return  # Standard input is a file: nobody holds its other end.
    await reader.read()
    stop.set()


async def _answer(settings: Settings, context: Context, stop: asyncio.Event, workers_ready: asyncio.Event) -> None:
    listening = _listen(settings)
    hits, reading = Hits(context, settings.scanner_networks), Reading()
    outside = Outside(ways_out(settings).open, open_hook_door(settings))
    console = Console(context, settings.public_url, outside, has_inbox=settings.inbox_listen is not None)
    limits = Limits(settings.max_body_bytes, settings.max_file_bytes)
    app = create_app(context, limits, settings.public_url, hits, console, reading)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            http="httptools",
            forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await workers_ready.wait()
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # The socket listens already: what comes before the server has started waits for it.
    print(f"tocsin ready on {url}", flush=True)  # noqa: T201 - promised
    await _print_first_link(context, settings.public_url if settings.is_public else url)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    reading.close()
    server.should_exit = True
    console.closing.begin()
    await serving
    await hits.close()
    stopped.cancel()


async def _print_first_link(context: Context, url: str) -> None:
    link = await users.open_first_link(context)
    if link is not None:
        print(f"tocsin console: make the first account at {url}/admin/welcome/{link}", flush=True)  # noqa: T201 - the way in


class _Server(uvicorn.Server):
    """Signals are ours to handle."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.listen.host, settings.listen.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as trouble:
        raise NotReady(f"cannot listen on {host}:{port}: {trouble.strerror}; choose another TOCSIN_LISTEN") from None

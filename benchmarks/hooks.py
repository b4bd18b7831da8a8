"""Hooks: events a second from the queue to a receiver, against bare POSTs of the same bytes; and what queueing costs.

The receiver is a process of its own on loopback that reads each body and answers at once. The floor is the same client
(httpcore2) with as many connections and the same bodies, already made: no database, nothing recorded.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import httpcore2
import uvloop
from floor import configured, postgres

from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.actions.hook_delivery import HookDelivery
from tocsin.channels.http import Answer, Failure, HttpDoor, Request
from tocsin.core.launches import Launch
from tocsin.core.messages import Event, Subject
from tocsin.core.profiles import Profile
from tocsin.store import events, launches
from tocsin.store import profiles as stored_profiles

EVENTS = 20_000
BATCH = 500
CONNECTIONS = 4
ROUNDS = 3
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class _Receiver(asyncio.Protocol):
    """Answers each request that has come whole; one at a time, as the client sends them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._head, self._missing = b"", -1

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._head[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            data, self._missing, self._head = self._head[end + 4 :], length, b""
        self._missing -= len(data)
        if self._missing == 0:
            self._missing = -1
            self._transport.write(_OK)


def _serve(port: Any) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


@contextmanager
def receiver() -> Iterator[str]:
    """Its URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/events"
    finally:
        process.terminate()
        process.join()


class KeepingDoor:
    """A door that keeps what goes through it."""

    def __init__(self, kept: list[bytes]) -> None:
        self._door = HttpDoor(
            [ip_network("127.0.0.1/32")],
            connections=CONNECTIONS,
            connections_per_host=CONNECTIONS,
            lets_rest=False,
        )
        self._kept = kept

    async def fetch(self, request: Request) -> Answer | Failure:
        self._kept.append(request.body)
        return await self._door.fetch(request)

    async def close(self) -> None:
        await self._door.close()


async def record(context: Context, happened: Sequence[Event]) -> float:
    """Seconds to record events in batches, as a worker that sends does."""
    began_at = time.perf_counter()
    for first in range(0, len(happened), BATCH):
        async with context.database.transaction() as transaction:
            await events.insert(transaction, happened[first : first + BATCH])
    return time.perf_counter() - began_at


async def make_events(context: Context, count: int = EVENTS) -> list[Event]:
    """Of as many profiles, each the end of a message of one launch."""
    new_ids = context.new_ids()
    known = [
        Profile(next(new_ids), {"email": f"person{number}@example.com", "_fname": "Victoria"}, [])
        for number in range(count)
    ]
    launch = Launch(next(new_ids), 8, {}, {"order": "A-9", "shop": {"id": 7, "name": "Main street"}})
    async with context.database.transaction() as transaction:
        await stored_profiles.insert(transaction, 1, known)
        await launches.insert(transaction, launch, context.clock())
    data = {"attempts": 1, "code": 250, "text": "2.0.0 Ok: queued as 4bXk2v0Zk9z1", "custom_data": {"item": 3}}
    return [
        Event(
            message_id,
            context.clock(),
            "send",
            1,
            Subject(one.id, message_id, launch.id, 8),
            data | {"address": one.fields["email"]},
        )
        for one, message_id in zip(known, context.new_ids_beside([one.id for one in known]), strict=True)
    ]


async def deliver(context: Context, kept: list[bytes]) -> tuple[float, float]:
    """Seconds to record events and until the queue is empty, by a worker that has told something before."""
    delivery = HookDelivery(context, lambda _: KeepingDoor(kept))
    happened = await make_events(context)
    await record(context, await make_events(context, BATCH))
    while await delivery.deliver():
        await delivery.drain()
    kept.clear()
    recorded = await record(context, happened)
    began_at = time.perf_counter()
    while await delivery.deliver():
        await delivery.drain()
    seconds = time.perf_counter() - began_at
    await delivery.close()
    return recorded, seconds


async def post_bare(url: str, bodies: Sequence[bytes]) -> float:
    """Seconds to POST the same bodies over as many connections."""
    waiting = iter(bodies)
    async with httpcore2.AsyncConnectionPool(max_connections=CONNECTIONS) as pool:

        async def work() -> None:
            for body in waiting:
                await pool.request("POST", url, headers=[("Content-Type", "application/json")], content=body)

        began_at = time.perf_counter()
        async with asyncio.TaskGroup() as workers:
            for _ in range(CONNECTIONS):
                workers.create_task(work())
        return time.perf_counter() - began_at


async def measure(conninfo: str, url: str) -> tuple[float, float, float, float]:
    """Seconds for all events: recorded without a hook, with one, told, and bare."""
    hook = f"id: 1, name: crm, url: '{url}', events: [send], batch_size: {BATCH}, connections: {CONNECTIONS}"
    async with configured(conninfo) as context:
        await configuration.apply(context, f"hooks: [{{{hook}, active: false}}]", "hooks.yaml", {})
        without = await record(context, await make_events(context))
        await configuration.apply(context, f"hooks: [{{{hook}}}]", "hooks.yaml", {})
        kept: list[bytes] = []
        recorded, told = await deliver(context, kept)
        return without, recorded, told, await post_bare(url, kept)


def main() -> None:
    """The best of several rounds of each, in turns."""
    with receiver() as url, postgres() as conninfo:
        rounds = [uvloop.run(measure(conninfo, url)) for _ in range(ROUNDS)]
    without, recorded, told, bare = (min(seconds) for seconds in zip(*rounds, strict=True))
    print(f"events recorded without a hook      {EVENTS / without:9,.0f}/s")
    print(f"events recorded and queued          {EVENTS / recorded:9,.0f}/s   ratio {without / recorded:.2f}")
    print(f"bare POSTs of the same bytes        {EVENTS / bare:9,.0f}/s")
    print(f"events told from the queue          {EVENTS / told:9,.0f}/s   ratio {bare / told:.2f}   aim 0.7")


if __name__ == "__main__":
    main()

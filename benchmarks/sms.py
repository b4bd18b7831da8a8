"""SMS through an HTTP provider: messages a second, texts in and outcomes out, against bare POSTs of the same bytes.

The provider is a process of its own on loopback that answers each POST at once. The floor is the same client
(httpcore2), as many connections and the same bytes, with nothing made of the answers.
"""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import httpcore2
from answering import Answering

from tocsin.channels.contract import Envelope, Outcome
from tocsin.channels.http import HttpDoor
from tocsin.channels.http_sms import HttpSmsChannel
from tocsin.core.configuration_senders import HttpSender, SmsAnswer
from tocsin.core.sms_requests import SmsProvider, SmsRequest

MESSAGES = 4000
CONNECTIONS = 20
ROUNDS = 5
TEXT = "Anna, your order 20417 is ready. Show code 731 until 20:00 today."
_ANSWER = b'{"id": "6b014a6f-74fc-433a-89f1-bbc4d7a3c5e1", "status": "queued"}'


def _serve(port: Any) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Answering(_ANSWER), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def provider() -> Iterator[str]:
    """Its URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/send"
    finally:
        process.terminate()
        process.join()


def make_sender(url: str) -> HttpSender:
    """A provider as in docs/sms.md."""
    return HttpSender(
        id=2,
        name="gateway",
        channel="sms",
        url=url,
        headers={"Authorization": "Bearer ${KEY}"},
        json={"to": "{phone}", "from": "{from}", "text": "{text}", "reference": "{message_id}"},
        from_name="Shop",
        answer=SmsAnswer(message_id="$.id"),
        connections=CONNECTIONS,
        secrets={"KEY": "0123456789abcdef"},
    )


def make_envelopes() -> list[Envelope]:
    """As composition hands them over."""
    return [Envelope(number.to_bytes(12, "big"), "", f"+7900{number:07}", TEXT.encode()) for number in range(MESSAGES)]


async def send_by_channel(url: str) -> float:
    """Messages a second through the product's channel, each outcome recorded."""
    channel = HttpSmsChannel(
        make_sender(url),
        lambda most: HttpDoor([ip_network("127.0.0.1/32")], connections=most, connections_per_host=most),
    )
    envelopes = make_envelopes()
    recorded: list[Outcome] = []
    await channel.send(envelopes[:CONNECTIONS])
    began_at = time.perf_counter()
    outcomes = await channel.send(envelopes, recorded.append)
    seconds = time.perf_counter() - began_at
    await channel.close()
    assert {(one.state, one.provider_id) for one in outcomes} == {("sent", json.loads(_ANSWER)["id"])}
    assert len(recorded) == MESSAGES
    return MESSAGES / seconds


async def post_bare(url: str) -> float:
    """POSTs a second of the same bytes."""
    sender = SmsProvider(make_sender(url))
    requests = [
        sender.render(phone=one.recipient, text=TEXT, from_name="", message_id=one.message_id.hex())
        for one in make_envelopes()
    ]
    async with httpcore2.AsyncConnectionPool(max_connections=CONNECTIONS) as pool:
        await _post_all(pool, requests[:CONNECTIONS])
        began_at = time.perf_counter()
        await _post_all(pool, requests)
        return MESSAGES / (time.perf_counter() - began_at)


async def _post_all(pool: httpcore2.AsyncConnectionPool, requests: list[SmsRequest]) -> None:
    waiting = iter(requests)

    async def work() -> None:
        for one in waiting:
            await pool.request("POST", one.url, headers=list(one.headers), content=one.body)

    async with asyncio.TaskGroup() as workers:
        for _ in range(CONNECTIONS):
            workers.create_task(work())


def main() -> None:
    """The best of several rounds of each, in turns."""
    with provider() as url:
        rounds = [(asyncio.run(post_bare(url)), asyncio.run(send_by_channel(url))) for _ in range(ROUNDS)]
    bare, sent = (max(speeds) for speeds in zip(*rounds, strict=True))
    print(f"bare POSTs of the same bytes       {bare:8,.0f}/s")
    print(f"SMS, with outcomes recorded        {sent:8,.0f}/s   ratio {sent / bare:.2f}   aim 0.7")


if __name__ == "__main__":
    main()

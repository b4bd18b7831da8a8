"""Push messages a second, composed messages in and outcomes out, against bare POSTs of the same bytes.

The services are a process of its own on loopback that answers at once: FCM and Web Push over HTTP/1.1, APNs over HTTP/2
with TLS. The floor is the same client (httpcore2) with as many requests under way and the same bytes, ready made. So
tokens, encryption and reading the answers are what the product adds.
"""

import asyncio
import json
import multiprocessing
import os
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpcore2
import trustme
from answering import Answering
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tocsin.channels.apns import ApnsChannel
from tocsin.channels.contract import Channel, Envelope
from tocsin.channels.fcm import FcmChannel
from tocsin.channels.http import HttpDoor, Request
from tocsin.channels.ways_out import WaysOut
from tocsin.channels.webpush import WebpushChannel
from tocsin.core import push
from tocsin.core.configuration_senders import ApnsSender, FcmSender, WebpushSender

MESSAGES = 500
AT_ONCE = 50
ROUNDS = 5
SAID = push.Notification("Anna, your order 20417", "It is ready until 20:00 today.", "https://shop.example/o/20417")
_ANSWER = b'{"access_token": "token", "expires_in": 3600, "name": "projects/shop/messages/1"}'


class _SharedService(asyncio.Protocol):
    """The same in HTTP/2."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._state.initiate_connection()
        transport.write(self._state.data_to_send())  # type: ignore[attr-defined]  # It is one that writes.

    def data_received(self, data: bytes) -> None:
        for event in self._state.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self._state.send_headers(event.stream_id, [(":status", "200")], end_stream=True)
        self._transport.write(self._state.data_to_send())


def _serve(pipe: Any, certificate: str) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["h2"])
        plain = await loop.create_server(lambda: Answering(_ANSWER), "127.0.0.1", 0)
        shared = await loop.create_server(_SharedService, "127.0.0.1", 0, ssl=context)
        pipe.send([server.sockets[0].getsockname()[1] for server in (plain, shared)])
        await asyncio.gather(plain.serve_forever(), shared.serve_forever())

    asyncio.run(run())


@contextmanager
def services(folder: Path) -> Iterator[tuple[str, str]]:
    """The URL of FCM and the browsers' service, and that of APNs."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    os.environ["SSL_CERT_FILE"] = str(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there, str(folder / "server.pem")), daemon=True
    )
    process.start()
    try:
        plain, shared = here.recv()
        yield f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{shared}"
    finally:
        process.terminate()
        process.join()


class _RememberingDoor(HttpDoor):
    """Keeps what it was asked, for the floor to ask again."""

    asked: list[Request]

    async def fetch(self, request: Request) -> Any:
        self.asked.append(request)
        return await super().fetch(request)


def open_fcm(folder: Path, plain: str, _: str, open_door: Callable[[int], HttpDoor]) -> tuple[Channel, str]:
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "project_id": "shop",
        "client_email": "a@b.c",
        "token_uri": f"{plain}/token",
        "private_key": key.decode(),
    }
    (folder / "account.json").write_text(json.dumps(account))
    sender = FcmSender(
        id=1, name="app", channel="push", credentials_file=str(folder / "account.json"), base_url=plain,
        connections=AT_ONCE,
    )  # fmt: skip
    return FcmChannel(sender, open_door), "android-firebase.device"


def open_webpush(folder: Path, plain: str, _: str, open_door: Callable[[int], HttpDoor]) -> tuple[Channel, str]:
    sender = WebpushSender(
        id=2, name="web", channel="push", private_key_file=_write_key(folder), subject="mailto:a@shop.example",
        hosts=("http://127.0.0.1",), connections=AT_ONCE,
    )  # fmt: skip
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    encoded = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": urlsafe_b64encode(encoded).decode(), "auth": urlsafe_b64encode(bytes(16)).decode()}
    return WebpushChannel(sender, open_door), f"mozilla.{json.dumps({'endpoint': f'{plain}/push/a', 'keys': keys})}"


def open_apns(folder: Path, _: str, shared: str, open_door: Callable[[int], HttpDoor]) -> tuple[Channel, str]:
    sender = ApnsSender(
        id=3, name="ios", channel="push", key_file=_write_key(folder), key_id="KEYKEYKEY1", team_id="TEAMTEAM12",
        topic="com.example.shop", base_url=shared, connections=AT_ONCE,
    )  # fmt: skip
    return ApnsChannel(sender, open_door), f"ios-apns.{'ab' * 32}"


def _write_key(folder: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(folder / "key.pem")


async def measure(open_channel: Callable[..., tuple[Channel, str]], folder: Path, urls: Sequence[str]) -> list[float]:
    """Messages a second by the product and by the floor, in turn."""
    asked: list[Request] = []

    def remember(requests: int) -> HttpDoor:
        door = _RememberingDoor(
            [ip_network("127.0.0.1/32")], connections=requests, connections_per_host=requests, shares_connections=True
        )
        door.asked = asked
        return door

    channel, address = open_channel(folder, *urls, remember)
    await _send(channel, address)
    await channel.close()
    requests = asked[-MESSAGES:]
    ways_out = WaysOut([ip_network("127.0.0.1/32")])
    channel, address = open_channel(folder, *urls, ways_out.open_shared_door)
    rates = []
    async with httpcore2.AsyncConnectionPool(
        max_connections=AT_ONCE, http2=True, ssl_context=httpcore2.default_ssl_context()
    ) as pool:
        for send in (partial(_send, channel, address), partial(_post_all, pool, requests)):
            await send()
            began_at = time.perf_counter()
            await send()
            rates.append(MESSAGES / (time.perf_counter() - began_at))
    await channel.close()
    return rates


async def _send(channel: Channel, address: str) -> None:
    body = push.encode(SAID)
    envelopes = [Envelope(number.to_bytes(12, "big"), "", address, body) for number in range(MESSAGES)]
    outcomes = await channel.send(envelopes, lambda _: None)
    assert {one.state for one in outcomes} == {"sent"}, outcomes[0]


async def _post_all(pool: httpcore2.AsyncConnectionPool, requests: Sequence[Request]) -> None:
    waiting = list(requests)

    async def work() -> None:
        while waiting:
            request = waiting.pop()
            headers = [(name.encode(), value.encode()) for name, value in request.headers]
            answer = await pool.request("POST", request.url, headers=headers, content=request.body)
            assert answer.status == 200

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(work())


def main() -> None:
    with TemporaryDirectory() as name, services(Path(name)) as urls:
        for what, open_channel in (("FCM", open_fcm), ("Web Push", open_webpush), ("APNs", open_apns)):
            rounds = [asyncio.run(measure(open_channel, Path(name), urls)) for _ in range(ROUNDS)]
            best, floor = (max(one[at] for one in rounds) for at in (0, 1))
            ratios = sorted(one[0] / one[1] for one in rounds)
            print(
                f"{what:<9} {best:6.0f} messages/s, bare POST {floor:6.0f}/s: "
                f"{ratios[ROUNDS // 2]:.2f} of it (the middle of {ROUNDS} rounds)",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""A web server on loopback that speaks HTTP/2 over TLS and nothing else, with many requests on one connection."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import trustme
from tests.channels.web_server import Asked


@dataclass
class Reply:
    """An answer, or what is done instead of one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    instead: Literal["", "silence", "close", "nonsense"] = ""


@dataclass
class Http2Server:
    """`async with Http2Server(authority, treat) as server` listens at `server.url`.

    treat: the reply to a request. most_streams: how many requests of a connection may be open.
    """

    authority: trustme.CA
    treat: Callable[[Asked], Reply]
    most_streams: int = 100
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    open_at_once: int = 0
    most_at_once: int = 0
    pause_seconds: float = 0.0

    async def __aenter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        context.set_alpn_protocols(["h2"])
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.start(_Connection(self, writer).serve(reader))

    def start(self, work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answer(self, connection: "_Connection", stream_id: int, asked: Asked) -> None:
        self.requests.append(asked)
        self.open_at_once += 1
        self.most_at_once = max(self.most_at_once, self.open_at_once)
        try:
            if self.pause_seconds:
                await asyncio.sleep(self.pause_seconds)
            await connection.reply(stream_id, self.treat(asked))
        finally:
            self.open_at_once -= 1


class _Connection:
    def __init__(self, server: Http2Server, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._asked: dict[int, Asked] = {}

    async def serve(self, reader: asyncio.StreamReader) -> None:
        self._state.initiate_connection()
        self._state.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self._server.most_streams})
        try:
            with suppress(ConnectionError, h2.exceptions.ProtocolError):
                await self._flush()
                while data := await reader.read(65536):
                    for event in self._state.receive_data(data):
                        self._take(event)
                    await self._flush()
        finally:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                headers = {name.decode(): value.decode() for name, value in event.headers}
                method, path = headers.pop(":method"), headers.pop(":path")
                self._asked[event.stream_id] = Asked(method, path, headers, b"")
            case h2.events.DataReceived():
                self._asked[event.stream_id].body += event.data
                self._state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                asked = self._asked.pop(event.stream_id)
                self._server.start(self._server.answer(self, event.stream_id, asked))

    async def reply(self, stream_id: int, reply: Reply) -> None:
        if reply.instead == "nonsense":
            self._writer.write(b"220 mail.example.com ESMTP\r\n" * 3)
        elif reply.instead == "close":
            self._writer.transport.abort()
        if reply.instead:
            return
        headers = [(":status", str(reply.status)), *reply.headers.items()]
        with suppress(h2.exceptions.ProtocolError):
            self._state.send_headers(stream_id, headers, end_stream=not reply.body)
            if reply.body:
                self._state.send_data(stream_id, reply.body, end_stream=True)
        await self._flush()

    async def _flush(self) -> None:
        if data := self._state.data_to_send():
            self._writer.write(data)
            await self._writer.drain()

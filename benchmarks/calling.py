"""A client of a few kept connections that costs little beside what it measures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec


class Caller:
    """Asks one server. A call waits until a connection is free."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.LifoQueue()

    async def post(self, path: str, members: dict[str, Any]) -> dict[str, Any]:
        """The decoded answer. SystemExit when it is an error."""
        body = msgspec.json.encode(members)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        _, content = await self.exchange(head, body)
        answer: dict[str, Any] = msgspec.json.decode(content)
        if answer["error"]:
            raise SystemExit(str(answer)[:300])
        return answer

    async def exchange(self, head: str, body: bytes) -> tuple[int, bytes]:
        """The status and the content that a request, its head without the line that ends it, is answered with."""
        reader, writer = await self._free.get()
        writer.write(f"{head}\r\n\r\n".encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(answered.split(b"content-length: ")[1].split(b"\r\n")[0])
        content = await reader.readexactly(size)
        self._free.put_nowait((reader, writer))
        return int(answered.split(None, 2)[1]), content

    async def open(self, connections: int) -> None:
        for _ in range(connections):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def close(self) -> None:
        while not self._free.empty():
            _, writer = self._free.get_nowait()
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def calling(port: int, connections: int) -> AsyncIterator[Caller]:
    """A client with so many connections."""
    caller = Caller(port)
    await caller.open(connections)
    yield caller
    await caller.close()

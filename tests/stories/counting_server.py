"""A mail server that counts what it accepts, in a thread of its own; it can die in the middle of DATA."""

import asyncio
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Self

GREETING = b"220 mail.example.com ESMTP\r\n"
OFFERS = b"250-mail.example.com\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
MESSAGE_ID = re.compile(rb"^Message-ID: <([^>]+)>", re.MULTILINE | re.IGNORECASE)
RECIPIENT = re.compile(rb"<([^>]*)>")


class CountingServer:
    """Listens on 127.0.0.1 from `start` to `die`, as often as one likes, always at the same port.

    A message counts once its last dot has come, whether or not the client still hears the answer. A recipient whose
    address begins with `silent` is never answered.
    """

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self.accepted: Counter[bytes] = Counter()
        self.recipients: Counter[str] = Counter()
        self.arrived_at: dict[str, float] = {}
        self.port = 0
        self._delay_seconds = delay_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Listen."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def die(self) -> None:
        """Reset all connections, whatever is under way, and listen no more."""
        asyncio.run_coroutine_threadsafe(self._die(), self._loop).result()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._talk, "127.0.0.1", self.port, limit=1 << 20, reuse_address=True, backlog=1000
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _die(self) -> None:
        assert self._server
        self._server.close()
        for writer in list(self._talks):
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(writer)
        try:
            writer.write(GREETING)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self._talks.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                return
            if verb == b"RCPT" and (found := RECIPIENT.search(line)):
                recipient = found[1].decode()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                await self._take(content, recipient, reader)
            writer.write(OFFERS if verb == b"EHLO" else b"250 2.0.0 Ok\r\n")

    async def _take(self, content: bytes, recipient: str, reader: asyncio.StreamReader) -> None:
        if recipient.startswith("silent"):
            await reader.read()
            raise ConnectionResetError
        found = MESSAGE_ID.search(content)
        assert found
        self.accepted[found[1]] += 1
        self.recipients[recipient] += 1
        self.arrived_at[recipient] = time.monotonic()
        await asyncio.sleep(self._delay_seconds)

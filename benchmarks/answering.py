"""An HTTP server for benchmarks that answers each request at once, always the same."""

import asyncio
from typing import Any


class Answering(asyncio.Protocol):
    """Answers each request that has come whole."""

    def __init__(self, answer: bytes) -> None:
        """`answer` is the JSON that each request gets."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
        self._whole = head + answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            self._transport.write(self._whole)

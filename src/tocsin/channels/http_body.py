"""The body of an answer, unpacked, never larger in memory than its limit."""

import asyncio
import zlib
from collections.abc import AsyncIterable
from typing import Final

# A part costs work however small it is, and thousands come at once: they count as more, and let others go between.
LEAST_PART_BYTES = 64

_ANY_HEADER: Final = 32 + zlib.MAX_WBITS


class TooLarge(Exception):
    """The body is over its limit."""


class Unreadable(Exception):
    """The body is packed in a way that we did not ask for, or is not whole."""


async def read_body(parts: AsyncIterable[bytes], encoding: str, most_bytes: int) -> bytes:
    """All parts, unpacked as Content-Encoding says. Raises TooLarge, as soon as it is known, and Unreadable."""
    inflater = _pick(encoding)
    body, arrived = bytearray(), 0
    async for part in parts:
        arrived += max(len(part), LEAST_PART_BYTES)
        if arrived > most_bytes:
            raise TooLarge
        if len(part) < LEAST_PART_BYTES:
            await asyncio.sleep(0)
        body += inflater.unpack(part, most_bytes - len(body)) if inflater else part
    if inflater:
        inflater.finish()
    return bytes(body)


def _pick(encoding: str) -> "_Inflater | None":
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater()
    raise Unreadable


class _Inflater:
    """gzip, of one member or several, and zlib."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_ANY_HEADER)
        self._has_begun = False

    def unpack(self, part: bytes, most_bytes: int) -> bytes:
        """What the part holds. Raises TooLarge after `most_bytes` and one more."""
        unpacked = bytearray()
        while part:
            unpacked += self._inflate(part, most_bytes + 1 - len(unpacked))
            if len(unpacked) > most_bytes:
                raise TooLarge
            part = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return bytes(unpacked)

    def _inflate(self, part: bytes, most_bytes: int) -> bytes:
        if self._stream.eof:
            self._stream = zlib.decompressobj(_ANY_HEADER)
        self._has_begun = True
        try:
            return self._stream.decompress(part, most_bytes)
        except zlib.error:
            raise Unreadable from None

    def finish(self) -> None:
        """Raises Unreadable where the end is missing. An empty body, as HEAD has it, is none at all."""
        if self._has_begun and not self._stream.eof:
            raise Unreadable

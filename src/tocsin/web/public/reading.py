"""The pixel of a mail, answered so slowly that when its reader goes away tells how long it was looked at.

The picture comes at once and whole; after it come pieces of a comment, which no program shows.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tocsin.core.reading import Look, Spans

# Each takes a file handle, of which a process often has 1024.
MOST_HELD = 500

_PIECES = 16
_TRAILER = b"\x3b"
_COMMENT, _PIECE, _END = b"\x21\xfe", b"\x01 ", b"\x00" + _TRAILER


class Reading:
    """The pixels that are being answered slowly in this process."""

    def __init__(self, spans: Spans | None = None, most: int = MOST_HELD) -> None:
        """`most`: beyond so many at once, pixels are answered quickly and tell nothing."""
        self.spans = spans or Spans()
        self.most = most
        self.is_closed = False
        self._held: set[asyncio.Event] = set()

    @property
    def has_room(self) -> bool:
        """Whether one more can be held."""
        return not self.is_closed and len(self._held) < self.most

    def close(self) -> None:
        """Answer those that are held now; how long they would have been looked at is not known."""
        self.is_closed = True
        for over in self._held:
            over.set()

    @contextmanager
    def place(self) -> Iterator[asyncio.Event]:
        """A place for one of them; the event is set when it is not to be held any more."""
        over = asyncio.Event()
        self._held.add(over)
        try:
            yield over
        finally:
            self._held.discard(over)


class SlowPixel(Response):
    """A picture that takes as long as reading does. `take` is told how long it was looked at, unless nobody knows."""

    def __init__(
        self, picture: bytes, headers: Mapping[str, str], reading: Reading, take: Callable[[Look], object]
    ) -> None:
        """`picture`: a GIF."""
        self._beginning = picture.removesuffix(_TRAILER) + _COMMENT
        self._reading = reading
        self._take = take
        length = len(self._beginning) + _PIECES * len(_PIECE) + len(_END)
        # nginx would keep small answers to itself until they are whole.
        told = {**headers, "content-length": str(length), "x-accel-buffering": "no"}
        super().__init__(None, 200, told, media_type="image/gif")

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Whoever is gone is sent nothing more."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        with self._reading.place() as over:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._beginning, "more_body": True})
            watching = asyncio.create_task(_watch(receive, over))
            try:
                sent = await self._trickle(over, send)
            finally:
                watching.cancel()
        spans = self._reading.spans
        if not self._reading.is_closed:
            self._take(spans.name(loop.time() - began_at if over.is_set() else spans.read_seconds))
        if not over.is_set() or self._reading.is_closed:
            rest = (_PIECES - sent) * _PIECE + _END
            await send({"type": "http.response.body", "body": rest, "more_body": False})

    async def _trickle(self, over: asyncio.Event, send: Send) -> int:
        """Piece after piece, until there are no more or it is over; how many."""
        seconds = self._reading.spans.read_seconds / _PIECES
        for sent in range(_PIECES):
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)
            if over.is_set():
                return sent
            await send({"type": "http.response.body", "body": _PIECE, "more_body": True})
        return _PIECES


async def _watch(receive: Receive, over: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    over.set()

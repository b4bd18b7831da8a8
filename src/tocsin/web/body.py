"""Reading request bodies: never more than allowed, and only so many large ones at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from tocsin.core.errors import Invalid
from tocsin.web.problems import TOO_LARGE

# Of a body that is too large, this much more is read and thrown away, so that the client gets to read the answer.
_DRAINED_BYTES = 64 * 1024 * 1024


async def read(request: Request, limit: int) -> bytes:
    """The body, or Invalid when it is larger than `limit` bytes."""
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size <= limit:
                pieces.append(piece)
            else:
                pieces.clear()
            if size > limit + _DRAINED_BYTES:
                break
    except ClientDisconnect:
        raise Invalid("the client went away before the end of the body") from None
    if size > limit:
        raise Invalid(TOO_LARGE)
    return b"".join(pieces)


class Gate:
    """Lets bodies of so many bytes in at once, in the order they came; one larger than that goes alone."""

    def __init__(self, capacity_bytes: int, *, free_bytes: int) -> None:
        """Bodies of up to `free_bytes` need not wait."""
        self._capacity = capacity_bytes
        self._free = free_bytes
        self._inside = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def passage(self, size: int) -> AsyncIterator[None]:
        """Inside while the body is worked on."""
        if size <= self._free:
            yield
            return
        weight = min(size, self._capacity)
        await self._enter(weight)
        try:
            yield
        finally:
            self._leave(weight)

    async def _enter(self, weight: int) -> None:
        if not self._waiting and self._inside + weight <= self._capacity:
            self._inside += weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave(weight)
            raise

    def _leave(self, weight: int) -> None:
        self._inside -= weight
        while self._waiting:
            next_weight, turn = self._waiting[0]
            if not turn.done() and self._inside + next_weight > self._capacity:
                return
            self._waiting.popleft()
            if not turn.done():
                self._inside += next_weight
                turn.set_result(None)

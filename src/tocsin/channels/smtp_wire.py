"""The bytes of an SMTP session: what is said goes out in one write, the replies come back in order."""

import asyncio
from collections import deque
from typing import NamedTuple

# One reply, with all its lines. Generous over any that is sensible.
MOST_REPLY_BYTES = 32 * 1024

_CODE_BYTES = 3


class Reply(NamedTuple):
    """A reply code and the words after it; lines are separated by LF."""

    code: int
    text: str


class Broken(Exception):
    """Nothing more can be asked: the connection ended, or what came is no reply. `code` is 0 without one."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Wire(asyncio.Protocol):
    """Takes over the transport of a session that is at rest. Belongs to one event loop, and to one task at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._replies: deque[Reply] = deque()
        self._expected = 0
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._failure: Broken | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = self._seconds = 0.0
        self._watch: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return self._failure is None and not self._transport.is_closing()

    def say(self, data: bytes, replies: int) -> None:
        """Write something that so many replies will answer. Raises Broken."""
        if self._failure:
            raise self._failure
        if self._transport.is_closing():
            raise Broken("the connection was closed")
        self._expected += replies
        self._transport.write(data)

    async def listen(self, seconds: float) -> Reply:
        """The next reply. Raises Broken, also when it does not come in time."""
        if not self._replies:
            if self._failure:
                raise self._failure
            await self._wait(seconds)
        return self._replies.popleft()

    def leave(self) -> None:
        """Take leave without waiting."""
        if self.is_open:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def drop(self) -> None:
        """End it at once, whatever is under way; closing alone would wait for a peer that may never read."""
        self._fail(Broken("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._failure is None:
                self._take(line)
        if self._size + len(self._rest) > MOST_REPLY_BYTES:
            self._fail(Broken("the answer is too long"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's, the cause is nothing to us
        self._fail(Broken("the connection was closed"))
        if self._watch:
            self._watch.cancel()

    def _take(self, line: bytes) -> None:
        code = line[:3]
        if not (code.isdigit() and len(code) == _CODE_BYTES and line[3:4] in b" -\r"):
            self._fail(Broken(f"the answer was {line.decode('utf-8', 'replace').strip()}"))
            return
        self._lines.append(line[4:].strip())
        self._size += len(line)
        if line[3:4] != b"-":
            text = b"\n".join(self._lines).decode("utf-8", "replace")
            self._lines.clear()
            self._size = 0
            self._answer(Reply(int(code), text))

    def _answer(self, reply: Reply) -> None:
        if not self._expected:
            self._fail(Broken(f"the server said without being asked: {reply.code} {reply.text}", reply.code))
            return
        self._expected -= 1
        self._replies.append(reply)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: Broken) -> None:
        self._failure = self._failure or failure
        self._transport.abort()
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(self._failure)

    async def _wait(self, seconds: float) -> None:
        self._waiter = self._loop.create_future()
        self._until, self._seconds = self._loop.time() + seconds, seconds
        # One timer looks after many waits: each new one would cost more than the wait.
        if self._watch is None or self._watch.when() > self._until:
            self._watch_until()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _watch_until(self) -> None:
        if self._watch:
            self._watch.cancel()
        self._watch = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._waiter is None:
            return
        if self._loop.time() < self._until:
            self._watch_until()
        else:
            self._fail(Broken(f"no answer within {self._seconds:g} s"))

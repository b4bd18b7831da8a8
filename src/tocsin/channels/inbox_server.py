"""The SMTP server of the development inbox: takes any mail, from this host only, and sends none on.

It is not aiosmtpd, with which a mail took two and a half times the processor time: whole launches come here.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tocsin.core.errors import NotReady

MOST_BYTES = 32 * 1024 * 1024
MOST_CONNECTIONS = 100

_MOST_RECIPIENTS = 100
_LONGEST_LINE = 4096
_READ_AHEAD_BYTES = 64 * 1024
_SILENCE_SECONDS = 300.0

_END = b"\r\n.\r\n"
_ADDRESS = re.compile(rb"(?:FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)
_GREETING = (
    f"250-inbox.localhost\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {MOST_BYTES}\r\n".encode()
)
_OK = b"250 2.0.0 Ok\r\n"

Take = Callable[[str, Sequence[str], bytes], Awaitable[None]]


class InboxServer:
    """`take` is given sender, recipients and mail, which is committed when it returns. It raises NotReady when the
    sender is to try again.
    """

    def __init__(self, take: Take) -> None:
        self.take = take
        self.talks: set[_Talk] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chooses for 0. NotReady when that cannot be."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Talk(self), host, port)
        except OSError as trouble:
            raise NotReady(
                f"cannot listen on {host}:{port}: {trouble.strerror}; choose another TOCSIN_INBOX_LISTEN"
            ) from None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no more mail; connections end."""
        if self._server is not None:
            self._server.close()
            for talk in list(self.talks):
                talk.end()
            await self._server.wait_closed()


class _Talk(asyncio.Protocol):
    """One connection. Replies that are due together are one write."""

    def __init__(self, server: InboxServer) -> None:
        self._of = server
        self._transport: Any = None
        self._held = bytearray()
        self._searched = 0
        self._is_content = self._is_large = self._is_over = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._taking: asyncio.Task[None] | None = None
        self._silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if len(self._of.talks) >= MOST_CONNECTIONS:
            self._transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            self._transport.close()
            return
        self._of.talks.add(self)
        self._listen()
        self._transport.write(b"220 inbox.localhost ESMTP Tocsin\r\n")

    def connection_lost(self, _error: Exception | None) -> None:
        self._of.talks.discard(self)
        if self._silence:
            self._silence.cancel()

    def data_received(self, data: bytes) -> None:
        self._listen()
        self._held += data
        self._go_on()

    def end(self) -> None:
        """Let go of the other side."""
        self._transport.close()

    def _listen(self) -> None:
        if self._silence:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(_SILENCE_SECONDS, self.end)

    def _go_on(self) -> None:
        """Answer what is whole; what follows a mail waits until that is taken."""
        replies = []
        while self._taking is None and (reply := self._next_reply()):
            replies.append(reply)
        if replies:
            self._transport.write(b"".join(replies))
        if self._is_over:
            self.end()
        if self._taking is not None and len(self._held) > _READ_AHEAD_BYTES:
            self._transport.pause_reading()

    def _next_reply(self) -> bytes:
        """Empty when nothing is to be said yet."""
        if self._is_over or self._transport.is_closing():
            return b""
        if self._is_content:
            return self._read_content()
        line, found, _ = self._held[: _LONGEST_LINE + 1].partition(b"\n")
        if not found:
            return self._part(b"500 5.5.2 Line too long\r\n") if len(self._held) > _LONGEST_LINE else b""
        del self._held[: len(line) + 1]
        return self._obey(bytes(line.rstrip(b"\r")))

    def _obey(self, line: bytes) -> bytes:
        verb, _, argument = line.partition(b" ")
        match verb.upper():
            case b"MAIL":
                return self._begin(argument)
            case b"RCPT":
                return self._add_recipient(argument)
            case b"DATA":
                return self._begin_content()
            case b"QUIT":
                return self._part(b"221 2.0.0 Bye\r\n")
            case b"EHLO" | b"HELO" | b"RSET" | b"NOOP" as simple:
                return self._obey_simple(simple)
        return b"502 5.5.1 Not known here\r\n"

    def _obey_simple(self, verb: bytes) -> bytes:
        if verb != b"NOOP":
            self._forget()
        return {b"EHLO": _GREETING, b"HELO": b"250 inbox.localhost\r\n"}.get(verb, _OK)

    def _part(self, reply: bytes) -> bytes:
        self._is_over = True
        return reply

    def _begin(self, argument: bytes) -> bytes:
        found = _ADDRESS.match(argument)
        if found is None:
            return b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n"
        self._forget()
        self._sender = found[1].decode(errors="replace")
        return b"250 2.1.0 Ok\r\n"

    def _add_recipient(self, argument: bytes) -> bytes:
        found = _ADDRESS.match(argument)
        if self._sender is None:
            return b"503 5.5.1 MAIL comes first\r\n"
        if found is None or not found[1]:
            return b"501 5.5.4 Syntax: RCPT TO:<address>\r\n"
        if len(self._recipients) >= _MOST_RECIPIENTS:
            return b"452 4.5.3 Too many recipients\r\n"
        self._recipients.append(found[1].decode(errors="replace"))
        return b"250 2.1.5 Ok\r\n"

    def _begin_content(self) -> bytes:
        if not self._recipients:
            return b"503 5.5.1 RCPT comes first\r\n"
        self._held[:0] = b"\r\n"
        self._is_content, self._is_large, self._searched = True, False, 0
        return b"354 End data with <CR><LF>.<CR><LF>\r\n"

    def _read_content(self) -> bytes:
        end = self._held.find(_END, self._searched)
        self._is_large = self._is_large or (end if end >= 0 else len(self._held)) > MOST_BYTES
        if end < 0:
            if self._is_large:
                del self._held[: -len(_END)]
            self._searched = max(0, len(self._held) - len(_END))
            return b""
        content = bytes(self._held[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        del self._held[: end + len(_END)]
        self._is_content = False
        if self._is_large:
            self._forget()
            return b"552 5.3.4 Too large\r\n"
        self._taking = asyncio.create_task(self._take(content))
        return b""

    async def _take(self, content: bytes) -> None:
        """Accepted only when it is committed."""
        reply = b"451 4.3.0 Try again later\r\n"
        try:
            await self._of.take(self._sender or "", self._recipients, content)
            reply = _OK
        except NotReady:
            pass
        finally:
            self._forget()
            self._taking = None
            if not self._transport.is_closing():
                self._transport.write(reply)
                self._transport.resume_reading()
                self._go_on()

    def _forget(self) -> None:
        self._sender, self._recipients = None, []

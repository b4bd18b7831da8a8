"""The SMTP server that takes mail to return paths, and nothing else. It never sends any."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from tocsin.core import replies
from tocsin.core.bounces import Report, parse, parse_complaint
from tocsin.core.errors import NotReady
from tocsin.core.return_paths import ReturnPaths

MOST_BYTES = 2 * 1024 * 1024
MOST_CONNECTIONS = 20
# Feedback reports go to one address for all messages; they enclose the return path of the one that is meant.
FEEDBACK = "feedback"

_SILENCE_SECONDS = 120.0
_COMMANDS = 1000
_BUFFERED_BYTES = 64 * 1024
_RECIPIENTS = 20

_END = b"\r\n.\r\n"

Take = Callable[[bytes, Report | None], Awaitable[None]]


class BounceServer:
    """`take` is given the message and what is said of it, None for mail that says nothing; what it does is durable when
    it returns. It raises NotReady when the sender is to try again.
    """

    def __init__(self, return_paths: ReturnPaths, take: Take) -> None:
        self._return_paths = return_paths
        self._take = take
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._parsing = asyncio.Semaphore(1)
        self.domain = return_paths.domain

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chooses for 0. NotReady when that cannot be."""
        # What it says of each command is of no use, and holds what strangers wrote.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), host, port)
        except OSError as trouble:
            raise NotReady(
                f"cannot listen on {host}:{port}: {trouble.strerror}; choose another TOCSIN_BOUNCE_LISTEN"
            ) from None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no more connections; those that are open end, and what they had not yet accepted comes again."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.end()
            await self._server.wait_closed()

    def open(self, connection: "_Connection") -> bool:
        """Whether there is room for one more."""
        has_room = len(self._connections) < MOST_CONNECTIONS
        if has_room:
            self._connections.add(connection)
        return has_room

    def forget(self, connection: "_Connection") -> None:
        """A connection is gone."""
        self._connections.discard(connection)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Return paths of ours and the address for feedback are known, no other."""
        if address.lower() != f"{FEEDBACK}@{self.domain}" and self._return_paths.find_message(address) is None:
            return "550 5.1.1 No such address"
        if len(envelope.rcpt_tos) >= _RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Accepted only when what it says is durable."""
        is_about_one = any(self._return_paths.find_message(one) for one in envelope.rcpt_tos)
        content, sender = envelope.original_content or b"", envelope.mail_from or ""
        async with self._parsing:
            report = await asyncio.to_thread(_read, content, sender, is_about_one=is_about_one)
        try:
            for message_id in self._messages(envelope.rcpt_tos, report):
                await self._take(message_id, report)
        except NotReady:
            return "451 4.3.0 Try again later"
        return "250 2.0.0 Ok"

    def _messages(self, recipients: Iterable[str], report: Report | None) -> list[bytes]:
        named = [*recipients, *(report.return_paths if report else ())]
        return list(dict.fromkeys(found for one in named if (found := self._return_paths.find_message(one))))


def _read(content: bytes, sender: str, *, is_about_one: bool) -> Report | None:
    if not is_about_one:
        return parse_complaint(content)
    return parse(content) or replies.parse(content, sender)


class _Connection(SMTP):
    """One connection; when there are too many it is told so, and ended."""

    # How much waits to be read; a command that is longer than 512 characters is refused all the same.
    line_length_limit = _BUFFERED_BYTES

    def __init__(self, server: BounceServer) -> None:
        super().__init__(
            server,
            data_size_limit=MOST_BYTES,
            enable_SMTPUTF8=True,
            hostname=server.domain,
            ident="Tocsin",
            timeout=_SILENCE_SECONDS,
            command_call_limit=_COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._of = server

    def connection_made(self, transport: Any) -> None:
        if self._of.open(self):
            super().connection_made(transport)
        else:
            transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._of.forget(self)
        if self.session is not None:
            super().connection_lost(error)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's
        """Read piece by piece. The library does it line by line: two million empty ones take seconds and 160 MB."""
        if await self.check_helo_needed():
            return
        if arg or self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("501 5.5.4 Syntax: DATA" if arg else "503 5.5.1 RCPT comes first")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._read_content()
        if content is None:
            await self.push("552 5.3.4 Too large")
        else:
            self.envelope.original_content = content
            await self.push(await self._of.handle_DATA(self, cast("Session", self.session), self.envelope))
        self.envelope = self._create_envelope()

    async def _read_content(self) -> bytes | None:
        """None when it is too large. PIPELINING is not offered: nothing may follow before we have answered."""
        held, is_large, searched = bytearray(b"\r\n"), False, 0
        while (end := held.find(_END, searched)) < 0:
            is_large = is_large or len(held) > MOST_BYTES
            if is_large:
                del held[: -len(_END)]
            searched = max(0, len(held) - len(_END))
            piece = await self._reader.read(_BUFFERED_BYTES)
            if not piece:
                self._hang_up()
            held += piece
        if len(held) > end + len(_END):
            self._hang_up()
        return None if is_large else bytes(held[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]

    def _hang_up(self) -> NoReturn:
        """As the library does when a connection is lost."""
        self._writer.close()
        raise asyncio.CancelledError

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours: nothing was accepted."""
        await super().handle_exception(error)
        return "451 4.3.0 Try again later"

    def end(self) -> None:
        """Let go of the other side."""
        if self.transport is not None:
            self.transport.close()

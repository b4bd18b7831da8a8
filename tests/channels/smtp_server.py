"""A scripted SMTP server on loopback: answers as told, keeps what arrives to the byte, can close or fall silent."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

CLOSE = "close the connection"
SILENCE = "never answer"

Answer = str | Sequence[str]

_USUAL = {
    "greeting": "220 mail.example.com ESMTP",
    "HELO": "250 mail.example.com",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "content": "250 2.0.0 Ok: queued as 1",
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
    "STARTTLS": "220 2.0.0 Ready",
    "known user": "235 2.7.0 Authentication successful",
    "AUTH": "535 5.7.8 Authentication failed",
}


@dataclass
class Received:
    """One message: the arguments of MAIL and RCPT as they came, the content without its doubled dots."""

    sender: str
    recipient: str
    content: bytes


@dataclass
class Session:
    """One connection: every line that came as a command, and the messages that came in full and were not turned away.

    A message that CLOSE or SILENCE followed is among them.
    """

    lines: list[str] = field(default_factory=list)
    messages: list[Received] = field(default_factory=list)
    is_encrypted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def verbs(self) -> list[str]:
        return [line.split(" ")[0] for line in self.lines]


class Script:
    """What the server says."""

    def __init__(self, answers: Mapping[str, Answer], offers: Sequence[str], users: Mapping[str, str]) -> None:
        self.offers = offers
        self.users = users
        self.changed = asyncio.Event()
        self._always = {key: answer for key, answer in answers.items() if isinstance(answer, str)}
        self._in_turn = {key: list(answer) for key, answer in answers.items() if not isinstance(answer, str)}

    def answer(self, *keys: str, usual: str = "") -> str:
        for key in keys:
            if self._in_turn.get(key):
                return self._in_turn[key].pop(0)
            if key in self._always:
                return self._always[key]
        return usual or _USUAL[keys[-1]]


class SmtpServer:
    """`async with SmtpServer(...) as server`: listens on 127.0.0.1 at `server.port`.

    answers: by verb, by whole line, or for "greeting" and "content": a reply ("550 No"), CLOSE, SILENCE, or a list of
    these, one per use over all connections, after which the server answers as usual.
    offers: the extensions named in the answer to EHLO. STARTTLS is added while `tls` is given and not yet in use.
    users: passwords by user name, for AUTH PLAIN and AUTH LOGIN.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        offers: Sequence[str] = ("8BITMIME",),
        tls: ssl.SSLContext | None = None,
        tls_from_the_start: bool = False,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self.sessions: list[Session] = []
        self.port = 0
        self._script = Script(answers or {}, offers, users or {})
        self._tls = tls
        self._tls_from_the_start = tls_from_the_start
        self._talks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def messages(self) -> list[Received]:
        """The messages of all connections."""
        return [message for session in self.sessions for message in session.messages]

    async def wait_for(self, *, sessions: int = 0, messages: int = 0) -> None:
        """Return once so many have come."""
        while len(self.sessions) < sessions or len(self.messages) < messages:
            self._script.changed.clear()
            await self._script.changed.wait()

    async def __aenter__(self) -> Self:
        tls = self._tls if self._tls_from_the_start else None
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0, ssl=tls, limit=1 << 20, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close every open connection."""
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(is_encrypted=self._tls_from_the_start)
        self.sessions.append(session)
        self._script.changed.set()
        talk = asyncio.create_task(_Talk(self._script, self._tls, session, reader, writer).hold())
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)


class _HungUp(Exception):
    pass


class _Talk:
    def __init__(
        self,
        script: Script,
        tls: ssl.SSLContext | None,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._script = script
        self._tls = tls
        self._session = session
        self._reader = reader
        self._writer = writer
        self._sender = self._recipient = ""

    async def hold(self) -> None:
        try:
            await self._say(self._script.answer("greeting"))
            while line := await self._listen():
                self._session.lines.append(line)
                await self._serve(line)
        except (_HungUp, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._writer.transport.abort()
            self._session.ended.set()

    async def _serve(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        match verb:
            case "EHLO":
                await self._say(self._script.answer(line, verb, usual=self._introduction()))
            case "AUTH":
                await self._log_in(*argument.split(" "))
            case "DATA":
                await self._take()
            case "STARTTLS":
                await self._encrypt()
            case "QUIT":
                await self._say(self._script.answer(verb))
                raise _HungUp
            case _:
                await self._note(line, verb, argument)

    async def _note(self, line: str, verb: str, argument: str) -> None:
        said = await self._say(self._script.answer(line, verb))
        if verb == "MAIL" and said.startswith("250"):
            self._sender = argument
        elif verb == "RCPT" and said.startswith("250"):
            self._recipient = argument

    async def _encrypt(self) -> None:
        assert self._tls
        if (await self._say(self._script.answer("STARTTLS"))).startswith("220"):
            await self._writer.start_tls(self._tls)
            self._session.is_encrypted = True

    def _introduction(self) -> str:
        starttls = ["STARTTLS"] if self._tls and not self._session.is_encrypted else []
        *others, last = ["mail.example.com", *self._script.offers, *starttls]
        return "".join(f"250-{line}\r\n" for line in others) + f"250 {last}"

    async def _log_in(self, mechanism: str, initial: str) -> None:
        if mechanism == "PLAIN":
            _, username, password = b64decode(initial).decode().split("\0")
        else:
            username = b64decode(initial).decode()
            await self._say("334 UGFzc3dvcmQ6")
            password = b64decode(await self._listen()).decode()
        is_known = self._script.users.get(username) == password
        await self._say(self._script.answer("known user" if is_known else "AUTH"))

    async def _take(self) -> None:
        if not (await self._say(self._script.answer("DATA"))).startswith("354"):
            return
        lines = []
        while (wire := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(wire.removeprefix(b"."))
        answer = self._script.answer("content")
        if not answer.startswith(("4", "5")):
            self._session.messages.append(Received(self._sender, self._recipient, b"".join(lines)))
            self._script.changed.set()
        await self._say(answer)

    async def _say(self, answer: str) -> str:
        if answer == SILENCE:
            await self._reader.read()
        if answer in (CLOSE, SILENCE):
            raise _HungUp
        self._writer.write(answer.encode() + b"\r\n")
        await self._writer.drain()
        return answer

    async def _listen(self) -> str:
        line = await self._reader.readline()
        return line.decode().removesuffix("\r\n")

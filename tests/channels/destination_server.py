"""A mail server that treats each domain of recipients in its own way, and counts how many it has at once."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass
class Manner:
    """How recipients of a domain are treated: the answer to RCPT, and how long the content is thought about."""

    answer: str = "250 2.1.5 Ok"
    seconds: float = 0.0


class DestinationServer:
    """`async with DestinationServer({domain: Manner(...)}) as server`: listens on 127.0.0.1 at `server.port`.

    `arrived` are recipients in the order in which their messages were accepted, `asked` those of all RCPT; `most` is
    how many recipients of a domain were under way at once.
    """

    def __init__(self, manners: Mapping[str, Manner] | None = None, *, offers: str = "8BITMIME") -> None:
        self.manners = dict(manners or {})
        self.arrived: list[str] = []
        self.asked: list[str] = []
        self.most: Counter[str] = Counter()
        self.changed = asyncio.Event()
        self._now: Counter[str] = Counter()
        self._offers = offers
        self._talks: set[asyncio.Task[None]] = set()
        self.port = 0

    def count(self, domain: str) -> int:
        return sum(one.endswith(f"@{domain}") for one in self.arrived)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk
        self._talks.add(talk)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(talk)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        recipient = ""
        while line := (await reader.readline()).decode().strip():
            verb, _, argument = line.partition(" ")
            answer = "250 2.0.0 Ok"
            if verb == "EHLO":
                answer = f"250-mail.example.com\r\n250 {self._offers}"
            elif verb == "RCPT":
                address = argument.removeprefix("TO:<").removesuffix(">")
                answer = self._manner(address).answer
                self.asked.append(address)
                recipient = address if answer.startswith("2") else ""
            elif verb == "DATA" and recipient:
                writer.write(b"354 Go on\r\n")
                await self._take(reader, recipient)
            elif verb == "DATA":
                answer = "503 5.5.1 No recipient"
            elif verb == "QUIT":
                return
            writer.write(answer.encode() + b"\r\n")
            await writer.drain()

    async def _take(self, reader: asyncio.StreamReader, recipient: str) -> None:
        domain = recipient.rpartition("@")[2]
        self._now[domain] += 1
        self.most[domain] = max(self.most[domain], self._now[domain])
        try:
            await reader.readuntil(b"\r\n.\r\n")
            await asyncio.sleep(self._manner(recipient).seconds)
        finally:
            self._now[domain] -= 1
        self.arrived.append(recipient)
        self.changed.set()

    def _manner(self, recipient: str) -> Manner:
        return self.manners.get(recipient.rpartition("@")[2], Manner())

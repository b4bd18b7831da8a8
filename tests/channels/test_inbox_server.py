"""The development inbox, spoken to over SMTP by our channel, by a library and by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiosmtplib
import pytest
from tests.channels.mail import make_envelope, make_envelopes, open_channel

from tocsin.channels import inbox_server
from tocsin.channels.inbox_server import MOST_BYTES, MOST_CONNECTIONS, InboxServer
from tocsin.core.errors import NotReady


@dataclass
class Taker:
    """Keeps what it is given, once it may, or raises."""

    taken: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)
    trouble: Exception | None = None
    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        await self.may.wait()
        if self.trouble:
            raise self.trouble
        self.taken.append((sender, tuple(recipients), raw))


@dataclass
class Running:
    taker: Taker
    server: InboxServer
    port: int

    async def talk(self, *said: bytes) -> bytes:
        """What is answered to this, until the other side has nothing more to say."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in said:
            writer.write(piece)
            await writer.drain()
        if said[-1:] != (b"QUIT\r\n",):
            writer.write(b"QUIT\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


@asynccontextmanager
async def open_server(taker: Taker | None = None) -> AsyncIterator[Running]:
    if taker is None:
        taker = Taker()
        taker.may.set()
    server = InboxServer(taker.take)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Running(taker, server, port)
    finally:
        await server.close()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with open_server() as opened:
        yield opened


async def test_what_our_channel_sends_arrives_to_the_byte(running: Running):
    envelopes = [*make_envelopes(200), make_envelope("Grüße@example.com", "Grüße\r\n.\r\n..\r\n".encode())]
    async with open_channel(running.port, connections=5) as channel:
        outcomes = await channel.send(envelopes)
    assert {outcome.state for outcome in outcomes} == {"sent"}
    assert sorted(running.taker.taken) == sorted((one.sender, (one.recipient,), one.body) for one in envelopes)


async def test_what_a_library_sends_to_several_arrives_once(running: Running):
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=running.port, start_tls=False) as client:
        await client.sendmail("", ["ann@example.com", "bob@example.com"], b"Subject: a\r\n\r\nhello\r\n")
    assert running.taker.taken == [("", ("ann@example.com", "bob@example.com"), b"Subject: a\r\n\r\nhello\r\n")]


async def test_nothing_is_accepted_before_it_is_taken():
    async with open_server(Taker()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")
        await asyncio.wait_for(reader.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n"), 10)
        writer.write(b"one\r\n.\r\nNOOP\r\n")
        await writer.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        running.taker.may.set()
        assert await asyncio.wait_for(reader.readuntil(b"\r\n250"), 10) == b"250 2.0.0 Ok\r\n250"
        assert running.taker.taken == [("", ("a@example.com",), b"one\r\n")]
        writer.close()


async def test_commands_that_come_at_once_or_in_pieces_are_the_same(running: Running):
    mail = b"MAIL FROM:<s@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n..one\r\n.\r\n"
    whole = b"EHLO a\r\n" + mail * 3
    assert (await running.talk(whole)).count(b"250 2.0.0 Ok") == 3
    await running.talk(*(whole[at : at + 1] for at in range(len(whole))))
    assert running.taker.taken == [("s@example.com", ("a@example.com",), b".one\r\n")] * 6


async def test_who_is_to_try_again_is_told_so():
    taker = Taker(trouble=NotReady("away"))
    taker.may.set()
    async with open_server(taker) as running:
        answer = await running.talk(b"MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n", b"one\r\n.\r\n")
    assert b"451 4.3.0" in answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"RCPT TO:<a@example.com>\r\n", b"503 "),
        (b"DATA\r\n", b"503 "),
        (b"MAIL FROM:<>\r\nDATA\r\n", b"503 "),
        (b"MAIL a@example.com\r\n", b"501 "),
        (b"MAIL FROM:<>\r\nRCPT TO:<>\r\n", b"501 "),
        (b"VRFY a\r\n", b"502 "),
        (b"\xff\0\r\n", b"502 "),
        (b"a" * 10_000, b"500 "),
        (b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@example.com>\r\n" * 101, b"452 "),
        (b"MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nRSET\r\nDATA\r\n", b"503 "),
    ],
)
async def test_what_cannot_be_taken_is_refused(running: Running, said: bytes, answer: bytes):
    assert b"\r\n" + answer in await running.talk(said)
    assert running.taker.taken == []


async def test_a_mail_that_is_too_large_is_refused_and_the_next_is_taken(running: Running, monkeypatch):
    monkeypatch.setattr(inbox_server, "MOST_BYTES", 100_000)
    begin = b"MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"
    answer = await running.talk(begin, b"x\r\n" * 50_000, b".\r\n", begin, b"small\r\n.\r\n")
    assert answer.count(b"552 ") == 1
    assert [raw for _, _, raw in running.taker.taken] == [b"small\r\n"]


async def test_connections_are_limited(running: Running):
    opened = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(MOST_CONNECTIONS)]
    for reader, _ in opened:
        await asyncio.wait_for(reader.readline(), 10)
    assert (await running.talk()).startswith(b"421 ")
    opened[0][1].write(b"QUIT\r\n")
    assert await asyncio.wait_for(opened[0][0].read(), 10) == b"221 2.0.0 Bye\r\n"
    assert (await running.talk()).startswith(b"220 ")
    for _, writer in opened:
        writer.close()


async def test_a_place_that_is_taken_is_said(running: Running):
    with pytest.raises(NotReady, match="choose another TOCSIN_INBOX_LISTEN"):
        await InboxServer(running.taker.take).start("127.0.0.1", running.port)


async def test_its_size_is_announced(running: Running):
    assert f"250 SIZE {MOST_BYTES}".encode() in await running.talk(b"EHLO a\r\n")

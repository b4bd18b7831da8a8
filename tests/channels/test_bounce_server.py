"""The server for what comes back, spoken to over SMTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiosmtplib
import pytest
from tests.core.bounce_mails import POSTFIX, failed, feedback, plain

from tocsin.channels.bounce_server import MOST_BYTES, MOST_CONNECTIONS, BounceServer
from tocsin.core.bounces import Report
from tocsin.core.errors import NotReady
from tocsin.core.return_paths import ReturnPaths

PATHS = ReturnPaths("bounces.example.com", "sixteen-or-more-characters")
MESSAGE, OTHER = bytes.fromhex("6b00f7526d1c8a30b7f41e96"), bytes.fromhex("6b00f7526d1c8a30b7f41e97")


@dataclass
class Taker:
    """Keeps what it is given, or raises."""

    taken: list[tuple[bytes, Report | None]] = field(default_factory=list)
    trouble: Exception | None = None

    async def take(self, message_id: bytes, report: Report | None) -> None:
        if self.trouble:
            raise self.trouble
        self.taken.append((message_id, report))

    def types(self) -> list[tuple[bytes, str | None]]:
        return [(message_id, report and report.type) for message_id, report in self.taken]


@dataclass
class Running:
    taker: Taker
    server: BounceServer
    port: int

    async def connect(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False, timeout=10)
        await client.connect()
        return client

    async def send(self, mail: str | bytes, *recipients: str, sender: str = "") -> str:
        """The reply; a refusal too."""
        client = await self.connect()
        try:
            content = mail.encode() if isinstance(mail, str) else mail
            _, reply = await client.sendmail(sender, list(recipients), content)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return "; ".join(str(one.code) for one in refused.recipients)
        except aiosmtplib.SMTPResponseException as refused:
            return f"{refused.code} {refused.message}"
        finally:
            if client.is_connected:
                await client.quit()
        return reply


@asynccontextmanager
async def open_server() -> AsyncIterator[Running]:
    taker = Taker()
    server = BounceServer(PATHS, taker.take)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Running(taker, server, port)
    finally:
        await server.close()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with open_server() as opened:
        yield opened


async def test_a_bounce_is_taken_for_the_message_of_its_return_path(running: Running):
    assert await running.send(POSTFIX, PATHS.make(MESSAGE)) == "2.0.0 Ok"
    assert running.taker.types() == [(MESSAGE, "hbounce")]


async def test_dots_that_protect_lines_are_taken_off(running: Running):
    await running.send(failed("5.0.0", said=".User unknown.\n..\n.."), PATHS.make(MESSAGE))
    ((_, report),) = running.taker.taken
    assert report is not None
    assert report.text == ".User unknown. .. .."


async def test_letters_of_the_address_may_have_changed_their_case(running: Running):
    assert await running.send(POSTFIX, PATHS.make(MESSAGE).upper()) == "2.0.0 Ok"
    assert running.taker.types() == [(MESSAGE, "hbounce")]


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.com",
        "postmaster@bounces.example.com",
        f"b-{MESSAGE.hex()}-aaaaaaaaaaaaaaaa@bounces.example.com",
        ReturnPaths(PATHS.domain, "another secret of theirs").make(MESSAGE),
        PATHS.make(MESSAGE).replace("bounces", "elsewhere"),
        f"@relay.example:{PATHS.make(MESSAGE)}%elsewhere.example",
    ],
)
async def test_no_other_address_is_known(running: Running, recipient: str):
    assert await running.send(POSTFIX, recipient) in ("550", "553")
    assert running.taker.taken == []


async def test_mail_that_says_nothing_is_accepted_and_said_to_be_such(running: Running):
    for _ in range(2):
        await running.send(
            plain("I am away.", "Auto-Submitted: auto-replied"), PATHS.make(MESSAGE), sender="a@b.example"
        )
    assert running.taker.taken == [(MESSAGE, None)] * 2


async def test_a_feedback_report_counts_for_the_return_path_that_it_encloses_only_if_that_is_ours(running: Running):
    assert await running.send(feedback(path=PATHS.make(MESSAGE)), "feedback@bounces.example.com") == "2.0.0 Ok"
    assert await running.send(feedback(path=PATHS.make(OTHER)[:-1] + "x"), "Feedback@Bounces.example.com") == "2.0.0 Ok"
    assert await running.send(POSTFIX, "feedback@bounces.example.com") == "2.0.0 Ok"
    assert running.taker.types() == [(MESSAGE, "complain")]


async def test_a_bounce_of_several_messages_counts_for_each(running: Running):
    assert await running.send(POSTFIX, PATHS.make(MESSAGE), PATHS.make(OTHER)) == "2.0.0 Ok"
    assert running.taker.types() == [(MESSAGE, "hbounce"), (OTHER, "hbounce")]


async def test_what_cannot_be_recorded_is_to_come_again(running: Running):
    running.taker.trouble = NotReady("the database is away")
    assert await running.send(POSTFIX, PATHS.make(MESSAGE)) == "451 4.3.0 Try again later"
    running.taker.trouble = RuntimeError("a fault")
    assert await running.send(POSTFIX, PATHS.make(MESSAGE)) == "451 4.3.0 Try again later"
    running.taker.trouble = None
    assert await running.send(POSTFIX, PATHS.make(MESSAGE)) == "2.0.0 Ok"
    assert running.taker.types() == [(MESSAGE, "hbounce")]


async def test_mail_that_is_too_large_is_refused_and_large_mail_is_not(running: Running):
    large = POSTFIX.encode() + b"x" * 500 + (b"y" * 900 + b"\r\n") * (MOST_BYTES // 1000)
    assert await running.send(large, PATHS.make(MESSAGE)) == "2.0.0 Ok"
    huge = large * 2
    assert (await running.send(huge, PATHS.make(MESSAGE))).startswith("552")
    assert running.taker.types() == [(MESSAGE, "hbounce")]


async def test_lines_of_any_length_are_taken(running: Running):
    assert await running.send(POSTFIX + "x" * 1_000_000, PATHS.make(MESSAGE)) == "2.0.0 Ok"
    assert await running.send(POSTFIX + "\n" * 500_000, PATHS.make(MESSAGE)) == "2.0.0 Ok"
    assert running.taker.types() == [(MESSAGE, "hbounce")] * 2


async def talk(running: Running, *pieces: bytes) -> bytes:
    """All that the server answers when each piece is sent once the one before is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    said = await reader.readline()
    async with asyncio.timeout(10):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            said += await reader.readline()
    writer.close()
    return said


BEFORE = (b"HELO a\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<%s>\r\n" % PATHS.make(MESSAGE).encode(), b"DATA\r\n")


@pytest.mark.parametrize("content", [b".\r\n", b"Subject: x\r\n\r\n..\r\n.\r\n", b"\n.\n\r.\r\r\n.\r\n"])
async def test_the_end_of_a_mail_is_a_dot_between_whole_line_ends(running: Running, content: bytes):
    assert (await talk(running, *BEFORE, content, b"QUIT\r\n")).endswith(b"250 2.0.0 Ok\r\n221 Bye\r\n")
    assert running.taker.taken == [(MESSAGE, None)]


async def test_a_mail_that_comes_in_small_pieces_is_read_to_the_byte(running: Running):
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    await reader.readline()
    for command in BEFORE:
        writer.write(command)
        await reader.readline()
    content = POSTFIX.replace("\n", "\r\n").replace("5.1.1 (", "5.1.1 (.\r\n").encode() + b"\r\n.\r\n"
    for place in range(0, len(content), 3):
        writer.write(content[place : place + 3])
        await writer.drain()
        await asyncio.sleep(0)
    assert await reader.readline() == b"250 2.0.0 Ok\r\n"
    writer.close()
    assert running.taker.types() == [(MESSAGE, "hbounce")]


async def test_what_follows_a_mail_unasked_is_not_taken_for_another(running: Running):
    smuggled = b"Subject: x\r\n\r\n.\r\n" + b"".join(BEFORE)
    assert b"250 2.0.0 Ok" not in await talk(running, *BEFORE, smuggled)
    assert running.taker.taken == []


async def test_commands_out_of_order_are_refused(running: Running):
    said = (await talk(running, b"DATA\r\n", *BEFORE[:2], b"DATA\r\n", BEFORE[2], b"DATA now\r\n")).split(b"\r\n")
    assert [line[:3] for line in said[1:]] == [b"503", b"250", b"250", b"503", b"250", b"501", b""]


async def test_connections_beyond_the_most_are_told_to_come_later(running: Running):
    clients = [await running.connect() for _ in range(MOST_CONNECTIONS)]
    with pytest.raises(aiosmtplib.SMTPException):
        await running.connect()
    await clients.pop().quit()
    async with asyncio.timeout(10):
        while True:
            try:
                clients.append(await running.connect())
                break
            except aiosmtplib.SMTPException:
                await asyncio.sleep(0)
    for client in clients:
        client.close()


async def test_many_at_once_are_all_taken(running: Running):
    messages = [bytes([number]) * 12 for number in range(60)]
    clients = [await running.connect() for _ in range(10)]

    async def send_some(client: aiosmtplib.SMTP, some: list[bytes]) -> None:
        for message_id in some:
            await client.sendmail("", [PATHS.make(message_id)], POSTFIX)
        await client.quit()

    async with asyncio.TaskGroup() as sending:
        for number, client in enumerate(clients):
            sending.create_task(send_some(client, messages[number::10]))
    assert sorted(running.taker.types()) == [(message_id, "hbounce") for message_id in messages]


async def test_bytes_that_are_no_smtp_end_their_connection_alone(running: Running):
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"\x00\xff\xfe\r\n" * 10 + b"GET / HTTP/1.1\r\n" * 20)
    await writer.drain()
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()
    assert await running.send(POSTFIX, PATHS.make(MESSAGE)) == "2.0.0 Ok"


async def test_it_ends_though_somebody_is_connected():
    async with open_server() as running:
        client = await running.connect()
    client.close()


async def test_a_place_that_is_taken_is_said(running: Running):
    with pytest.raises(NotReady, match="choose another TOCSIN_BOUNCE_LISTEN"):
        await BounceServer(PATHS, running.taker.take).start("127.0.0.1", running.port)

"""Envelopes, and channels to send them through."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.channels.smtp_server import SmtpServer

from tocsin.channels.contract import Envelope, Outcome
from tocsin.channels.smtp import SmtpChannel
from tocsin.core.configuration_senders import SmtpSender

BODY = b"Subject: Hello\r\n\r\nHello.\r\n"


def make_envelope(
    recipient: str = "alice@example.com", body: bytes = BODY, sender: str = "shop@example.com"
) -> Envelope:
    return Envelope(message_id=b"0123456789ab", sender=sender, recipient=recipient, body=body)


def make_envelopes(count: int) -> list[Envelope]:
    return [
        Envelope(number.to_bytes(12, "big"), "shop@example.com", f"customer{number}@example.com", BODY)
        for number in range(count)
    ]


@asynccontextmanager
async def open_channel(port: int, **options: object) -> AsyncIterator[SmtpChannel]:
    chosen = {"host": "127.0.0.1", "security": "none", "connections": 1, "timeout_seconds": 5.0, **options}
    channel = SmtpChannel(SmtpSender(id=1, name="relay", channel="email", port=port, **chosen))  # type: ignore[arg-type]  # A test names only the options that matter to it.
    try:
        yield channel
    finally:
        await channel.close()


async def deliver(server: SmtpServer, envelopes: Sequence[Envelope], **options: object) -> list[Outcome]:
    async with open_channel(server.port, **options) as channel:
        return await channel.send(envelopes)


def deliver_one(server: SmtpServer, envelope: Envelope | None = None, **options: object) -> Outcome:
    async def scenario() -> Outcome:
        async with server:
            (outcome,) = await deliver(server, [envelope or make_envelope()], **options)
        return outcome

    return asyncio.run(scenario())

"""When a mail counts as delivered: never, once it is accepted, or when the server reports it (RFC 3461)."""

import asyncio

import pytest
from tests.channels.mail import BODY, deliver_one, make_envelope, open_channel
from tests.channels.smtp_server import SmtpServer

from tocsin.channels.contract import Envelope
from tocsin.channels.ways_out import WaysOut
from tocsin.core.configuration_senders import SmtpSender
from tocsin.core.return_paths import ReturnPaths

PATHS = ReturnPaths("bounces.example.com", "sixteen-or-more-characters")
MESSAGE = b"0123456789ab"
USUAL, DSN = ("8BITMIME",), ("8BITMIME", "DSN")


def hand_over(server: SmtpServer, delivered: str, paths: ReturnPaths | None) -> str:
    """Send one message by a way out of the product; what its check says."""

    async def scenario() -> str:
        sender = SmtpSender(1, "relay", "email", "127.0.0.1", server.port, "none", delivered=delivered)  # type: ignore[arg-type]  # One of three.
        channel = WaysOut(return_paths=paths).open(sender)
        try:
            await channel.send([Envelope(MESSAGE, "shop@example.com", "ann@example.com", BODY)])
            return await channel.check()
        finally:
            await channel.close()

    async def run() -> str:
        async with server:
            return await scenario()

    return asyncio.run(run())


@pytest.mark.parametrize("pipelining", [(), ("PIPELINING",)])
def test_a_server_that_can_is_asked_to_report_what_becomes_of_a_message(pipelining: tuple[str, ...]):
    server = SmtpServer(offers=(*DSN, *pipelining))
    said = hand_over(server, "reported", PATHS)
    (received,) = server.messages
    assert received.sender == f"FROM:<{PATHS.make(MESSAGE)}> RET=HDRS ENVID={MESSAGE.hex()}"
    assert received.recipient == "TO:<ann@example.com> NOTIFY=SUCCESS,FAILURE,DELAY"
    assert "report" not in said


@pytest.mark.parametrize(
    ("delivered", "paths", "offers", "why"),
    [
        ("reported", PATHS, USUAL, "; no delivery will be reported, since it does not offer DSN"),
        ("reported", None, DSN, "; no delivery will be reported, since TOCSIN_BOUNCE_DOMAIN is not set"),
        ("accepted", PATHS, DSN, ""),
        ("never", PATHS, DSN, ""),
    ],
)
def test_nothing_is_asked_for_that_is_not_wanted_or_could_not_come_back(
    delivered: str, paths: ReturnPaths | None, offers: tuple[str, ...], why: str
):
    server = SmtpServer(offers=offers)
    said = hand_over(server, delivered, paths)
    (received,) = server.messages
    assert "RET=" not in received.sender
    assert received.recipient == "TO:<ann@example.com>"
    assert said.endswith(f"answers without TLS{why}")


@pytest.mark.parametrize(("delivered", "counts"), [("never", False), ("accepted", True), ("reported", False)])
def test_acceptance_counts_as_delivery_only_where_the_sender_says_so(delivered: str, counts: bool):
    assert deliver_one(SmtpServer(offers=DSN), delivered=delivered).is_delivered is counts


def test_what_is_refused_or_deferred_is_not_delivered():
    for answer in ("550 5.1.1 User unknown", "450 4.2.0 Greylisted"):
        assert not deliver_one(SmtpServer({"RCPT": answer}), make_envelope(), delivered="accepted").is_delivered


def test_a_channel_without_return_paths_asks_for_no_reports():
    async def scenario() -> None:
        async with SmtpServer(offers=DSN) as server, open_channel(server.port, delivered="reported") as channel:
            await channel.send([make_envelope()])
            assert server.messages[0].recipient == "TO:<alice@example.com>"

    asyncio.run(scenario())

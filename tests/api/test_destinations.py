"""From a call to destinations that rest, and to senders that stand in for others."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.channels.destination_server import DestinationServer, Manner
from tests.channels.smtp_server import SmtpServer

from tocsin.actions import configuration
from tocsin.channels.smtp import SmtpChannel
from tocsin.core import retry

LAUNCH = "campaigns/triggers/import_and_start_batch"
SENDER = "{{id: {id}, name: s{id}, channel: email, type: smtp, host: 127.0.0.1, port: {port}, security: none, {more}}}"
TRIGGER = "{{id: 8, name: Order received, database: 1, template: 1, sender: {sender}, active: true}}"


@pytest.fixture
async def real(stage, monkeypatch):
    """The stage, sending mail by SMTP."""
    opened = []

    def open_channel(sender):
        opened.append(SmtpChannel(sender))
        return opened[-1]

    monkeypatch.setattr(stage.delivery.ways_out, "_open_channel", open_channel)
    yield stage
    for channel in opened:
        await channel.close()


async def configure(stage, *senders, sender=1):
    text = "\n".join(["senders:", *(f"  - {one}" for one in senders), "triggers:", f"  - {TRIGGER}"])
    await configuration.apply(stage.context, text.format(sender=sender), "tocsin.yaml", {})


def make_sender(identifier, port, more="connections: 2"):
    return SENDER.format(id=identifier, port=port, more=more).replace("{", "{{").replace("}", "}}")


async def launch(stage, addresses):
    answer = await stage.post(LAUNCH, trigger_id=8, data=[{"data": {"email": address}} for address in addresses])
    assert answer["error"] == 0


async def launch_by_xml(stage, addresses):
    people = "".join(f"<data><email>{address}</email></data>" for address in addresses)
    token = "<token>abcdefghijklmnqrstuvwxyz</token>"
    root = await stage.post_xml(LAUNCH, f"<xml>{token}<trigger_id>8</trigger_id>{people}</xml>")
    assert root.findtext("error") == "0"


@pytest.mark.parametrize("launch", [launch, launch_by_xml])
async def test_what_waits_for_a_destination_loses_no_attempt_and_comes_back_after_its_rest(real, launch):
    manners = {"full.example.com": Manner("451 4.7.1 Too many messages")}
    async with DestinationServer(manners) as server:
        await configure(real, make_sender(1, server.port))
        await launch(real, [f"{n}@{domain}" for n in range(10) for domain in ("full.example.com", "quick.example.com")])
        await real.work()
        assert server.count("quick.example.com") == 10
        rows = await real.rows("SELECT attempts, due_at FROM messages ORDER BY attempts")
        tried = len(server.asked) - 10
        assert [attempts for attempts, _ in rows] == [0] * (10 - tried) + [1] * tried
        now = real.clock.now
        assert all(now + timedelta(seconds=9) < due_at < now + timedelta(seconds=12.1) for _, due_at in rows[:-tried])
        assert all(due_at >= now + timedelta(seconds=retry.FIRST_DELAY_SECONDS) for _, due_at in rows[-tried:])


async def test_a_server_that_rests_costs_only_the_message_that_asked_it_an_attempt(real):
    async with SmtpServer({"greeting": "554 5.3.2 Closed"}) as server:
        await configure(real, make_sender(1, server.port, "connections: 1"))
        await launch(real, [f"{number}@example.com" for number in range(20)])
        await real.delivery.deliver(500)
        attempts = [attempts for (attempts,) in await real.rows("SELECT attempts FROM messages")]
        assert len(attempts) == 20
        assert 1 <= sum(attempts) <= len(server.sessions) <= 2


async def test_a_route_sends_by_the_next_sender_and_the_event_is_one(real):
    async with SmtpServer({"greeting": "554 5.3.2 Closed"}) as first, DestinationServer() as second:
        route = "{{id: 3, name: route, channel: email, type: route, senders: [1, 2]}}"
        await configure(real, make_sender(1, first.port), make_sender(2, second.port), route, sender=3)
        await launch(real, [f"{number}@example.com" for number in range(20)])
        await real.work()
        assert len(second.arrived) == 20
        assert await real.rows("SELECT type, count(*) FROM events WHERE type = 'send' GROUP BY 1") == [("send", 20)]
        assert await real.rows("SELECT 1 FROM messages") == []


def test_a_message_that_only_waited_comes_back_on_time_and_is_looked_at_less_often_the_longer_it_waits():
    now = datetime(2026, 5, 1, tzinfo=UTC)

    def delay(*arguments):
        return (retry.come_back(now, *arguments) - now).total_seconds()

    assert delay(0.5, 0.0, 0.0) == 0.5
    assert delay(10.0, 0.0, 1.0) == 12.0
    assert delay(60.0, 600.0, 0.5) == 60 * 1.1 + 30
    assert delay(60.0, 10**6, 1.0) == 72 + 300

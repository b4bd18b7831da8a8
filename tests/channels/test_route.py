"""What one sender of a route cannot take goes out by the next, within the same run and once."""

import asyncio
import time

from tests.channels.mail import make_envelopes, open_channel
from tests.channels.smtp_server import CLOSE, SILENCE, SmtpServer
from tests.channels.test_smtp_destinations import to

from tocsin.channels.contract import Outcome
from tocsin.channels.route import RouteChannel
from tocsin.core.configuration_senders import RouteRule, RouteSender

ROUTE = RouteSender(id=9, name="route", channel="email", senders=(1, 2))


async def send_by(route, first, second, envelopes, **options):
    noted = []
    async with open_channel(first.port, **options) as one, open_channel(second.port, **options) as two:
        outcomes = await RouteChannel(route, {1: one, 2: two}).send(envelopes, noted.append)
    assert [one.message_id for one in outcomes] == [one.message_id for one in envelopes]
    assert sorted(one.message_id for one in noted) == sorted(
        one.message_id for one in outcomes if one.state != "deferred"
    )
    return outcomes


async def test_the_first_sender_takes_all_as_long_as_it_can():
    async with SmtpServer() as first, SmtpServer() as second:
        outcomes = await send_by(ROUTE, first, second, make_envelopes(20))
        assert {(one.state, one.sender_id) for one in outcomes} == {("sent", 1)}
        assert len(first.messages) == 20
        assert second.sessions == []


async def test_what_the_first_cannot_be_reached_for_goes_by_the_second():
    async with SmtpServer({"greeting": "554 5.3.2 Not today"}) as first, SmtpServer() as second:
        outcomes = await send_by(ROUTE, first, second, make_envelopes(20))
        assert {(one.state, one.sender_id) for one in outcomes} == {("sent", 2)}
        assert len(second.messages) == 20


async def test_a_message_that_was_not_handed_over_goes_by_the_second():
    async with SmtpServer({"DATA": [CLOSE, CLOSE]}) as first, SmtpServer() as second:
        outcomes = await send_by(ROUTE, first, second, make_envelopes(3))
        assert {one.state for one in outcomes} == {"sent"}
        assert len(first.messages) + len(second.messages) == 3
        assert second.messages


async def test_a_message_that_the_first_may_have_accepted_is_never_given_to_the_second():
    async with SmtpServer({"content": [CLOSE, CLOSE]}) as first, SmtpServer() as second:
        outcomes = await send_by(ROUTE, first, second, make_envelopes(2))
        assert {one.state for one in outcomes} == {"deferred"}
        assert all("the server may have accepted it" in one.text for one in outcomes)
        assert second.messages == []


async def test_what_a_server_answers_is_the_end_of_it():
    async with SmtpServer({"RCPT": ["550 5.1.1 Nobody", "451 4.3.0 Later"]}) as first, SmtpServer() as second:
        outcomes = await send_by(ROUTE, first, second, make_envelopes(2))
        assert [one.state for one in outcomes] == ["refused", "deferred"]
        assert second.messages == []


async def test_rules_choose_by_the_domains_of_recipient_and_sender():
    route = RouteSender(
        id=9, name="route", channel="email", senders=(1,), rules=(RouteRule((2,), to_domains=("*.example",)),)
    )
    async with SmtpServer() as first, SmtpServer() as second:
        await send_by(route, first, second, [*make_envelopes(3), *to("gmail.example", 4)])
        assert len(first.messages) == 3
        assert len(second.messages) == 4


async def test_when_no_sender_can_be_reached_the_message_waits_for_the_first_that_comes_back():
    refusing = {"greeting": "554 5.3.2 Not today"}
    async with SmtpServer(refusing) as first, SmtpServer(refusing) as second:
        outcomes = await send_by(ROUTE, first, second, make_envelopes(10))
        assert {one.state for one in outcomes} == {"deferred"}
        assert all(one.may_go_elsewhere and "Not today" in one.text for one in outcomes)
        assert any(not one.is_tried for one in outcomes)


async def test_a_silent_sender_delays_one_message_and_proves_itself_with_one():
    async with (
        SmtpServer({"greeting": [SILENCE, SILENCE]}) as first,
        SmtpServer() as second,
        open_channel(first.port, timeout_seconds=0.2) as one,
        open_channel(second.port) as two,
    ):
        channel = RouteChannel(ROUTE, {1: one, 2: two})
        assert {outcome.sender_id for outcome in await channel.send(make_envelopes(5))} == {2}
        began_at = time.monotonic()
        assert {outcome.sender_id for outcome in await channel.send(make_envelopes(50))} == {2}
        assert time.monotonic() - began_at < 0.15
        await asyncio.sleep(0.21)
        sending = asyncio.create_task(channel.send(make_envelopes(50)))
        await second.wait_for(messages=5 + 50 + 49)
        assert not sending.done()
        assert {outcome.state for outcome in await sending} == {"sent"}
        await asyncio.sleep(0.5)
        outcomes: list[Outcome] = await channel.send(make_envelopes(10))
        assert outcomes[0].sender_id == 1
        assert {outcome.sender_id for outcome in await channel.send(make_envelopes(10))} == {1}

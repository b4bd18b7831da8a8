"""The SMTP channel: connections kept, shared, replaced and given up, and whole batches."""

import asyncio
import socket
import time

import pytest
from tests.channels.mail import deliver, make_envelope, make_envelopes, open_channel
from tests.channels.smtp_server import CLOSE, SILENCE, SmtpServer

from tocsin.channels import smtp
from tocsin.channels.contract import Outcome


def test_twenty_messages_go_out_over_four_connections_which_the_next_batch_uses_again():
    async def scenario() -> None:
        async with SmtpServer() as server, open_channel(server.port, connections=4) as channel:
            envelopes = make_envelopes(20)
            for batch in (1, 2):
                outcomes = await channel.send(envelopes)
                assert [outcome.message_id for outcome in outcomes] == [envelope.message_id for envelope in envelopes]
                assert {outcome.state for outcome in outcomes} == {"sent"}
                assert len(server.messages) == 20 * batch
                assert len(server.sessions) == 4
            assert all(session.messages for session in server.sessions)
            assert len({message.recipient for message in server.messages}) == 20

    asyncio.run(scenario())


def test_batches_at_the_same_time_share_the_connections():
    async def scenario() -> None:
        async with SmtpServer() as server, open_channel(server.port, connections=3) as channel:
            batches = await asyncio.gather(*(channel.send(make_envelopes(10)) for _ in range(4)))
            assert {outcome.state for batch in batches for outcome in batch} == {"sent"}
            assert len(server.messages) == 40
            assert len(server.sessions) == 3

    asyncio.run(scenario())


def test_an_empty_batch_opens_no_connection():
    async def scenario() -> None:
        async with SmtpServer() as server:
            assert await deliver(server, []) == []
            assert server.sessions == []

    asyncio.run(scenario())


def test_a_refused_recipient_leaves_the_connection_usable():
    async def scenario() -> None:
        async with SmtpServer({"RCPT TO:<customer1@example.com>": "550 5.1.1 User unknown"}) as server:
            outcomes = await deliver(server, make_envelopes(3))
            assert [outcome.state for outcome in outcomes] == ["sent", "refused", "sent"]
            (session,) = server.sessions
            assert session.verbs() == [
                "EHLO",
                *["MAIL", "RCPT", "DATA"],
                *["MAIL", "RCPT", "RSET"],
                *["MAIL", "RCPT", "DATA"],
                "QUIT",
            ]

    asyncio.run(scenario())


def test_a_server_that_cannot_be_reached_defers_the_whole_batch_in_one_time_out():
    async def scenario() -> None:
        async with SmtpServer({"greeting": SILENCE}) as server:
            began_at = time.monotonic()
            outcomes = await deliver(server, make_envelopes(500), connections=5, timeout_seconds=0.2)
            assert time.monotonic() - began_at < 1.5
            assert len(server.sessions) == 5
        assert {outcome.state for outcome in outcomes} == {"deferred"}
        assert {outcome.text for outcome in outcomes} == {f"127.0.0.1:{server.port}: no answer within 0.2 s"}

    asyncio.run(scenario())


def test_a_closed_port_says_so():
    async def scenario() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            async with open_channel(probe.getsockname()[1]) as channel:
                outcomes = await channel.send(make_envelopes(3))
        assert {(outcome.state, outcome.code) for outcome in outcomes} == {("deferred", 0)}
        assert all("no connection" in outcome.text for outcome in outcomes)

    asyncio.run(scenario())


def test_a_server_that_takes_few_connections_gets_everything_over_those():
    async def scenario() -> None:
        usual = "220 mail.example.com"
        full = "421 4.7.0 Too many connections"
        async with SmtpServer({"greeting": [usual, usual, full, full, full, full]}) as server:
            outcomes = await deliver(server, make_envelopes(6), connections=6)
            assert {outcome.state for outcome in outcomes} == {"sent"}
            assert len(server.messages) == 6

    asyncio.run(scenario())


def test_what_waited_for_a_connection_in_vain_goes_out_over_one_that_works():
    async def scenario() -> None:
        async with SmtpServer({"greeting": ["220 mail.example.com", SILENCE, SILENCE]}) as server:
            outcomes = await deliver(server, make_envelopes(3), connections=3, timeout_seconds=0.2)
            assert {outcome.state for outcome in outcomes} == {"sent"}
            assert [len(session.messages) for session in server.sessions] == [3, 0, 0]

    asyncio.run(scenario())


def test_a_server_that_falls_silent_in_every_session_is_not_waited_for_message_by_message():
    async def scenario() -> None:
        async with SmtpServer({"MAIL": SILENCE}) as server:
            outcomes = await deliver(server, make_envelopes(100), connections=2, timeout_seconds=0.1)
            assert len(server.sessions) == 3
        assert {outcome.state for outcome in outcomes} == {"deferred"}
        assert all("no answer within 0.1 s" in outcome.text for outcome in outcomes)

    asyncio.run(scenario())


def test_a_message_that_was_never_tried_is_not_said_to_be_in_doubt():
    async def scenario() -> None:
        async with SmtpServer({"content": CLOSE}) as server:
            outcomes = await deliver(server, make_envelopes(10))
            assert ["may have accepted" in outcome.text for outcome in outcomes] == [True] * 2 + [False] * 8
            assert len(server.messages) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("step", "second"),
    [
        *[
            (step, trouble)
            for step in ("MAIL", "RCPT", "DATA")
            for trouble in (CLOSE, SILENCE, "421 4.7.0 Idle too long")
        ],
        ("MAIL", "452 4.5.3 Too many messages"),
    ],
)
def test_a_kept_connection_that_is_dead_is_replaced_and_the_message_tried_again(step, second):
    async def scenario() -> None:
        usual = "354 Go on" if step == "DATA" else "250 Ok"
        async with SmtpServer({step: [usual, second]}) as server:
            async with open_channel(server.port, timeout_seconds=0.2) as channel:
                for _ in range(2):
                    (outcome,) = await channel.send([make_envelope()])
                    assert outcome.state == "sent"
            assert [len(session.messages) for session in server.sessions] == [1, 1]

    asyncio.run(scenario())


def test_a_connection_that_the_server_closed_while_idle_is_replaced():
    async def scenario() -> None:
        async with SmtpServer() as server, open_channel(server.port, connections=2) as channel:
            await channel.send(make_envelopes(2))
            await server.hang_up()
            outcomes = await channel.send(make_envelopes(2))
            assert [outcome.state for outcome in outcomes] == ["sent", "sent"]
            assert len(server.messages) == 4

    asyncio.run(scenario())


@pytest.mark.parametrize("answer", [CLOSE, SILENCE, "421 4.3.2 Shutting down"])
def test_a_message_that_was_handed_over_is_not_tried_again(answer):
    async def scenario() -> None:
        async with SmtpServer({"content": ["250 Ok", answer]}) as server:
            outcomes = await deliver(server, make_envelopes(2), timeout_seconds=0.2)
            assert [outcome.state for outcome in outcomes] == ["sent", "deferred"]
            assert [session.verbs().count("DATA") for session in server.sessions] == [2]

    asyncio.run(scenario())


def test_a_connection_that_stays_idle_takes_its_leave(monkeypatch):
    monkeypatch.setattr(smtp, "IDLE_SECONDS", 0.02)

    async def scenario() -> None:
        async with SmtpServer() as server, open_channel(server.port, connections=2) as channel:
            await channel.send(make_envelopes(2))
            for session in server.sessions:
                await asyncio.wait_for(session.ended.wait(), 2)
                assert session.verbs()[-1] == "QUIT"
            (outcome,) = await channel.send([make_envelope()])
            assert outcome.state == "sent"
            assert len(server.sessions) == 3

    asyncio.run(scenario())


def test_a_cancelled_batch_keeps_what_was_recorded_and_no_connection_in_the_middle_of_a_message():
    async def scenario() -> None:
        recorded: list[Outcome] = []
        async with (
            SmtpServer({"content": ["250 Ok", "250 Ok", SILENCE]}) as server,
            open_channel(server.port) as channel,
        ):
            sending = asyncio.create_task(channel.send(make_envelopes(5), recorded.append))
            await server.wait_for(messages=3)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert [int.from_bytes(outcome.message_id) for outcome in recorded] == [0, 1]
            await asyncio.wait_for(server.sessions[0].ended.wait(), 2)
            (outcome,) = await channel.send([make_envelope()])
            assert outcome.state == "sent"
            assert len(server.sessions) == 2

    asyncio.run(scenario())


def test_every_outcome_is_recorded_before_the_connection_takes_the_next_message():
    async def scenario() -> None:
        recorded: list[tuple[str, int]] = []
        async with SmtpServer({"RCPT": ["250 Ok", "550 No"]}) as server:

            def record(outcome: Outcome) -> None:
                recorded.append((outcome.state, server.sessions[0].verbs().count("MAIL")))

            async with open_channel(server.port) as channel:
                await channel.send([*make_envelopes(3), make_envelope("nobody")], record)
        assert recorded == [("sent", 1), ("refused", 2), ("sent", 3), ("refused", 3)]

    asyncio.run(scenario())


def test_closing_lets_a_message_under_way_through():
    async def scenario() -> None:
        async with SmtpServer() as server, open_channel(server.port) as channel:
            sending = asyncio.create_task(channel.send([make_envelope()]))
            await server.wait_for(sessions=1)
            await channel.close()
            (outcome,) = await sending
            assert outcome.state == "sent"
            await asyncio.wait_for(server.sessions[0].ended.wait(), 2)
            assert server.sessions[0].verbs()[-1] == "QUIT"

    asyncio.run(scenario())

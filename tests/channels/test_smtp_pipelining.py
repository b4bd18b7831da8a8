"""Commands in a row: what goes out in one write, and that a session stays in step whatever is answered."""

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.channels.mail import BODY, deliver, make_envelope, make_envelopes, open_channel
from tests.channels.smtp_server import CLOSE, SILENCE, SmtpServer

from tocsin.channels.contract import Envelope, Outcome

OFFERS = ("PIPELINING", "8BITMIME")


class GroupingServer:
    """Answers a group of commands only once all of it is there, as the last one shows; keeps the groups."""

    def __init__(self):
        self.groups = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _talk(self, reader, writer):
        writer.write(b"220 hello\r\n")
        await reader.readuntil(b"\r\n")
        writer.write(b"250-hello\r\n250 PIPELINING\r\n")
        try:
            while group := await reader.read(1_000_000):
                self.groups.append(group)
                writer.write(b"".join(self._answer(group)))
        finally:
            writer.close()

    def _answer(self, group):
        if group.startswith(b"Subject"):
            yield b"250 taken\r\n"
            group = group.partition(b"\r\n.\r\n")[2]
        for line in group.splitlines():
            yield b"354 go on\r\n" if line == b"DATA" else b"250 ok\r\n"


async def test_a_message_and_the_announcement_of_the_next_are_one_write():
    async with GroupingServer() as server:
        outcomes = await deliver(server, make_envelopes(5))
    assert {outcome.state for outcome in outcomes} == {"sent"}
    first, *middle, last, leave = server.groups
    assert re.fullmatch(rb"MAIL FROM:<\S+>\r\nRCPT TO:<customer0@\S+>\r\nDATA\r\n", first)
    assert len(middle) == 4
    for number, group in enumerate(middle, 1):
        announcement = b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<customer%d@example.com>\r\nDATA\r\n" % number
        assert group == BODY + b".\r\n" + announcement
    assert (last, leave) == (BODY + b".\r\n", b"QUIT\r\n")


@pytest.mark.parametrize(("offers", "options"), [(["8BITMIME"], {}), (OFFERS, {"pipelining": False})])
async def test_without_pipelining_each_command_waits_for_its_answer(offers, options):
    async with SmtpServer({"RCPT": ["250 Ok", "550 No"]}, offers=offers) as server:
        outcomes = await deliver(server, make_envelopes(2), **options)
    assert [outcome.state for outcome in outcomes] == ["sent", "refused"]
    assert server.sessions[0].verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "RSET", "QUIT"]


@pytest.mark.parametrize("data", ["354 Go on", "554 5.5.1 No valid recipients", "503 5.5.1 RCPT first"])
@pytest.mark.parametrize(
    ("step", "reply", "state"),
    [
        ("RCPT", "550 5.1.1 User unknown", "refused"),
        ("RCPT", "450 4.2.0 Greylisted", "deferred"),
        ("MAIL", "550 5.7.1 Sender refused", "refused"),
    ],
)
async def test_a_refusal_leaves_the_session_in_step_though_the_server_waits_for_content(step, reply, state, data):
    answers = {step: ["250 Ok", reply], "DATA": ["354 Go on", data]}
    async with SmtpServer(answers, offers=OFFERS) as server:
        outcomes = await deliver(server, make_envelopes(4))
    assert [outcome.state for outcome in outcomes] == ["sent", state, "sent", "sent"]
    assert outcomes[1].text == reply[4:]
    (session,) = server.sessions
    taken = [message.recipient for message in session.messages if message.content]
    assert taken == [f"TO:<customer{number}@example.com>" for number in (0, 2, 3)]
    assert session.verbs().count("RSET") == (not data.startswith("354"))


@pytest.mark.parametrize(("data", "state"), [("451 4.3.0 Queue file", "deferred"), ("554 5.7.1 No", "refused")])
async def test_a_refusal_of_data_takes_the_announcement_back(data, state):
    async with SmtpServer({"DATA": ["354 Go on", data]}, offers=OFFERS) as server:
        outcomes = await deliver(server, make_envelopes(3))
    assert [outcome.state for outcome in outcomes] == ["sent", state, "sent"]
    assert len(server.sessions) == 1
    assert len(server.messages) == 2


async def test_a_refused_content_does_not_touch_the_message_announced_with_it():
    async with SmtpServer({"content": ["554 5.7.1 Spam", "250 Ok", "452 4.3.1 Full"]}, offers=OFFERS) as server:
        outcomes = await deliver(server, make_envelopes(4))
    assert [outcome.state for outcome in outcomes] == ["refused", "sent", "deferred", "sent"]
    assert len(server.sessions) == 1


@pytest.mark.parametrize("answer", [CLOSE, SILENCE, "421 4.3.2 Shutting down", "nonsense"])
async def test_a_connection_that_fails_costs_only_its_own_message(answer):
    async with SmtpServer({"content": ["250 Ok", answer]}, offers=OFFERS) as server:
        outcomes = await deliver(server, make_envelopes(5), timeout_seconds=0.2)
    assert [outcome.state for outcome in outcomes] == ["sent", "deferred", "sent", "sent", "sent"]
    assert len(server.sessions) == 2
    recipients = [message.recipient for message in server.messages]
    assert len(set(recipients)) == len(recipients)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("trouble", [CLOSE, SILENCE, "421 4.7.0 Enough"])
async def test_a_message_that_was_only_announced_goes_out_over_another_connection(step, trouble):
    usual = "354 Go on" if step == "DATA" else "250 Ok"
    async with SmtpServer({step: [usual, trouble]}, offers=OFFERS) as server:
        outcomes = await deliver(server, make_envelopes(3), timeout_seconds=0.2)
    assert {outcome.state for outcome in outcomes} == {"sent"}
    assert [len(session.messages) for session in server.sessions] == [1, 2]


async def test_a_refusal_stands_though_the_server_closes_after_it():
    answers = {"RCPT": "550 5.1.1 User unknown", "DATA": CLOSE}
    async with SmtpServer(answers, offers=OFFERS) as server:
        outcomes = await deliver(server, make_envelopes(3))
    assert {(outcome.state, outcome.code) for outcome in outcomes} == {("refused", 550)}


async def test_no_content_goes_out_before_the_last_outcome_is_recorded():
    recorded: list[tuple[str, int]] = []
    async with SmtpServer({"RCPT": ["250 Ok", "550 No"]}, offers=OFFERS) as server:

        def record(outcome: Outcome) -> None:
            recorded.append((outcome.state, len([one for one in server.messages if one.content])))

        async with open_channel(server.port) as channel:
            await channel.send(make_envelopes(4), record)
    assert recorded == [("sent", 1), ("refused", 1), ("sent", 2), ("sent", 3)]


async def test_a_message_that_this_server_cannot_take_is_not_announced():
    envelopes = [make_envelope(), make_envelope(body=b"x" * 99 + b"\r\n"), make_envelope()]
    async with SmtpServer(offers=["PIPELINING", "SIZE 100"]) as server:
        outcomes = await deliver(server, envelopes)
    assert [outcome.state for outcome in outcomes] == ["sent", "refused", "sent"]
    assert server.sessions[0].verbs().count("MAIL") == 2


@pytest.mark.parametrize("extra", ["250 One too many", "421 4.4.2 Idle too long", "nonsense"])
async def test_a_server_that_says_more_than_it_was_asked_is_left(extra):
    async with SmtpServer({"content": f"250 Ok\r\n{extra}"}, offers=OFFERS) as server:
        async with open_channel(server.port) as channel:
            for _ in range(3):
                (outcome,) = await channel.send([make_envelope()])
                assert outcome.state == "sent"
        assert [len(session.messages) for session in server.sessions] == [1, 1, 1]
        assert [session.verbs().count("MAIL") for session in server.sessions] == [1, 1, 1]


@pytest.mark.parametrize("answer", ["250-" + "x" * 40_000, "250-x\r\n" * 10_000])
async def test_an_answer_without_end_is_not_kept(answer):
    async with SmtpServer({"content": answer}, offers=OFFERS) as server:
        (outcome,) = await deliver(server, [make_envelope()], timeout_seconds=1.0)
    assert outcome.state == "deferred"
    assert "the answer is too long" in outcome.text


async def test_a_batch_gives_way_to_another_when_they_share_a_connection(monkeypatch):
    monkeypatch.setattr("tocsin.channels.smtp.TURN_SECONDS", 0.0)
    order: list[str] = []
    async with SmtpServer(offers=OFFERS) as server, open_channel(server.port) as channel:
        bulk = asyncio.create_task(channel.send(make_envelopes(50), lambda _: order.append("bulk")))
        await server.wait_for(messages=1)
        await channel.send([make_envelope()], lambda _: order.append("single"))
        await bulk
        assert order.index("single") < 10
        assert len(server.sessions) == 1


REPLIES = {
    "MAIL": st.sampled_from(["250 Ok", "250 Ok", "550 No", "450 Later", "421 Bye", CLOSE]),
    "RCPT": st.sampled_from(["250 Ok", "250 Ok", "550 No", "450 Later", "421 Bye", CLOSE]),
    "DATA": st.sampled_from(["354 Go on", "354 Go on", "554 No", "451 Later", "421 Bye", CLOSE, "250 What?"]),
    "content": st.sampled_from(["250 Ok", "250 Ok", "554 No", "452 Later", "421 Bye", CLOSE]),
    "RSET": st.sampled_from(["250 Ok", "250 Ok", "502 No", "421 Bye", CLOSE]),
}


@settings(max_examples=60, deadline=None)
@given(
    answers=st.fixed_dictionaries({verb: st.lists(replies, max_size=12) for verb, replies in REPLIES.items()}),
    offers=st.sampled_from([OFFERS, ("8BITMIME",)]),
    connections=st.integers(1, 3),
)
def test_whatever_is_answered_each_message_arrives_once_if_it_is_said_to_be_sent(answers, offers, connections):
    envelopes = [
        Envelope(bytes([number]) * 12, "shop@example.com", f"c{number}@example.com", b"Subject: %d\r\n\r\n" % number)
        for number in range(12)
    ]

    async def scenario() -> None:
        async with SmtpServer(answers, offers=offers) as server:
            outcomes = await deliver(server, envelopes, connections=connections, messages_per_connection=5)
        arrived = [message for message in server.messages if message.content]
        for number, outcome in enumerate(outcomes):
            assert outcome.message_id == envelopes[number].message_id
            own = [message for message in arrived if message.content == envelopes[number].body]
            assert {message.recipient for message in own} <= {f"TO:<c{number}@example.com>"}
            assert len(own) == 1 if outcome.state == "sent" else len(own) <= (outcome.state == "deferred")
            if own and outcome.state == "deferred":
                assert "may have accepted" in outcome.text

    asyncio.run(scenario())

"""What a server is spared, what a server that is down does not cost, and what is not sent at all."""

import asyncio
import time

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.channels.mail import deliver, deliver_one, make_envelope, make_envelopes, open_channel
from tests.channels.smtp_server import CLOSE, SILENCE, SmtpServer

from tocsin.channels import smtp_breaker
from tocsin.channels.smtp_breaker import Breaker
from tocsin.channels.smtp_pace import Pace
from tocsin.channels.smtp_trouble import Lost, Unreachable
from tocsin.core.configuration_senders import Dkim
from tocsin.core.errors import NotReady

WAYS = [("8BITMIME",), ("8BITMIME", "PIPELINING")]


@pytest.mark.parametrize("offers", WAYS)
async def test_a_connection_takes_only_so_many_messages(offers):
    async with SmtpServer(offers=offers) as server:
        outcomes = await deliver(server, make_envelopes(7), messages_per_connection=3)
        assert {outcome.state for outcome in outcomes} == {"sent"}
        assert [len(session.messages) for session in server.sessions] == [3, 3, 1]
        for session in server.sessions:
            await asyncio.wait_for(session.ended.wait(), 2)
            assert session.verbs()[-1] == "QUIT"


async def test_without_a_limit_one_connection_takes_all():
    async with SmtpServer() as server:
        await deliver(server, make_envelopes(30), messages_per_connection=0)
        assert len(server.sessions) == 1


@pytest.mark.parametrize("offers", WAYS)
async def test_messages_go_out_at_the_pace_of_the_sender(offers):
    async with SmtpServer(offers=offers) as server:
        began_at = time.monotonic()
        await deliver(server, make_envelopes(25), messages_per_second=50, connections=10)
        assert 0.35 < time.monotonic() - began_at < 1.5
        assert len(server.messages) == 25


def test_a_pace_makes_up_for_a_late_timer_but_not_for_an_idle_time():
    pace = Pace(10)
    assert [round(pace.take(0.0), 3) for _ in range(4)] == [0.0, 0.0, 0.1, 0.2]
    assert not pace.is_free(0.25)
    assert pace.is_free(0.31)
    assert [round(pace.take(60.0), 3) for _ in range(3)] == [0.0, 0.0, 0.1]


async def test_a_server_that_hangs_is_not_waited_for_by_the_next_batch():
    async with SmtpServer({"greeting": SILENCE}) as server, open_channel(server.port, timeout_seconds=0.2) as channel:
        await channel.send(make_envelopes(3))
        began_at = time.monotonic()
        outcomes = await channel.send(make_envelopes(100))
        assert time.monotonic() - began_at < 0.1
        assert len(server.sessions) == 1
    assert {outcome.state for outcome in outcomes} == {"deferred"}
    assert "no answer within 0.2 s; it is left alone for another" in outcomes[0].text


async def test_after_its_rest_one_message_tries_the_server_and_the_others_follow(monkeypatch):
    monkeypatch.setattr(smtp_breaker, "FIRST_REST_SECONDS", 0.05)
    async with (
        SmtpServer({"greeting": [CLOSE, CLOSE]}) as server,
        open_channel(server.port, connections=5) as channel,
    ):
        await channel.send(make_envelopes(1))
        await asyncio.sleep(0.06)
        outcomes = await channel.send(make_envelopes(50))
        assert {outcome.state for outcome in outcomes} == {"deferred"}
        assert len(server.sessions) == 2
        await asyncio.sleep(0.11)
        outcomes = await channel.send(make_envelopes(50))
        assert {outcome.state for outcome in outcomes} == {"sent"}
        assert len(server.messages) == 50
        assert len(server.sessions) > 3


async def test_while_one_message_tries_the_server_other_batches_stay_away(monkeypatch):
    monkeypatch.setattr(smtp_breaker, "FIRST_REST_SECONDS", 0.05)
    answers = {"greeting": [CLOSE, SILENCE]}
    async with SmtpServer(answers) as server, open_channel(server.port, timeout_seconds=0.3, connections=9) as channel:
        await channel.send(make_envelopes(1))
        await asyncio.sleep(0.06)
        await asyncio.gather(*(channel.send(make_envelopes(20)) for _ in range(4)))
        assert len(server.sessions) == 2


RESTS = [0.125 * 2**doublings for doublings in range(9)] + [60.0]


def test_rests_grow_and_end_with_an_answer(monkeypatch):
    monkeypatch.setattr(smtp_breaker, "FIRST_REST_SECONDS", 0.125)
    breaker, trouble = Breaker(), Unreachable("down", "look at it", 421)
    now = 0.0
    rests = []
    for _ in range(len(RESTS) + 1):
        assert breaker.find_trouble(now) is None
        if breaker.is_doubtful:
            breaker.probe(now + 30)
            assert breaker.find_trouble(now + 29) is not None
        breaker.note(trouble, now, now, is_answered=False)
        rests.append(next(rest for rest in RESTS if breaker.find_trouble(now + rest) is None))
        now += rests[-1]
    assert rests == [*RESTS, 60.0]
    breaker.note(None, now, now, is_answered=True)
    assert not breaker.is_doubtful
    breaker.note(trouble, now, now, is_answered=False)
    assert breaker.find_trouble(now + RESTS[0]) is None


def test_batches_that_fail_together_count_once_and_one_that_learned_nothing_lets_the_next_try():
    breaker, trouble = Breaker(), Unreachable("down", "look at it")
    for _ in range(5):
        breaker.note(trouble, 0.0, 10.0, is_answered=False)
    assert breaker.find_trouble(20.0) is None
    breaker.probe(50.0)
    breaker.note(None, 20.0, 21.0, is_answered=False)
    assert breaker.find_trouble(21.0) is None
    assert breaker.is_doubtful


def test_a_server_that_lets_us_wait_rests_as_long_at_once():
    breaker = Breaker()
    breaker.note(Unreachable("no answer", "look at it"), 0.0, 30.0, is_answered=False)
    assert breaker.find_trouble(59.0) is not None
    assert breaker.find_trouble(60.0) is None


def test_one_lost_session_is_its_message_and_two_in_a_row_are_the_server():
    breaker, lost = Breaker(), Lost("closed", 0, "")
    breaker.note(lost, 0.0, 1.0, is_answered=False, lost=1)
    assert breaker.find_trouble(1.0) is None
    breaker.note(None, 1.0, 2.0, is_answered=True)
    breaker.note(lost, 2.0, 3.0, is_answered=False, lost=1)
    assert breaker.find_trouble(3.0) is None
    breaker.note(lost, 3.0, 4.0, is_answered=False, lost=1)
    assert breaker.find_trouble(4.0) is not None


async def test_a_server_that_answered_is_not_left_alone_for_what_came_after():
    async with SmtpServer({"content": ["250 Ok", CLOSE, CLOSE]}) as server, open_channel(server.port) as channel:
        outcomes = await channel.send(make_envelopes(5))
        assert [outcome.state for outcome in outcomes] == ["sent"] + ["deferred"] * 4
        (outcome,) = await channel.send([make_envelope()])
        assert outcome.state == "sent"


def write_key(path, key, encryption=None):
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    return Dkim(domain="example.com", selector="s1", key_file=str(path))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("offers", [("8BITMIME",), ("8BITMIME", "PIPELINING", "SIZE 900")])
async def test_mails_are_signed_as_they_arrive(tmp_path, kind, offers):
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if kind == "rsa" else (Encoding.Raw, PublicFormat.Raw)
    record = dkim.base64.b64encode(key.public_key().public_bytes(*form))
    body = b"From: shop@example.com\r\nSubject: x\r\n\r\n.dots\r\na bare\nline end  \r\n" + "Grüße\r\n".encode()
    async with SmtpServer(offers=offers) as server:
        envelopes = [make_envelope(body=body) for _ in range(3)]
        outcomes = await deliver(server, envelopes, dkim=write_key(tmp_path / "key.pem", key))
    assert {outcome.state for outcome in outcomes} == {"sent"}
    for message in server.messages:
        assert message.content.startswith(b"DKIM-Signature: v=1; a=%b-sha256;" % kind.encode())
        assert dkim.verify(message.content, dnsfunc=lambda *_, **__: b"v=DKIM1; k=%b; p=%b" % (kind.encode(), record))
        if "SIZE 900" in offers:
            assert f"SIZE={len(message.content)}" in message.sender


async def test_a_key_that_cannot_be_used_defers_everything_and_says_where_to_look(tmp_path):
    (tmp_path / "text").write_text("no key")
    locked = write_key(tmp_path / "locked", ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret"))
    keys = {
        "cannot be read": Dkim("example.com", "s1", str(tmp_path / "none")),
        "not a private key": Dkim("example.com", "s1", str(tmp_path / "text")),
        "without a password": locked,
        "neither Ed25519 nor RSA": write_key(tmp_path / "dsa", dsa.generate_private_key(2048)),
    }
    for reason, key in keys.items():
        async with SmtpServer() as server, open_channel(server.port, dkim=key) as channel:
            outcomes = await channel.send(make_envelopes(2))
            assert {outcome.state for outcome in outcomes} == {"deferred"}
            assert reason in outcomes[0].text
            assert server.sessions == []
            with pytest.raises(NotReady, match=r"look at dkim\.key_file"):
                await channel.check()


async def test_a_check_tells_that_mails_are_signed(tmp_path):
    key = write_key(tmp_path / "key.pem", ed25519.Ed25519PrivateKey.generate())
    async with SmtpServer() as server, open_channel(server.port, dkim=key) as channel:
        assert (await channel.check()).endswith("answers without TLS, signing by ed25519-sha256")


def test_what_smtp_cannot_carry_is_refused_unsent():
    for body, reason in {
        b"Subject: x\r\n\r\na\0b\r\n": "a zero byte",
        b"Subject: x\r\n\r\n" + b"x" * 999 + b"\r\n": "over 998 bytes",
        b"Subject: " + b"x" * 5000 + b"\r\n\r\n": "over 998 bytes",
        b"a\r\n" * 500 + b"x" * 999: "over 998 bytes",
        b"a\r\n" * 500 + b"x" * 998 + b"y\r\nb\r\n": "over 998 bytes",
    }.items():
        server = SmtpServer()
        outcome = deliver_one(server, make_envelope(body=body))
        assert (outcome.state, outcome.code) == ("refused", 0)
        assert reason in outcome.text
        assert server.sessions == []


@pytest.mark.parametrize("line", [b"x" * 998, b"." + b"x" * 997])
def test_the_longest_line_goes_through(line):
    server = SmtpServer()
    body = b"a\r\n" * 400 + (line + b"\r\n") * 3
    assert deliver_one(server, make_envelope(body=body)).state == "sent"
    assert server.messages[0].content == body


@pytest.mark.parametrize(
    ("address", "state"),
    [
        (f"{'a' * 64}@example.com", "sent"),
        (f"{'a' * 65}@example.com", "refused"),
        (f"{'a' * 300}@example.com", "refused"),
        (f"{'ü' * 33}@example.com", "refused"),
        (f"a@{'b' * 252}.de", "sent"),
        (f"a@{'b' * 253}.de", "refused"),
    ],
)
def test_an_address_has_the_length_that_smtp_carries(address, state):
    server = SmtpServer(offers=["SMTPUTF8"])
    assert deliver_one(server, make_envelope(address)).state == state
    assert len(server.sessions) == (state == "sent")

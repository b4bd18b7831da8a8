"""One SMTP session: what a server hears for one message, and what its answers come to."""

import asyncio
import re
import ssl

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.channels.mail import BODY, deliver, deliver_one, make_envelope, make_envelopes, open_channel
from tests.channels.smtp_server import CLOSE, SILENCE, Answer, SmtpServer

from tocsin.core.errors import NotReady

WAYS = [("8BITMIME",), ("8BITMIME", "PIPELINING")]


@pytest.mark.parametrize("offers", WAYS)
@pytest.mark.parametrize(
    ("body", "arrives"),
    [
        (BODY, BODY),
        (b".\r\n..\r\n.hidden\r\nx.\r\n\r\n.\r\n", b".\r\n..\r\n.hidden\r\nx.\r\n\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<evil@example.com>\r.\r\n", b"a\r\n.\r\nMAIL FROM:<evil@example.com>\r\n.\r\n"),
        (b"no line end", b"no line end\r\n"),
        ("Grüße ☃\r\n".encode(), "Grüße ☃\r\n".encode()),
        (b"x" * 997 + b"\r\n" + b".line\r\n" * 200_000, b"x" * 997 + b"\r\n" + b".line\r\n" * 200_000),
    ],
)
def test_a_message_arrives_to_the_byte(body, arrives, offers):
    server = SmtpServer(offers=offers)
    outcome = deliver_one(server, make_envelope(body=body))
    assert (outcome.state, outcome.code, outcome.text) == ("sent", 250, "2.0.0 Ok: queued as 1")
    assert [message.content for message in server.messages] == [arrives]
    assert server.messages[0].sender.startswith("FROM:<shop@example.com>")
    assert server.messages[0].recipient == "TO:<alice@example.com>"


@pytest.mark.parametrize(
    ("step", "reply", "state", "code"),
    [
        ("MAIL", "451 4.3.0 Try later", "deferred", 451),
        ("MAIL", "550 5.7.1 Sender refused", "refused", 550),
        ("MAIL", "530 5.7.0 Authentication required", "deferred", 530),
        ("MAIL", "421 4.3.2 Shutting down", "deferred", 421),
        ("RCPT", "450 4.2.0 Greylisted", "deferred", 450),
        ("RCPT", "550 5.1.1 User unknown", "refused", 550),
        ("RCPT", "421 4.7.0 Too many errors", "deferred", 421),
        ("DATA", "451 4.3.0 Queue file", "deferred", 451),
        ("DATA", "554 5.5.1 No valid recipients", "refused", 554),
        ("DATA", "250 2.0.0 Ok, out of step", "deferred", 250),
        ("content", "452 4.3.1 Storage full", "deferred", 452),
        ("content", "554 5.7.1 Spam", "refused", 554),
        ("content", "421 4.3.2 Shutting down", "deferred", 421),
        ("content", "354 What?", "deferred", 354),
        ("greeting", "554 5.7.1 Go away", "deferred", 554),
        ("greeting", "421 4.7.0 Too many connections", "deferred", 421),
    ],
)
@pytest.mark.parametrize("offers", WAYS)
def test_a_reply_decides_between_refused_and_deferred(step, reply, state, code, offers):
    server = SmtpServer({step: reply}, offers=offers)
    outcome = deliver_one(server)
    assert (outcome.state, outcome.code) == (state, code)
    assert reply[4:] in outcome.text
    assert [message.content for message in server.messages if message.content] == [BODY] * (code == 354)


@pytest.mark.parametrize("offers", WAYS)
@pytest.mark.parametrize("answer", [CLOSE, SILENCE, "9 nonsense", "nonsense"])
@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_a_server_that_stops_making_sense_defers_and_only_a_complete_message_is_in_doubt(step, answer, offers):
    server = SmtpServer({step: answer}, offers=offers)
    outcome = deliver_one(server, timeout_seconds=0.1)
    assert outcome.state == "deferred"
    assert outcome.text.startswith(f"127.0.0.1:{server.port}: ")
    assert ("may have accepted" in outcome.text) == (step == "content")
    assert len(server.messages) == (step == "content")


def test_a_silent_server_is_named_with_the_time_that_was_waited():
    outcome = deliver_one(SmtpServer({"MAIL": SILENCE}), timeout_seconds=0.1)
    assert "no answer within 0.1 s, before the message was handed over" in outcome.text


def test_a_connection_reset_in_the_middle_of_the_content_is_in_doubt():
    async def scenario() -> None:
        async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for reply in (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go on"):
                writer.write(reply + b"\r\n")
                await reader.read(2000)
            writer.transport.abort()

        async with await asyncio.start_server(welcome, "127.0.0.1", 0, limit=2000) as server:
            port = server.sockets[0].getsockname()[1]
            async with open_channel(port) as channel:
                (outcome,) = await channel.send([make_envelope(body=b"a line\r\n" * 1_000_000)])
        assert (outcome.state, outcome.code) == ("deferred", 0)
        assert "may have accepted" in outcome.text

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def make_server_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.usefixtures("trusted")
def test_a_message_goes_out_encrypted(authority, security):
    server = SmtpServer(tls=make_server_tls(authority), tls_from_the_start=security == "tls", users={"shop": "secret"})
    server_with_login = SmtpServer(
        tls=make_server_tls(authority),
        tls_from_the_start=security == "tls",
        users={"shop": "sesame"},
        offers=["AUTH PLAIN"],
    )
    for each, options in ((server, {}), (server_with_login, {"username": "shop", "password": "sesame"})):
        outcome = deliver_one(each, security=security, **options)
        assert outcome.state == "sent", outcome.text
        (session,) = each.sessions
        assert session.is_encrypted
        assert len(session.messages) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_taken_only_when_told_so(authority, security):
    tls = make_server_tls(authority)
    server = SmtpServer(tls=tls, tls_from_the_start=security == "tls")
    outcome = deliver_one(server, security=security)
    assert (outcome.state, outcome.code) == ("deferred", 0)
    assert "the certificate is not trusted" in outcome.text
    assert server.messages == []
    tolerated = SmtpServer(tls=tls, tls_from_the_start=security == "tls")
    assert deliver_one(tolerated, security=security, verify_certificate=False).state == "sent"
    assert tolerated.sessions[0].is_encrypted


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_host_is_not_taken(authority, security):
    server = SmtpServer(tls=make_server_tls(authority, "mail.example.com"), tls_from_the_start=security == "tls")
    outcome = deliver_one(server, security=security)
    assert outcome.state == "deferred"
    assert "the certificate is not trusted" in outcome.text


def test_nothing_goes_out_in_clear_when_starttls_is_asked_for_and_not_offered():
    server = SmtpServer()
    outcome = deliver_one(server, security="starttls", username="shop", password="sesame")
    assert (outcome.state, outcome.text) == ("deferred", f"127.0.0.1:{server.port}: STARTTLS is not offered")
    assert server.sessions[0].verbs() == ["EHLO"]


def test_starttls_that_is_refused_and_tls_with_a_server_that_speaks_none_are_deferred(authority):
    refusing = SmtpServer({"STARTTLS": "454 4.7.0 TLS not available"}, tls=make_server_tls(authority))
    outcome = deliver_one(refusing, security="starttls")
    assert (outcome.state, outcome.code) == ("deferred", 454)
    outcome = deliver_one(SmtpServer(), security="tls")
    assert outcome.state == "deferred"
    assert "TLS failed" in outcome.text


@pytest.mark.parametrize("mechanisms", ["AUTH PLAIN", "AUTH LOGIN", "AUTH PLAIN LOGIN"])
def test_a_login_is_made_once_per_connection(mechanisms):
    server = SmtpServer(offers=[mechanisms], users={"shop": "open sesame ☃"})

    async def scenario() -> None:
        async with server:
            outcomes = await deliver(server, make_envelopes(3), username="shop", password="open sesame ☃")
            assert {outcome.state for outcome in outcomes} == {"sent"}

    asyncio.run(scenario())
    (session,) = server.sessions
    assert session.verbs().count("AUTH") == 1


@pytest.mark.parametrize(
    ("offers", "reply", "code"),
    [
        (["AUTH PLAIN LOGIN"], "535 5.7.8 Authentication failed", 535),
        (["AUTH PLAIN"], "535 5.7.8 AUTH PLAIN AHNob3AAb3BlbiBzZXNhbWU= is wrong, as is open sesame", 535),
        (["AUTH LOGIN"], "454 4.7.0 b3BlbiBzZXNhbWU= cannot be checked now", 454),
        (["AUTH PLAIN"], CLOSE, 0),
        (["AUTH GSSAPI"], "", 0),
        ([], "", 0),
    ],
)
def test_a_login_that_fails_defers_and_gives_no_secret_away(offers, reply, code):
    server = SmtpServer({"AUTH": reply}, offers=offers)
    outcome = deliver_one(server, username="shop", password="open sesame")
    assert (outcome.state, outcome.code) == ("deferred", code)
    assert "login" in outcome.text
    assert not re.search("sesame|AHNob3A|b3BlbiBz", outcome.text)
    assert "MAIL" not in server.sessions[0].verbs()


def test_a_message_beyond_the_size_that_the_server_takes_is_refused_unsent():
    server = SmtpServer(offers=["SIZE 100"])
    outcome = deliver_one(server, make_envelope(body=b"x" * 99 + b"\r\n"))
    assert (outcome.state, outcome.code) == ("refused", 0)
    assert "101 bytes, and the server takes at most 100" in outcome.text
    assert server.sessions[0].verbs() == ["EHLO", "QUIT"]


@pytest.mark.parametrize("offer", ["SIZE 100", "SIZE", "SIZE 0", "SIZE many"])
def test_a_message_within_the_size_is_announced_and_sent(offer):
    server = SmtpServer(offers=[offer])
    assert deliver_one(server, make_envelope(body=b"x" * 98 + b"\r\n")).state == "sent"
    assert server.messages[0].sender == "FROM:<shop@example.com> SIZE=100"


@pytest.mark.parametrize(
    ("recipient", "path", "option"),
    [
        ("Grüße@example.com", "Grüße@example.com", " SMTPUTF8"),
        ("Grüße@straße.example", "Grüße@straße.example", " SMTPUTF8"),
        ("alice@bücher.example", "alice@xn--bcher-kva.example", ""),
        ("alice@Straße.example", "alice@xn--strae-oqa.example", ""),
        ("alice@пример.испытание", "alice@xn--e1afmkfd.xn--80akhbyknj4f", ""),
    ],
)
def test_addresses_beyond_ascii(recipient, path, option):
    able, unable = SmtpServer(offers=["8BITMIME", "SMTPUTF8"]), SmtpServer()
    assert deliver_one(able, make_envelope(recipient)).state == "sent"
    assert able.messages[0].recipient == f"TO:<{path}>"
    assert able.messages[0].sender == f"FROM:<shop@example.com>{option}"
    outcome = deliver_one(unable, make_envelope(recipient))
    assert outcome.state == ("refused" if option else "sent")
    assert ("SMTPUTF8 is not offered" in outcome.text) == bool(option)


def test_text_of_eight_bits_is_announced_and_refused_where_it_is_not_taken():
    able, unable = SmtpServer(offers=["8BITMIME"]), SmtpServer(offers=[])
    assert deliver_one(able, make_envelope(body="Grüße\r\n".encode())).state == "sent"
    assert able.messages[0].sender == "FROM:<shop@example.com> BODY=8BITMIME"
    outcome = deliver_one(unable, make_envelope(body="Grüße\r\n".encode()))
    assert outcome.state == "refused"
    assert "8BITMIME is not offered" in outcome.text


def test_an_empty_sender_asks_for_no_bounces():
    server = SmtpServer()
    assert deliver_one(server, make_envelope(sender="")).state == "sent"
    assert server.messages[0].sender == "FROM:<>"


UNSENDABLE = [
    "",
    "alice",
    "@example.com",
    "alice@",
    "alice@example.com\r\nRCPT TO:<bob@example.com>",
    "alice@example.com\n",
    "alice\0@example.com",
    "alice@example.com> SIZE=1",
    "<alice@example.com>",
    "ali ce@example.com",
    "alice@exam\tple.com",
    "alice@exam\u2028ple.com",
    "alice@exam\u00a0ple.com",
    "alice\ud800@example.com",
    "alice@exam＜ple.com",
    "alice@-ü-.example",
    f"alice@{'ü' * 70}.example",
    f"{'a' * 320}@example.com",
]


def test_what_is_no_address_never_reaches_the_wire():
    async def scenario() -> None:
        async with SmtpServer(offers=["8BITMIME", "SMTPUTF8"]) as server:
            envelopes = [make_envelope(address) for address in UNSENDABLE]
            envelopes += [make_envelope(sender=address) for address in UNSENDABLE if address]
            outcomes = await deliver(server, envelopes)
            assert {(outcome.state, outcome.code) for outcome in outcomes} == {("refused", 0)}
            assert all(outcome.text.isprintable() for outcome in outcomes)
            assert server.sessions == []

    asyncio.run(scenario())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds("{}@{}".format, st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=10))
def test_no_address_makes_another_command(addresses):
    async def scenario() -> None:
        async with SmtpServer(offers=["8BITMIME", "SMTPUTF8"]) as server:
            outcomes = await deliver(server, [make_envelope(address) for address in addresses])
            sent = sum(outcome.state == "sent" for outcome in outcomes)
            lines = [line for session in server.sessions for line in session.lines]
            assert [line for line in lines if re.fullmatch(r"RCPT TO:<[^\s<>]+@[^\s<>]+>", line)] == [
                line for line in lines if not re.match("EHLO |MAIL FROM:<shop@example.com>|DATA$|QUIT$", line)
            ]
            assert len(server.messages) == sent

    asyncio.run(scenario())


def test_words_of_the_server_are_kept_as_one_printable_line_of_bounded_length():
    answer = "550-5.7.1 No\tway\x1b[31m\r\n550 " + "more " * 300
    outcome = deliver_one(SmtpServer({"RCPT": answer}))
    assert outcome.state == "refused"
    assert outcome.text.startswith("5.7.1 No way [31m more")
    assert outcome.text.isprintable()
    assert len(outcome.text) == 500


def test_a_server_that_knows_only_helo_is_greeted_so():
    server = SmtpServer({"EHLO": "502 5.5.1 Not implemented"})
    assert deliver_one(server).state == "sent"
    assert server.sessions[0].verbs() == ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.usefixtures("trusted")
def test_a_check_says_that_a_sender_is_usable(authority):
    async def scenario() -> None:
        async with SmtpServer() as server, open_channel(server.port) as channel:
            assert await channel.check() == f"127.0.0.1:{server.port} answers without TLS"
            assert server.sessions[0].verbs() == ["EHLO", "QUIT"]
        tls = make_server_tls(authority)
        login: dict[str, object] = {"username": "shop", "password": "sesame", "security": "starttls"}
        async with (
            SmtpServer(tls=tls, offers=["AUTH PLAIN"], users={"shop": "sesame"}) as server,
            open_channel(server.port, **login) as channel,
        ):
            assert await channel.check() == f"127.0.0.1:{server.port} answers over TLS, login accepted"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answers", "offers", "options", "advice"),
    [
        ({"greeting": CLOSE}, [], {}, "look at host, port and security"),
        ({}, [], {"security": "starttls"}, "STARTTLS is not offered; look at security and port"),
        ({}, ["AUTH PLAIN"], {"username": "shop", "password": "wrong"}, "look at username, password and security"),
    ],
)
def test_a_check_says_what_to_look_at(answers: dict[str, Answer], offers, options, advice):
    async def scenario() -> None:
        async with SmtpServer(answers, offers=offers) as server, open_channel(server.port, **options) as channel:
            with pytest.raises(NotReady, match=advice):
                await channel.check()

    asyncio.run(scenario())

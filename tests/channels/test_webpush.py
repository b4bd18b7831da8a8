"""Push to browsers, through a push service on loopback that checks who sends, and decrypts what comes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.channels.push_services import Browsers, decrypt, ec_key, from_base64, pem, point, rsa_key, to_base64, write
from tests.channels.web_server import close, page

from tocsin.channels.contract import Envelope, Outcome
from tocsin.channels.http_guard import Network
from tocsin.channels.ways_out import WaysOut
from tocsin.channels.webpush import WebpushChannel
from tocsin.channels.webpush_encryption import MOST_PLAIN_BYTES, decode_base64, encrypt
from tocsin.channels.webpush_subscription import Unfit, parse_subscription
from tocsin.core import push
from tocsin.core.configuration_senders import PUSH_HOSTS, WebpushSender
from tocsin.core.errors import NotReady

LOOPBACK = (ip_network("127.0.0.1/32"),)
ID = bytes(range(12))
SAID = push.Notification("Your order", "It is on its way", "https://shop.example/o/1", data={"order": "17"})


def envelope(subscription: str, provider: str = "mozilla", said: push.Notification = SAID) -> Envelope:
    return Envelope(ID, "", f"{provider}.{subscription}", push.encode(said))


@asynccontextmanager
async def opened(
    browsers: Browsers, tmp_path, allowed: tuple[Network, ...] = LOOPBACK, **members
) -> AsyncIterator[WebpushChannel]:
    given = {
        "private_key_file": write(tmp_path, "vapid.pem", pem(ec_key("vapid"))),
        "subject": "mailto:push@shop.example",
        "hosts": ("http://127.0.0.1",),
        "timeout_seconds": 20,
    }
    sender = WebpushSender(id=1, name="web", channel="push", **given | members)
    channel = WebpushChannel(sender, WaysOut(allowed).open_shared_door, lambda: browsers.now)
    yield channel
    await channel.close()


async def send(browsers: Browsers, tmp_path, *envelopes: Envelope, **members) -> list[Outcome]:
    async with opened(browsers, tmp_path, **members) as channel:
        return await channel.send(envelopes or [envelope(browsers.subscribe("ann"))])


def test_the_example_of_rfc_8291_is_encrypted_as_it_stands_there():
    own = ec.derive_private_key(
        int.from_bytes(from_base64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
    )
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        from_base64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        from_base64("BTBZMqHH6r4Tts7J_aSIgg"),
        own,
        from_base64("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert to_base64(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@given(st.binary(max_size=MOST_PLAIN_BYTES), st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_a_browser_reads_whatever_was_encrypted_for_it(plain, secret, salt):
    body = encrypt(plain, point(ec_key("ann")), secret, ec_key("once"), salt)
    assert len(body) <= 4096
    assert decrypt(body, ec_key("ann"), secret) == plain


def test_what_does_not_fit_is_not_encrypted():
    with pytest.raises(ValueError, match="more than 3993"):
        encrypt(bytes(MOST_PLAIN_BYTES + 1), point(ec_key("ann")), bytes(16), ec_key("once"), bytes(16))


async def test_the_browser_gets_what_was_said_and_the_service_who_says_it(tmp_path):
    said = push.Notification(
        "Your order", "It is on its way", "https://shop.example/o/1", "https://shop.example/i.png", "", "",
        (push.Button("Track", "https://shop.example/t"), push.Button("Later")), {"order": "17"}, "order-17", 60,
        "normal", "signed", "https://t.example/m/p",
    )  # fmt: skip
    async with Browsers() as browsers:
        (outcome,) = await send(browsers, tmp_path, envelope(browsers.subscribe("ann"), "Firefox", said))
    assert outcome == Outcome(ID, "sent", 201, "the push service answered 201")
    ((name, headers, shown),) = browsers.shown
    assert name == "ann"
    assert (headers["ttl"], headers["urgency"]) == ("60", "normal")
    assert len(headers["topic"]) == 32
    assert shown == {
        "web_push": 8030,
        "notification": {
            "title": "Your order",
            "body": "It is on its way",
            "navigate": "https://shop.example/o/1",
            "icon": "https://shop.example/i.png",
            "tag": "order-17",
            "silent": True,
            "actions": [
                {"action": "button0", "title": "Track", "navigate": "https://shop.example/t"},
                {"action": "button1", "title": "Later"},
            ],
            "data": {"order": "17", "_uid": "signed", "_report_url": "https://t.example/m/p"},
        },
    }


async def test_an_endpoint_alone_wakes_the_browser_without_a_payload(tmp_path):
    async with Browsers() as browsers:
        (outcome,) = await send(browsers, tmp_path, envelope(f"{browsers.url}/push/ann", "google"))
    assert outcome.state == "sent"
    ((_, headers, shown),) = browsers.shown
    assert shown is None
    assert "content-encoding" not in headers
    assert headers["ttl"] == "2419200"


async def test_a_service_is_shown_one_token_until_it_ends(tmp_path):
    async with Browsers() as browsers, opened(browsers, tmp_path) as channel:
        for seconds in (0, 11 * 3600 - 1, 2):
            browsers.now += seconds
            (outcome,) = await channel.send([envelope(browsers.subscribe("ann"))])
            assert outcome.state == "sent"
    tokens = [headers["authorization"] for _, headers, _ in browsers.shown]
    assert tokens[0] == tokens[1] != tokens[2]


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        (page(b"push subscription has unsubscribed", "410 Gone"), "refused", push.GONE),
        (page(b"", "404 Not Found"), "refused", push.GONE),
        (page(b"", "413 Too Large"), "refused", 413),
        (page(b"", "400 Bad"), "refused", 400),
        (page(b"", "401 Who"), "deferred", 401),
        (page(b"", "429 Slowly", Retry_After="7"), "deferred", 429),
        (page(b"", "500 Oh"), "deferred", 500),
        (page(b"", "307 There", Location="http://127.0.0.1:1/"), "deferred", 0),
        (close, "deferred", 0),
    ],
)
async def test_what_the_service_says_decides_what_becomes_of_the_message(tmp_path, answer, state, code):
    async with Browsers(treatments={"ann": answer}) as browsers:
        (outcome,) = await send(browsers, tmp_path)
    assert (outcome.state, outcome.code) == (state, code), outcome
    assert outcome.retry_after_seconds == (7 if code == 429 else 0)
    assert "/push/ann" not in outcome.text


@pytest.mark.parametrize(
    ("subscription", "code", "text"),
    [
        ("{", 410, "the subscription is neither a browser's JSON nor an endpoint"),
        ('{"keys": {}}', 410, "the subscription is neither a browser's JSON nor an endpoint"),
        ("abc", 410, "the endpoint of the subscription: the URL must begin with http:// or https://"),
        ("file:///etc/passwd", 410, "the endpoint of the subscription: the URL must begin with http:// or https://"),
        ("https://push.example/1", 0, "https://push.example is none of the sender's hosts"),
        ("https://127.0.0.1/1", 0, "https://127.0.0.1 is none of the sender's hosts"),
        ("http://127.0.0.1.evil.example/1", 0, "http://127.0.0.1.evil.example is none of the sender's hosts"),
        ("http://10.0.0.1/latest/meta-data", 0, "http://10.0.0.1 is none of the sender's hosts"),
        ("http://user@127.0.0.1/1", 410, "the endpoint of the subscription: the URL holds a user or a password"),
        ('{"endpoint": "http://127.0.0.1/1", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}', 410, "the keys of the"),
        ('{"endpoint": "http://127.0.0.1/1", "keys": {"p256dh": "я", "auth": "%"}}', 410, "the keys of the"),
        ('{"endpoint": "http://127.0.0.1/1", "keys": {"auth": "AAAAAAAAAAAAAAAAAAAAAA"}}', 410, "the keys of the"),
    ],
)
async def test_a_subscription_that_cannot_be_meant_so_is_refused(tmp_path, subscription, code, text):
    async with Browsers() as browsers:
        (outcome,) = await send(browsers, tmp_path, envelope(subscription))
        assert (outcome.state, outcome.code) == ("refused", code)
        assert outcome.text.startswith(text)
        assert browsers.requests == []


async def test_a_host_within_is_not_asked_even_where_any_host_is_allowed(tmp_path):
    async with Browsers() as browsers:
        (outcome,) = await send(browsers, tmp_path, allowed=(), hosts=("http://*", "*"))
        assert outcome.state == "deferred"
        assert "is not public" in outcome.text
        assert browsers.requests == []


@pytest.mark.parametrize(
    ("endpoint", "is_known"),
    [
        ("https://fcm.googleapis.com/fcm/send/a", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/a", True),
        ("https://web.push.apple.com/a", True),
        ("https://wns2-am3p.notify.windows.com/w/?token=a", True),
        ("http://fcm.googleapis.com/fcm/send/a", False),
        ("https://notify.windows.com.evil.example/a", False),
        ("https://evilfcm.googleapis.com/a", False),
    ],
)
def test_the_services_of_the_browsers_are_known(endpoint, is_known):
    if is_known:
        assert parse_subscription(endpoint, PUSH_HOSTS).endpoint == endpoint
    else:
        with pytest.raises(Unfit):
            parse_subscription(endpoint, PUSH_HOSTS)


@given(st.text() | st.builds(json.dumps, st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(
    st.sampled_from(["endpoint", "keys", "p256dh", "auth", "x"]), inner))))  # fmt: skip
def test_no_subscription_breaks_its_reading(text):
    with suppress(Unfit):
        parse_subscription(text, ("*",))


def test_keys_are_read_in_either_alphabet_of_base64():
    assert decode_base64("+/8=") == decode_base64("-_8") == b"\xfb\xff"


async def test_a_message_that_is_too_large_is_not_sent_and_its_size_is_said(tmp_path):
    said = push.Notification("T", data={"long": "x" * 4000})
    async with Browsers() as browsers:
        (outcome,) = await send(browsers, tmp_path, envelope(browsers.subscribe("ann"), said=said))
    assert outcome.state == "refused"
    assert outcome.text.endswith("bytes; Web Push takes 3993")
    assert browsers.requests == []


async def test_a_check_says_the_key_that_browsers_subscribe_with(tmp_path):
    async with Browsers() as browsers, opened(browsers, tmp_path) as channel:
        sentence = await channel.check()
    assert sentence == f"browsers subscribe with the applicationServerKey {to_base64(point(ec_key('vapid')))}"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not a private key in PEM"),
        (b"nonsense", "is not a private key in PEM"),
        (pem(rsa_key()), "is not of the curve P-256"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "is not of the curve P-256"),
    ],
)
async def test_a_key_that_cannot_be_used_defers_and_is_reported(tmp_path, content, text):
    path = write(tmp_path, "bad.pem", content)
    async with Browsers() as browsers, opened(browsers, tmp_path, private_key_file=path) as channel:
        (outcome,) = await channel.send([envelope(browsers.subscribe("ann"))])
        assert (outcome.state, outcome.may_go_elsewhere) == ("deferred", True)
        assert text in outcome.text
        with pytest.raises(NotReady, match=text):
            await channel.check()

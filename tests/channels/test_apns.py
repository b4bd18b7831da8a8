"""Push to Apple's devices, against an APNs on loopback: HTTP/2, TLS, and no token that is not signed as it must be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from uuid import UUID

import pytest
import trustme
from tests.channels.http2_server import Http2Server, Reply
from tests.channels.push_services import KEY_ID, TEAM_ID, TOPIC, Apple, ec_key, pem, refused, write

from tocsin.channels.apns import ApnsChannel
from tocsin.channels.contract import Envelope, Outcome
from tocsin.channels.ways_out import WaysOut
from tocsin.core import push
from tocsin.core.configuration_senders import ApnsSender
from tocsin.core.errors import NotReady

LOOPBACK = (ip_network("127.0.0.1/32"),)
ID = bytes(range(12))
DEVICE = "ab" * 32
SAID = push.Notification(
    "Your order", "It is on its way", "https://shop.example/o/1", "", "https://shop.example/p.png", "default",
    (push.Button("Track", "https://shop.example/t"),), {"order": "17"}, "order-17", 3600, "normal",
    "signed", "https://t.example/m/p",
)  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def apple(authority, tmp_path, monkeypatch) -> Apple:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return Apple(authority)


def envelope(device: str = DEVICE, provider: str = "ios-apns", said: push.Notification = SAID) -> Envelope:
    return Envelope(ID, "", f"{provider}.{device}", push.encode(said))


@asynccontextmanager
async def opened(apple: Apple, server: Http2Server, tmp_path, **members) -> AsyncIterator[ApnsChannel]:
    given = {
        "key_file": write(tmp_path, "key.p8", pem(ec_key("apple"))),
        "key_id": KEY_ID,
        "team_id": TEAM_ID,
        "topic": TOPIC,
        "base_url": server.url,
        "timeout_seconds": 20,
    }
    sender = ApnsSender(id=1, name="ios", channel="push", **given | members)
    channel = ApnsChannel(sender, WaysOut(LOOPBACK).open_shared_door, lambda: apple.now)
    yield channel
    await channel.close()


async def send(apple: Apple, tmp_path, *envelopes: Envelope, **members) -> list[Outcome]:
    async with apple.serve() as server, opened(apple, server, tmp_path, **members) as channel:
        return await channel.send(envelopes or [envelope()])


async def test_a_device_gets_the_alert_and_the_keys_of_the_apps(apple, tmp_path):
    (outcome,) = await send(apple, tmp_path)
    assert outcome == Outcome(ID, "sent", 200, "accepted by APNs")
    ((headers, said),) = apple.taken
    assert headers["device"] == DEVICE
    assert headers["apns-id"] == str(UUID(bytes=ID + bytes(4)))
    assert headers["apns-push-type"] == "alert"
    assert headers["apns-priority"] == "5"
    assert headers["apns-collapse-id"] == "order-17"
    assert headers["apns-expiration"] == str(int(apple.now) + 3600)
    assert said == {
        "aps": {
            "alert": {"title": "Your order", "body": "It is on its way"},
            "mutable-content": 1,
            "sound": "default",
        },
        "order": "17",
        "_ac_push": "true",
        "_uid": "signed",
        "_report_url": "https://t.example/m/p",
        "_media": "https://shop.example/p.png",
        "_click-url": "https://shop.example/o/1",
        "_buttons": '[{"label":"Track","link":"https://shop.example/t"}]',
    }


async def test_without_a_time_to_live_none_is_said_and_with_none_at_all_it_is_now_or_never(apple, tmp_path):
    await send(
        apple, tmp_path, envelope(said=push.Notification("T")), envelope(said=push.Notification("T", ttl_seconds=0)),
        connections=1,
    )  # fmt: skip
    assert [headers.get("apns-expiration") for headers, _ in apple.taken] == [None, "0"]


async def test_many_messages_share_one_connection_and_one_token(apple, tmp_path):
    async with apple.serve(pause_seconds=0.05) as server, opened(apple, server, tmp_path) as channel:
        outcomes = await channel.send([envelope(f"{number:064x}") for number in range(1, 201)])
    assert {one.state for one in outcomes} == {"sent"}
    assert server.connections == 1
    assert 50 < server.most_at_once <= 100
    assert len(apple.tokens) == 1


async def test_a_server_that_takes_few_at_once_is_not_given_more(apple, tmp_path):
    async with apple.serve(most_streams=5) as server, opened(apple, server, tmp_path) as channel:
        outcomes = await channel.send([envelope(f"{number:064x}") for number in range(1, 51)])
    assert {one.state for one in outcomes} == {"sent"}
    assert server.most_at_once <= 5


async def test_the_token_is_renewed_before_an_hour_and_not_within_twenty_minutes(apple, tmp_path):
    async with apple.serve() as server, opened(apple, server, tmp_path) as channel:
        for seconds in (0, 2399, 2, 2399, 2):
            apple.now += seconds
            (outcome,) = await channel.send([envelope()])
            assert outcome.state == "sent"
    assert len(apple.tokens) == 3


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refused(410, "Unregistered"), ("refused", push.GONE, "APNs answered 410 Unregistered")),
        (refused(410, "ExpiredToken"), ("refused", push.GONE, "APNs answered 410 ExpiredToken")),
        (refused(400, "BadDeviceToken"), ("refused", push.GONE, "APNs answered 400 BadDeviceToken")),
        (refused(400, "DeviceTokenNotForTopic"), ("deferred", 400, "APNs answered 400 DeviceTokenNotForTopic")),
        (refused(413, "PayloadTooLarge"), ("refused", 413, "APNs answered 413 PayloadTooLarge")),
        (refused(429, "TooManyRequests"), ("deferred", 429, "APNs answered 429 TooManyRequests")),
        (refused(500, "InternalServerError"), ("deferred", 500, "APNs answered 500 InternalServerError")),
        (Reply(503, b"<html>", {"retry-after": "30"}), ("deferred", 503, "APNs answered 503")),
        (Reply(instead="close"), ("deferred", 0, "")),
        (Reply(instead="nonsense"), ("deferred", 0, "")),
    ],
)
async def test_what_apple_says_decides_what_becomes_of_the_message(apple, tmp_path, reply, expected):
    apple.treatments = {DEVICE: reply}
    (outcome,) = await send(apple, tmp_path, timeout_seconds=0.5)
    state, code, text = expected
    assert (outcome.state, outcome.code) == (state, code), outcome
    assert outcome.text == text or not text
    if code == 503:
        assert outcome.retry_after_seconds == 30


async def test_a_silent_server_defers_in_time_and_the_next_message_passes(apple, tmp_path):
    apple.treatments = {DEVICE: Reply(instead="silence")}
    async with apple.serve() as server, opened(apple, server, tmp_path, timeout_seconds=0.3) as channel:
        (silent,) = await channel.send([envelope()])
        (other,) = await channel.send([envelope("cd" * 32)])
    assert (silent.state, other.state) == ("deferred", "sent")


@pytest.mark.parametrize("device", ["", "x", "../../4/device/ab", "ab" * 32 + "?a=b", "ab" * 31 + "zz", "%61" * 20])
async def test_what_is_no_device_token_is_refused_and_not_asked_about(apple, tmp_path, device):
    async with apple.serve() as server, opened(apple, server, tmp_path) as channel:
        (outcome,) = await channel.send([envelope(device)])
        assert (outcome.state, outcome.code) == ("refused", push.GONE)
        assert server.requests == []


async def test_a_message_that_is_too_large_is_not_sent_and_its_size_is_said(apple, tmp_path):
    (outcome,) = await send(apple, tmp_path, envelope(said=push.Notification("T", data={"long": "x" * 4050})))
    assert outcome.state == "refused"
    assert outcome.text.endswith("bytes; APNs takes 4096")


async def test_a_check_says_that_key_and_topic_are_known_and_sends_nothing(apple, tmp_path):
    async with apple.serve() as server, opened(apple, server, tmp_path) as channel:
        assert await channel.check() == f"{server.url} accepts the key"
    assert apple.taken == []


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"key_id": "OTHERKEY12"}, "APNs answered 403 InvalidProviderToken; look at key_id, team_id and topic"),
        ({"topic": "com.example.other"}, "APNs answered 403 TopicDisallowed; look at key_id, team_id and topic"),
        ({"key_file": "/nowhere.p8"}, "the file of key_file cannot be read: No such file"),
    ],
)
async def test_a_sender_that_apple_does_not_know_defers_and_is_reported(apple, tmp_path, members, text):
    async with apple.serve() as server, opened(apple, server, tmp_path, **members) as channel:
        (outcome,) = await channel.send([envelope()])
        assert (outcome.state, outcome.may_go_elsewhere) == ("deferred", True)
        with pytest.raises(NotReady, match=text):
            await channel.check()

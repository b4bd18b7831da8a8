"""Push through Firebase, against a Google on loopback that checks every signature."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from tests.channels.push_services import Google, fcm_error, write
from tests.channels.web_server import close, hang, page

from tocsin.channels.contract import Envelope, Outcome
from tocsin.channels.fcm import FcmChannel
from tocsin.channels.ways_out import WaysOut
from tocsin.core import push
from tocsin.core.configuration_senders import FcmSender
from tocsin.core.errors import NotReady

LOOPBACK = [ip_network("127.0.0.1/32")]
ID = bytes(range(12))
SAID = push.Notification(
    "Your order", "It is on its way", "https://shop.example/o/1", "https://shop.example/i.png",
    "https://shop.example/p.png", "default", (push.Button("Track", "https://shop.example/t"),), {"order": "17"},
    "order-17", 3600, "high", "signed", "https://t.example/m/p",
)  # fmt: skip


def envelope(device: str = "device", provider: str = "android-firebase", said: push.Notification = SAID) -> Envelope:
    return Envelope(ID, "", f"{provider}.{device}", push.encode(said))


@asynccontextmanager
async def opened(google: Google, tmp_path, credentials: str | None = None, **members) -> AsyncIterator[FcmChannel]:
    path = write(tmp_path, "account.json", google.credentials() if credentials is None else credentials)
    sender = FcmSender(
        id=1, name="app", channel="push", **{"credentials_file": path, "base_url": google.url, "timeout_seconds": 20}
        | members,
    )  # fmt: skip
    channel = FcmChannel(sender, WaysOut(LOOPBACK).open_shared_door, lambda: google.now)
    yield channel
    await channel.close()


async def send(google: Google, tmp_path, *envelopes: Envelope, **members) -> list[Outcome]:
    async with opened(google, tmp_path, **members) as channel:
        return await channel.send(envelopes or [envelope()])


async def test_an_android_device_gets_the_notification_and_the_keys_of_the_apps(tmp_path):
    async with Google() as google:
        (outcome,) = await send(google, tmp_path)
    assert outcome == Outcome(ID, "sent", 200, "projects/shop-1234/messages/1")
    assert google.messages == [
        {
            "token": "device",
            "notification": {
                "title": "Your order",
                "body": "It is on its way",
                "image": "https://shop.example/p.png",
            },
            "data": {
                "order": "17",
                "_ac_push": "true",
                "_uid": "signed",
                "_report_url": "https://t.example/m/p",
                "_title": "Your order",
                "_body": "It is on its way",
                "_icon": "https://shop.example/i.png",
                "_image": "https://shop.example/p.png",
                "_click_action": "https://shop.example/o/1",
                "_buttons": '[{"label":"Track","link":"https://shop.example/t"}]',
            },
            "android": {
                "priority": "HIGH",
                "ttl": "3600s",
                "collapse_key": "order-17",
                "notification": {"icon": "https://shop.example/i.png", "sound": "default", "tag": "order-17"},
            },
        }
    ]


async def test_an_app_that_shows_messages_itself_gets_data_alone(tmp_path):
    async with Google() as google:
        await send(google, tmp_path, payload="data")
    (message,) = google.messages
    assert sorted(message) == ["android", "data", "token"]
    assert "notification" not in message["android"]


async def test_browsers_and_iphones_get_what_is_theirs(tmp_path):
    async with Google() as google:
        await send(google, tmp_path, envelope("b", "chrome-firebase"), envelope("i", "ios-firebase"), connections=1)
    browser, phone = google.messages
    assert browser["webpush"] == {
        "headers": {"Urgency": "high", "TTL": "3600"},
        "notification": {
            "icon": "https://shop.example/i.png", "tag": "order-17",
            "actions": [{"action": "button0", "title": "Track"}],
        },
        "fcm_options": {"link": "https://shop.example/o/1"},
    }  # fmt: skip
    assert phone["data"]["_media"] == "https://shop.example/p.png"
    assert phone["apns"] == {
        "headers": {"apns-priority": "10", "apns-collapse-id": "order-17"},
        "payload": {"aps": {"mutable-content": 1, "sound": "default"}},
    }


async def test_one_token_is_asked_for_however_many_messages_wait(tmp_path):
    async with Google() as google, opened(google, tmp_path) as channel:
        await asyncio.gather(*(channel.send([envelope(f"d{number}") for number in range(20)]) for _ in range(3)))
        assert len(google.tokens) == 1
        google.now += 3600 - 301
        await channel.send([envelope()])
        assert len(google.tokens) == 1
        google.now += 2
        await channel.send([envelope()])
        assert len(google.tokens) == 2


async def test_a_token_that_is_no_longer_accepted_is_replaced_at_once(tmp_path):
    async with Google() as google, opened(google, tmp_path) as channel:
        await channel.send([envelope()])
        google.tokens.append("of somebody else")
        (outcome,) = await channel.send([envelope()])
        assert outcome.state == "sent"
        assert len(google.tokens) == 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fcm_error(404, "NOT_FOUND", "UNREGISTERED"), ("refused", push.GONE, "404 UNREGISTERED: no")),
        (fcm_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), ("refused", 410, "403 SENDER_ID_MISMATCH: no")),
        (
            fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"),
            ("refused", 410, "400 INVALID_ARGUMENT: no"),
        ),
        (
            fcm_error(400, "INVALID_ARGUMENT", message="The registration token is not a valid FCM registration token"),
            ("refused", 410, "400 INVALID_ARGUMENT: The registration token is not a valid FCM registration token"),
        ),
        (
            fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.android.ttl"),
            ("refused", 400, "400 INVALID_ARGUMENT: no"),
        ),
        (fcm_error(404, "NOT_FOUND"), ("deferred", 404, "404 NOT_FOUND: no")),
        (page(b"<html>not here</html>", "404 Not Found"), ("deferred", 404, "404")),
        (fcm_error(403, "PERMISSION_DENIED"), ("deferred", 403, "403 PERMISSION_DENIED: no")),
        (
            fcm_error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
            ("deferred", 401, "401 THIRD_PARTY_AUTH_ERROR: no"),
        ),
        (page(b"[]", "503 Later", Retry_After="120"), ("deferred", 503, "503")),
        (fcm_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), ("deferred", 429, "429 QUOTA_EXCEEDED: no")),
        (b"220 mail.example.com\r\n\r\n", ("deferred", 0, "")),
        (close, ("deferred", 0, "")),
    ],
)  # fmt: skip
async def test_what_fcm_says_decides_what_becomes_of_the_message(tmp_path, answer, expected):
    async with Google(treatments={"device": answer}) as google:
        (outcome,) = await send(google, tmp_path)
    state, code, text = expected
    assert (outcome.state, outcome.code) == (state, code), outcome
    assert outcome.text == f"FCM answered {text}" or not text
    if outcome.code == 503:
        assert outcome.retry_after_seconds == 120


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"credentials": "{}"}, "credentials_file is not the JSON of a service account's key"),
        ({"credentials": "nonsense"}, "credentials_file is not the JSON of a service account's key"),
        ({"credentials_file": "/nowhere.json"}, "the file of credentials_file cannot be read: No such file"),
    ],
)
async def test_credentials_that_cannot_be_used_defer_and_are_reported(tmp_path, members, text):
    async with Google() as google, opened(google, tmp_path, **members) as channel:
        (outcome,) = await channel.send([envelope()])
        assert (outcome.state, outcome.may_go_elsewhere) == ("deferred", True)
        assert text in outcome.text
        with pytest.raises(NotReady, match=text):
            await channel.check()


async def test_an_account_that_is_refused_is_asked_about_once_in_a_while(tmp_path):
    async with Google(granting=page(b'{"error": "invalid_grant"}', "400 No")) as google:
        outcomes = await send(google, tmp_path, *[envelope(f"d{number}") for number in range(50)])
    assert {(one.state, one.text) for one in outcomes} == {
        ("deferred", "no access token: the server answered 400, invalid_grant")
    }
    assert len(google.requests) == 1


async def test_a_message_that_is_too_large_is_not_sent_and_its_size_is_said(tmp_path):
    said = push.Notification("T", data={"long": "я" * 2200})
    async with Google() as google:
        (outcome,) = await send(google, tmp_path, envelope(said=said))
    assert outcome.state == "refused"
    assert outcome.text.startswith("the push message has 4")
    assert outcome.text.endswith("bytes; FCM takes 4096")
    assert google.messages == []


async def test_a_device_of_another_provider_is_refused(tmp_path):
    async with Google() as google:
        (outcome,) = await send(google, tmp_path, envelope("d", "ios-apns"))
    assert (outcome.state, outcome.code, outcome.text) == ("refused", 0, "FCM does not reach ios-apns")


async def test_a_check_says_that_the_account_is_let_in_and_sends_nothing(tmp_path):
    async with Google() as google, opened(google, tmp_path) as channel:
        assert await channel.check() == f"{google.url} accepts the account"
        assert google.messages == []


async def test_a_server_that_is_silent_defers_in_time(tmp_path):
    async with Google(treatments={"device": hang}) as google:
        (outcome,) = await send(google, tmp_path, timeout_seconds=1)
    assert outcome.state == "deferred"
    assert outcome.text.endswith("the provider may have taken the message")

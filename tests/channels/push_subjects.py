"""The push channels as subjects of conformance.py."""

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme
from tests.channels.conformance import SECRET, Manner, Opened, Opening, Subject
from tests.channels.http2_server import Reply
from tests.channels.push_services import (
    KEY_ID,
    TEAM_ID,
    TOPIC,
    Apple,
    Browsers,
    Google,
    ec_key,
    fcm_error,
    pem,
    refused,
    write,
)
from tests.channels.web_server import Behaviour, close, hang, page

from tocsin.channels.apns import ApnsChannel
from tocsin.channels.contract import Envelope
from tocsin.channels.fcm import FcmChannel
from tocsin.channels.ways_out import WaysOut
from tocsin.channels.webpush import WebpushChannel
from tocsin.core import push
from tocsin.core.configuration_senders import ApnsSender, FcmSender, WebpushSender

NOW = 1_800_000_000.0
AWAY = "127.0.0.1:9"
NONSENSE = b"220 mail.example.com ESMTP\r\n\r\n"

open_door = WaysOut([ip_network("127.0.0.1/32")]).open_shared_door


def device(number: int) -> str:
    return f"{number:064x}"


def treat(manner: Manner, refusal: bytes, deferral: bytes) -> dict[str, bytes | Behaviour]:
    """The answers for twenty devices, the second of which is refused where they are mixed."""
    behaviours: dict[Manner, bytes | Behaviour] = {
        "refuses": refusal,
        "defers": deferral,
        "breaks off": close,
        "is silent": hang,
        "talks nonsense": NONSENSE,
    }
    if manner == "mixed":
        return {device(2): refusal}
    return {device(number): behaviours[manner] for number in range(1, 21)} if manner in behaviours else {}


def make(provider: str, number: int, subscription: str = "") -> Envelope:
    address = f"{provider}.{subscription or device(number + 1)}"
    return Envelope(number.to_bytes(12, "big"), "", address, push.encode(push.Notification(f"Title {number}")))


@contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@asynccontextmanager
async def open_fcm(manner: Manner) -> Opening:
    refusal = fcm_error(404, "NOT_FOUND", "UNREGISTERED", message=f"not {SECRET}0")
    deferral = fcm_error(503, "UNAVAILABLE", message=f"not now {SECRET}0")
    async with Google(treatments=treat(manner, refusal, deferral), token_beginning=SECRET) as google:
        with folder() as files:
            sender = FcmSender(
                id=1, name="app", channel="push", connections=2, timeout_seconds=1.5,
                credentials_file=write(files, "account.json", google.credentials()),
                base_url=f"http://{AWAY}" if manner == "is away" else google.url,
            )  # fmt: skip
            channel = FcmChannel(sender, open_door, lambda: NOW)
            yield Opened(channel, lambda: len(google.messages))
            await channel.close()


@asynccontextmanager
async def open_webpush(manner: Manner) -> Opening:
    treatments = {}
    for number in range(1, 21):
        name = f"{SECRET}{device(number)}"
        refusal, deferral = (page(f"not {name}".encode(), status) for status in ("410 Gone", "503 Later"))
        answers = treat(manner, refusal, deferral)
        if device(number) in answers:
            treatments[name] = answers[device(number)]
    async with Browsers(treatments=treatments) as browsers:
        with folder() as files:
            key_file = write(files, "vapid.pem", pem(ec_key("vapid")))
            sender = WebpushSender(
                id=1, name="web", channel="push", connections=2, timeout_seconds=1.5, hosts=("http://127.0.0.1",),
                private_key_file="/nowhere.pem" if manner == "is away" else key_file, subject="mailto:a@shop.example",
            )  # fmt: skip
            channel = WebpushChannel(sender, open_door, lambda: NOW)
            places["webpush"] = browsers.url
            yield Opened(channel, lambda: len(browsers.shown))
            await channel.close()


def make_webpush(number: int) -> Envelope:
    return make("mozilla", number, f"{places['webpush']}/push/{SECRET}{device(number + 1)}")


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def open_apns(manner: Manner) -> Opening:
    replies: dict[Manner, Reply] = {
        "refuses": refused(410, "Unregistered"),
        "defers": refused(503, SECRET),
        "breaks off": Reply(instead="close"),
        "is silent": Reply(instead="silence"),
        "talks nonsense": Reply(instead="nonsense"),
    }
    treated = {device(number): replies[manner] for number in range(1, 21)} if manner in replies else {}
    apple = Apple(authority(), {device(2): replies["refuses"]} if manner == "mixed" else treated)
    with folder() as files, pytest.MonkeyPatch.context() as patch:
        apple.authority.cert_pem.write_to_path(str(files / "authority.pem"))
        patch.setenv("SSL_CERT_FILE", str(files / "authority.pem"))
        async with apple.serve() as server:
            sender = ApnsSender(
                id=1, name="ios", channel="push", connections=2, timeout_seconds=1.5, key_id=KEY_ID, team_id=TEAM_ID,
                topic=TOPIC, key_file=write(files, "key.p8", pem(ec_key("apple"))),
                base_url=f"https://{AWAY}" if manner == "is away" else server.url,
            )  # fmt: skip
            channel = ApnsChannel(sender, open_door, lambda: NOW)
            yield Opened(channel, lambda: len(apple.taken))
            await channel.close()


places: dict[str, str] = {}

PUSH_SUBJECTS = [
    Subject("fcm", open_fcm, lambda number: make("android-firebase", number)),
    Subject("webpush", open_webpush, make_webpush),
    Subject("apns", open_apns, lambda number: make("ios-apns", number)),
]

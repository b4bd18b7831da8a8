"""Push out through the Apple Push Notification service, over HTTP/2, with a provider token."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from msgspec import Struct

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import HttpSending, OpenDoor, Unusable, accept, defer, describe_failure, refuse
from tocsin.channels.json_web_tokens import read_file, read_p256_key, sign_es256
from tocsin.channels.push_keys import extension_data
from tocsin.core import push
from tocsin.core.addresses import Device, parse_push_address
from tocsin.core.configuration_senders import ApnsSender
from tocsin.core.errors import NotReady
from tocsin.core.push import Notification

# Apple refuses a token that is older than an hour, and another one within 20 minutes.
RENEWED_AFTER_SECONDS = 40 * 60.0
LEAST_AGE_SECONDS = 20 * 60.0

MOST_COLLAPSE_BYTES = 64

_PRODUCTION: Final = "https://api.push.apple.com"
_SANDBOX: Final = "https://api.sandbox.push.apple.com"

_OK, _INVALID, _FORBIDDEN, _TOO_LARGE = 200, 400, 403, 413
# Of a token that has never been one, or is of the other environment; of one whose app is gone.
_GONE: Final = frozenset({"BadDeviceToken", "Unregistered", "ExpiredToken"})
# What is wrong with the message itself; of the rest the sender is the cause.
_REFUSED: Final = frozenset({"BadCollapseId", "BadExpirationDate", "PayloadTooLarge", "PayloadEmpty", "BadMessageId"})

_is_token = re.compile(r"[0-9A-Fa-f]{16,400}").fullmatch
_is_reason = re.compile(r"[A-Za-z]{1,60}").fullmatch
_NOBODY: Final = Device("ios-apns", "0" * 64)


class _Refusal(Struct):
    reason: str = ""


class ProviderTokens:
    """The token that says who we are, signed anew now and then."""

    def __init__(self, sender: ApnsSender, clock: Callable[[], float]) -> None:
        self._sender = sender
        self._clock = clock
        self._key: EllipticCurvePrivateKey | None = None
        self._token = ""
        self._made_at = 0.0

    def get(self) -> str:
        """Raises Unusable."""
        now = self._clock()
        if not self._token or now >= self._made_at + RENEWED_AFTER_SECONDS:
            self._key = self._key or read_p256_key(read_file(self._sender.key_file, "key_file"), "key_file")
            claims = {"iss": self._sender.team_id, "iat": int(now)}
            self._token, self._made_at = sign_es256(self._key, claims, kid=self._sender.key_id), now
        return self._token

    def drop(self) -> None:
        """Forget a token that is said to be too old, unless it is too young for another."""
        if self._clock() >= self._made_at + LEAST_AGE_SECONDS:
            self._token = ""


class ApnsChannel:
    """A way out to the devices of one app. Requests share a connection. Belongs to one event loop."""

    def __init__(self, sender: ApnsSender, open_door: OpenDoor, clock: Callable[[], float] = time.time) -> None:
        self._sender = sender
        self._clock = clock
        self._tokens = ProviderTokens(sender, clock)
        self._base_url = (sender.base_url or (_SANDBOX if sender.sandbox else _PRODUCTION)).rstrip("/")
        self._sending = HttpSending(open_door, sender.connections, sender.messages_per_second, self._send)

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py)."""
        return await self._sending.send(envelopes, record)

    async def check(self) -> str:
        """One sentence: Apple knows us and the topic. What is asked is about a device that is none. Raises NotReady."""
        envelope = Envelope(bytes(12), "", "", b"")
        try:
            answer = await self._post(_NOBODY, Notification("check"), envelope)
        except Unusable as unusable:
            raise NotReady(one_line(f"{unusable.text}; {unusable.advice}")) from unusable
        if isinstance(answer, Failure):
            raise NotReady(answer.text)
        if answer.status != _OK and _read(answer) != "BadDeviceToken":
            raise NotReady(f"{_describe(answer)}; look at key_id, team_id and topic")
        return f"{self._base_url} accepts the key"

    async def close(self) -> None:
        """End the idle connections now, the others once what is being sent is through."""
        await self._sending.close()

    async def _send(self, envelope: Envelope) -> Outcome:
        device = parse_push_address(envelope.recipient)
        if push.kind_of(device.provider) != "apns":
            return refuse(envelope, 0, f"APNs does not reach {device.provider}")
        if not _is_token(device.subscription_id):
            return refuse(envelope, push.GONE, "the subscription is no device token: its digits are not hexadecimal")
        said = push.decode(envelope.body)
        size = len(_make_payload(said))
        if size > push.MOST_BYTES:
            return refuse(envelope, 0, f"the push message has {size} bytes; APNs takes {push.MOST_BYTES}")
        answer = await self._post(device, said, envelope)
        if isinstance(answer, Answer) and _read(answer) == "ExpiredProviderToken":
            self._tokens.drop()
            answer = await self._post(device, said, envelope)
        return describe_failure(envelope, answer) if isinstance(answer, Failure) else _judge(envelope, answer)

    async def _post(self, device: Device, said: Notification, envelope: Envelope) -> Answer | Failure:
        """Raises Unusable."""
        headers = {
            "authorization": f"bearer {self._tokens.get()}",
            "apns-topic": self._sender.topic,
            "apns-push-type": "alert",
            "apns-id": str(UUID(bytes=envelope.message_id + bytes(4))),
            "apns-priority": "10" if said.priority == "high" else "5",
            "apns-collapse-id": said.collapse_key,
            "apns-expiration": "" if said.ttl_seconds is None else self._expiration(said.ttl_seconds),
        }
        return await self._sending.fetch(
            Request(
                "POST",
                f"{self._base_url}/3/device/{device.subscription_id}",
                tuple((name, text) for name, text in headers.items() if text),
                _make_payload(said),
                self._sender.timeout_seconds,
            )
        )

    def _expiration(self, ttl_seconds: int) -> str:
        """Seconds since 1970; 0 is for a device that is there now, or never."""
        return str(int(self._clock()) + ttl_seconds if ttl_seconds else 0)


def _make_payload(said: Notification) -> bytes:
    alert = {name: text for name, text in (("title", said.title), ("body", said.text)) if text}
    aps: dict[str, Any] = {"alert": alert, "mutable-content": 1}
    if said.sound:
        aps["sound"] = said.sound
    return msgspec.json.encode({"aps": aps} | extension_data(said))


def _judge(envelope: Envelope, answer: Answer) -> Outcome:
    if answer.status == _OK:
        return accept(envelope, _OK, "accepted by APNs")
    reason, text = _read(answer), _describe(answer)
    if reason in _GONE:
        return refuse(envelope, push.GONE, text)
    if reason in _REFUSED or answer.status == _TOO_LARGE:
        return refuse(envelope, answer.status, text)
    is_ours = answer.status in (_INVALID, _FORBIDDEN)
    return defer(
        envelope, text, answer.status, retry_after_seconds=answer.retry_after_seconds, may_go_elsewhere=is_ours
    )


def _read(answer: Answer) -> str:
    if answer.status == _OK:
        return ""
    try:
        reason = msgspec.json.decode(answer.body, type=_Refusal).reason
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return reason if _is_reason(reason) else ""


def _describe(answer: Answer) -> str:
    return one_line(f"APNs answered {answer.status} {_read(answer)}".rstrip())

"""Push out to browsers, through the push service that each subscription names (RFC 8030), encrypted for it alone."""

import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import (
    HttpSending,
    OpenDoor,
    Unusable,
    accept,
    conceal,
    defer,
    describe_failure,
    refuse,
)
from tocsin.channels.json_web_tokens import encode_base64, read_file, read_p256_key, sign_es256
from tocsin.channels.push_keys import report_data
from tocsin.channels.webpush_encryption import MOST_PLAIN_BYTES, SALT_BYTES, encode_public, encrypt
from tocsin.channels.webpush_subscription import Subscription, Unfit, make_topic, parse_subscription
from tocsin.core import push
from tocsin.core.addresses import parse_push_address
from tocsin.core.configuration_senders import WebpushSender
from tocsin.core.errors import NotReady
from tocsin.core.push import Notification

# No token may be good for more than a day (RFC 8292, section 2).
TOKEN_SECONDS = 12 * 3600
RENEWED_BEFORE_SECONDS = 3600.0
# Of a message that does not say how long it is of use: four weeks, the most that services keep it.
DEFAULT_TTL_SECONDS = 2419200
MOST_ORIGINS = 1000

# RFC 8030 has no word for a service that knows no such subscription but these two.
_GONE: Final = frozenset({404, 410})
_REFUSED: Final = frozenset({400, 413})
_SUCCESS: Final = 2


class _Token(NamedTuple):
    authorization: str
    renewed_at: float


class WebpushChannel:
    """A way out to the browsers that subscribed with one key. Belongs to one event loop."""

    def __init__(self, sender: WebpushSender, open_door: OpenDoor, clock: Callable[[], float] = time.time) -> None:
        self._sender = sender
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._sending = HttpSending(open_door, sender.connections, sender.messages_per_second, self._send)

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py)."""
        return await self._sending.send(envelopes, record)

    async def check(self) -> str:
        """One sentence, with the key that browsers subscribe with. Nobody is asked. Raises NotReady."""
        try:
            key = self._public_key
        except Unusable as unusable:
            raise NotReady(one_line(f"{unusable.text}; {unusable.advice}")) from unusable
        return f"browsers subscribe with the applicationServerKey {key}"

    async def close(self) -> None:
        """End the idle connections now, the others once what is being sent is through."""
        await self._sending.close()

    async def _send(self, envelope: Envelope) -> Outcome:
        device = parse_push_address(envelope.recipient)
        if push.kind_of(device.provider) != "webpush":
            return refuse(envelope, 0, f"Web Push does not reach {device.provider}")
        try:
            subscription = parse_subscription(device.subscription_id, self._sender.hosts)
        except Unfit as unfit:
            return refuse(envelope, push.GONE if unfit.is_hopeless else 0, str(unfit))
        said = push.decode(envelope.body)
        plain = _make_payload(said)
        if subscription.key and len(plain) > MOST_PLAIN_BYTES:
            return refuse(envelope, 0, f"the push message has {len(plain)} bytes; Web Push takes {MOST_PLAIN_BYTES}")
        answer = await self._post(subscription, said, plain)
        return describe_failure(envelope, answer) if isinstance(answer, Failure) else _judge(envelope, answer)

    async def _post(self, subscription: Subscription, said: Notification, plain: bytes) -> Answer | Failure:
        """Without its keys a browser is only woken, with no payload. Raises Unusable."""
        ttl = DEFAULT_TTL_SECONDS if said.ttl_seconds is None else said.ttl_seconds
        headers = {
            "Authorization": self._authorize(subscription.origin),
            "TTL": str(ttl),
            "Urgency": said.priority,
            "Topic": make_topic(said.collapse_key),
        }
        body = b""
        if subscription.key:
            headers |= {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream"}
            own = generate_private_key(SECP256R1())
            body = encrypt(plain, subscription.key, subscription.secret, own, os.urandom(SALT_BYTES))
        given = tuple((name, text) for name, text in headers.items() if text)
        request = Request("POST", subscription.endpoint, given, body, self._sender.timeout_seconds)
        # Whoever knows the endpoint can write to the browser.
        name = subscription.endpoint.rpartition("/")[2]
        token = headers["Authorization"].removeprefix("vapid t=").partition(",")[0]
        return conceal(await self._sending.fetch(request), token, name)

    def _authorize(self, origin: str) -> str:
        """The header of RFC 8292 for a push service. Raises Unusable."""
        now = self._clock()
        known = self._tokens.get(origin)
        if known is None or now >= known.renewed_at:
            if len(self._tokens) >= MOST_ORIGINS:
                self._tokens.clear()
            claims = {"aud": origin, "exp": int(now) + TOKEN_SECONDS, "sub": self._sender.subject}
            token = sign_es256(self._key, claims, typ="JWT")
            renewed_at = now + TOKEN_SECONDS - RENEWED_BEFORE_SECONDS
            known = self._tokens[origin] = _Token(f"vapid t={token}, k={self._public_key}", renewed_at)
        return known.authorization

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        return read_p256_key(read_file(self._sender.private_key_file, "private_key_file"), "private_key_file")

    @cached_property
    def _public_key(self) -> str:
        return encode_base64(encode_public(self._key))


def _make_payload(said: Notification) -> bytes:
    """What the page's service worker gets; with a URL in the form that a browser may show without one."""
    shown = {
        "title": said.title,
        "body": said.text,
        "navigate": said.url,
        "icon": said.icon,
        "image": said.image,
        "tag": said.collapse_key,
        "silent": not said.sound,
        "actions": [
            {"action": f"button{at}", "title": one.label} | ({"navigate": one.url} if one.url else {})
            for at, one in enumerate(said.buttons)
        ],
        "data": said.data | report_data(said),
    }
    mark = {"web_push": 8030} if said.url else {}
    return msgspec.json.encode(mark | {"notification": {name: value for name, value in shown.items() if value}})


def _judge(envelope: Envelope, answer: Answer) -> Outcome:
    text = _describe(answer)
    if answer.status // 100 == _SUCCESS:
        return accept(envelope, answer.status, text)
    if answer.status in _GONE:
        return refuse(envelope, push.GONE, text)
    if answer.status in _REFUSED:
        return refuse(envelope, answer.status, text)
    return defer(envelope, text, answer.status, retry_after_seconds=answer.retry_after_seconds)


def _describe(answer: Answer) -> str:
    said = answer.body[:300].decode("utf-8", "replace").strip()
    return one_line(f"the push service answered {answer.status}{f': {said}' if said else ''}")

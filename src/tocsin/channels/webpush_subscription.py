"""A browser's subscription, as it was stored: whoever subscribed may have written anything."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from msgspec import Struct, field

from tocsin.channels.http_call import Target, parse_target
from tocsin.channels.http_exchange import Stop
from tocsin.channels.json_web_tokens import encode_base64
from tocsin.channels.webpush_encryption import KEY_BYTES, SECRET_BYTES, decode_base64

_PLAIN: Final = "http://"
_TOPIC_BYTES: Final = 24


class Unfit(Exception):
    """Nothing can be sent to it. `is_hopeless`: whatever is configured."""

    def __init__(self, text: str, *, is_hopeless: bool) -> None:
        super().__init__(text)
        self.is_hopeless = is_hopeless


class Subscription(Struct, frozen=True):
    """Where its pushes go, and whom they are encrypted for; without `key` it can be woken only."""

    endpoint: str
    origin: str
    key: bytes = b""
    secret: bytes = b""


class _Keys(Struct):
    p256dh: str = ""
    auth: str = ""


class _Stored(Struct):
    endpoint: str
    keys: _Keys = field(default_factory=_Keys)


def parse_subscription(text: str, hosts: Sequence[str]) -> Subscription:
    """The JSON that a browser makes of its PushSubscription, or the endpoint alone. Raises Unfit.

    hosts: the push services that may be asked: `name`, `*.name` or `*`, over https; with `http://` before, over http.
    """
    stored = _read(text)
    try:
        target = parse_target(stored.endpoint)
    except Stop as stop:
        raise Unfit(f"the endpoint of the subscription: {stop.failure.text}", is_hopeless=True) from None
    if not any(_fits(target, host) for host in hosts):
        raise Unfit(f"{target.scheme}://{target.host} is none of the sender's hosts", is_hopeless=False)
    key, secret = _read_keys(stored.keys)
    return Subscription(target.url, f"{target.scheme}://{target.place}", key, secret)


def make_topic(collapse_key: str) -> str:
    """Of messages with the same topic a service keeps the last: 32 characters of Base64 (RFC 8030, section 5.4)."""
    return encode_base64(sha256(collapse_key.encode(errors="replace")).digest()[:_TOPIC_BYTES]) if collapse_key else ""


def _read(text: str) -> _Stored:
    if not text.startswith("{"):
        return _Stored(text)
    try:
        return msgspec.json.decode(text, type=_Stored)
    except (msgspec.DecodeError, UnicodeError):
        raise Unfit("the subscription is neither a browser's JSON nor an endpoint", is_hopeless=True) from None


def _read_keys(keys: _Keys) -> tuple[bytes, bytes]:
    if not keys.p256dh and not keys.auth:
        return b"", b""
    try:
        key, secret = decode_base64(keys.p256dh), decode_base64(keys.auth)
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)
    except ValueError:
        key = secret = b""
    if len(key) != KEY_BYTES or len(secret) != SECRET_BYTES:
        raise Unfit("the keys of the subscription cannot be used", is_hopeless=True)
    return key, secret


def _fits(target: Target, pattern: str) -> bool:
    scheme = "http" if pattern.startswith(_PLAIN) else "https"
    name = pattern.removeprefix(_PLAIN).lower()
    if target.scheme != scheme:
        return False
    if name == "*":
        return True
    return target.host.endswith(name[1:]) if name.startswith("*.") else target.host == name

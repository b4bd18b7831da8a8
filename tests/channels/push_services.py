"""Push services on loopback that are as strict as the real ones: what is not signed as it must be is not let in."""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import trustme
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.channels.http2_server import Http2Server, Reply
from tests.channels.web_server import Asked, Behaviour, WebServer, page

PROJECT = "shop-1234"
ACCOUNT = "sender@shop-1234.iam.gserviceaccount.com"
KEY_ID, TEAM_ID, TOPIC = "KEYKEYKEY1", "TEAMTEAM12", "com.example.shop"


class NotLetIn(Exception):
    """What is wrong with what the caller shows."""


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:  # noqa: ARG001 - one is kept for each name
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(folder: Path, name: str, content: bytes | str) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def open_token(token: str, key: Any, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JSON Web Token. NotLetIn unless this key has signed it by this algorithm."""
    first, second, third = token.split(".")
    header, claims = json.loads(from_base64(first)), json.loads(from_base64(second))
    if header.get("alg") != algorithm:
        raise NotLetIn("algorithm")
    signed, signature = f"{first}.{second}".encode(), from_base64(third)
    try:
        if algorithm == "RS256":
            key.verify(signature, signed, padding.PKCS1v15(), SHA256())
        else:
            assert len(signature) == 64
            der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
            key.verify(der, signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise NotLetIn("signature") from None
    return header, claims


def decrypt(body: bytes, browser: ec.EllipticCurvePrivateKey, secret: bytes) -> bytes:
    """What a browser makes of a body (RFC 8291, section 3.4, by HMAC alone, as the RFC writes it)."""
    salt, size, id_length = body[:16], int.from_bytes(body[16:20]), body[20]
    server_key, record = body[21 : 21 + id_length], body[21 + id_length :]
    assert len(record) <= size == 4096
    shared = browser.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), server_key))
    material = hmac(hmac(secret, shared), b"WebPush: info\0" + point(browser) + server_key + b"\x01")
    pseudo_random = hmac(salt, material)
    key = hmac(pseudo_random, b"Content-Encoding: aes128gcm\0\x01")[:16]
    nonce = hmac(pseudo_random, b"Content-Encoding: nonce\0\x01")[:12]
    plain = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
    assert plain.endswith(b"\x02")
    return plain[:-1]


def hmac(key: bytes, data: bytes) -> bytes:
    made = HMAC(key, SHA256())
    made.update(data)
    return made.finalize()


def fcm_error(status: int, word: str, code: str = "", field: str = "", message: str = "no") -> bytes:
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    if field:
        violations = [{"field": field, "description": "Invalid value"}]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    said = {"error": {"code": status, "message": message, "status": word, "details": details}}
    return page(json.dumps(said).encode(), f"{status} {word}")


@dataclass
class Google(WebServer):
    """Google's token endpoint and FCM's, on one server. `treatments`: by the token of a device, how it is answered."""

    treatments: Mapping[str, bytes | Behaviour] = field(default_factory=dict)
    lifetime_seconds: float = 3600
    now: float = 1_800_000_000.0
    messages: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    granting: bytes | Behaviour | None = None
    token_beginning: str = "ya29.token-"

    def credentials(self, **changed: str) -> str:
        return json.dumps(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key_id": "key-1",
                "private_key": pem(rsa_key()).decode(),
                "client_email": ACCOUNT,
                "token_uri": f"{self.url}/token",
            }
            | changed
        )

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.answers = {asked.path: self._grant(asked) if asked.path == "/token" else self._take(asked)}
        await super()._answer(asked, writer)

    def _grant(self, asked: Asked) -> bytes | Behaviour:
        if self.granting is not None:
            return self.granting
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        try:
            header, claims = open_token(form["assertion"], rsa_key().public_key(), "RS256")
        except NotLetIn:
            return page(b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}', "400 Bad Request")
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
        assert claims["iss"] == ACCOUNT
        assert claims["aud"] == f"{self.url}/token"
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["iat"] <= self.now < claims["exp"] <= claims["iat"] + 3600
        self.tokens.append(f"{self.token_beginning}{len(self.tokens)}")
        granted = {"access_token": self.tokens[-1], "expires_in": self.lifetime_seconds, "token_type": "Bearer"}
        return page(json.dumps(granted).encode())

    def _take(self, asked: Asked) -> bytes | Behaviour:
        assert asked.path == f"/v1/projects/{PROJECT}/messages:send"
        if not self.tokens or asked.headers["authorization"] != f"Bearer {self.tokens[-1]}":
            return fcm_error(401, "UNAUTHENTICATED", message=f"not {asked.headers['authorization']}")
        said = json.loads(asked.body)
        if said.get("validate_only"):
            return fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token")
        self.messages.append(said["message"])
        name = f"projects/{PROJECT}/messages/{len(self.messages)}"
        return self.treatments.get(said["message"]["token"], page(json.dumps({"name": name}).encode()))


@dataclass
class Apple:
    """APNs. `treatments`: by device token, the reason and status of a refusal."""

    authority: trustme.CA
    treatments: Mapping[str, Reply] = field(default_factory=dict)
    now: float = 1_800_000_000.0
    taken: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    is_out_of_date: bool = False

    def serve(self, **options: Any) -> Http2Server:
        return Http2Server(self.authority, self.treat, **options)

    def treat(self, asked: Asked) -> Reply:
        try:
            self._let_in(asked.headers)
        except NotLetIn as refusal:
            return refused(403, str(refusal))
        assert asked.method == "POST"
        device = asked.path.removeprefix("/3/device/")
        if device == "0" * 64:
            return refused(400, "BadDeviceToken")
        said = json.loads(asked.body)
        if len(asked.body) > 4096:
            return refused(413, "PayloadTooLarge")
        self.taken.append((asked.headers | {"device": device}, said))
        return self.treatments.get(device, Reply(200, headers={"apns-id": asked.headers["apns-id"]}))

    def _let_in(self, headers: Mapping[str, str]) -> None:
        token = headers["authorization"].removeprefix("bearer ")
        try:
            header, claims = open_token(token, ec_key("apple").public_key(), "ES256")
        except NotLetIn:
            raise NotLetIn("InvalidProviderToken") from None
        if header["kid"] != KEY_ID or claims["iss"] != TEAM_ID:
            raise NotLetIn("InvalidProviderToken")
        if not claims["iat"] <= self.now <= claims["iat"] + 3600:
            raise NotLetIn("ExpiredProviderToken")
        if headers["apns-topic"] != TOPIC:
            raise NotLetIn("TopicDisallowed")
        self.tokens.add(token)


def refused(status: int, reason: str) -> Reply:
    return Reply(status, json.dumps({"reason": reason}).encode())


@dataclass
class Browsers(WebServer):
    """A push service, and the browsers behind it. `treatments`: by the path of a subscription."""

    treatments: Mapping[str, bytes | Behaviour] = field(default_factory=dict)
    now: float = 1_800_000_000.0
    shown: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def subscribe(self, name: str, **members: Any) -> str:
        """What the browser `name` gives its page."""
        browser = ec_key(name)
        keys = {"p256dh": to_base64(point(browser)), "auth": to_base64(secret_of(name))}
        return json.dumps({"endpoint": f"{self.url}/push/{name}", "expirationTime": None, "keys": keys} | members)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.answers = {asked.path: self._take(asked)}
        await super()._answer(asked, writer)

    def _take(self, asked: Asked) -> bytes | Behaviour:
        try:
            self._let_in(asked.headers)
        except NotLetIn as refusal:
            return page(str(refusal).encode(), "403 Forbidden")
        assert int(asked.headers["ttl"]) >= 0
        name = asked.path.removeprefix("/push/")
        said = None
        if asked.body:
            assert asked.headers["content-encoding"] == "aes128gcm"
            said = json.loads(decrypt(asked.body, ec_key(name), secret_of(name)))
        self.shown.append((name, asked.headers, said))
        return self.treatments.get(name, page(b"", "201 Created", Location="/message/1"))

    def _let_in(self, headers: Mapping[str, str]) -> None:
        scheme, _, rest = headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or from_base64(parts["k"]) != point(ec_key("vapid")):
            raise NotLetIn("the key is not that of the subscription")
        _, claims = open_token(parts["t"], ec_key("vapid").public_key(), "ES256")
        if claims["aud"] != self.url or not self.now < claims["exp"] <= self.now + 86400:
            raise NotLetIn("audience or time")
        if not claims["sub"].startswith("mailto:"):
            raise NotLetIn("subject")


def secret_of(name: str) -> bytes:
    return name.encode().ljust(16, b"-")[:16]

"""Messages that only one browser can read (RFC 8291, of RFC 8188's aes128gcm), in a single record."""

import hmac
from base64 import b64decode

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SALT_BYTES = 16
SECRET_BYTES = 16
KEY_BYTES = 65
RECORD_BYTES = 4096
# The head (salt, size of a record, key), the mark of the last record, and the tag of AES-GCM.
MOST_PLAIN_BYTES = RECORD_BYTES - (SALT_BYTES + 4 + 1 + KEY_BYTES) - 1 - 16

_LAST_RECORD = b"\x02"


def encrypt(plain: bytes, browser_key: bytes, secret: bytes, own: EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """The body to post. `browser_key` is `p256dh`, `secret` is `auth`; `own` and `salt` serve one message only.

    Raises ValueError for a key that is no point of P-256, or for more than MOST_PLAIN_BYTES.
    """
    if len(plain) > MOST_PLAIN_BYTES:
        raise ValueError(f"{len(plain)} bytes are more than {MOST_PLAIN_BYTES}")
    browser = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), browser_key)
    own_key = encode_public(own)
    info = b"WebPush: info\0" + browser_key + own_key
    material = _derive(own.exchange(ECDH(), browser), secret, info, 32)
    key = _derive(material, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(material, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD_BYTES.to_bytes(4) + len(own_key).to_bytes(1) + own_key
    return head + AESGCM(key).encrypt(nonce, plain + _LAST_RECORD, None)


def encode_public(key: EllipticCurvePrivateKey) -> bytes:
    """Its public key as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def decode_base64(text: str) -> bytes:
    """Base64 of either alphabet, with padding or without, as browsers give it. Raises ValueError."""
    plain = text.translate(str.maketrans("+/", "-_")).rstrip("=")
    return b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF of SHA-256 (RFC 5869), 32 bytes at most; several times as quick as the object of the library."""
    return hmac.digest(hmac.digest(salt, secret, "sha256"), info + b"\x01", "sha256")[:length]

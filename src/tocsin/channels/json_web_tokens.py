"""JSON Web Tokens that we sign (RFC 7515, RFC 7518), and the private keys in files that they are signed with."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tocsin.channels.http_sending import Unusable

LEAST_RSA_BITS = 2048

_HALF_BYTES: Final = 32


def encode_base64(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_es256(key: EllipticCurvePrivateKey, claims: Mapping[str, Any], **header: str) -> str:
    """A token signed by ECDSA over P-256."""
    signed = _join({"alg": "ES256"} | header, claims)
    first, second = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
    signature = first.to_bytes(_HALF_BYTES) + second.to_bytes(_HALF_BYTES)
    return f"{signed}.{encode_base64(signature)}"


def sign_rs256(key: RSAPrivateKey, claims: Mapping[str, Any], **header: str) -> str:
    """A token signed by RSASSA-PKCS1-v1_5."""
    signed = _join({"alg": "RS256"} | header, claims)
    return f"{signed}.{encode_base64(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def read_file(path: str, member: str) -> bytes:
    """The content of a file that a sender names. Raises Unusable."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its path is none"
        raise Unusable(f"the file of {member} cannot be read: {reason}", f"look at {member}") from error


def read_p256_key(content: bytes, member: str) -> EllipticCurvePrivateKey:
    """A private key of the curve P-256 in PEM, without a password. Raises Unusable."""
    key = _read_key(content, member)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise Unusable(f"the key of {member} is not of the curve P-256", f"look at {member}")
    return key


def read_rsa_key(content: bytes, member: str) -> RSAPrivateKey:
    """An RSA key in PEM, without a password. Raises Unusable."""
    key = _read_key(content, member)
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_RSA_BITS:
        raise Unusable(f"the key of {member} is not RSA of {LEAST_RSA_BITS} bits or more", f"look at {member}")
    return key


def _read_key(content: bytes, member: str) -> object:
    try:
        return load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        text = f"the key of {member} is not a private key in PEM without a password"
        raise Unusable(text, f"look at {member}") from error


def _join(header: Mapping[str, str], claims: Mapping[str, Any]) -> str:
    return f"{encode_base64(msgspec.json.encode(header))}.{encode_base64(msgspec.json.encode(claims))}"

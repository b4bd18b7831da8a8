"""Signatures of what hooks send, as the public specification Standard Webhooks 1.0 has them."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


# What pages show in the place of a secret. Nothing is signed by it.
PLACEHOLDER = "whsec_…"


def parse_secret(secret: str) -> bytes:
    """The key of `whsec_…`: 24 to 64 bytes in base64. ValueError for anything else."""
    key = b64decode(secret.removeprefix(PREFIX), validate=True)
    if not secret.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"expected {PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64")
    return key


def sign(secrets: Sequence[str], message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of a message, with a signature by each of the secrets; without any there is no signature.

    `message_id` is the same whenever the same message is sent again; `seconds` since 1970 is when it is sent.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(seconds)}
    signed = f"{message_id}.{seconds}.".encode() + body
    signatures = [b64encode(hmac.digest(parse_secret(one), signed, sha256)).decode() for one in secrets]
    return headers | ({"webhook-signature": " ".join(f"v1,{one}" for one in signatures)} if signatures else {})

"""DKIM signatures (RFC 6376, RFC 8463): a complete mail and a way to sign become the mail with its signature in front.

Both head and body are signed in their relaxed form, so that relays may fold lines and change spaces.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

# Signed once more than they are there, so that nobody can add another one (RFC 6376, section 8.15).
_SEALED: Final = (
    b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
)  # fmt: skip
# Signed as they are: a relay may add them where there are none.
_SIGNED: Final = (b"list-unsubscribe", b"list-unsubscribe-post")

_NAMES_PER_LINE = 4
_SIGNATURE_LINE = 72

_many_spaces = re.compile(rb"  +")


class Signer(Struct, frozen=True):
    """Who signs. `sign` makes the signature of a SHA-256 digest: RSASSA-PKCS1-v1_5, or Ed25519 of the digest."""

    domain: str
    selector: str
    algorithm: Literal["rsa-sha256", "ed25519-sha256"]
    sign: Callable[[bytes], bytes]


def seal(message: bytes, signer: Signer) -> bytes:
    """The message, whose lines end with CRLF, with a DKIM-Signature field in front."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = _relax_head(head)
    names = _signed_names(fields)
    unsigned = _signature_field(signer, names, b64encode(sha256(relax_body(body)).digest()))
    # Of several fields with one name the last comes first (RFC 6376, section 5.4.2).
    signed = [field for name in dict.fromkeys(names) for field in fields.get(name, ())]
    signed += _relax_head(unsigned)[b"dkim-signature"]
    signature = b64encode(signer.sign(sha256(b"\r\n".join(signed)).digest()))
    lines = (signature[at : at + _SIGNATURE_LINE] for at in range(0, len(signature), _SIGNATURE_LINE))
    return b"%b%b\r\n%b" % (unsigned, b"\r\n ".join(lines), message)


def relax_body(body: bytes) -> bytes:
    """The body with spaces and tabs as one space, none at the ends of lines, and no empty lines at its end."""
    body = _squeeze(body).replace(b" \r\n", b"\r\n").rstrip(b" ").rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def _relax_head(head: bytes) -> dict[bytes, list[bytes]]:
    """The fields by name, in small letters and unfolded; of several with one name the last first."""
    unfolded = _squeeze(head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" "))
    fields: dict[bytes, list[bytes]] = {}
    for line in reversed(unfolded.split(b"\r\n")):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        fields.setdefault(name, []).append(b"%b:%b" % (name, value.strip(b" ")))
    return fields


def _squeeze(text: bytes) -> bytes:
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    return _many_spaces.sub(b" ", text) if b"  " in text else text


def _signed_names(fields: Mapping[bytes, Sequence[bytes]]) -> list[bytes]:
    sealed = [name for name in _SEALED for _ in range(len(fields.get(name, ())) + 1)]
    return sealed + [name for name in _SIGNED for _ in fields.get(name, ())]


def _signature_field(signer: Signer, names: Sequence[bytes], body_hash: bytes) -> bytes:
    """The field up to where the signature follows."""
    lines = (b":".join(names[at : at + _NAMES_PER_LINE]) for at in range(0, len(names), _NAMES_PER_LINE))
    start = (
        f"DKIM-Signature: v=1; a={signer.algorithm}; c=relaxed/relaxed;\r\n d={signer.domain};\r\n s={signer.selector};"
    )
    return b"%b\r\n h=%b;\r\n bh=%b;\r\n b=" % (start.encode(), b":\r\n ".join(lines), body_hash)

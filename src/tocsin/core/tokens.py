"""Signed tokens in URLs: made by who has the secret alone, readable by all, and no longer than need be."""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from hashlib import blake2b
from hmac import compare_digest

from msgspec import Struct

MARK_BYTES = 10
# What is looked up and not read needs no more: among a hundred million, one guess in 10**11 finds any.
CODE_BITS = 57
LONGEST_TOKEN = 8192

_SAFE_IN_URLS = bytes.maketrans(b"+/", b"-_")


class Signer(Struct, frozen=True):
    """Makes tokens with the first of its keys, and reads those of any of them."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "Signer(…)"

    def seal(self, content: bytes) -> str:
        """The token of some bytes; the first says what they are for, so that none passes for one of another kind."""
        encoded = b2a_base64(_mark(self.keys[0], content) + content, newline=False)
        return encoded.translate(_SAFE_IN_URLS, b"=").decode()

    def open(self, token: str) -> bytes | None:
        """The bytes of a token that was made here, else None."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        mark, content = sealed[:MARK_BYTES], sealed[MARK_BYTES:]
        is_ours = any(compare_digest(mark, _mark(key, content)) for key in self.keys)
        return content if is_ours and content else None

    def make_code(self, content: bytes) -> int:
        """A number of CODE_BITS bits that stands for some bytes, and that nobody makes without the secret."""
        return _code(self.keys[0], content)

    def is_code(self, code: int, content: bytes) -> bool:
        """Whether it was made here of these bytes."""
        return any(code == _code(key, content) for key in self.keys)


def _code(key: bytes, content: bytes) -> int:
    return int.from_bytes(blake2b(content, key=key, digest_size=8).digest()) >> (64 - CODE_BITS)


def _mark(key: bytes, content: bytes) -> bytes:
    """Keyed BLAKE2 (RFC 7693), which for texts this short takes a quarter of the time of an HMAC."""
    return blake2b(content, key=key, digest_size=MARK_BYTES).digest()

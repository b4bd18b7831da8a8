"""Ids of profiles, messages and launches: 12 bytes, time first, bucket last (design.md, section 2)."""

from collections.abc import Iterator
from struct import Struct
from typing import NewType

ProfileId = NewType("ProfileId", bytes)

SIZE = 12
HEX_SIZE = 24
BUCKETS = 256

_PACK = Struct(">I8s").pack


def make(seconds: int, random: bytes) -> bytes:
    """One id from whole seconds since 1970 and 8 random bytes; the last of them is the bucket."""
    return _PACK(seconds & 0xFFFFFFFF, random)


def make_many(seconds: int, random: bytes) -> Iterator[bytes]:
    """One id for each 8 bytes of `random`."""
    return (_PACK(seconds & 0xFFFFFFFF, random[at : at + 8]) for at in range(0, len(random), 8))


def bucket(identifier: bytes) -> int:
    """0–255: what profiles, messages and events are spread over hosts by."""
    return identifier[-1]


def parse(text: str) -> bytes | None:
    """The id that 24 hex digits stand for, None when they do not."""
    if len(text) != HEX_SIZE or not text.isascii():
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None

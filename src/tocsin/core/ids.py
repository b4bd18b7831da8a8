"""Ids of profiles, messages and launches: 12 bytes, time first, bucket last (design.md, section 2)."""

from collections.abc import Sequence
from struct import Struct

SIZE = 12
HEX_SIZE = 24
BUCKETS = 256
# After every id.
LAST = b"\xff" * (SIZE + 1)

_pack_seconds = Struct(">I").pack


def make(seconds: int, random: bytes) -> bytes:
    """One id from whole seconds since 1970 and 8 random bytes; the last of them is the bucket."""
    return _pack_seconds(seconds & 0xFFFFFFFF) + random


def make_many(seconds: int, random: bytes) -> list[bytes]:
    """One id for each 8 bytes of `random`."""
    beginning = _pack_seconds(seconds & 0xFFFFFFFF)
    return [beginning + random[at : at + 8] for at in range(0, len(random), 8)]


def make_beside(seconds: int, random: bytes, others: Sequence[bytes]) -> list[bytes]:
    """One id for each 7 bytes of `random`, each in the bucket of another id."""
    beginning = _pack_seconds(seconds & 0xFFFFFFFF)
    return [beginning + random[7 * at : 7 * at + 7] + other[-1:] for at, other in enumerate(others)]


def seconds(identifier: bytes) -> int:
    """When an id was made, in whole seconds since 1970."""
    return int.from_bytes(identifier[:4])


def first_of(seconds: int) -> bytes:
    """What comes before every id of this second and of later ones."""
    return _pack_seconds(max(seconds, 0) & 0xFFFFFFFF)


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

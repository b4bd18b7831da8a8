"""Short links in SMS: where each leads is stored, and its code is a mark that nobody makes without the secret.

A code is the bucket of its message, which says where it is looked up, and 57 bits of a keyed hash of message and URL:
so the same at every attempt. 11 letters and digits hold that; what ends in other characters, some phones cut.
"""

from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final, NamedTuple

from msgspec import Struct

from tocsin.core import ids
from tocsin.core.tokens import CODE_BITS, Signer

PREFIX: Final = "s"
LENGTH: Final = 11

_CHARACTERS: Final = digits + ascii_uppercase + ascii_lowercase
_VALUES: Final = {character: value for value, character in enumerate(_CHARACTERS)}


class Place(NamedTuple):
    """Where a link is looked up."""

    bucket: int
    code: int


class ShortLink(Struct, frozen=True):
    """A link of a message, which one and of how many, and where it leads."""

    message_id: bytes
    code: int
    number: int
    links: int
    url: str

    @property
    def place(self) -> Place:
        return Place(ids.bucket(self.message_id), self.code)


def make(signer: Signer, message_id: bytes, number: int, links: int, url: str) -> ShortLink:
    """The link of a message to a URL."""
    sent = url.encode(errors="replace").decode()
    return ShortLink(message_id, signer.make_code(_content(message_id, sent)), number, links, sent)


def is_genuine(signer: Signer, link: ShortLink) -> bool:
    """Whether its code was made by a secret that is still good."""
    return signer.is_code(link.code, _content(link.message_id, link.url))


def spell(place: Place) -> str:
    """What stands in the URL."""
    left = place.bucket << CODE_BITS | place.code
    characters = []
    for _ in range(LENGTH):
        left, value = divmod(left, len(_CHARACTERS))
        characters.append(_CHARACTERS[value])
    return "".join(reversed(characters))


def parse(text: str) -> Place | None:
    """The reverse; None for what no link says."""
    if len(text) != LENGTH or not _VALUES.keys() >= set(text):
        return None
    value = 0
    for character in text:
        value = value * len(_CHARACTERS) + _VALUES[character]
    bucket, code = value >> CODE_BITS, value & (1 << CODE_BITS) - 1
    return Place(bucket, code) if bucket < ids.BUCKETS else None


def _content(message_id: bytes, url: str) -> bytes:
    return b"s" + message_id + url.encode()

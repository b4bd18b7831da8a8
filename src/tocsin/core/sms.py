"""How many SMS a text takes: the alphabet that it needs (3GPP TS 23.038) and how it is cut (TS 23.040, 9.2.3.24.1)."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_LAST_OF_ONE_UNIT = 0xFFFF


class Length(NamedTuple):
    """`units` are septets in GSM-7 and pairs of octets in UCS-2; `segments` is what a provider asks to be paid for."""

    alphabet: Literal["GSM-7", "UCS-2"]
    units: int
    segments: int


class _Cut(NamedTuple):
    """How many units fit one SMS that is alone, and one of several."""

    alone: int
    joined: int


_CUTS = {"GSM-7": _Cut(160, 153), "UCS-2": _Cut(70, 67)}


def measure(text: str) -> Length:
    """The length of a text as it is sent. Neither an escaped character nor one beyond the first plane is cut in two."""
    alphabet: Literal["GSM-7", "UCS-2"] = "GSM-7" if is_gsm(text) else "UCS-2"
    sizes = list(_sizes(text, alphabet))
    units, cut = sum(sizes), _CUTS[alphabet]
    if units <= cut.alone:
        return Length(alphabet, units, 1 if units else 0)
    return Length(alphabet, units, _count_segments(sizes, cut.joined))


def is_gsm(text: str) -> bool:
    """Whether the GSM-7 alphabet with its extension table has every character."""
    return _BASIC.issuperset(text) or (_BASIC | _EXTENDED).issuperset(text)


def _sizes(text: str, alphabet: Literal["GSM-7", "UCS-2"]) -> Iterator[int]:
    if alphabet == "GSM-7":
        return (2 if character in _EXTENDED else 1 for character in text)
    return (2 if ord(character) > _LAST_OF_ONE_UNIT else 1 for character in text)


def _count_segments(sizes: list[int], most: int) -> int:
    segments, used = 1, 0
    for size in sizes:
        if used + size > most:
            segments, used = segments + 1, 0
        used += size
    return segments

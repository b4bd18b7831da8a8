"""A row of a file: one profile as it will be sent, or what is wrong with it."""

from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

MOST_CHARACTERS = 1_000_000

_DEEPEST = 40
_INT64 = range(-(2**63), 2**63)
_KEPT_OF_TOO_LONG = 1000


class Row(Struct, frozen=True):
    """`number` counts rows, `line` lines, both from 1. Without `profile`, its JSON, there is a `mistake`.

    `is_whole`: the original text is one record of its format, so that it may stand in another file as it is.
    """

    number: int
    line: int
    original: str
    profile: bytes = b""
    mistake: str = ""
    is_whole: bool = True


def make(number: int, line: int, original: str, value: Any) -> Row:
    """The row of a decoded value, which is wrong if the API could not be sent it."""
    try:
        return Row(number, line, original, encode(value))
    except ValueError as mistake:
        return Row(number, line, original, mistake=str(mistake))


def broken(number: int, line: int, original: str, mistake: str) -> Row:
    """A row that cannot be read; of a very long one only the beginning is kept."""
    kept = original if len(original) <= MOST_CHARACTERS else f"{original[:_KEPT_OF_TOO_LONG]}…"
    return Row(number, line, kept, mistake=mistake, is_whole=False)


def encode(value: Any) -> bytes:
    """A profile as JSON; or ValueError if the server would refuse the whole call for it."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {_kind(value)}")  # noqa: TRY004 - a value of the file, no fault
    if not value:
        raise ValueError("the row is empty")
    _check(value, _DEEPEST)
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ValueError("the text is not in the encoding of the file, or has half a character") from None


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("the text has a NUL character")
    elif isinstance(value, dict | list):
        if not depth:
            raise ValueError(f"objects may be {_DEEPEST} levels deep")
        for part in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(part, depth - 1)
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError("expected a finite number")
    elif value is not None and value not in _INT64:
        raise ValueError("the whole number does not fit into 64 bits")


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")

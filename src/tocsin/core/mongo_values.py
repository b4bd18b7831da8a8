"""Operands of a filter: what may be compared with what, dates, and the types by MongoDB's names and numbers."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from tocsin.core import ids
from tocsin.core.configuration import Database, Field
from tocsin.core.errors import Invalid
from tocsin.core.fields import STANDARD, match_text, parser
from tocsin.core.mongo_tree import JsonType, Path

DEPTH = 32
NODES = 1000
OPERANDS = 10_000
LONG_LISTS = frozenset({"$in", "$nin"})

Meaning: TypeAlias = Literal["value", "date", "datetime", "id", "email", "phones", "text", "number"]

_NUMBERS = range(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_LENGTH = 60
_MIDNIGHT = "T00:00:00Z"
_read_instant = parser(Field("datetime"))
_SPECIAL: Mapping[str, Meaning] = {"_id": "id", "email": "email", "phones": "phones"}

# A type that nothing stored has is known, and matches nothing.
_TYPES: Mapping[str, tuple[JsonType, ...]] = {
    "double": ("double",),
    "string": ("string",),
    "object": ("object",),
    "array": ("array",),
    "bool": ("boolean",),
    "null": ("null",),
    "int": ("int",),
    "long": ("long",),
    "number": ("number",),
    **dict.fromkeys(("binData", "undefined", "objectId", "date", "regex", "dbPointer", "javascript"), ()),
    **dict.fromkeys(("symbol", "javascriptWithScope", "timestamp", "decimal", "minKey", "maxKey"), ()),
}
_NUMBERED_TYPES: Mapping[int, str] = {
    **dict(enumerate(("double", "string", "object", "array", "binData", "undefined", "objectId", "bool", "date"), 1)),
    **dict(enumerate(("null", "regex", "dbPointer", "javascript", "symbol", "javascriptWithScope"), 10)),
    **dict(enumerate(("int", "timestamp", "long", "decimal"), 16)),
    -1: "minKey",
    127: "maxKey",
}
# What is stored as text but has a type of its own in MongoDB.
_TYPES_OF_TEXT: Mapping[Meaning, str] = {"date": "date", "datetime": "date", "id": "objectId"}


def meaning(database: Database, path: Path) -> Meaning:
    """How values at this path are compared, and whether the identity table knows them (`text`, `number`)."""
    if len(path) != 1:
        return "value"
    name = path[0]
    if special := _SPECIAL.get(name):
        return special
    field = STANDARD.get(name) or database.custom_fields().get(name)
    if field is None:
        return "value"
    if field.type in ("date", "datetime"):
        return "date" if field.type == "date" else "datetime"
    if name in STANDARD or not field.is_matchable:
        return "value"
    return "number" if field.type == "int" else "text"


def check_size(query: Any, path: str) -> None:
    """Invalid when the filter is too deep or too large, or holds a text or a number that nothing stored can be."""
    nodes = 0
    waiting: list[tuple[Any, int]] = [(query, 0)]
    while waiting:
        value, depth = waiting.pop()
        _check_leaf(value, path)
        if depth > DEPTH:
            raise Invalid(f"a filter may be {DEPTH} levels deep", path=path)
        nodes += 1
        if nodes > NODES:
            raise Invalid(f"a filter may have {NODES} members and operands beside those of $in and $nin", path=path)
        waiting.extend((part, depth + 1) for part in _parts(value, path))


def _parts(value: Any, path: str) -> Iterator[Any]:
    """Members and elements; long lists of plain operands are checked here and do not count."""
    if isinstance(value, list | tuple):
        yield from value
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        _check_leaf(name, path)
        if name in LONG_LISTS and isinstance(member, list):
            yield from _operands(member, f"{path}.{name}")
        else:
            yield member


def _operands(listed: list[Any], path: str) -> Iterator[Any]:
    if len(listed) > OPERANDS:
        raise Invalid(f"there may be {OPERANDS} operands, not {len(listed)}", path=path)
    for operand in listed:
        if isinstance(operand, dict | list):
            yield operand
        else:
            _check_leaf(operand, path)


def _check_leaf(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid("a text may not hold a NUL character", path=path)
        if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            raise Invalid("a text may not hold half a character (a surrogate)", path=path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Invalid("a number must be finite", path=path)
    elif isinstance(value, int) and value not in _NUMBERS:
        raise Invalid("a whole number may have 64 bits", path=path)


def has_operators(value: Any) -> bool:
    """Whether what is asked of a field is an object of operators, not a value that it equals."""
    return isinstance(value, dict) and next(iter(value), "").startswith("$") and not value.keys() & {"$date", "$oid"}


def split_path(name: str, path: str) -> Path:
    """The parts of a dotted name, or Invalid."""
    parts = tuple(name.split("."))
    if not all(parts):
        raise Invalid("a part of the field's name is empty", path=path)
    if any(part.startswith("$") for part in parts):
        raise Invalid("a field's name does not begin with $", path=path)
    if sum(map(is_index, parts)) > _INDEXES:
        raise Invalid(f"a path may have {_INDEXES} numbers", path=path)
    return parts


# Each doubles the number of ways that a path can be read.
_INDEXES = 4


def is_index(part: str) -> bool:
    """Whether the part of a path may stand for a place in a list."""
    return part == "0" or (part.isascii() and part.isdigit() and part[0] != "0" and len(part) <= len("999999999"))


def operand(value: Any, means: Meaning, path: str) -> Any:
    """The value as it is stored: dates in their canonical text, ids in lower case. Invalid if it cannot be a value."""
    if isinstance(value, dict) and value.keys() & {"$date", "$oid"}:
        return _extended(value, means, path)
    if isinstance(value, str):
        if means in ("date", "datetime"):
            return _moment(value, means, path)
        return _identifier(value, path) if means == "id" else value
    _check_names(value, path)
    return value


def _check_names(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            if name.startswith("$"):
                raise Invalid("an operator cannot stand inside a value", path=f"{path}.{name}")
            _check_names(member, f"{path}.{name}")
    elif isinstance(value, list):
        for member in value:
            _check_names(member, path)


def _extended(value: Mapping[str, Any], means: Meaning, path: str) -> str:
    name = next(iter(value))
    held = value[name]
    where = f"{path}.{name}"
    if len(value) != 1:
        raise Invalid(f"{name} stands alone", path=where)
    if name == "$oid":
        if means != "id" or not isinstance(held, str):
            raise Invalid(f"expected a text of {ids.HEX_SIZE} hex digits, for _id", path=where)
        return _identifier(held, where)
    if means not in ("date", "datetime"):
        raise Invalid("only fields of type date and datetime are compared with dates", path=where)
    return _moment(held, means, where)


def _identifier(text: str, path: str) -> str:
    if ids.parse(text) is None:
        raise Invalid(f"expected {ids.HEX_SIZE} hex digits", path=path)
    return text.lower()


def _moment(value: Any, means: Meaning, path: str) -> str:
    """The instant in UTC as a datetime field has it; for a date field midnight is the date alone."""
    try:
        text = _read_instant(_from_milliseconds(value) if _is_number(value) else value)
    except (ValueError, OverflowError):
        text = None
    if text is None:
        shown = repr(value)[:_SHOWN_LENGTH]
        raise Invalid(f"expected a date as 2026-11-21 or a time as 2026-11-21T10:00:00Z, got {shown}", path=path)
    return str(text).removesuffix(_MIDNIGHT) if means == "date" else str(text)


def _from_milliseconds(number: float) -> str:
    return (_EPOCH + timedelta(milliseconds=number)).isoformat()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole_number(value: Any, path: str, *, cut: bool = False) -> int:
    """A whole number, also written 5.0; with `cut` fractions are cut off. Or Invalid."""
    if _is_number(value) and (cut or value == int(value)):
        return int(value)
    raise Invalid("expected a whole number", path=path)


def identity_text(value: Any, means: Meaning) -> str | None:
    """The text that the identity table has a custom field's value under; None if the value is never there."""
    if means == "text":
        return match_text(value) if isinstance(value, str) and value else None
    return str(int(value)) if _is_number(value) and value == int(value) else None


def types(value: Any, means: Meaning, path: str) -> tuple[JsonType, ...]:
    """The types that the operand of $type asks for: names or numbers, one or a list."""
    asked = value if isinstance(value, list) else [value]
    if not asked:
        raise Invalid("expected a type", path=path)
    names = [_type_name(one, path) for one in asked]
    own = _TYPES_OF_TEXT.get(means)
    return _unique(found for name in names for found in _types_of(name, own))


def _types_of(name: str, own: str | None) -> tuple[JsonType, ...]:
    if own is not None and name in ("string", own):
        return ("string",) if name == own else ()
    return _TYPES[name]


def _type_name(value: Any, path: str) -> str:
    name = _NUMBERED_TYPES.get(int(value)) if _is_number(value) and value == int(value) else value
    if not isinstance(name, str) or name not in _TYPES:
        raise Invalid(f"there is no type {value!r}"[:_SHOWN_LENGTH], path=path)
    return name


def _unique(found: Iterable[JsonType]) -> tuple[JsonType, ...]:
    return tuple(dict.fromkeys(found))

"""What a filter says, checked: shapes only. `mongo.parse` makes them, `store/filter_sql.py` turns them into SQL."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, Union

from msgspec import Struct

from tocsin.core.identities import Kind

Path: TypeAlias = tuple[str, ...]
Comparison: TypeAlias = Literal["<", "<=", ">", ">="]
JsonType: TypeAlias = Literal["null", "boolean", "number", "string", "array", "object", "int", "long", "double"]

TYPES_OF_SCALARS: Mapping[type, JsonType] = {bool: "boolean", int: "number", float: "number", str: "string"}


class Equal(Struct, frozen=True):
    """The value itself, any JSON value. None is also equal to what is missing."""

    value: Any


class OneOf(Struct, frozen=True):
    """Equal to one of the values."""

    values: tuple[Any, ...]


class Ordered(Struct, frozen=True):
    """On one side of a value of its own type. An instant is compared with stored instants, fractions and all."""

    comparison: Comparison
    value: bool | float | str
    is_instant: bool = False


class Exists(Struct, frozen=True):
    """Anything, null too."""


class OfType(Struct, frozen=True):
    """Of one of the types. Numbers are `number`, or by their value `int` (32 bits), `long` (64) and `double`."""

    types: tuple[JsonType, ...]


class Matches(Struct, frozen=True):
    """A text in which a regular expression is found: one of PostgreSQL's, `mongo_regex` wrote it."""

    pattern: str


class Size(Struct, frozen=True):
    """A list of so many elements."""

    count: int


class Remainder(Struct, frozen=True):
    """A number that leaves this remainder, fractions cut off before."""

    divisor: int
    remainder: int


class ElementMatches(Struct, frozen=True):
    """A list with an object in it that a filter fits."""

    filter: "Filter"


class ElementPasses(Struct, frozen=True):
    """A list with an element that a filter with empty paths fits."""

    filter: "Filter"


Test: TypeAlias = (
    Equal | OneOf | Ordered | Exists | OfType | Matches | Size | Remainder | ElementMatches | ElementPasses
)


class All(Struct, frozen=True):
    """Every part fits; so it is without parts."""

    parts: tuple["Filter", ...]


class Some(Struct, frozen=True):
    """One part fits or more; never without parts."""

    parts: tuple["Filter", ...]


class Not(Struct, frozen=True):
    """The part does not fit."""

    part: "Filter"


class At(Struct, frozen=True):
    """A value found at the path passes the test; the path goes into every object of a list on its way."""

    path: Path
    test: Test


class Identified(Struct, frozen=True):
    """The profile owns one of these values in the identity table."""

    kind: Kind
    values: tuple[str, ...]


class HasId(Struct, frozen=True):
    """The profile is one of these."""

    ids: tuple[bytes, ...]


Filter: TypeAlias = Union[All, Some, Not, At, Identified, HasId]  # noqa: UP007 - the classes name it before it is there

NOTHING = Some(())

"""Tests at a path as predicates of PostgreSQL's jsonpath (lax mode), with MongoDB's way of going into lists.

A predicate is true exactly if the test is passed; otherwise it is false or unknown, so what is negated is put into a
filter first. Lax member access, comparison and filters go into one level of lists by themselves, as MongoDB does;
`.type()` does not. Strings and names are written as JSON; long lists of operands are variables.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tocsin.core.mongo_tree import (
    TYPES_OF_SCALARS,
    All,
    At,
    ElementMatches,
    ElementPasses,
    Equal,
    Exists,
    Filter,
    JsonType,
    Matches,
    Not,
    OfType,
    OneOf,
    Ordered,
    Path,
    Remainder,
    Size,
    Some,
    Test,
)
from tocsin.core.mongo_values import is_index

_TRUE, _FALSE = "1 == 1", "1 == 2"
_SECONDS_LENGTH = len("2026-11-21T10:00:00")


class Writer:
    """Writes predicates; collects the variables that they use."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}

    def predicate(self, place: str, path: Path, test: Test) -> str:
        """True if what is at `place`, an expression for one value or none, passes the test at the path below it."""
        if any(map(is_index, path)) or _accepts_missing(test):
            return self._below(place, path, test, is_member=True)
        straight = _compared("".join([place, *(f".{_quoted(name)}" for name in path)]), test)
        return straight or self._below(place, path, test, is_member=True)

    def _below(self, place: str, path: Path, test: Test, *, is_member: bool) -> str:
        """An element asked for by its number may not be missing, and as the end of a path it is not gone into."""
        if not path:
            return self._somewhere(place, test) if is_member else self._passes(place, test)
        name, rest = path[0], path[1:]
        member = self._below(f"@.{_quoted(name)}", rest, test, is_member=True)
        ways = [f"exists({place} ? ({_is('@', 'object')} && ({member})))"]
        if is_index(name):
            element = self._below(f"{place}[{name}]", rest, test, is_member=False)
            ways.append(f"{_is(place, 'array')} && ({element})")
        if is_member and _accepts_missing(test):
            ways.append(f"(!exists({place}) || {_is_not(place, 'object')} && {_is_not(place, 'array')})")
        return " || ".join(ways)

    def _somewhere(self, place: str, test: Test) -> str:
        """Passed by the value, by an element if it is a list, or by its absence."""
        match test:
            case OneOf(values):
                return self._one_of(place, values)
            case Exists() | Size() | ElementMatches() | ElementPasses():
                return self._passes(place, test)
            case _:
                return _compared(place, test) or self._anywhere(place, test)

    def _anywhere(self, place: str, test: Test) -> str:
        ways = [f"exists({place} ? ({self._passes('@', test)}))"]
        if isinstance(test, Equal) or (isinstance(test, OfType) and "array" in test.types):
            ways.append(f"{_is(place, 'array')} && ({self._passes(place, test)})")
        return _either(ways)

    def _one_of(self, place: str, values: Sequence[Any]) -> str:
        """Plain values together as one variable."""
        plain, others = _split(values)
        ways = [f"({self._somewhere(place, Equal(value))})" for value in others]
        if plain:
            ways.append(f"{place} == ${self._variable(plain)}")
        return _either(ways)

    def _passes(self, place: str, test: Test) -> str:
        """Passed by the one value as a whole: never unknown."""
        match test:
            case OneOf(values):
                plain, others = _split(values)
                among = f"{_is_not(place, 'array')} && exists({place} ? (@ == ${self._variable(plain)}))"
                return _either([among, *(_equal(place, value) for value in others)])
            case ElementMatches(inside):
                inner = f"{_is('@', 'object')} && ({self._fits(inside, in_object=True)})"
                return f"{_is(place, 'array')} && exists({place} ? ({inner}))"
            case ElementPasses(inside):
                return f"{_is(place, 'array')} && exists({place} ? ({self._fits(inside, in_object=False)}))"
            case _:
                return _PASSES[type(test)](place, test)

    def _variable(self, value: Any) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        return name

    def _fits(self, part: Filter, *, in_object: bool) -> str:
        """A filter inside $elemMatch, asked of the element, `@`: of its members or of itself."""
        match part:
            case All(parts):
                return " && ".join(f"({self._fits(one, in_object=in_object)})" for one in parts) or _TRUE
            case Some(parts):
                return _either([f"({self._fits(one, in_object=in_object)})" for one in parts])
            case Not(negated):
                inner = self._fits(negated, in_object=in_object)
                return f"!exists(@ ? ({inner}))" if in_object else f"!({inner})"
            case At((name, *rest), test):
                return self.predicate(f"@.{_quoted(name)}", tuple(rest), test)
            case At(_, test):
                return self._passes("@", test)
            case _:
                raise TypeError(f"{type(part).__name__} is not for elements")


def _split(values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Plain values, and those that are written one by one."""
    others = [value for value in values if value is None or isinstance(value, dict | list)]
    return [value for value in values if value is not None and not isinstance(value, dict | list)], others


def _compared(place: str, test: Test) -> str:
    """In short, what jsonpath has by itself; empty for the rest."""
    match test:
        case Equal(None):
            return f"{place} == null || !exists({place})"
        case Equal(value) if not isinstance(value, dict | list):
            return f"{place} == {_literal(value)}"
        case Ordered(comparison, value, False):
            return f"{place} {comparison} {_literal(value)}"
        case Matches(pattern):
            return _found(place, pattern)
        case _:
            return ""


def _accepts_missing(test: Test) -> bool:
    return (isinstance(test, Equal) and test.value is None) or (isinstance(test, OneOf) and None in test.values)


def _quoted(text: str) -> str:
    return json.dumps(text)


def _literal(value: bool | float | str) -> str:
    return json.dumps(value)


def _is(place: str, name: JsonType) -> str:
    return f'{place}.type() == "{name}"'


def _is_not(place: str, name: JsonType) -> str:
    return f'{place}.type() != "{name}"'


def _either(ways: Sequence[str]) -> str:
    return " || ".join(ways) or _FALSE


def _equal(place: str, value: Any) -> str:
    """Equal as a whole, in depth; members in any order."""
    if value is None:
        return _is(place, "null")
    if isinstance(value, list):
        parts = [f"({_equal(f'{place}[{at}]', part)})" for at, part in enumerate(value)]
        return " && ".join([_is(place, "array"), f"{place}.size() == {len(value)}", *parts])
    if isinstance(value, dict):
        parts = [f"({_equal(f'{place}.{_quoted(name)}', part)})" for name, part in value.items()]
        return " && ".join([_is(place, "object"), f"!exists({_others(place, value)})", *parts])
    return f"{_is(place, TYPES_OF_SCALARS[type(value)])} && {place} == {_literal(value)}"


def _others(place: str, value: Mapping[str, Any]) -> str:
    """The members of an object that the value does not have."""
    unlike = " && ".join(f"@.key != {_quoted(name)}" for name in value)
    return f"{place}.keyvalue() ? ({unlike})" if unlike else f"{place}.keyvalue()"


def _ordered(place: str, test: Ordered) -> str:
    value, comparison = test.value, test.comparison
    beyond = _instant_ordered(place, test) if test.is_instant else f"{place} {comparison} {_literal(value)}"
    return f"{_is(place, TYPES_OF_SCALARS[type(value)])} && ({beyond})"


def _instant_ordered(place: str, test: Ordered) -> str:
    """Stored instants have no zeros at the end of a fraction, so without their Z the order of text is that of time.

    With it, those that the operand's fraction begins with come too late; they are named one by one.
    """
    bare = str(test.value).removesuffix("Z")
    fraction_lengths = range(_SECONDS_LENGTH, len(bare))
    earlier = [f"{bare[:end]}Z" for end in fraction_lengths if not bare[:end].endswith(".")]
    before = _either([f"{place} < {_quoted(bare)}", *(f"{place} == {_quoted(text)}" for text in earlier)])
    same = f"{place} == {_quoted(f'{bare}Z')}"
    return {
        "<": before,
        "<=": f"{before} || {same}",
        ">": f"!({before} || {same})",
        ">=": f"!({before})",
    }[test.comparison]


def _of_type(place: str, name: JsonType) -> str:
    if name not in ("int", "long", "double"):
        return _is(place, name)
    is_int, is_long = (f"({place}.floor() == {place} && {_within(place, bits)})" for bits in (32, 64))
    kind = {"int": is_int, "long": f"{is_long} && !{is_int}", "double": f"!{is_long}"}[name]
    return f"({_is(place, 'number')} && {kind})"


def _within(place: str, bits: int) -> str:
    half = 1 << bits - 1
    return f"{place} >= {-half} && {place} < {half}"


def _found(place: str, pattern: str) -> str:
    return f'{place} like_regex {_quoted(pattern)} flag "sm"'


def _remainder(place: str, test: Remainder) -> str:
    left = f"% {test.divisor} == {test.remainder}"
    halves = f"{place} >= 0 && {place}.floor() {left} || {place} < 0 && {place}.ceiling() {left}"
    return f"{_is(place, 'number')} && {_within(place, 64)} && ({halves})"


_PASSES: Mapping[type[Test], Callable[[str, Any], str]] = {
    Equal: lambda place, test: _equal(place, test.value),
    Ordered: _ordered,
    Exists: lambda place, _: f"exists({place})",
    OfType: lambda place, test: _either([_of_type(place, one) for one in test.types]),
    Matches: lambda place, test: f"{_is(place, 'string')} && {_found(place, test.pattern)}",
    Size: lambda place, test: f"{_is(place, 'array')} && {place}.size() == {test.count}",
    Remainder: _remainder,
}

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
_WHOLE = {"int": 31, "long": 63}
_LONG = f"@ >= {-(2**63)} && @ < {2**63}"


class Writer:
    """Writes predicates; collects the variables that they use."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}

    def predicate(self, place: str, path: Path, test: Test) -> str:
        """True if what is at `place`, an expression for one value or none, passes the test at the path below it."""
        return self._below(place, path, test, is_member=True)

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
            case Equal(None):
                return f"{place} == null || !exists({place})"
            case Equal(value) if not isinstance(value, dict | list):
                return f"{place} == {_literal(value)}"
            case Ordered(comparison, value, False):
                return f"{place} {comparison} {_literal(value)}"
            case Matches(pattern):
                return f'{place} like_regex {_quoted(pattern)} flag "sm"'
            case OneOf(values):
                return self._one_of(values, lambda value: self._somewhere(place, Equal(value)), place)
            case Exists() | Size() | ElementMatches() | ElementPasses():
                return self._passes(place, test)
            case _:
                return f"exists({place} ? ({self._passes('@', test)})) || {self._list_passes(place, test)}"

    def _list_passes(self, place: str, test: Test) -> str:
        could = isinstance(test, Equal) or (isinstance(test, OfType) and "array" in test.types)
        return f"{_is(place, 'array')} && ({self._passes(place, test)})" if could else _FALSE

    def _passes(self, place: str, test: Test) -> str:
        """Passed by the one value as a whole: never unknown."""
        match test:
            case Equal(value):
                return _equal(place, value)
            case OneOf(values):
                return _either([_equal(place, value) for value in values])
            case Ordered():
                return _ordered(place, test)
            case Exists():
                return f"exists({place})"
            case OfType(types):
                return _either([_of_type(place, one) for one in types])
            case Matches(pattern):
                return f'{_is(place, "string")} && {place} like_regex {_quoted(pattern)} flag "sm"'
            case Size(count):
                return f"{_is(place, 'array')} && {place}.size() == {count}"
            case Remainder():
                return _remainder(place, test)
            case ElementMatches(inside):
                found = f"exists({place} ? ({_is('@', 'object')} && ({self._fits(inside, self._in_object)})))"
                return f"{_is(place, 'array')} && {found}"
            case ElementPasses(inside):
                return f"{_is(place, 'array')} && exists({place} ? ({self._fits(inside, self._as_whole)}))"

    def _one_of(self, values: Sequence[Any], each: Callable[[Any], str], place: str) -> str:
        """Plain values together as one variable."""
        plain = [value for value in values if value is not None and not isinstance(value, dict | list)]
        others = [value for value in values if value is None or isinstance(value, dict | list)]
        ways = [f"({each(value)})" for value in others]
        if plain:
            ways.append(f"{place} == ${self._variable(plain)}")
        return _either(ways)

    def _variable(self, value: Any) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        return name

    def _fits(self, part: Filter, at: Callable[[At], str]) -> str:
        """A filter inside $elemMatch; `at` writes a test of the element, `@`."""
        match part:
            case All(parts):
                return " && ".join(f"({self._fits(one, at)})" for one in parts) or _TRUE
            case Some(parts):
                return _either([f"({self._fits(one, at)})" for one in parts])
            case Not(negated):
                return f"!({self._fits(negated, at)})"
            case At():
                return at(part)
            case _:
                raise TypeError(f"{type(part).__name__} is not for elements")

    def _in_object(self, part: At) -> str:
        return f"exists(@ ? ({self.predicate(f'@.{_quoted(part.path[0])}', part.path[1:], part.test)}))"

    def _as_whole(self, part: At) -> str:
        return self._passes("@", part.test)


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
    if name in _WHOLE:
        bits = _WHOLE[name]
        within = f"{place} >= {-(2**bits)} && {place} < {2**bits}"
        beyond_int = f" && !({place} >= {-(2**31)} && {place} < {2**31})" if name == "long" else ""
        return f"({_is(place, 'number')} && {place}.floor() == {place} && {within}{beyond_int})"
    if name == "double":
        within = f"{place} >= {-(2**63)} && {place} < {2**63}"
        return f"({_is(place, 'number')} && !({place}.floor() == {place} && {within}))"
    return _is(place, name)


def _remainder(place: str, test: Remainder) -> str:
    left = f"% {test.divisor} == {test.remainder}"
    within = f"{place} >= {-(2**63)} && {place} < {2**63}"
    halves = f"{place} >= 0 && {place}.floor() {left} || {place} < 0 && {place}.ceiling() {left}"
    return f"{_is(place, 'number')} && {within} && ({halves})"

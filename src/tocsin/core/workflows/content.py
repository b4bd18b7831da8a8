"""What a content filter asks of `apicontent`.

Texts are compared with numbers and booleans by what they say, since in XML everything is text. A list fits where one of
its elements does. Whatever is lacking, or null, fits nothing but `{$exists: false}`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tocsin.core.errors import Invalid
from tocsin.core.templates.values import find

MOST_PATHS = 50
LONGEST_LIST = 1000
_LONGEST_PATH = 200

_is_number = re.compile(r"[+-]?(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_is_whole = re.compile(r"[+-]?[0-9]{1,100}").fullmatch
_BOOLEANS = {"true": True, "false": False}


class Condition(NamedTuple):
    """What must be so of the value at a path."""

    path: tuple[str, ...]
    operator: str
    operand: Any


def parse_when(when: Mapping[str, Any]) -> list[Condition]:
    """The conditions of a branch, all of which must hold. Invalid with the dotted path, and the operator, in `path`."""
    if not when or len(when) > MOST_PATHS:
        raise Invalid(f"expected 1 to {MOST_PATHS} paths into the content, each with what it must be")
    return [condition for path, asked in when.items() for condition in _parse_member(path, asked)]


def fits(conditions: list[Condition], content: Mapping[str, Any]) -> bool:
    """Whether the content is as all conditions say."""
    return all(_OPERATORS[one.operator](find(one.path, content), one.operand) for one in conditions)


def _parse_member(path: str, asked: Any) -> list[Condition]:
    names = tuple(path.split("."))
    if not all(names) or len(path) > _LONGEST_PATH:
        raise Invalid("expected names of members joined by dots", path=path[:_LONGEST_PATH])
    if not isinstance(asked, dict):
        name = "in" if isinstance(asked, list) else "eq"
        return [Condition(names, name, _read_operand(name, asked, path))]
    if not asked:
        raise Invalid("expected an operator, as $gt", path=path)
    return [_parse_operator(names, path, name, operand) for name, operand in asked.items()]


def _parse_operator(names: tuple[str, ...], path: str, said: str, operand: Any) -> Condition:
    """With or without `$`, which the names of XML elements cannot have."""
    name = said.removeprefix("$")
    if name not in _OPERATORS:
        known = ", ".join(f"${one}" for one in _OPERATORS)
        raise Invalid(f"there is no operator {said[:60]}; expected one of {known}", path=path)
    return Condition(names, name, _read_operand(name, operand, f"{path}.{said}"))


def _read_operand(name: str, operand: Any, path: str) -> Any:
    if name == "exists":
        found = _BOOLEANS.get(operand.strip().lower()) if isinstance(operand, str) else operand
        if not isinstance(found, bool):
            raise Invalid("expected true or false", path=path)
        return found
    if name in ("in", "nin"):
        items = operand if isinstance(operand, list) else [operand]
        if not 1 <= len(items) <= LONGEST_LIST:
            raise Invalid(f"expected a list of 1 to {LONGEST_LIST} values", path=path)
        return [_read_value(item, path) for item in items]
    return _read_value(operand, path)


def _read_value(value: Any, path: str) -> Any:
    if not isinstance(value, str | bool | int | float):
        raise Invalid("expected text, a number, true or false", path=path)
    return value


def _is_equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, list):
        return any(_is_equal(item, wanted) for item in found if not isinstance(item, list))
    if isinstance(found, bool) or isinstance(wanted, bool):
        return _boolean(found) is _boolean(wanted) is not None
    if isinstance(found, str) and isinstance(wanted, str):
        return found == wanted
    left = _number(found)
    return left is not None and left == _number(wanted)


def _is_one_of(found: Any, wanted: list[Any]) -> bool:
    return any(_is_equal(found, one) for one in wanted)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(found: Any, bound: Any) -> bool:
        if isinstance(found, list):
            return any(holds(item, bound) for item in found if not isinstance(item, list))
        left, right = _number(found), _number(bound)
        if left is not None and right is not None:
            return compare(left, right)
        return isinstance(found, str) and isinstance(bound, str) and compare(found, bound)

    return holds


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.strip()
        return int(text) if _is_whole(text) else float(text) if _is_number(text) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": _is_equal,
    "ne": lambda found, wanted: found is not None and not _is_equal(found, wanted),
    "in": _is_one_of,
    "nin": lambda found, wanted: found is not None and not _is_one_of(found, wanted),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "exists": lambda found, wanted: (found is not None) is wanted,
}

"""JSONPath: the part of it that messages need. Steps are read once, then applied to many values."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from tocsin.core.templates import allowance

Step = Callable[[Any], Iterable[Any]]

_MAX_LENGTH = 1000

_STEP = re.compile(
    r"""
    (?: (?P<deep>\.\.) | \. ) (?P<name> [\w-]+ | \* )
    | (?P<deep_bracket>\.\.)? \[ \s* (?:
          (?P<star> \* )
        | (?P<index> -?\d{1,9} )
        | (?P<slice> (?:-?\d{1,9})? \s* : \s* (?:-?\d{1,9})? )
        | ' (?P<single> [^']* ) ' | " (?P<double> [^"]* ) "
        | \? \s* \( \s* @ (?P<where> (?: \. [\w-]+ )* ) \s*
          (?: (?P<compare> [=!<>]= | [<>] ) \s* (?P<literal> '[^']*' | "[^"]*" | -?\d{1,15}(?:\.\d{1,15})? | true | false | null ) \s* )? \)
    ) \s* \]
    """,  # noqa: E501 - a comparison reads best on one line
    re.VERBOSE,
)

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = {"true": True, "false": False, "null": None}
_NOTHING = object()


def parse(path: str) -> tuple[Step, ...]:
    """The steps of `$.a[0]..b[?(@.price > 10)]`. Raises ValueError with a sentence that says where it goes wrong."""
    if not path.startswith("$"):
        raise ValueError(f"the path {path[:40]!r} must begin with $")
    if len(path) > _MAX_LENGTH:
        raise ValueError(f"a path has at most {_MAX_LENGTH} characters")
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"the path cannot be read from {path[at : at + 40]!r} on")
        if match["deep"] or match["deep_bracket"]:
            steps.append(_descend)
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def select(steps: Sequence[Step], is_array: bool, value: Any) -> Any:
    """All that the steps lead to, in order, as a list; without `is_array` only the first, None when there is none."""
    found = [value]
    for step in steps:
        found = list(_take(step, found))
    if is_array:
        return found
    return found[0] if found else None


def _take(step: Step, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        inner = list(step(value))
        allowance.visit(1 + len(inner))
        yield from inner


def _step(match: re.Match[str]) -> Step:
    if match["star"] or match["name"] == "*":
        return _children
    if match["index"]:
        return partial(_element, int(match["index"]))
    if match["slice"]:
        first, last = (int(end) if end.strip() else None for end in match["slice"].split(":"))
        return partial(_slice, slice(first, last))
    if match["where"] is not None:
        return partial(_where, match["where"].split(".")[1:], _test(match["compare"], match["literal"]))
    return partial(_member, next(name for name in match.group("name", "single", "double") if name is not None))


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _descend(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        yield value
        waiting.extend(reversed(list(_children(value))))


def _element(index: int, value: Any) -> Iterable[Any]:
    return (value[index],) if isinstance(value, list) and -len(value) <= index < len(value) else ()


def _slice(part: slice, value: Any) -> Iterable[Any]:
    return value[part] if isinstance(value, list) else ()


def _member(name: str, value: Any) -> Iterable[Any]:
    return (value[name],) if isinstance(value, dict) and name in value else ()


def _where(names: Sequence[str], test: Callable[[Any], bool], value: Any) -> Iterable[Any]:
    return [child for child in _children(value) if test(_inside(names, child))]


def _inside(names: Sequence[str], value: Any) -> Any:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return _NOTHING
        value = value[name]
    return value


def _test(compare: str | None, literal: str) -> Callable[[Any], bool]:
    if compare is None:
        return lambda value: value is not _NOTHING
    return partial(_compares, _COMPARISONS[compare], _literal(literal))


def _literal(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return text[1:-1] if text[0] in "'\"" else float(text)


def _compares(comparison: Callable[[Any, Any], Any], literal: Any, value: Any) -> bool:
    if _kind(value) is not _kind(literal):
        return comparison is operator.ne and value is not _NOTHING
    try:
        return bool(comparison(value, literal))
    except TypeError:
        return False


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)

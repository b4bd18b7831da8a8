"""Versions of a configured object: each as text without secrets, and what lies between two of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

import msgspec

from tocsin.core import configuration_file, yaml_document
from tocsin.core.configuration_references import MEMBERS, SECRETS

HIDDEN = "••••••"

_CONTEXT = 3
_MOST_COMPARED, _MOST_SHOWN = 2000, 400
_LONGEST_KEPT, _LONGEST_CHANGED = 160, 2000
# Of lines that have less in common than this, marking each word would only make a muddle.
_LEAST_ALIKE = 0.6
_is_secret_name = re.compile(r"(?i)auth|key|token|secret|passw|cookie|signature").search
_is_reference = re.compile(r"\$\{\w+\}").search
_words = re.compile(r"\w+|\s+|[^\w\s]").findall


class Piece(NamedTuple):
    """A part of a line; `is_changed` when the other version of the line has another."""

    text: str
    is_changed: bool = False


class Line(NamedTuple):
    """A line of a comparison: added, removed, the same in both, or a gap where the same lines are left out."""

    sign: Literal["+", "-", " ", "gap"]
    pieces: tuple[Piece, ...] = ()


class Comparison(NamedTuple):
    """`is_cut` when there were more lines than are shown."""

    lines: list[Line]
    is_cut: bool


def describe(section: str, members: Mapping[str, Any]) -> str:
    """An object as an entry of the configuration file, with everything hidden that is or may be a secret."""
    hidden = configuration_file.secret_members(section)
    ordered = _in_order(section, members)
    shown = {
        name: HIDDEN if name in hidden else _hide(value) if name in (*MEMBERS, "nodes") else value
        for name, value in ordered.items()
        if name != SECRETS
    }
    return yaml_document.write(shown)


def _in_order(section: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members in the order of their struct, which the database does not keep; of an older shape as they are."""
    try:
        ordered: Mapping[str, Any] = msgspec.to_builtins(msgspec.convert(members, configuration_file.SECTIONS[section]))
    except msgspec.ValidationError:
        return members
    return ordered


def _hide(value: Any) -> Any:
    """The value without the texts of members that sound like secrets; names of secrets stay."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if isinstance(item, str) and _is_secret_name(name) and not _is_reference(item) else _hide(item)
            for name, item in value.items()
        }
    return [_hide(item) for item in value] if isinstance(value, list) else value


def changed_members(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """The names of members that differ, secrets too; none when there was nothing before or is nothing after."""
    if before is None or after is None:
        return []
    names = [*after, *(name for name in before if name not in after)]
    return [name for name in names if before.get(name) != after.get(name)]


def compare(old: str, new: str) -> Comparison:
    """What lies between two texts, line by line, with a few lines around each change."""
    before, after = old.splitlines(), new.splitlines()
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    start, end = max(head - _CONTEXT, 0), max(tail - _CONTEXT, 0)
    lines = list(_compare(before[start : len(before) - end], after[start : len(after) - end]))
    if not lines:
        return Comparison([], is_cut=False)
    framed = [*([Line("gap")] if start else []), *lines, *([Line("gap")] if end else [])]
    return Comparison(framed[:_MOST_SHOWN], is_cut=len(framed) > _MOST_SHOWN)


def _common(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines are the same at the beginning."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(before), len(after)))


def _compare(before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    if max(len(before), len(after)) > _MOST_COMPARED:
        yield from _replaced(before, after)
        return
    for place, group in enumerate(SequenceMatcher(None, before, after).get_grouped_opcodes(_CONTEXT)):
        if place:
            yield Line("gap")
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                yield from (_line(" ", text) for text in before[old_from:old_to])
            else:
                yield from _replaced(before[old_from:old_to], after[new_from:new_to])


def _replaced(before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    """Lines in the place of others; where they are as many, what differs within each pair is marked."""
    if len(before) != len(after) or len(before) > _MOST_SHOWN:
        yield from (_line("-", text) for text in before)
        yield from (_line("+", text) for text in after)
        return
    pairs = [_mark(one, other) for one, other in zip(before, after, strict=True)]
    yield from (Line("-", pair[0]) for pair in pairs)
    yield from (Line("+", pair[1]) for pair in pairs)


def _mark(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both lines in parts, those marked that the other one has not."""
    old, new = _words(before), _words(after)
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    inner_old, inner_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(inner_old), len(inner_new)) > _MOST_COMPARED:
        return _line("-", before).pieces, _line("+", after).pieces
    matcher = SequenceMatcher(None, inner_old, inner_new)
    blocks = [inner_old[start : start + size] for start, _, size in matcher.get_matching_blocks()]
    kept = sum(map(_count_words, [old[:head], *blocks, old[len(old) - tail :]]))
    if kept < _LEAST_ALIKE * max(_count_words(old), _count_words(new)):
        return _line("-", before).pieces, _line("+", after).pieces
    opcodes = matcher.get_opcodes()
    of_old = [(inner_old[start:end], kind != "equal") for kind, start, end, _, _ in opcodes]
    of_new = [(inner_new[start:end], kind != "equal") for kind, _, _, start, end in opcodes]
    first, last = (old[:head], False), (old[len(old) - tail :], False)
    return _pieces([first, *of_old, last]), _pieces([first, *of_new, last])


def _count_words(words: Sequence[str]) -> int:
    return sum(not word.isspace() for word in words)


def _pieces(parts: Sequence[tuple[Sequence[str], bool]]) -> tuple[Piece, ...]:
    return tuple(_piece("".join(words), is_changed=is_changed) for words, is_changed in parts if words)


def _line(sign: Literal["+", "-", " "], text: str) -> Line:
    return Line(sign, (_piece(text, is_changed=sign != " ")._replace(is_changed=False),))


def _piece(text: str, *, is_changed: bool) -> Piece:
    """A part that is not too long to be read: of one that stays as it was the middle is left out."""
    if is_changed:
        return Piece(text if len(text) <= _LONGEST_CHANGED else f"{text[:_LONGEST_CHANGED]}…", is_changed)
    half = _LONGEST_KEPT // 2
    return Piece(text if len(text) <= _LONGEST_KEPT else f"{text[:half]} … {text[-half:]}", is_changed)

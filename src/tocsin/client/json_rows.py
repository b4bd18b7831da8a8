"""JSON read profile by profile: one array of objects, or an object on each line."""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from tocsin.client import rows
from tocsin.client.rows import MOST_CHARACTERS, Row
from tocsin.client.text import Lines, LineTooLong, Text
from tocsin.core.errors import Invalid

_skip_space = re.compile(r"[ \t\r\n]*").match
_find_mark = re.compile(r'["\\\[\]{},]').search
_DEPTHS = {"[": 1, "{": 1, "]": -1, "}": -1, ",": 0}
_TOO_LONG = f"the row is longer than {MOST_CHARACTERS} characters"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def read_lines(text: Text) -> Iterator[Row]:
    """The rows of a file that has one JSON object on each line; blank lines are none."""
    lines = Lines(text)
    number = 0
    while True:
        lines.begin()
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLong:
            number += 1
            yield rows.broken(number, lines.number, "".join(lines.record), _TOO_LONG)
            continue
        if line.strip():
            number += 1
            yield _read_line(number, lines.number, line.strip())


def _read_line(number: int, line: int, original: str) -> Row:
    try:
        value = _decoder.decode(original)
    except (ValueError, RecursionError) as mistake:
        return rows.broken(number, line, original, describe(mistake))
    return rows.make(number, line, original, value)


def describe(mistake: Exception) -> str:
    """What is wrong with JSON, in one sentence."""
    if isinstance(mistake, json.JSONDecodeError):
        return f"malformed JSON at character {mistake.pos + 1}: {mistake.msg}"
    return "malformed JSON: nested too deep" if isinstance(mistake, RecursionError) else f"malformed JSON: {mistake}"


def read_array(text: Text) -> Iterator[Row]:
    """The rows of a file that is one array of objects. Invalid where the array itself is broken."""
    return iter(_Array(text))


class _Array:
    """A window on the text that always holds the longest element allowed, unless the text ends before."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._window = ""
        self._at = 0
        self._line = 1
        self._is_at_end = False

    def __iter__(self) -> Iterator[Row]:
        self._take("[", "expected an array of objects: [ … ]")
        number = 0
        if self._peek() != "]":
            number = 1
            yield self._read_element(number)
            while self._peek() == ",":
                self._move(self._at + 1)
                number += 1
                self._peek()
                yield self._read_element(number)
        self._take("]", "expected a comma or the end of the array")
        if self._peek():
            raise Invalid(f"line {self._line}: there is something after the end of the array")

    def _peek(self) -> str:
        """The next character that is not space, empty at the end."""
        while True:
            self._fill()
            found = _skip_space(self._window, self._at)
            self._move(found.end() if found else self._at)
            if self._at < len(self._window) or self._is_at_end:
                return self._window[self._at : self._at + 1]

    def _take(self, wanted: str, otherwise: str) -> None:
        found = self._peek()
        if found != wanted:
            raise Invalid(f"line {self._line}: {otherwise if found else 'the file ends within the array'}")
        self._move(self._at + 1)

    def _fill(self) -> None:
        if self._is_at_end or len(self._window) - self._at > MOST_CHARACTERS:
            return
        pieces = [self._window[self._at :]]
        size = len(pieces[0])
        while size <= 2 * MOST_CHARACTERS and not self._is_at_end:
            pieces.append(self._text.read())
            size += len(pieces[-1])
            self._is_at_end = not pieces[-1]
        self._window, self._at = "".join(pieces), 0

    def _move(self, to: int) -> None:
        self._line += self._window.count("\n", self._at, to)
        self._at = to

    def _read_element(self, number: int) -> Row:
        line, start = self._line, self._at
        try:
            value, end = _decoder.raw_decode(self._window, start)
        except (ValueError, RecursionError) as mistake:
            return self._skip_element(number, mistake)
        original = self._window[start:end]
        self._move(end)
        if len(original) > MOST_CHARACTERS:
            return rows.broken(number, line, original, _TOO_LONG)
        return rows.make(number, line, original, value)

    def _skip_element(self, number: int, mistake: Exception) -> Row:
        """Past an element that is no JSON, to where its brackets are closed."""
        line, window, start = self._line, self._window, self._at
        skipped = _Skipped()
        end = here = skipped.go(window, start)
        while end is None:
            if self._is_at_end:
                raise Invalid(f"line {line}: the file ends within the element that begins here")
            self._move(len(self._window))
            self._fill()
            end = skipped.go(self._window, 0)
        self._move(end)
        original = window[start:here]
        if isinstance(mistake, json.JSONDecodeError):
            mistake = json.JSONDecodeError(mistake.msg, original, mistake.pos - start)
        return rows.broken(number, line, original, describe(mistake) if len(original) <= MOST_CHARACTERS else _TOO_LONG)


class _Skipped:
    """Looks for the end of an element that may lie in several windows."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_text = False
        self._is_escaped = False

    def go(self, window: str, at: int) -> int | None:
        """Where the element ends, None if not in this window."""
        at += self._is_escaped
        self._is_escaped = False
        while found := _find_mark(window, at):
            at = found.end()
            mark = found[0]
            if mark == "\\":
                self._is_escaped = at == len(window)
                at += 1
            elif mark == '"':
                self._is_in_text = not self._is_in_text
            elif not self._is_in_text:
                self._depth += _DEPTHS[mark]
                if self._depth <= 0:
                    return at if mark in "]}" and not self._depth else at - 1
        return None

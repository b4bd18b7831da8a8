"""Regular expressions as MongoDB has them (PCRE), written as PostgreSQL reads them, or refused.

The question is only whether the expression is found, so groups need not capture and laziness has no effect. Classes,
case and line ends are spelt out, so that neither the locale of the database nor its own rules for newlines matter.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

OPTIONS = "imsx"
LENGTH = 1000
SIZE = 2000
REPEATS = 255
DEPTH = 32

Ranges = list[tuple[int, int]]

_LAST = 0x10FFFF
_DASH = ord("-")
_PLANE = range(0x10000)
_SURROGATES = range(0xD800, 0xE000)
_DOTLESS = {0x130, 0x131}
_LAST_CASED = 0x1E943
_DIGITS: Ranges = [(48, 57)]
_LETTERS: Ranges = [(65, 90), (97, 122)]
_WORD: Ranges = [*_DIGITS, *_LETTERS, (95, 95)]
_SPACE: Ranges = [(9, 13), (32, 32)]
_PUNCTUATION: Ranges = [(33, 47), (58, 64), (91, 96), (123, 126)]
_SHORT: Mapping[str, Ranges] = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_NAMED: Mapping[str, Ranges] = {
    "alpha": _LETTERS,
    "digit": _DIGITS,
    "alnum": _DIGITS + _LETTERS,
    "upper": _LETTERS[:1],
    "lower": _LETTERS[1:],
    "space": _SPACE,
    "blank": [(9, 9), (32, 32)],
    "punct": _PUNCTUATION,
    "xdigit": [*_DIGITS, (65, 70), (97, 102)],
    "word": _WORD,
    "cntrl": [(1, 31), (127, 127)],
    "print": [(32, 126)],
    "graph": [(33, 126)],
}
_LETTER = "[0-9A-Za-z_]"
_LINE_EDGES = {"^": r"(?:\A|^(?=.))", "$": "$"}
_TEXT_EDGES = {"^": r"\A", "$": r"(?=\n?\Z)"}
# Where nothing follows, what is found may hold the newline; that is quicker than to look ahead.
_LAST_EDGE = r"\n?\Z"
_EDGES = {
    "A": r"\A",
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "b": f"(?:(?<!{_LETTER})(?={_LETTER})|(?<={_LETTER})(?!{_LETTER}))",
    "B": f"(?:(?<={_LETTER})(?={_LETTER})|(?<!{_LETTER})(?!{_LETTER}))",
}
_EDGE_SIZE = 4
_CONTROL = {"t": 9, "n": 10, "f": 12, "r": 13, "e": 27, "a": 7}

_find_options = re.compile(r"\(\?([imsx]+)\)").match
_find_count = re.compile(r"\{([0-9]{1,9})(,?)([0-9]{0,9})\}").match
_find_hex = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{1,2}))").match
_find_name = re.compile(r"\[:([a-z]+):\]").match
_find_blank = re.compile(r"(?:[ \t-\r]|#[^\n]*(?:\n|\Z))+").match
_find_group = re.compile(r"\?(?:[:=!]|P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')", re.ASCII).match


def translate(pattern: str, options: str) -> str:
    """The expression for PostgreSQL, with newlines as any other character and ^ and $ at lines (`flag "sm"`).

    ValueError with a sentence for what PCRE refuses, for what has no equal meaning there (back references,
    look-behind, possessive and atomic groups, Unicode properties, options inside), and for what is too large.
    """
    if unknown := set(options) - set(OPTIONS):
        raise ValueError(f"there is no option {min(unknown)!r}, only {', '.join(OPTIONS)}")
    if len(pattern) > LENGTH:
        raise ValueError(f"a regular expression may have {LENGTH} characters, not {len(pattern)}")
    start = 0
    if inline := _find_options(pattern):
        options, start = options + inline[1], inline.end()
    return _Reader(pattern, options, start).read()


class _Reader:
    """Reads an expression once, from left to right. What it reads comes back as text and size, repeats counted out."""

    def __init__(self, pattern: str, options: str, at: int) -> None:
        self._pattern = pattern
        self._at = at
        self._any_case, self._lines, self._dot_is_all, self._spaced = (option in options for option in OPTIONS)
        self._depth = 0

    def read(self) -> str:
        text, _ = self._alternatives()
        if self._at < len(self._pattern):
            raise ValueError("a ) closes nothing")
        return text

    def _alternatives(self) -> tuple[str, int]:
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        return "|".join(text for text, _ in branches), sum(size for _, size in branches)

    def _branch(self) -> tuple[str, int]:
        texts, total = [], 0
        while self._peek() not in ("", "|", ")"):
            text, size, repeats = self._atom()
            repeat, times = self._repeat() if repeats else ("", 1)
            if not repeats and self._quantifier():
                raise ValueError("there is nothing to repeat")
            texts.append(text + repeat)
            total += size * times
            if total > SIZE:
                raise ValueError(f"the regular expression is too large: its repeats counted out, over {SIZE} places")
        return "".join(texts), total

    def _atom(self) -> tuple[str, int, bool]:
        """A text, its size, and whether it can be repeated."""
        if self._quantifier():
            raise ValueError("there is nothing to repeat")
        sign = self._next()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._class(), 1, True
        if sign == "\\":
            return self._escape()
        if sign in "^$":
            return self._edge(sign), 1, False
        if sign == ".":
            return ("." if self._dot_is_all else r"[^\n]"), 1, True
        return self._literal(ord(sign)), 1, True

    def _edge(self, sign: str) -> str:
        if self._lines:
            return _LINE_EDGES[sign]
        is_last = sign == "$" and self._depth == 0 and self._peek() in ("", "|")
        return _LAST_EDGE if is_last else _TEXT_EDGES[sign]

    def _group(self) -> tuple[str, int, bool]:
        kind = _find_group(self._pattern, self._at)
        if kind:
            self._at = kind.end()
        elif self._pattern[self._at : self._at + 1] in ("?", "*"):
            shown = self._pattern[self._at - 1 : self._at + 3]
            raise ValueError(f"{shown!r} is not available: groups, (?:, (?= and (?! are, and options at the beginning")
        self._depth += 1
        if self._depth > DEPTH:
            raise ValueError(f"groups may be {DEPTH} levels deep")
        text, size = self._alternatives()
        self._depth -= 1
        if not self._take(")"):
            raise ValueError("a ( is not closed")
        is_look = kind is not None and kind[0] in ("?=", "?!")
        return f"({kind[0] if kind and is_look else '?:'}{text})", size + 1, not is_look

    def _escape(self) -> tuple[str, int, bool]:
        sign = self._pattern[self._at : self._at + 1]
        if sign in _EDGES:
            self._at += 1
            return _EDGES[sign], _EDGE_SIZE, False
        found = self._escaped()
        return (self._literal(found) if isinstance(found, int) else _bracket(found)), 1, True

    def _escaped(self) -> int | Ranges:
        """The character or the class that an escape stands for, inside brackets and out."""
        if found := _find_hex(self._pattern, self._at):
            self._at = found.end()
            return _checked(int(found[1] or found[2], 16))
        sign = self._next() if self._at < len(self._pattern) else ""
        if sign.lower() in _SHORT:
            ranges = _SHORT[sign.lower()]
            return ranges if sign.islower() else _others(ranges)
        if sign in _CONTROL:
            return _CONTROL[sign]
        if not sign or (sign.isascii() and sign.isalnum()):
            raise ValueError(f"the escape '\\{sign}' is not available")
        return ord(sign)

    def _class(self) -> str:
        is_negated = self._take_raw("^")
        ranges: Ranges = []
        is_first = True
        while is_first or not self._take_raw("]"):
            is_first = False
            first = self._class_item()
            ranges += self._class_range(first) if isinstance(first, int) else first
        return _bracket(ranges, is_negated=is_negated)

    def _class_item(self) -> int | Ranges:
        if self._at >= len(self._pattern):
            raise ValueError("a [ is not closed")
        if named := _find_name(self._pattern, self._at):
            if named[1] not in _NAMED:
                raise ValueError(f"there is no class {named[0]}")
            self._at = named.end()
            is_cased = named[1] in ("upper", "lower")
            return _NAMED["alpha" if is_cased and self._any_case else named[1]]
        if self._pattern[self._at : self._at + 2] in ("[:", "[=", "[."):
            raise ValueError(f"{self._pattern[self._at : self._at + 2]!r} begins no class that is available")
        sign = self._next()
        if sign != "\\":
            return ord(sign)
        return 8 if self._take_raw("b") else self._escaped()

    def _class_range(self, first: int) -> Ranges:
        following = self._pattern[self._at + 1 : self._at + 2]
        if self._pattern[self._at : self._at + 1] != "-" or following in ("]", ""):
            return self._spelt(first, first)
        self._at += 1
        last = self._class_item()
        if not isinstance(last, int):
            return [*self._spelt(first, first), (_DASH, _DASH), *last]
        if last < first:
            raise ValueError("a range of a class is out of order")
        return self._spelt(first, last)

    def _spelt(self, first: int, last: int) -> Ranges:
        """What is written out in a class, in its other cases too; named classes stay as they are."""
        others = _other_cases(first, last) if self._any_case else ()
        return [(first, last), *others]

    def _quantifier(self) -> bool:
        """Whether a quantifier is next; a brace that begins none is a character."""
        sign = self._peek()
        return (sign != "" and sign in "*+?") or _find_count(self._pattern, self._at) is not None

    def _repeat(self) -> tuple[str, int]:
        """A quantifier if one is next, and how many times it makes what is before it be written out."""
        if not self._quantifier():
            return "", 1
        if found := _find_count(self._pattern, self._at):
            self._at = found.end()
            repeat, times = _count(int(found[1]), comma=bool(found[2]), last=found[3])
        else:
            repeat, times = self._next(), 1
        if self._take_raw("+"):
            raise ValueError("possessive repeats are not available")
        self._take_raw("?")
        if self._quantifier():
            raise ValueError("there is nothing to repeat")
        return repeat, times

    def _literal(self, code: int) -> str:
        cases = _cases().get(code) if self._any_case else None
        return _bracket([(one, one) for one in cases]) if cases else _character(code)

    def _peek(self) -> str:
        if self._spaced and (blank := _find_blank(self._pattern, self._at)):
            self._at = blank.end()
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, sign: str) -> bool:
        return self._peek() == sign and bool(self._next())

    def _take_raw(self, sign: str) -> bool:
        return self._pattern[self._at : self._at + 1] == sign and bool(self._next())


def _count(first: int, *, comma: bool, last: str) -> tuple[str, int]:
    most = int(last) if last else first
    if max(first, most) > REPEATS:
        raise ValueError(f"something may be repeated {REPEATS} times, not {max(first, most)}")
    if most < first:
        raise ValueError("the numbers of a repeat are out of order")
    text = f"{{{first}{',' if comma else ''}{int(last) if last else ''}}}"
    return text, max(most, 1)


def _checked(code: int) -> int:
    if not 0 < code <= _LAST or code in _SURROGATES:
        raise ValueError(f"there is no character {code:X} (hex)")
    return code


def _character(code: int) -> str:
    sign = chr(code)
    if sign.isascii() and sign.isalnum():
        return sign
    return f"\\u{code:04X}" if code in _PLANE else f"\\U{code:08X}"


def _bracket(ranges: Sequence[tuple[int, int]], *, is_negated: bool = False) -> str:
    written = (
        _character(first) if first == last else f"{_character(first)}-{_character(last)}" for first, last in ranges
    )
    return f"[{'^' if is_negated else ''}{''.join(written)}]"


def _others(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Every character but these; NUL is never in a text."""
    edges = [0, *(edge for first, last in sorted(ranges) for edge in (first - 1, last)), _LAST]
    return [(first + 1, last) for first, last in zip(edges[::2], edges[1::2], strict=True) if first < last]


def _other_cases(first: int, last: int) -> Iterator[tuple[int, int]]:
    cased = _cases()
    inside = range(first, last + 1)
    for code in inside if len(inside) < len(cased) else cased:
        if code in inside:
            yield from ((one, one) for one in cased.get(code, ()) if one not in inside)


@lru_cache(maxsize=1)
def _cases() -> Mapping[int, tuple[int, ...]]:
    """The spellings of every letter that has several, character for character."""
    groups: dict[str, list[int]] = {}
    for code in range(_LAST_CASED + 1):
        upper = chr(code).upper()
        key = (upper if len(upper) == 1 else chr(code)).lower()
        if code not in _DOTLESS and len(key) == 1:
            groups.setdefault(key, []).append(code)
    return {code: tuple(group) for group in groups.values() if len(group) > 1 for code in group}

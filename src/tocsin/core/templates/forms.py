"""Where a template stops being text: which braces open a form, and the words inside it."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import NamedTuple

from tocsin.core.errors import TemplateMistake

ROOTS = frozenset({"lead", "subscription", "apicontent", "json", "unsubscribe", "globalunsubscribe", "confirm"})
FUNCTIONS = frozenset({"jsonpath", "subscription_field"})

# Functions of the documented language that need a catalogue of goods, which there is none of.
_MARKET = frozenset({"products", "sku", "orders", "order"})
# Single words that would leave a letter without its link if a slip made them text.
_LINKS = ("unsubscribe", "globalunsubscribe", "confirm")
_SLIPS = {"endif": "{end}", "endfor": "{end}"}

_NAME = r"[^\W\d][\w-]*"
_OPENING = re.compile(
    rf"""\{{ (?:
      (?P<block> if | elif | for ) (?= [\s}}] )
    | (?P<plain> else | end | literal ) \s* \}}
    | (?P<slip> else \s+ if | elseif | elsif | endif | endfor ) (?= [\s}}] )
    | (?P<call> {_NAME} ) \( (?P<quoted> \s* ["'] )?
    | (?P<value> {_NAME} ) (?= \. | \s* \}} | \s+ default \s )
    )""",
    re.VERBOSE,
)
_DOTTED = re.compile(rf"\{{{_NAME}(?:\.[\w-]+)+(?:\s*\}}|\s+default\s)")
_LITERAL_END = re.compile(r"\{end\s*\}")
_TOKEN = re.compile(
    rf"""\s* (?:
      (?P<close> \}} )
    | (?P<bracket> [()] )
    | (?P<text> "[^"\n]*" | '[^'\n]*' )
    | (?P<number> -?\d{{1,15}}(?:\.\d{{1,15}})? ) (?! [\w.] )
    | (?P<name> {_NAME} (?: \.[\w-]+ )* )
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of a form: a text with its quotes, a number, a name with its dots, a bracket, or the close."""

    kind: str
    text: str


class Form:
    """One form: its kind, its words to be taken one by one (`ahead` is the next), and the position behind it."""

    def __init__(self, source: str, at: int, kind: str, words_at: int) -> None:
        self._source = source
        self.at = at
        self.kind = kind
        self.end = words_at
        self.ahead = self._read()

    def take(self) -> Token:
        """The next word; of the closing brace there is no end."""
        token = self.ahead
        if token.kind != "close":
            self.ahead = self._read()
        return token

    def skip(self, *texts: str) -> str:
        """Take the next word if it is one of these, and say which; otherwise the empty string."""
        return self.take().text if self.ahead.text in texts else ""

    def finish(self, expected: str) -> None:
        """Raises TemplateMistake unless all words are taken."""
        if self.ahead.kind != "close":
            raise self.mistake(f"{expected} is expected instead of {self.ahead.text}{_hint(self.ahead.text)}")

    def mistake(self, message: str) -> TemplateMistake:
        """The mistake of this form, with its place."""
        return mistake(self._source, self.at, message)

    def skip_literal(self) -> str:
        """The text up to the next {end}, which then is the end of this form."""
        match = _LITERAL_END.search(self._source, self.end)
        if match is None:
            raise self.mistake("{literal} is never closed: write {end} behind the text")
        text = self._source[self.end : match.start()]
        self.end = match.end()
        return text

    def _read(self) -> Token:
        match = _TOKEN.match(self._source, self.end)
        if match is None:
            raise self.mistake(_unreadable(self._source[self.end :].lstrip()[:1]))
        self.end = match.end()
        return Token(str(match.lastgroup), match[str(match.lastgroup)])


def mistake(source: str, at: int, message: str) -> TemplateMistake:
    """A mistake at a position of the source."""
    return TemplateMistake(message, source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at))


def find(source: str, start: int, variables: Collection[str]) -> Form | None:
    """The first form at or behind `start`, None when there is only text. `variables` are the loops' names in scope.

    Raises TemplateMistake for braces that are nearly a form.
    """
    for match in _OPENING.finditer(source, start):
        kind = match["block"] or match["plain"]
        if kind:
            return Form(source, match.start(), kind, match.end() if match["block"] else match.end() - 1)
        if match["call"] in FUNCTIONS or match["value"] in ROOTS or match["value"] in variables:
            return Form(source, match.start(), "output", match.start() + 1)
        problem = _near_miss(match, variables)
        if problem:
            raise mistake(source, match.start(), problem)
    return None


def suggest(word: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """A question that names the nearest known word, empty when none is near."""
    near = get_close_matches(word.lower(), known, 1, cutoff)
    return f"; did you mean {near[0]}?" if near else ""


def unknown(root: str, variables: Collection[str]) -> str:
    """What to say of a path that begins with a name nobody knows."""
    return f"there is nothing called {root}{suggest(root, [*ROOTS, *variables])}"


def _near_miss(match: re.Match[str], variables: Collection[str]) -> str:
    slip, call, value = match["slip"], match["call"], match["value"]
    if slip:
        return f"there is no {{{slip}}}: write {_SLIPS.get(slip, '{elif …}')}"
    if call:
        return _near_call(call, is_quoted=bool(match["quoted"]))
    if _DOTTED.match(match.string, match.start()):
        return f"{unknown(value, variables)} (to print braces as they are, write {{literal}}…{{end}})"
    near = suggest(value, _LINKS, 0.85) if match.string[match.end()] == "}" else ""
    return f"there is nothing called {value}{near}" if near else ""


def _near_call(name: str, *, is_quoted: bool) -> str:
    if name in _MARKET and is_quoted:
        return f"there is no catalogue of goods here, so {name}(…) is not available"
    near = suggest(name, FUNCTIONS, 0.8)
    return f"there is no function {name}{near}" if near else ""


def _hint(word: str) -> str:
    return suggest(word, ("default", "equal", "contains", "in", "and", "or"))


def _unreadable(character: str) -> str:
    if not character:
        return "this is never closed: a } is missing"
    if character in "\"'":
        return f"a text is never closed: a {character} is missing on its line"
    return f"{character} is not expected here"

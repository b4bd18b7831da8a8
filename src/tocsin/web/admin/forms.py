"""What a form says: its members by name, and values that are read with a mistake for each member."""

from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import parse_qsl

from tocsin.core.errors import Invalid, MemberMistakes, TocsinError

MOST_FORM_BYTES = 8 * 1024 * 1024
_MOST_MEMBERS = 5000
_MOST_NUMBER = 2**31 - 1

_T = TypeVar("_T")


class Form:
    """The members of a form, in order; a name may occur several times."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Line ends become those of Unix: browsers send others. NUL, which nothing stores, is left out."""
        self._pairs = [(name, value.replace("\r\n", "\n").replace("\0", "")) for name, value in pairs]
        self._first: dict[str, str] = {}
        for name, value in self._pairs:
            self._first.setdefault(name, value)

    def __contains__(self, name: str) -> bool:
        """Whether the form has such a member."""
        return name in self._first

    def text(self, name: str, default: str = "") -> str:
        """The text of a member without white space around it."""
        return self._first.get(name, default).strip()

    def raw(self, name: str) -> str:
        """The text of a member as it was typed."""
        return self._first.get(name, "")

    def all(self, name: str) -> list[str]:
        """Every value of a member that is not empty."""
        return [value.strip() for given, value in self._pairs if given == name and value.strip()]

    def lines(self, name: str) -> list[str]:
        """The lines of a text that are not empty."""
        return [line.strip() for line in self.raw(name).splitlines() if line.strip()]

    def is_on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self._first

    def number(self, name: str) -> int | None:
        """A whole number, None when there is nothing; or Invalid."""
        text = self.text(name)
        if not text:
            return None
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and int(digits[:20]) <= _MOST_NUMBER):
            raise Invalid("expected a whole number", path=name)
        return int(text)

    def members(self) -> dict[str, str]:
        """The first value of each member, to fill the form in again."""
        return self._first


def is_number(text: str) -> bool:
    """Whether a text may be the number of an object."""
    return text.isascii() and text.isdecimal() and len(text) < len(str(_MOST_NUMBER))


def parse_form(body: bytes) -> Form:
    """The form of a body as browsers send it; or Invalid."""
    try:
        text = body.decode("utf-8", "replace")
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_MEMBERS))
    except ValueError:
        raise Invalid(f"there are more than {_MOST_MEMBERS} members") from None


class Mistakes:
    """What is wrong with a form, gathered member by member so that all is said at once."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def read(self, parse: Callable[[], _T], fallback: _T) -> _T:
        """What `parse` makes; the mistake that it raises is noted instead."""
        try:
            return parse()
        except Invalid as mistake:
            self.add(mistake)
            return fallback

    def add(self, mistake: TocsinError) -> None:
        """Note a mistake, or each of several; what concerns no member is under the empty name."""
        pairs = mistake.mistakes if isinstance(mistake, MemberMistakes) else [(mistake.path, mistake.debug)]
        for path, sentence in pairs:
            self.of[path] = f"{self.of[path]}; {sentence}" if path in self.of else sentence

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.of)

"""What the console says, in English and Russian: a module for each part of it, checked by tests/admin/test_texts.py."""

from collections.abc import Mapping
from functools import cache

from tocsin.web.admin.texts import (
    access,
    audits,
    events,
    frame,
    messages,
    overview,
    profiles,
    settings,
    settings_members,
    templates,
    timeline,
    triggers,
    versions,
    words,
    workflow_nodes,
    workflows,
)
from tocsin.web.public.texts import LANGUAGES, Language

# Of each text both languages. A text with a number `{n}` has its forms apart by `|`: one and many in English; one, few
# and many in Russian.
_MODULES = (
    frame,
    words,
    access,
    audits,
    overview,
    messages,
    events,
    settings,
    settings_members,
    versions,
    triggers,
    templates,
    workflow_nodes,
    workflows,
    profiles,
    timeline,
)


@cache
def texts() -> Mapping[str, tuple[str, str]]:
    """Every text by its name; a name that two modules have is a mistake."""
    merged: dict[str, tuple[str, str]] = {}
    for module in _MODULES:
        taken = merged.keys() & module.TEXTS.keys()
        if taken:
            raise KeyError(f"{module.__name__} has names of others: {', '.join(sorted(taken))}")
        merged |= module.TEXTS
    return merged


class Translator:
    """Says texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    def __call__(self, name: str, /, **values: object) -> str:
        """The text of a name, `{…}` filled in. KeyError for a name that there is not."""
        return _fill(texts()[name][self._place], values)

    def count(self, name: str, number: int, /, **values: object) -> str:
        """The text of a name for a number."""
        forms = texts()[name][self._place].split("|")
        form = forms[_english(number) if self.language == "en" else _russian(number)]
        return _fill(form, {"n": self.number(number)} | values)

    def word(self, kind: str, word: str) -> str:
        """A word of the program, as an outcome or a role; one that has no text is told as it is."""
        found = texts().get(f"{kind}_{word}")
        return found[self._place] if found else word

    def number(self, number: float) -> str:
        """A number with its thousands apart."""
        text = f"{number:,}"
        return text if self.language == "en" else text.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")


def _fill(text: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def _english(number: int) -> int:
    return 0 if number == 1 else 1


def _russian(number: int) -> int:
    tens, ones = number // 10 % 10, number % 10
    if tens == 1 or ones == 0 or ones > 4:  # noqa: PLR2004 - the grammar of Russian
        return 2
    return 0 if ones == 1 else 1

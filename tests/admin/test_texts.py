"""Every text of the console is said somewhere, in both languages, and nothing is said that is not there."""

import re
from importlib.resources import files
from itertools import chain
from typing import get_args

import pytest

from tocsin.core.message_log import STATES
from tocsin.core.messages import EventType
from tocsin.core.traffic import TrafficOutcome
from tocsin.web.admin.texts import Translator, texts

ADMIN = files("tocsin.web") / "admin"
# Where names of texts are put together, how they begin or end: `t("nav_" ~ name)`, `t.word("role", role)`.
_BEGINNINGS = re.compile(r"""["']([a-z_.]+_)["']|\bf["']([a-z_.]+_)\{|\bword\(\s*["']([a-z_.]+)["']""")
_ENDS = re.compile(r"""\bf["']\{\w+\}(_[a-z_]+)["']""")


def read(folder, ending):
    for one in folder.iterdir():
        if one.is_dir():
            yield from read(one, ending)
        elif one.name.endswith(ending):
            yield one.name, one.read_text("utf-8")


SOURCES = [
    (name, text)
    for name, text in chain(read(ADMIN / "templates", ".html"), read(ADMIN, ".py"))
    if "TEXTS: Final" not in text
]


def asked(text):
    """Names of texts that a template or module asks for, whole ones only."""
    found = re.findall(r"""\bt(?:\.count)?\(\s*["']([a-z0-9_.]+)["']\s*[,)]""", text)
    return set(found) | set(re.findall(r"visit\.go\([^)]*?,\s*[\"']([a-z_]+)[\"']\)", text))


def test_every_text_that_is_asked_for_is_there():
    missing = {
        (name, one)
        for name, text in SOURCES
        for one in asked(text)
        if one not in texts() and f"said_{one}" not in texts()
    }
    assert missing == set()


def test_every_text_is_asked_for():
    everything = "\n".join(text for _, text in SOURCES)
    beginnings = {whole or put or f"{kind}_" for whole, put, kind in _BEGINNINGS.findall(everything)} | {"said_"}
    literal = set(re.findall(r"""["']([a-z0-9_.]+)["']""", everything))
    beginnings |= {f"{kind}_" for kind in literal if kind.startswith("workflows_")}
    unused = [
        name
        for name in texts()
        if name not in literal
        and not name.startswith(tuple(beginnings))
        and not name.endswith(tuple(_ENDS.findall(everything)))
    ]
    assert unused == []


@pytest.mark.parametrize("name", list(texts()))
def test_a_text_says_the_same_in_both_languages(name):
    english, russian = texts()[name]
    assert english.strip()
    assert russian.strip()
    assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", russian))
    if "|" in english and "{n}" in english:
        assert (english.count("|"), russian.count("|")) == (1, 2)


def test_numbers_have_the_forms_of_their_language():
    english, russian = Translator("en"), Translator("ru")
    assert [english.count("overview_events_wait", n) for n in (1, 2)] == ["1 event waits", "2 events wait"]
    assert [russian.count("overview_events_wait", n).split()[1] for n in (1, 2, 5, 11, 21, 104)] == [
        "событие", "события", "событий", "событий", "событие", "события",
    ]  # fmt: skip
    assert russian.number(1234567.5) == "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567,5"


def test_every_event_state_and_outcome_has_its_words():
    named = {"event": get_args(EventType), "message_state": STATES, "traffic": get_args(TrafficOutcome)}
    assert [f"{kind}_{one}" for kind, words in named.items() for one in words if f"{kind}_{one}" not in texts()] == []

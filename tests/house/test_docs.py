"""Every word that a caller or an operator meets is explained."""

import re
from typing import get_args

import pytest
from tests.house.sources import ROOT

from tocsin.core import errors
from tocsin.core.errors import TocsinError
from tocsin.core.messages import EventType
from tocsin.web import operations

ERRORS = [
    TocsinError,
    *(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TocsinError)),
]


def page(name):
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("path", operations.OPERATIONS)
def test_every_operation_is_documented(path):
    assert re.search(rf"(?<![\w/]){re.escape(path)}(?![\w/])", page("api/calls.md").replace(operations.PREFIX, ""))


@pytest.mark.parametrize("word", get_args(EventType))
def test_every_event_type_is_in_the_glossary(word):
    assert f"`{word}`" in page("glossary.md")


@pytest.mark.parametrize("error", dict.fromkeys(ERRORS))
def test_every_error_is_documented_with_its_code_and_text(error):
    lines = [line for path in (ROOT / "docs" / "api").glob("*.md") for line in path.read_text("utf-8").splitlines()]
    assert [line for line in lines if str(error.code) in line and error.text in line]


def test_no_page_links_to_a_file_that_is_not_there():
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert broken == []

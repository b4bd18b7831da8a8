"""The page on the template language keeps its word: each example comes out as it says."""

import json
import re
from pathlib import Path

import pytest

from tocsin.core.errors import TemplateMistake
from tocsin.core.templates.template import compile_template

PAGE = (Path(__file__).parents[2] / "docs" / "api" / "templates.md").read_text()
RECIPIENT = json.loads(re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
EXAMPLES = re.findall(r"^```template( html)?\n(.*?)\n---\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("html", "source", "expected"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_comes_out_as_the_page_says(html, source, expected):
    try:
        text = compile_template(source, escape=bool(html)).render(RECIPIENT).text
    except TemplateMistake as problem:
        text = str(problem)
    assert text == expected


def test_every_template_on_the_page_is_an_example():
    assert len(EXAMPLES) == len(re.findall(r"^```template", PAGE, re.MULTILINE)) > 20

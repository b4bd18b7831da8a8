"""JSONPath: which values a path leads to."""

import pytest

from tocsin.core.errors import Invalid
from tocsin.core.templates import allowance, jsonpath

STORE = {
    "books": [
        {"title": "A", "price": 8, "tags": ["x"]},
        {"title": "B", "price": 12.5, "sold": True},
        {"title": "C", "price": "12", "sold": None, "by": {"title": "Z"}},
    ],
    "first name": "Ann",
    "a-b": {"0": "zero"},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [STORE]),
        ("$.books[0].title", ["A"]),
        ("$.books[-1].title", ["C"]),
        ("$.books[3].title", []),
        ("$.books[*].title", ["A", "B", "C"]),
        ("$.books[1:].title", ["B", "C"]),
        ("$.books[:-1]['title']", ["A", "B"]),
        ("$['first name']", ["Ann"]),
        ('$["a-b"].0', ["zero"]),
        ("$.a-b.*", ["zero"]),
        ("$..title", ["A", "B", "C", "Z"]),
        ("$.books..[0]", [STORE["books"][0], "x"]),
        ("$..books[?(@.price > 10)].title", ["B"]),
        ("$.books[?(@.price<=8)].title", ["A"]),
        ("$.books[?(@.title == 'B')].price", [12.5]),
        ("$.books[?(@.title != 'B')].title", ["A", "C"]),
        ('$.books[?(@.title >= "B")].title', ["B", "C"]),
        ("$.books[?(@.sold)].title", ["B", "C"]),
        ("$.books[?(@.sold == true)].title", ["B"]),
        ("$.books[?(@.sold == null)].title", ["C"]),
        ("$.books[?(@.by.title == 'Z')].title", ["C"]),
        ("$.books[0].tags[?(@ == 'x')]", ["x"]),
        ("$.books.title", []),
        ("$.title.x[0]..y", []),
    ],
)
def test_a_path_leads_to_all_its_hits_in_order(path, found):
    allowance.start()
    assert jsonpath.select(jsonpath.parse(path), True, STORE) == found
    assert jsonpath.select(jsonpath.parse(path), False, STORE) == (found[0] if found else None)


@pytest.mark.parametrize(
    "path", ["", "a", "$a", "$.", "$..", "$[", "$[a]", "$.a b", "$[?(@.x = 1)]", "$[?(@.x > y)]", "$" + ".a" * 600]
)
def test_a_path_that_cannot_be_read_is_refused(path):
    with pytest.raises(ValueError, match="path"):
        jsonpath.parse(path)


def test_a_path_that_multiplies_is_stopped(monkeypatch):
    monkeypatch.setattr(allowance, "LIMIT", 400_000)
    value = []
    for _ in range(500):
        value = [value, 1]
    allowance.start()
    with pytest.raises(Invalid):
        jsonpath.select(jsonpath.parse("$..*..*..*..*"), True, value)

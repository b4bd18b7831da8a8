"""Modules and functions that a reader can hold in mind, and comments that are few (design: craft)."""

import ast
from statistics import median, quantiles

from tests.house.sources import SOURCE, comments, modules

LONGEST_MODULE = 500
MEDIAN_FUNCTION = 10
LONG_FUNCTION = 32
FEWEST_COMMENTS, MOST_COMMENTS = 1, 5


def function_lengths():
    return [
        node.end_lineno - node.lineno + 1
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_module_is_longer_than_a_reader_can_take_in():
    lengths = {module.name: len(module.text.splitlines()) for module in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_the_usual_function_is_short():
    assert median(function_lengths()) < MEDIAN_FUNCTION


def test_nine_functions_in_ten_are_not_long():
    assert quantiles(function_lengths(), n=10)[-1] < LONG_FUNCTION


def test_comments_are_few():
    """Python and SQL together: a line with a comment counts once."""
    texts = [module.text for module in modules()]
    statements = [path.read_text("utf-8") for path in SOURCE.rglob("*.sql")]
    lines = sum(len(text.splitlines()) for text in texts + statements)
    commented = sum(1 for text in texts for _ in comments(text)) + sum(
        "--" in line and not line.startswith("-- name: ") for text in statements for line in text.splitlines()
    )
    assert FEWEST_COMMENTS <= 100 * commented / lines <= MOST_COMMENTS

"""What CI asks for beside the tests: the formatter, the linter and the type checker have nothing to say."""

import subprocess
import sys

import pytest
from tests.house.sources import ROOT


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_the_checkers_have_nothing_to_say(command):
    words = [sys.executable, "-m", *command.split()]
    checked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        pytest.fail(checked.stdout + checked.stderr, pytrace=False)

"""What CI asks for beside the tests: the formatter, the linter and the type checker have nothing to say."""

import subprocess
import sys

import pytest
from tests.house.sources import ROOT


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_the_checkers_have_nothing_to_say(command):
    checked = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr

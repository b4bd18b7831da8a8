"""What is installed: a wheel without its SQL or its pages would start and then fail."""

import tomllib
from pathlib import PurePath

from tests.house.sources import ROOT, SOURCE


def test_every_file_that_is_no_module_is_packed_with_the_program():
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["tocsin"]
    files = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert [name for name in files if not any(matches(name, pattern) for pattern in packed)] == []


def matches(name, pattern):
    """As setuptools matches: `**` stands for any folders, also none."""
    return PurePath(name).match(pattern) or PurePath(name).match(pattern.replace("**/", ""))

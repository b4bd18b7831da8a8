"""What must not stand in any file: naive times, unkept promises, bare ignores, places of one machine."""

import re
from functools import cache
from pathlib import Path

import pytest
from tests.house.sources import ROOT, comments, project_files

NAIVE_TIME = re.compile(r"\butcnow\(|\butcfromtimestamp\(|\bdatetime\.now\(\)|\bdatetime\.today\(|\bdate\.today\(")
PROMISE = re.compile("|".join(rf"\b{word}\b" for word in ("TO" + "DO", "FIX" + "ME", "X" + "XX")))
# An ignore says what it ignores and why; `fmt: skip` leaves a layout as it was meant, which is reason enough.
IGNORE = re.compile(r"#\s*(?:noqa|type: ignore|fmt:(?! skip)|ruff:|mypy:|pyright:|pragma:)")
EXPLAINED = re.compile(r"#\s*(?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|type: ignore\[[\w, -]+\])\s+(?:- |# )?\w+.*")
MACHINE_PATH = re.compile(r"(?<![\w.}>~-])/(?:" + "home|root|work|Users|mnt" + r")/[\w.]")
HOST_OF_PACKAGES = re.compile(
    r"\b(?:" + "|".join(["pypi" + r"\.", "pythonhosted" + r"\.", "artifactory", "nexus" + r"\.", "jfrog"]) + r")"
    r"|--(?:extra-)?" + "index-url|--find-links|--trusted-host"
)
PINNED = re.compile(r"[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==[\w.!+]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


@cache
def texts():
    """Text files of the project by name."""
    found = {}
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content:
            found[path.relative_to(ROOT).as_posix()] = content.decode("utf-8")
    return found


def lines_with(pattern, names="*"):
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if Path(name).match(names)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_time_is_naive():
    assert [place for place in lines_with(NAIVE_TIME, "*.py") if not place.startswith("tests/house/test_text.py")] == []


def test_nothing_is_promised_in_a_comment():
    assert lines_with(PROMISE) == []


def test_every_ignore_says_what_it_ignores_and_why():
    bare = [
        f"{name}:{comment.start[0]}: {comment.string}"
        for name, text in texts().items()
        if name.endswith(".py")
        for comment in comments(text)
        if IGNORE.search(comment.string) and not EXPLAINED.fullmatch(comment.string)
    ]
    assert bare == []


def test_no_file_names_a_place_of_one_machine():
    assert lines_with(MACHINE_PATH) == []


def test_no_file_names_a_host_of_packages():
    allowed = ("Makefile:", "tests/house/test_text.py:")
    assert [place for place in lines_with(HOST_OF_PACKAGES) if not place.startswith(allowed)] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_exact_versions_with_hashes_and_no_address(name):
    lock = texts()[name]
    assert PINNED.sub("", lock) == ""
    assert "://" not in lock


def decision_records():
    folder = "docs/decisions/"
    return {name.removeprefix(folder): text for name, text in texts().items() if name.startswith(f"{folder}0")}


def test_decision_records_are_numbered_without_a_gap():
    records = sorted(decision_records())
    assert [record[:5] for record in records] == [f"{number:04}-" for number in range(1, len(records) + 1)]


def test_a_decision_record_begins_with_its_number_and_is_listed():
    contents = texts()["docs/decisions/README.md"]
    for name, text in decision_records().items():
        assert re.match(rf"# 0*{int(name[:4])}[.:] ", text), name
        assert f"({name})" in contents


def test_no_file_is_binary_but_pictures():
    binary = [path.name for path in project_files() if b"\0" in path.read_bytes()]
    assert [name for name in binary if Path(name).suffix not in {".png", ".mmdb"}] == []

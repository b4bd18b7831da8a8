"""Profiles as files: every value comes through, in either format, whatever pages it was written in."""

import csv
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import exports, fields
from tocsin.core.configuration import Database, Field
from tocsin.core.errors import Invalid
from tocsin.core.exports import ExportCall
from tocsin.core.profiles import Profile

DATABASE = Database(id=1, name="Customers", fields={"zeta": "int", "alpha": Field("tags")})
KEEPING = Database(id=2, name="Keepers", unknown_fields="keep")
SUBSCRIPTION = {"resource_id": 21, "channel": "email", "email": "a@example.com", "status": "subscribed", "priority": 0}


def profile(number: int = 1, *subscriptions: dict[str, Any], **members: Any) -> Profile:
    return Profile(number.to_bytes(12, "big"), members, list(subscriptions))


def write(call: ExportCall, *pages: list[Profile]) -> str:
    last = len(pages) - 1
    pieces = [
        exports.write_page(call, page, is_first=not place, is_last=place == last) for place, page in enumerate(pages)
    ]
    return b"".join(pieces).decode()


def as_csv(*pages: list[Profile], columns: tuple[str, ...] = ("id", "note")) -> list[list[str]]:
    return list(csv.reader(_lines(write(ExportCall(1, "csv", columns), *pages)), strict=True))


def as_json(*pages: list[Profile], columns: tuple[str, ...] = ()) -> Any:
    return json.loads(write(ExportCall(1, "json", columns), *pages))


def cell(value: Any) -> str:
    return as_csv([profile(note=value)])[1][1]


def test_the_header_names_every_field_in_its_order():
    columns = exports.check_columns(DATABASE, [], "csv")
    assert columns == ("id", *fields.STANDARD, "zeta", "alpha", "subscriptions")
    assert as_csv([], columns=columns) == [list(columns)]


def test_json_has_what_each_profile_has():
    assert exports.check_columns(DATABASE, [], "json") == ()
    assert as_json([profile(1, SUBSCRIPTION, zeta=1), profile(2)]) == [
        {"id": "000000000000000000000001", "zeta": 1, "subscriptions": [SUBSCRIPTION]},
        {"id": "000000000000000000000002", "subscriptions": []},
    ]


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_columns_may_be_asked_for_once_each(file_format: exports.Format):
    asked = exports.check_columns(DATABASE, ["alpha", "_id", "id", "email", "alpha"], file_format)
    assert asked == ("alpha", "id", "email")


def test_asked_columns_are_all_that_json_has():
    assert as_json([profile(zeta=1, alpha=["x"])], columns=("zeta", "email")) == [{"zeta": 1}]


def test_a_column_that_the_database_does_not_have_is_refused_with_its_place():
    with pytest.raises(Invalid) as refused:
        exports.check_columns(DATABASE, ["email", "gamma"], "csv")
    assert refused.value.describe() == "fields[1]: database 1 has no field 'gamma'"


def test_a_database_that_keeps_unknown_fields_may_have_any():
    assert exports.check_columns(KEEPING, ["gamma"], "csv") == ("gamma",)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ('a "quoted", text\r\nof two lines', 'a "quoted", text\r\nof two lines'),
        ("", ""),
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (1.5, "1.5"),
        (-1e30, "-1e30"),
        (["tea", "books"], "tea, books"),
        ([], ""),
        ({"city": "Köln", "n": [1]}, '{"city":"Köln","n":[1]}'),
        ([{"sku": "a"}], '[{"sku":"a"}]'),
    ],
)
def test_a_value_is_one_cell(value: Any, shown: str):
    assert cell(value) == shown


@pytest.mark.parametrize(
    "start", ["=1+1", "+cmd|' /C calc'!A0", "-2+3+A1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "=", "+A"]
)
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(start: str):
    assert cell(start) == f"'{start}"
    assert cell([start, "tag"]) == f"'{start}, tag"


@pytest.mark.parametrize("text", ["+79000000001", "-5", "-1.5", "+7 900 000-00-01", "a=1", "1-2", "'=1"])
def test_a_text_of_numbers_is_left_alone(text: str):
    assert cell(text) == text


def test_phone_numbers_are_left_alone():
    assert cell(["+79000000001", "+79000000002"]) == "+79000000001, +79000000002"


def test_a_profile_without_a_field_has_an_empty_cell_and_extra_fields_have_no_column():
    assert as_csv([profile(other="x")]) == [["id", "note"], ["000000000000000000000001", ""]]


@pytest.mark.parametrize("columns", [(), ("id", "subscriptions")])
def test_deleted_subscriptions_are_left_out(columns: tuple[str, ...]):
    assert as_json([profile(1, SUBSCRIPTION)], columns=columns)[0]["subscriptions"] == [SUBSCRIPTION]
    row = as_csv([profile(1, SUBSCRIPTION)], columns=("id", "subscriptions"))[1]
    assert json.loads(row[1]) == [SUBSCRIPTION]


def test_lines_of_csv_end_as_the_standard_says():
    assert write(ExportCall(1, "csv", ("id",)), [profile()]) == "id\r\n000000000000000000000001\r\n"


@pytest.mark.parametrize(
    "pages", [[[]], [[profile()], []], [[profile()]], [[profile(1)], [profile(2), profile(3)], []]]
)
def test_pages_make_one_file(pages: list[list[Profile]]):
    expected = [one.id.hex() for page in pages for one in page]
    assert [one["id"] for one in as_json(*pages)] == expected
    assert [row[0] for row in as_csv(*pages)] == ["id", *expected]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=5))
def test_every_text_comes_through(texts: list[str]):
    profiles = [profile(number, note=text) for number, text in enumerate(texts)]
    assert [one["note"] for one in as_json(profiles)] == texts
    written = write(ExportCall(1, "csv", ("id", "note")), profiles)
    rows = list(csv.reader(_lines(written), strict=True))[1:]
    assert [row[1] for row in rows] == [f"'{text}" if cell_is_marked(text) else text for text in texts]


def _lines(text: str) -> list[str]:
    """Split at line feeds only: str.splitlines knows more ends of lines than CSV does."""
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def cell_is_marked(text: str) -> bool:
    harmless = text[:1] in "+-" and not set(text) - set("0123456789 .,+-")
    return bool(text) and text[0] in "=+-@\t\r\n" and not harmless


def test_a_file_is_named_as_the_documentation_names_it():
    assert ExportCall(7, "json").file_name == "7_database_export.json"

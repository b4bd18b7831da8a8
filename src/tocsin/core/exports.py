"""Profiles as a file, CSV or JSON, made a page at a time."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tocsin.core import fields
from tocsin.core.configuration import Database
from tocsin.core.errors import Invalid
from tocsin.core.profiles import Profile

Format = Literal["csv", "json"]

CONTENT_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}

# Spreadsheets take such a cell for a formula, unless there is nothing in it but numbers.
_is_formula = re.compile(r"(?![+-][0-9 .,+-]*\Z)[=+\-@\t\r\n]").match

_needs_quotes = re.compile(r'[",\r\n]').search

_encode = msgspec.json.Encoder().encode


class ExportCall(Struct, frozen=True, omit_defaults=True):
    """The profiles of a database that fit a query. `columns`: the members of each; none: all that it has."""

    database_id: int
    file_format: Format
    columns: tuple[str, ...] = ()
    query: dict[str, Any] = {}

    @property
    def file_name(self) -> str:
        """As the documentation names such files (facts, 1.10)."""
        return f"{self.database_id}_database_export.{self.file_format}"


def check_columns(database: Database, asked: Sequence[str], file_format: Format) -> tuple[str, ...]:
    """The columns asked for, once each; of CSV else every field, since its header comes first. Raises Invalid.

    `_id` is asked, `id` is answered (facts, 5.5).
    """
    known = ("id", *fields.STANDARD, *database.custom_fields(), "subscriptions")
    if not asked:
        return known if file_format == "csv" else ()
    columns = ["id" if name == "_id" else name for name in asked]
    for place, name in enumerate(columns):
        if name not in known and database.unknown_fields != "keep":
            shown = name[: fields.NAME_LENGTH]
            raise Invalid(f"database {database.id} has no field {shown!r}", path=f"fields[{place}]")
    return tuple(dict.fromkeys(columns))


def write_page(call: ExportCall, profiles: Sequence[Profile], *, is_first: bool, is_last: bool) -> bytes:
    """The next piece of the file, UTF-8. All pages but the last have profiles; the pieces make the file.

    CSV is that of RFC 4180: lists joined by ", ", objects as JSON, and a text that a spreadsheet would take for a
    formula behind an apostrophe. JSON is one list, a line for each profile, as `profiles/import_batch` takes them.
    """
    described = [describe(profile) for profile in profiles]
    if call.file_format == "csv":
        return _csv_page(call.columns, described, with_header=is_first)
    if call.columns:
        described = [{name: one[name] for name in call.columns if name in one} for one in described]
    opening = b"[\n" if is_first else b",\n" if profiles else b""
    return opening + b",\n".join(map(_encode, described)) + (b"\n]\n" if is_last else b"")


def describe(profile: Profile) -> dict[str, Any]:
    """All that an export tells of a profile."""
    return {"id": profile.id.hex(), **profile.fields, "subscriptions": profile.subscriptions}


def _csv_page(columns: Sequence[str], profiles: Iterable[dict[str, Any]], *, with_header: bool) -> bytes:
    rows = [",".join(map(_cell, columns))] if with_header else []
    for one in profiles:
        cells = {name: _cell(value) for name, value in one.items()}
        rows.append(",".join([cells.get(name, "") for name in columns]) or '""')
    return "".join(f"{row}\r\n" for row in rows).encode()


def _cell(value: Any) -> str:
    text = _text(value)
    if _is_formula(text) and not isinstance(value, int | float):
        text = f"'{text}"
    return '"{}"'.format(text.replace('"', '""')) if _needs_quotes(text) else text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return "" if value is None else _encode(value).decode()

"""The custom fields of a database, as rows of a form."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

from tocsin.core.configuration import MATCHABLE
from tocsin.core.configuration_words import FieldType
from tocsin.web.admin.forms import Form

TYPES: Final[tuple[str, ...]] = get_args(FieldType)
_SPARE_ROWS = 3
_MOST_ROWS = 1000


class Column(NamedTuple):
    """One row. `values`: of an enum, apart by commas."""

    name: str = ""
    type: str = "string"
    is_unique: bool = False
    is_matched: bool = True
    values: str = ""


def show_columns(fields: Mapping[str, Any]) -> list[Column]:
    """The rows of stored fields, and some spare ones."""
    columns = []
    for name, said in fields.items():
        spec = said if isinstance(said, dict) else {"type": said}
        columns.append(
            Column(
                name,
                spec["type"],
                bool(spec.get("unique", False)),
                bool(spec.get("match", True)),
                ", ".join(spec.get("values", ())),
            )
        )
    return columns + [Column()] * _SPARE_ROWS


def typed_columns(form: Form) -> list[Column]:
    """The rows as they were typed, and some spare ones."""
    columns = [
        Column(
            form.text(f"column.{row}.name"),
            form.text(f"column.{row}.type", "string"),
            form.is_on(f"column.{row}.unique"),
            form.is_on(f"column.{row}.match"),
            form.text(f"column.{row}.values"),
        )
        for row in range(_MOST_ROWS)
        if f"column.{row}.name" in form
    ]
    return [column for column in columns if column.name] + [Column()] * _SPARE_ROWS


def read_columns(form: Form) -> dict[str, Any]:
    """The fields that the rows say, as the configuration file has them; rows without a name are none."""
    fields: dict[str, Any] = {}
    for column in typed_columns(form):
        if column.name:
            spec: dict[str, Any] = {"type": column.type}
            if column.is_unique:
                spec["unique"] = True
            if not column.is_matched and column.type in MATCHABLE:
                spec["match"] = False
            values = [value.strip() for value in column.values.split(",") if value.strip()]
            fields[column.name] = (
                spec | ({"values": values} if values else {}) if len(spec) > 1 or values else column.type
            )
    return fields

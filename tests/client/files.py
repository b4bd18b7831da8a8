"""Files of rows for the tests of the client, and what is read from them."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tocsin.client.csv_rows import CsvRows
from tocsin.client.json_rows import read_array, read_lines
from tocsin.client.rows import Row
from tocsin.client.text import Text, check_encoding, opened


def text_of(content: bytes, encoding: str = "utf-8") -> Text:
    return Text(io.BytesIO(content), check_encoding(encoding), is_compressed=False)


def read_csv(content: bytes | str, encoding: str = "utf-8", **options: Any) -> list[Row]:
    raw = content.encode() if isinstance(content, str) else content
    return list(CsvRows(text_of(raw, encoding), **options))


def read_json(content: bytes | str) -> list[Row]:
    return list(read_array(text_of(content.encode() if isinstance(content, str) else content)))


def read_ndjson(content: bytes | str) -> list[Row]:
    return list(read_lines(text_of(content.encode() if isinstance(content, str) else content)))


def profiles(rows: list[Row]) -> list[Any]:
    """What would be sent."""
    return [json.loads(row.profile) for row in rows if row.profile]


def mistakes(rows: list[Row]) -> list[tuple[int, int, str]]:
    """Number, line and reason of every broken row."""
    return [(row.number, row.line, row.mistake) for row in rows if row.mistake]


def rows_of(path: Path) -> Iterator[Row]:
    with opened(str(path), "utf-8") as text:
        yield from CsvRows(text)

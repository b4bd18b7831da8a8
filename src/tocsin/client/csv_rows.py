"""CSV read row by row. A row that is wrong is told by itself, and the rows after it are read."""

import csv
from collections.abc import Iterator, Sequence

from tocsin.client import rows
from tocsin.client.columns import Columns
from tocsin.client.rows import MOST_CHARACTERS, Row
from tocsin.client.text import Lines, LineTooLong, Text
from tocsin.core.errors import Invalid

_NOT_TEXT = "the text is not in the encoding of the file"


class CsvRows:
    """The rows of a file whose first row names the columns. `header` is its text. Invalid if it cannot be used."""

    def __init__(self, text: Text, delimiter: str = ",", *, clear_empty: bool = False) -> None:
        csv.field_size_limit(MOST_CHARACTERS)
        self._lines = Lines(text)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self._number = 0
        self.header = ""
        self._columns = self._read_columns(clear_empty=clear_empty)

    def _read_columns(self, *, clear_empty: bool) -> Columns:
        names = self._read_names()
        self.header = "".join(self._lines.record)
        if not _is_text(self.header):
            raise Invalid(f"line {self._lines.number}: {_NOT_TEXT}; name it with --encoding")
        try:
            return Columns(names, clear_empty=clear_empty)
        except Invalid as mistake:
            raise Invalid(f"line {self._lines.number}: {mistake.debug}") from None

    def _read_names(self) -> list[str]:
        names: list[str] = []
        try:
            while not names:
                self._lines.begin()
                names = next(self._reader)
        except StopIteration:
            raise Invalid("the file is empty") from None
        except (csv.Error, LineTooLong) as mistake:
            raise Invalid(f"line 1: the names of the columns cannot be read: {_describe(mistake)}") from None
        return names

    def __iter__(self) -> Iterator[Row]:
        while True:
            self._lines.begin()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except (csv.Error, LineTooLong) as mistake:
                yield self._give_up(mistake)
                continue
            if cells:
                yield self._make(cells)

    def _make(self, cells: Sequence[str]) -> Row:
        self._number += 1
        lines = self._lines
        line, original = lines.number - len(lines.record) + 1, "".join(lines.record).rstrip("\r\n")
        if len(cells) != self._columns.count:
            mistake = f"expected {self._columns.count} cells as in the first row, got {len(cells)}"
            return Row(self._number, line, original, mistake=mistake)
        if not _is_text(original):
            return Row(self._number, line, original, mistake=_NOT_TEXT)
        return rows.make(self._number, line, original, self._columns.profile(cells))

    def _give_up(self, mistake: Exception) -> Row:
        """A quote may have swallowed good rows after this one, so only its first line is lost."""
        self._number += 1
        if not self._lines.record:
            return rows.broken(self._number, self._lines.number, "", _describe(mistake))
        if len(self._lines.record) > 1:
            mistake = csv.Error("a quotation mark that is opened here is not closed as it should be")
        first = self._lines.give_back().rstrip("\r\n")
        return rows.broken(self._number, self._lines.number, first, _describe(mistake))


def _describe(mistake: Exception) -> str:
    if isinstance(mistake, LineTooLong):
        return f"the row is longer than {MOST_CHARACTERS} characters"
    return str(mistake).replace("unexpected end of data", "a quotation mark is not closed")


def _is_text(text: str) -> bool:
    """Whether all of it was in the encoding that it was read in."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

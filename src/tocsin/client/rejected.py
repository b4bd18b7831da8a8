"""The file of rejected rows: what is wrong with each, and the row as it was. Nothing rejected, no file."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from tocsin.client.options import Format
from tocsin.client.server import Rejection
from tocsin.core.errors import Invalid

_COLUMNS = ("rejected:row", "rejected:line", "rejected:error", "rejected:reason")


class RejectedRows:
    """Rows are added in their order; `size` is the length of the file in bytes."""

    def __init__(self, path: Path, format: Format, header: str = "", delimiter: str = ",") -> None:  # noqa: A002 - its name everywhere
        """`header`: the first row of a CSV file, as it is."""
        self.path = path
        self.size = 0
        self._header = header.rstrip("\r\n")
        self._delimiter = delimiter
        self._is_csv = format == "csv"
        self._file: BinaryIO | None = None

    def go_on(self, size: int) -> None:
        """Keep the first `size` bytes of what is there, or nothing if it was taken away meanwhile."""
        try:
            if not size or self.path.stat().st_size < size:
                self.path.unlink(missing_ok=True)
                return
            os.truncate(self.path, size)
            self.size = size
        except FileNotFoundError:
            self.size = 0
        except OSError as trouble:
            raise self._refuse(trouble) from None

    def add(self, rejections: Iterable[Rejection]) -> None:
        """Durable when this returns."""
        listed = list(rejections)
        if not listed:
            return
        text = "".join(self._csv_line(one) if self._is_csv else _json_line(one) for one in listed)
        try:
            self._write(text.encode("utf-8", "surrogateescape"))
        except OSError as trouble:
            raise self._refuse(trouble) from None

    def _write(self, content: bytes) -> None:
        if self._file is None:
            self._file = self.path.open("ab")
        if not self.size and self._is_csv:
            content = self._beside(_COLUMNS, self._header).encode() + content
        self._file.write(content)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.size += len(content)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _csv_line(self, rejection: Rejection) -> str:
        row = rejection.row
        cells = [str(row.number), str(row.line), str(rejection.error), rejection.reason]
        return self._beside(cells, row.original) if row.is_whole else self._beside([*cells, row.original])

    def _beside(self, cells: Sequence[str], original: str | None = None) -> str:
        """A line of cells, then the text of a row as it was."""
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return f"{line.getvalue()}\n" if original is None else f"{line.getvalue()}{self._delimiter}{original}\n"

    def _refuse(self, trouble: OSError) -> Invalid:
        return Invalid(f"{self.path}: {trouble.strerror}; name another place for rejected rows by --rejected")


def _json_line(rejection: Rejection) -> str:
    row = rejection.row
    said = {"number": row.number, "line": row.line, "error": rejection.error, "reason": rejection.reason}
    shown = row.profile or msgspec.json.encode(row.original.encode("utf-8", "replace").decode())
    return msgspec.json.encode(said | {"row": msgspec.Raw(shown)}).decode() + "\n"

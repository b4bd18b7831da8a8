"""The text of a file of any size: decoded, counted in lines, never in memory as a whole."""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tocsin.client.rows import MOST_CHARACTERS
from tocsin.core.errors import Invalid

STANDARD_INPUT = "-"

_CHUNK = 65536
_SHOWN = 40
_BROKEN = "\udcff"


class LineTooLong(Exception):
    """A line, or the lines of one record, are longer than MOST_CHARACTERS."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no text become lone surrogates, which no good text has; a UTF-8 file gets them back from it."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    try:
        marked, end = codecs.lookup_error("surrogateescape")(error)
    except UnicodeDecodeError:
        return _BROKEN, error.end
    return str(marked), end


codecs.register_error("tocsin.mark", _mark)


class Text:
    """The opened file. `position` is how many bytes of the file were read, compressed ones if it is."""

    def __init__(self, raw: BinaryIO, encoding: str, *, is_compressed: bool) -> None:
        self._raw = raw
        content = gzip.GzipFile(fileobj=raw) if is_compressed else raw
        self._decoded = io.TextIOWrapper(content, encoding, "tocsin.mark", newline="")

    @property
    def position(self) -> int:
        return self._raw.tell() if self._raw.seekable() else 0

    def read(self) -> str:
        """The next piece, empty at the end."""
        with _told_plainly():
            return self._decoded.read(_CHUNK)

    def read_line(self) -> str:
        """The next line with its end; empty at the end. LineTooLong if it is, and then it was read past."""
        with _told_plainly():
            line = self._decoded.readline(MOST_CHARACTERS + 1)
            if len(line) <= MOST_CHARACTERS:
                return line
            while line and line[-1] not in "\r\n":
                line = self._decoded.readline(MOST_CHARACTERS)
        raise LineTooLong


@contextmanager
def opened(path: str, encoding: str) -> Iterator[Text]:
    """A file, or standard input for `-`; compressed by gzip if its name ends so. Invalid if it cannot be read."""
    checked = check_encoding(encoding)
    if path == STANDARD_INPUT:
        yield Text(sys.stdin.buffer, checked, is_compressed=False)
        return
    try:
        raw = Path(path).open("rb")  # noqa: SIM115 - closed below; what the file holds raises errors of its own
    except OSError as trouble:
        raise Invalid(f"{path}: {trouble.strerror}") from None
    with raw:
        yield Text(raw, checked, is_compressed=path.lower().endswith(".gz"))


def check_encoding(name: str) -> str:
    """The encoding by its Python name, a byte order mark left out; or Invalid."""
    try:
        "a".encode(name)
        known = codecs.lookup(name)
        known.incrementaldecoder("tocsin.mark").decode(b"a")
    except (LookupError, ValueError):
        told = f"--encoding: there is no encoding {name[:_SHOWN]!r}; utf-8, utf-16, cp1251, latin-1 are some"
        raise Invalid(told) from None
    return "utf-8-sig" if known.name == "utf-8" else known.name


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Invalid("the compressed file is damaged or ends too early") from None
    except OSError as trouble:
        raise Invalid(f"the file cannot be read: {trouble.strerror or trouble}") from None


class Lines:
    """Lines one by one, some of which may be given back. `number` is that of the line that came last, from 1.

    `record` holds the lines since `begin`; together they may not be longer than MOST_CHARACTERS.
    """

    def __init__(self, text: Text) -> None:
        self.number = 0
        self.record: list[str] = []
        self._text = text
        self._given_back: list[str] = []
        self._size = 0

    def begin(self) -> None:
        """A new record begins with the next line."""
        self.record = []
        self._size = 0

    def give_back(self) -> str:
        """The first line of the record; the others will come again."""
        first, *others = self.record
        self._given_back.extend(reversed(others))
        self.number -= len(others)
        return first

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.pop() if self._given_back else self._read_line()
        if not line:
            raise StopIteration
        self.number += 1
        self.record.append(line)
        self._size += len(line)
        if self._size > MOST_CHARACTERS:
            raise LineTooLong
        return line

    def _read_line(self) -> str:
        try:
            return self._text.read_line()
        except LineTooLong:
            self.number += 1
            raise

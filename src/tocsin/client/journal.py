"""How far an import has come, in a file that outlives it: an interrupted import goes on from there."""

import fcntl
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from tocsin.core.errors import Invalid, NotReady

VERSION = 1

_FIRST_BLOCK = 65536
_SHOWN = 60


class Progress(Struct, frozen=True):
    """What is settled: rows up to a number. `rejected_bytes`: how long the file of rejected rows was then."""

    rows: int = 0
    line: int = 0
    imported: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    seconds: float = 0.0
    skipped: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    ignored_fields: list[str] = field(default_factory=list)


class FileIdentity(Struct, frozen=True):
    """What tells that a file is the one that it was."""

    bytes: int
    modified_ns: int
    beginning: str


class _Heading(Struct, frozen=True):
    tocsin_import: int
    run: str
    file: FileIdentity
    options: dict[str, Any]


class Journal(Protocol):
    """What an import notes while it goes on."""

    progress: Progress

    @property
    def run(self) -> str:
        """Names the import, and no other."""

    def begin(self) -> None:
        """The first call is about to be made: from now on there is something to go on with."""

    def note(self, progress: Progress) -> None:
        """Durable when this returns."""

    def finish(self) -> None:
        """Everything is settled; there is nothing to go on with."""

    def close(self) -> None: ...


def identify(path: Path) -> FileIdentity | None:
    """Size, time of the last change and first block of a file; None for what cannot be read twice, as a pipe."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        beginning = sha256(file.read(_FIRST_BLOCK)).hexdigest()
        stat = os.fstat(file.fileno())
    return FileIdentity(stat.st_size, stat.st_mtime_ns, beginning)


class Forgetful:
    """The journal of an import that cannot be gone on with, as standard input cannot be read twice."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(16)
        self.progress = Progress()

    def begin(self) -> None:
        pass

    def note(self, progress: Progress) -> None:
        self.progress = progress

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class FileJournal:
    """A line for the import, then one for each batch that is settled; a torn last line never was."""

    def __init__(self, path: Path, file: FileIdentity, options: Mapping[str, Any], *, restart: bool = False) -> None:
        """Invalid if the journal is of another file or of other options; NotReady if it is in use."""
        self._path = path
        self._descriptor = _open(path)
        try:
            if restart:
                os.ftruncate(self._descriptor, 0)
            self._heading, self.progress = self._read(file, options)
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def run(self) -> str:
        return self._heading.run

    def _read(self, file: FileIdentity, options: Mapping[str, Any]) -> tuple[_Heading, Progress]:
        content = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        kept = content[: content.rfind(b"\n") + 1]
        os.ftruncate(self._descriptor, len(kept))
        if not kept:
            return _Heading(VERSION, secrets.token_hex(16), file, dict(options)), Progress()
        lines = kept.splitlines()
        try:
            heading = msgspec.json.decode(lines[0], type=_Heading)
            progress = msgspec.json.decode(lines[-1], type=Progress) if len(lines) > 1 else Progress()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Invalid(f"{self._path}: this is no journal of an import; name another by --progress") from None
        self._check(heading, file, options)
        return heading, progress

    def _check(self, heading: _Heading, file: FileIdentity, options: Mapping[str, Any]) -> None:
        if heading.tocsin_import != VERSION:
            raise Invalid(f"{self._path}: written by another version of Tocsin; go on with that, or --restart")
        if heading.file != file:
            raise Invalid(
                f"{self._path}: the file has changed since its import was interrupted;"
                " put it back to go on, or import it from its beginning with --restart"
            )
        names = [name for name in {**heading.options, **options} if heading.options.get(name) != options.get(name)]
        if names:
            said = "; ".join(
                f"{name} was {_shown(heading.options.get(name))} and is {_shown(options.get(name))}" for name in names
            )
            raise Invalid(
                f"{self._path}: an interrupted import of this file had other options: {said};"
                " give the same to go on, or begin anew with --restart"
            )

    def begin(self) -> None:
        if self._is_empty():
            self._append(self._heading)

    def note(self, progress: Progress) -> None:
        self._append(progress)
        self.progress = progress

    def _append(self, line: Struct) -> None:
        try:
            os.write(self._descriptor, msgspec.json.encode(line) + b"\n")
            os.fsync(self._descriptor)
        except OSError as trouble:
            raise NotReady(f"{self._path}: {trouble.strerror}") from None

    def finish(self) -> None:
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Of an import that was not begun nothing stays."""
        if self._is_empty():
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _is_empty(self) -> bool:
        return not os.fstat(self._descriptor).st_size


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as trouble:
        raise Invalid(f"{path}: {trouble.strerror}; name another place by --progress") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise NotReady(f"{path}: another import of this file is running") from None
    return descriptor


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:_SHOWN]

"""Outcomes on this host's disk, between the answer of a server and the database's: what a killed worker leaves behind.

A file is one batch: its number, then an entry for each message that left. Its room is written beforehand, so that a
disk that fills up stops messages before they leave, not after. What a killed process had written, the kernel keeps.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from struct import Struct
from uuid import uuid4
from zlib import crc32

import msgspec

from tocsin.core.errors import NotReady
from tocsin.core.messages import EventType

SUFFIX = ".journal"
# An outcome's text has 500 characters, each of four bytes at most; the provider's id 200 bytes; the rest is below 200.
MOST_ENTRY_BYTES = 2400

_NUMBER = Struct(">I")
_FRAME = Struct(">II")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """The end of a message that the database may not know yet; its row there has the rest.

    `address_hash`: of which address it is the end, where the message may since have gone on to another; else empty.
    """

    message_id: bytes
    at: datetime
    type: EventType
    database_id: int
    attempts: int
    code: int
    text: str
    missing: int
    segments: int = 0
    sender_id: int = 0
    provider_id: str = ""
    address_hash: str = ""
    is_delivered: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


class Journal:
    """The file of one worker's batch, used again for the next. Locked as long as the process lives."""

    def __init__(self, folder: Path, entries: int) -> None:
        """A new file in `folder` with room for so many entries. NotReady when there is none."""
        self._end = 0
        self._number = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path, self._descriptor = _create(folder)
        except OSError as trouble:
            raise NotReady(f"no journal in {folder}: {trouble.strerror}") from trouble
        try:
            _fill(self._descriptor, _NUMBER.size + entries * (_FRAME.size + MOST_ENTRY_BYTES))
            self.begin()
        except OSError as trouble:
            self.remove()
            raise NotReady(f"no journal in {folder}: {trouble.strerror}") from trouble

    def begin(self) -> None:
        """The next batch: what the file holds is in the database."""
        self._number += 1
        os.pwrite(self._descriptor, _NUMBER.pack(self._number), 0)
        self._end = _NUMBER.size

    def note(self, entry: Entry) -> None:
        """Safe from the death of this process when this returns; OSError when the disk failed."""
        payload = _encode(entry)
        # The batch's number goes into the checksum, so that entries of the batch before are none of this one.
        frame = _FRAME.pack(len(payload), crc32(payload, self._number)) + payload
        if os.pwrite(self._descriptor, frame, self._end) != len(frame):
            raise OSError(f"{self._path}: an entry was cut short")
        self._end += len(frame)

    def remove(self) -> None:
        """Done with it: everything it held is in the database."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def abandon(self) -> None:
        """Leave it to whoever replays."""
        os.close(self._descriptor)


def list_all(folder: Path) -> list[Path]:
    """The journals of living workers too; `adopt` tells which are left behind."""
    return sorted(folder.glob(f"*{SUFFIX}"))


@contextmanager
def adopt(path: Path) -> Iterator[list[Entry] | None]:
    """The entries of a journal that nobody has; None if somebody has it. It is removed unless the block raises."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        if not _lock(descriptor):
            yield None
            return
        yield _read(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _read(content: bytes) -> list[Entry]:
    """Up to the first entry that is not whole, or of another batch."""
    entries: list[Entry] = []
    at = _NUMBER.size
    if len(content) < at:
        return entries
    (number,) = _NUMBER.unpack_from(content)
    while at + _FRAME.size <= len(content):
        size, checksum = _FRAME.unpack_from(content, at)
        payload = content[at + _FRAME.size : at + _FRAME.size + size]
        if not size or len(payload) < size or crc32(payload, number) != checksum:
            break
        entries.append(_decode(payload))
        at += _FRAME.size + size
    return entries


def _create(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / f"{uuid4().hex}{SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # Somebody who replays may have taken the new file for one left behind.
        if _lock(descriptor):
            return path, descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether it is ours from now on, and still a file."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_nlink > 0
    return False


def _fill(descriptor: int, size: int) -> None:
    zeros = memoryview(bytes(size))
    at = 0
    while at < size:
        at += os.pwrite(descriptor, zeros[at:], at)

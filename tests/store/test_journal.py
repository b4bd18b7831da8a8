"""What a killed worker leaves is read whole, up to the last entry that was; nothing else is taken for an entry."""

import errno
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.errors import NotReady
from tocsin.store import journal
from tocsin.store.journal import Entry, Journal

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


def entry(n, **members):
    return Entry(n.to_bytes(12), AT, "send", 1, 1, 250, "2.0.0 Ok", 0, **members)


def noted(folder, *entries, room=10):
    """An abandoned journal's path."""
    pages = Journal(folder, room)
    for one in entries:
        pages.note(one)
    pages.abandon()
    (path,) = journal.list_all(folder)
    return path


def adopted(path):
    with journal.adopt(path) as entries:
        return entries


def test_what_was_noted_is_read_in_order_and_then_gone(tmp_path):
    wordy = Entry(bytes(12), AT, "undeliv", 7, 16, 550, "\U0010ffff" * 500, 99)
    path = noted(tmp_path, entry(1), wordy, entry(3))
    assert adopted(path) == [entry(1), wordy, entry(3)]
    assert not path.exists()


def test_the_largest_entry_has_room(tmp_path):
    largest = Entry(bytes(12), AT, "undeliv", 2**31, 2**31, 2**31, "\U0010ffff" * 500, 2**31)
    pages = Journal(tmp_path, 3)
    (path,) = journal.list_all(tmp_path)
    size = path.stat().st_size
    for _ in range(3):
        pages.note(largest)
    pages.abandon()
    assert path.stat().st_size == size
    assert adopted(path) == [largest] * 3


def test_entries_of_the_batch_before_are_none_of_this_one(tmp_path):
    pages = Journal(tmp_path, 10)
    for n in range(5):
        pages.note(entry(n))
    pages.begin()
    pages.note(entry(9))
    pages.abandon()
    (path,) = journal.list_all(tmp_path)
    assert adopted(path) == [entry(9)]


@given(cut=st.integers(0, 400), flipped=st.integers(0, 400))
def test_a_torn_or_spoilt_file_gives_the_entries_before_the_damage(tmp_path_factory, cut, flipped):
    entries = [entry(n) for n in range(5)]
    path = noted(tmp_path_factory.mktemp("journal"), *entries)
    content = bytearray(path.read_bytes())
    content[flipped] ^= 1
    path.write_bytes(content[:cut])
    found = adopted(path)
    assert found == entries[: len(found)]


def test_a_journal_in_use_is_left_alone(tmp_path):
    pages = Journal(tmp_path, 10)
    pages.note(entry(1))
    (path,) = journal.list_all(tmp_path)
    assert adopted(path) is None
    assert path.exists()
    pages.remove()
    assert journal.list_all(tmp_path) == []


def test_a_journal_whose_entries_could_not_be_recorded_stays(tmp_path):
    path = noted(tmp_path, entry(1))
    with pytest.raises(NotReady), journal.adopt(path):
        raise NotReady("no database")
    assert adopted(path) == [entry(1)]


def test_an_entry_outlives_the_process_that_noted_it(tmp_path):
    script = f"""
        import os, signal
        from datetime import datetime, UTC
        from pathlib import Path
        from tocsin.store.journal import Entry, Journal
        pages = Journal(Path({str(tmp_path)!r}), 10)
        pages.note(Entry(bytes(12), datetime.now(UTC), "send", 1, 1, 250, "", 0))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    (path,) = journal.list_all(tmp_path)
    found = adopted(path)
    assert found is not None
    assert [one.message_id for one in found] == [bytes(12)]


def test_without_room_on_the_disk_there_is_no_journal_and_no_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal.os, "pwrite", refuse)
    with pytest.raises(NotReady, match="No space left on device"):
        Journal(tmp_path, 10)
    assert journal.list_all(tmp_path) == []

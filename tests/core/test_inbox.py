"""What the development inbox tells of a mail."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.core.inbox import describe_list, describe_mail, make_id, read_subject

AT = datetime(2026, 11, 21, 10, 0, 0, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"Subject: Hello\r\n\r\nSubject: no\r\n", "Hello"),
        (b"From: a\r\nSUBJECT:\tof two\r\n lines\r\nTo: b\r\n\r\n", "of two lines"),
        (b"From: a\nSubject: bare\n\nx", "bare"),
        (b"Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\n\r\n", "Привет"),
        (b"Subject: =?utf-8?b?0J/RgNC4?=\r\n =?utf-8?b?0LLQtdGC?=\r\n\r\n", "Привет"),
        ("Subject: Привет\r\n\r\n".encode(), "Привет"),
        (b"Subject: =?nosuch?b?0J?=\r\n\r\n", "=?nosuch?b?0J?="),
        (b"X-Subject: no\r\n\r\nSubject: no\r\n", ""),
        (b"", ""),
        (b"Subject: " + b"a" * 100_000, "a" * 998),
    ],
)
def test_a_subject_is_read_as_far_as_it_can_be(raw, subject):
    assert read_subject(raw) == subject


def test_who_comes_later_has_a_greater_id():
    times = [AT + timedelta(microseconds=n) for n in range(5)]
    identifiers = [make_id(at, bytes([255 - n]) * 5) for n, at in enumerate(times)]
    assert identifiers == sorted(identifiers)
    assert {len(one) for one in identifiers} == {12}


def test_a_list_has_a_line_for_each():
    told = describe_mail(make_id(AT, bytes(5)), AT, "", ["ann@example.com", "bob@example.com"], b"Subject: Hi\r\n\r\n")
    lines = describe_list([told], 7).splitlines()
    assert lines[0].split("  ") == [
        told.id.hex(), "2026-11-21 10:00:00", "ann@example.com, bob@example.com", "Hi",
    ]  # fmt: skip
    assert lines[1] == "7 mails"

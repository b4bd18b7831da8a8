"""Which mail a person has written."""

import pytest
from tests.core.bounce_mails import MAILS

from tocsin.core import bounces, replies

FROM, TO = "Ann Example <ann@example.com>", "b-1@bounces.example.com"


def letter(*headers: str, subject: str = "Re: Your order", sender: str = FROM) -> bytes:
    lines = (f"From: {sender}", f"To: {TO}", f"Subject: {subject}", *headers, "", "Thank you, but where is it?", "")
    return "\r\n".join(lines).encode()


def test_a_reply_says_its_subject_and_from_whom_it_is_and_no_more():
    assert replies.parse(letter(), "ann@example.com") == bounces.Report(
        "reply", subject="Re: Your order", from_email="ann@example.com"
    )


@pytest.mark.parametrize(
    "headers",
    [
        ("Auto-Submitted: no",),
        ("Precedence: first-class",),
        ("In-Reply-To: <6b00f7526d1c8a30b7f41e96@example.com>", "X-Mailer: Some/1.0", "X-Spam-Status: No"),
        ("Content-Type: multipart/alternative; boundary=x",),
        ("X-MS-Exchange-Organization-AuthAs: Internal", "Importance: high"),
    ],
)
def test_what_mail_programs_of_people_add_makes_no_difference(headers: tuple[str, ...]):
    assert replies.parse(letter(*headers), "ann@example.com") is not None


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; type=note",
        "Precedence: bulk",
        "precedence: Auto_Reply",
        "X-Autoreply: yes",
        "X-Autorespond: 1",
        "X-Auto-Response-Suppress: All",
        "X-Vacation: true",
        "List-Id: <list.example.com>",
        "Return-Path: <>",
        "Content-Type: multipart/report; report-type=disposition-notification",
        "Content-Type: text/calendar; method=REPLY",
    ],
)
def test_what_programs_say_of_themselves_is_believed(header: str):
    assert replies.parse(letter(header), "ann@example.com") is None


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Your order",
        "Out of office",
        "Autoreply: Your order",
        "=?utf-8?b?0JDQstGC0L7QvtGC0LLQtdGCOiDQt9Cw0LrQsNC3?=",
        "Abwesenheitsnotiz: Ihre Bestellung",
        "Undeliverable: Your order",
    ],
)
def test_programs_that_say_it_only_in_the_subject_are_known(subject: str):
    assert replies.parse(letter(subject=subject), "ann@example.com") is None


@pytest.mark.parametrize("name", ["MAILER-DAEMON", "postmaster", "no-reply", "noreply+7", "do_not_reply", "bounces-1"])
def test_programs_with_an_address_of_their_own_are_known(name: str):
    assert replies.parse(letter(sender=f"<{name}@example.com>"), f"{name}@example.com") is None


def test_a_mail_that_asks_for_no_answer_is_none():
    for nobody in ("", "<>"):
        assert replies.parse(letter(), nobody) is None


def test_nothing_that_comes_back_is_a_reply():
    for back in MAILS.values():
        content = back.mail.encode()
        assert bounces.parse(content) or replies.parse(content, "x@recipient.example") is None


def test_a_subject_is_one_printable_line_of_bounded_length():
    report = replies.parse(letter(subject="a\x00b\x1b[31m " + "x" * 9000), "ann@example.com")
    assert report is not None
    assert report.subject.isprintable()
    assert len(report.subject) == 200
    decoded = replies.parse(letter(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe=0D=0AX?="), "ann@example.com")
    assert decoded is not None
    assert decoded.subject == "Grüße X"
    raw = replies.parse(letter(subject="Ответ: заказ"), "ann@example.com")
    assert raw is not None
    assert raw.subject == "Ответ: заказ"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        b"From: \xff\xfe\r\n\r\n",
        letter(sender="nobody at all"),
        letter(sender="a@b.example, c@d.example" * 2000),
        letter(subject="=?nonsense?b?!!!?="),
        letter(subject="=?utf-8?b?a?="),
        b"From: (" + b"(" * 60_000,
    ],
)
def test_what_no_parser_can_read_breaks_nothing(content: bytes):
    report = replies.parse(content, "ann@example.com")
    assert report is None or report.subject.isprintable()

"""What mail that comes back says."""

import time

import pytest
from tests.core.bounce_mails import MAILS, POSTFIX, Back, failed, feedback, notification, plain

from tocsin.core.bounces import means_nobody, parse


@pytest.mark.parametrize("back", MAILS.values(), ids=MAILS.keys())
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_what_a_mail_says_is_understood(back: Back, line_end: str):
    report = parse(back.mail.replace("\n", line_end).encode())
    if back.type is None:
        assert report is None
    else:
        assert report is not None
        assert (report.type, report.code, report.status) == (back.type, back.code, back.status)
        assert back.words in report.text


def test_the_worst_of_several_recipients_counts():
    late = "Final-Recipient: rfc822; b@b.example\nAction: delayed\nStatus: 4.4.1\n"
    gone = "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n"
    for fields in (f"{late}\n{gone}", f"{gone}\n{late}"):
        report = parse(notification(fields).encode())
        assert report is not None
        assert report.type == "hbounce"


def test_a_complaint_names_the_return_path_in_its_fields_and_that_of_what_it_encloses():
    report = parse(feedback(enclosed="Return-Path: <b-3@bounces.example.com>\nSubject: Hello\n\nHello").encode())
    assert report is not None
    assert report.return_paths == ("b-2@bounces.example.com", "b-3@bounces.example.com")


def test_words_are_one_printable_line_of_bounded_length():
    report = parse(failed("5.1.1", "550 5.1.1 \x00\x1b[31m" + "x" * 9000).encode())
    assert report is not None
    assert report.text.isprintable()
    assert len(report.text) == 500
    broken = parse(POSTFIX.encode().replace(b"User unknown", b"User \xff\xfe unknown"))
    assert broken is not None
    assert broken.text.encode()


@pytest.mark.parametrize(
    ("words", "is_nobody"),
    [
        ("5.1.1 <a@b.example>: Recipient address rejected", True),
        ("5.1.1", True),
        ("5.2.1 The account is disabled", True),
        ("5.2.2 mailbox full, user unknown", False),
        ("5.7.1 Relaying denied", False),
        ("4.1.1 user unknown for now", False),
        ("No such user here", True),
        ("<a@b.example>... User unknown", True),
        ("Recipient <a@b.example> does not exist", True),
        ("sorry, no mailbox here by that name", True),
        ("Requested action not taken: mailbox unavailable", False),
        ("Message refused for 192.0.5.1.1", False),
        ("", False),
    ],
)
def test_only_a_refusal_of_the_address_itself_means_that_nobody_is_there(words: str, is_nobody: bool):
    assert means_nobody(words) is is_nobody


DEEP = "Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 5000
HEAD = "Content-Type: multipart/report; boundary=a\n\n"
HOSTILE = {
    "nested deeply": DEEP,
    "very many parts": HEAD + "--a\nContent-Type: message/delivery-status\n\n\n" * 5000,
    "very many groups": notification("Action: x\n\n" * 20_000),
    "one line": plain("user " * 50_000),
    "nearly words": plain("<a@b.example>\n" + "account x " * 25_000),
    "blank": plain("\n" * 250_000),
    "a charset of nowhere": POSTFIX.replace("us-ascii", "nowhere-8"),
    "no boundary": "Content-Type: multipart/report\n\nAction: failed\n",
    "an encoded report": POSTFIX.replace("Type: message", "Transfer-Encoding: base64\nContent-Type: message"),
    "headers without end": "X: y\n" * 60_000,
    "folded headers": "X: y\n" + " y\n" * 80_000,
    "a subject of encoded words": "Subject: " + "=?utf-8?b?4pi6?= " * 15_000 + "\n\n",
}  # fmt: skip


@pytest.mark.parametrize("mail", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_read_in_bounded_time(mail: str):
    began = time.process_time()
    parse(mail.encode())
    assert time.process_time() - began < 5


def test_what_comes_after_the_beginning_is_not_read():
    began = time.process_time()
    report = parse(POSTFIX.encode() + b"x\r\n" * 10_000_000)
    assert report is not None
    assert time.process_time() - began < 1

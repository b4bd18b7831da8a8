"""Composed mail read back with the standard library: it says what was given, and what EmailMessage would have said."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, message_from_string, policy
from email.errors import NonASCIILocalPartDefect
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.core.errors import Invalid
from tocsin.core.mime import BOUNDARY_MARK, Address, Attachment, Skeleton, prepare

ALICE = "alice@example.com"
SHOP = Address("shop@example.com", "Shop")
NOON = datetime(2024, 2, 29, 12, 0, 5, tzinfo=UTC)
MESSAGE_ID = "65e07a450102030405060708@mail.example.com"
TRAPS = [
    "\r",
    "\n",
    "\r\n",
    "\0",
    "\x0b\x0c\x1c\x85\u2028",
    "\ud800",
    "\udc80",
    "=?utf-8?q?x?=",
    "=?",
    "=_",
    f"--{BOUNDARY_MARK}_mixed",
    f"--{BOUNDARY_MARK}_alternative--",
    "From ",
    "\n.\n",
    "  ",
    " \n",
    "\t",
    "=",
    "😀👨‍👩‍👧",
    "שלום",
    "Привет, мир",
    '"',
    "\\",
    "<a@b.c>, ",
    "(x)",
    "a" * 80,
    "я" * 80,
    "word " * 20,
    "long" * 300,
]
texts = st.lists(st.one_of(st.sampled_from(TRAPS), st.text(max_size=20)), max_size=12).map("".join)


def skeleton(
    *,
    sender: Address = SHOP,
    attachments: Sequence[Attachment] = (),
    html: str | None = None,
    text: str | None = "Hello",
) -> Skeleton:
    return prepare(
        sender=sender, reply_to=None, attachments=attachments, has_html=html is not None, has_text=text is not None
    )


def compose(
    *,
    to: str = ALICE,
    to_name: str = "",
    subject: str = "Thank you",
    html: str | None = None,
    text: str | None = "Hello",
    attachments: Sequence[Attachment] = (),
    date: datetime = NOON,
) -> bytes:
    return skeleton(attachments=attachments, html=html, text=text).compose(
        to=to, to_name=to_name, subject=subject, html=html, text=text, message_id=MESSAGE_ID, date=date
    )


def read(data: bytes) -> EmailMessage:
    """The message, which has CRLF line ends only, no line above 998 octets, and no defect."""
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", data)
    assert data.endswith(b"\r\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    message = message_from_bytes(data, policy=policy.default)
    for part in message.walk():
        assert part.defects == []
        for name, value in part.items():
            assert value.defects == (), name
    return message


def whole(text: str) -> str:
    """Characters instead of surrogates."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def folded(text: str) -> str:
    return re.sub("[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", whole(text)).strip()


def ended(text: str) -> str:
    text = whole(text).replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def content(part: EmailMessage) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode().replace("\r\n", "\n")


@settings(max_examples=60, deadline=None)
@given(subject=texts)
@example(subject="   ")
@example(subject="=?utf-8?q?not_this?=")
@example(subject="x" * 5000)
@example(subject="слово " * 500)
@example(subject=" trailing and leading \t")
@example(subject="Hello\r\nBcc: mallory@example.com\r\n\r\nbody")
def test_a_subject_decodes_to_what_was_given(subject):
    data = compose(subject=subject)
    assert read(data)["subject"] == folded(subject)
    assert read(data).keys() == read(compose()).keys()
    assert longest_header_line(data) <= 78


def longest_header_line(data: bytes) -> int:
    return max(map(len, data.partition(b"\r\n\r\n")[0].split(b"\r\n")))


@settings(max_examples=60, deadline=None)
@given(text=texts, html=texts)
@example(text="", html="")
@example(text="\r", html="\r\r\n")
@example(text=".", html="From a\nFrom b \n.\n..\n")
@example(text=" \n\t\n ", html="x" * 990)
@example(text="x" * 991, html="=\n" * 400)
@example(text="From " * 40, html=("я" + "From " * 14) * 30)
def test_both_bodies_decode_to_what_was_given(text, html):
    message = read(compose(text=text, html=html))
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert content(plain) == ended(text)
    assert content(rich) == ended(html)


@settings(max_examples=40, deadline=None)
@given(body=texts)
def test_one_body_stands_alone_and_decodes_to_what_was_given(body):
    plain = read(compose(text=body))
    rich = read(compose(text=None, html=body))
    assert (plain.get_content_type(), content(plain)) == ("text/plain", ended(body))
    assert (rich.get_content_type(), content(rich)) == ("text/html", ended(body))


@settings(max_examples=40, deadline=None)
@given(body=texts.map(lambda text: "quoted = é\n" + "plain words " * 30 + text))
@example(body="é\n" + "".join("x" * width + end + "\n" for width in range(68, 80) for end in (" ", "\t")))
@example(body="é\nFrom here\n.\n" + "From there " * 20 + "\n ")
def test_quoted_printable_is_canonical(body):
    data = compose(text=body)
    head, _, encoded = data.partition(b"\r\n\r\n")
    if b"quoted-printable" not in head:
        return
    for line in encoded.split(b"\r\n"):
        assert re.fullmatch(rb"(?:[ -<>-~\t]|=[0-9A-F]{2}){0,75}(?:=|[!-~]|=[0-9A-F]{2}|)", line), line
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))
        assert not line.startswith(b"From ")
        assert line != b"."
    assert b"=_" not in encoded


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        ("", "7bit"),
        ("short lines\n" * 50, "7bit"),
        ("a 'From ' inside", "7bit"),
        ("x" * 990, "7bit"),
        ("x" * 991, "quoted-printable"),
        ("nul \0", "quoted-printable"),
        ("one\nFrom here", "quoted-printable"),
        ("From here", "quoted-printable"),
        (f"--{BOUNDARY_MARK}_mixed", "quoted-printable"),
        ("A café is mostly plain letters", "quoted-printable"),
        ("Привет, мир", "base64"),
        ("日本語", "base64"),
    ],
)
def test_the_encoding_fits_the_body(body, encoding):
    assert read(compose(text=body))["content-transfer-encoding"] == encoding


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(texts, st.binary(max_size=200)), min_size=1, max_size=3))
@example([("Счёт № 12.pdf", b"%PDF"), ("a\r\nX-Evil: 1.txt", b""), ('quo"te\\.txt', b"\r\n.\r\n")])
@example([("я" * 255 + ".pdf", b"x" * 1000), ("long name " * 25 + ".txt", b"--=_tocsin_mixed\r\n")])
@example([("=?utf-8?q?x?=.pdf", b"-"), ("%41's*.pdf", b"-"), ("", b"-")])
def test_attachments_come_back_byte_for_byte_with_their_names(files):
    attachments = [Attachment(name, "application/pdf", data) for name, data in files]
    message = read(compose(html="<p>Hello", attachments=attachments))
    assert message.get_content_type() == "multipart/mixed"
    body, *parts = message.iter_parts()
    assert [part.get_content_type() for part in body.iter_parts()] == ["text/plain", "text/html"]
    assert [part["content-disposition"].params["filename"] for part in parts] == [
        folded(name) or "attachment" for name, _ in files
    ]
    assert [part.get_payload(decode=True) for part in parts] == [data for _, data in files]
    assert {part.get_content_disposition() for part in parts} == {"attachment"}


@pytest.mark.parametrize(
    ("text", "html", "types"),
    [
        ("a", None, ["text/plain", "text/csv"]),
        (None, "a", ["text/html", "text/csv"]),
        ("a", "b", ["multipart/alternative", "text/csv"]),
        (None, None, ["text/plain", "text/csv"]),
    ],
)
def test_attachments_follow_whatever_bodies_there_are(text, html, types):
    message = read(compose(text=text, html=html, attachments=[Attachment("a.csv", "text/csv; charset=utf-8", b"1,2")]))
    assert [part.get_content_type() for part in message.iter_parts()] == types


def test_headers_stand_once_each_in_a_sensible_order():
    prepared = prepare(
        sender=SHOP,
        reply_to=Address("help@example.com", "Служба поддержки"),
        attachments=(),
        has_html=False,
        has_text=True,
        headers={"Feedback-ID": "8:shop"},
    )
    data = prepared.compose(
        to=ALICE,
        to_name="Alice Liddell",
        subject="Hi",
        html=None,
        text="Hello",
        message_id=MESSAGE_ID,
        date=NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
        headers={
            "List-Unsubscribe": "<https://example.com/u?a=1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message = read(data)
    assert dict(message.items()) == {
        "From": "Shop <shop@example.com>",
        "Reply-To": "Служба поддержки <help@example.com>",
        "To": "Alice Liddell <alice@example.com>",
        "Subject": "Hi",
        "Date": "Thu, 29 Feb 2024 12:00:05 +0000",
        "Message-ID": f"<{MESSAGE_ID}>",
        "List-Unsubscribe": "<https://example.com/u?a=1>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "8:shop",
        "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "7bit",
    }
    assert data.endswith(b"\r\n\r\nHello\r\n")


def test_the_same_message_is_the_same_bytes():
    assert compose(html="<p>я") == compose(html="<p>я")


def test_a_header_that_the_skeleton_has_is_not_given_again():
    prepared = prepare(
        sender=SHOP, reply_to=None, attachments=(), has_html=False, has_text=True, headers={"X-Shop": "1"}
    )
    with pytest.raises(Invalid, match="x-shop"):
        prepared.compose(
            to=ALICE, subject="", html=None, text="", message_id=MESSAGE_ID, date=NOON, headers={"x-SHOP": "2"}
        )


def test_an_address_that_is_none_is_invalid_wherever_it_stands():
    with pytest.raises(Invalid):
        compose(to="alice@example.com\r\nBcc: mallory@example.com")
    with pytest.raises(Invalid):
        skeleton(sender=Address(""))


def test_an_address_with_a_local_part_of_letters_stands_as_utf8():
    data = compose(to="почта@пример.рф", to_name="Алиса")
    message = message_from_string(data.decode(), policy=policy.SMTPUTF8)
    (address,) = message["to"].addresses
    assert (address.addr_spec, address.display_name) == ("почта@пример.рф", "Алиса")
    assert {type(defect) for defect in message["to"].defects} == {NonASCIILocalPartDefect}


def with_email_message(subject: str, text: str, html: str | None, attachments: Sequence[Attachment]) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "Shop <shop@example.com>"
    message["Subject"] = subject
    message["Date"] = NOON
    message["Message-ID"] = f"<{MESSAGE_ID}>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for attachment in attachments:
        main, _, sub = attachment.content_type.partition("/")
        message.add_attachment(attachment.data, maintype=main, subtype=sub, filename=attachment.name)
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def meaning(message: EmailMessage) -> list[object]:
    leaves = [part for part in message.walk() if not part.is_multipart()]
    return [
        message["subject"],
        message["from"],
        message["date"],
        message["message-id"],
        [part.get_content_type() for part in message.walk()],
        [part.get_filename() for part in leaves],
        [part.get_content() for part in leaves],
    ]


@pytest.mark.parametrize("subject", ["Thank you", "Спасибо, Алиса", "😀 x", "a, b (c) <d> @e"])
@pytest.mark.parametrize("html", [None, "<p>Hello</p>\n", "<p>Здравствуйте</p>\n" * 20])
@pytest.mark.parametrize(
    "attachments",
    [(), (Attachment("a.pdf", "application/pdf", b"%PDF\0"), Attachment("счёт.bin", "image/png", b"\x89"))],
)
def test_email_message_given_the_same_means_the_same(subject, html, attachments):
    text = "Hello, Алиса\n\n. \nFrom here\n"
    ours = read(compose(subject=subject, text=text, html=html, attachments=attachments))
    assert meaning(ours) == meaning(with_email_message(subject, text, html, attachments))

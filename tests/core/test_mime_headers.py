"""Header lines read back with the standard library; nothing given can end a header."""

import re
from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader

import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.core.errors import Invalid
from tocsin.core.mime_headers import (
    attachment_headers,
    date_header,
    encode_address,
    extra_headers,
    mailbox,
    message_id_header,
    needs_smtputf8,
    tidy,
    unstructured,
)

PIECES = [
    "\r\n",
    "\0",
    "\x1f",
    "\x85",
    "\u2028",
    "\ud800",
    "=?utf-8?b?eA==?=",
    "=?",
    '"',
    "\\",
    ",",
    "(",
    ")",
    "<",
    "@",
]
PIECES += [" ", "  ", ";", ":", ".", "'", "O'Neil", "Алиса", "😀", "שלום", "plain", "x" * 70, "ё" * 50]
values = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=10).map("".join)


def read(line: str):
    """The one header, by the standard library: no defect, every line within 998 characters."""
    data = line.encode()
    assert re.fullmatch(rb"[^\r\n]+(?:\r\n[ ][^\r\n]*[^\r\n ][^\r\n]*)*\r\n", data)
    assert max(map(len, data.split(b"\r\n"))) <= 998
    (value,) = message_from_bytes(data + b"\r\n", policy=policy.default).values()
    assert value.defects == ()
    return value


def read_name(line: str) -> str:
    """The display name of a mailbox line. Python 3.11's newer parser puts a space between the encoded words of a name
    (bpo-35547), so several of them are read by the older one.
    """
    phrase = line.partition(": ")[2].rpartition("<")[0].strip()
    if phrase.startswith("=?"):
        return str(make_header(decode_header(phrase)))
    (address,) = read(line).addresses
    return address.display_name


@settings(max_examples=100, deadline=None)
@given(name=values)
@example(name='Alice "Al" Liddell, (PhD) \\ <x@y.z>')
@example(name="mallory@example.com")
@example(name="=?utf-8?q?Mallory?=")
@example(name=" \t ")
@example(name="слово " * 100)
@example(name="\\" * 70)
def test_a_display_name_decodes_to_what_was_given(name):
    line = mailbox("From", "alice@example.com", name)
    value = read(line)
    assert isinstance(value, AddressHeader)
    (address,) = value.addresses
    assert address.addr_spec == "alice@example.com"
    assert read_name(line) == tidy(name)
    assert max(map(len, line.split("\r\n"))) <= 78


@settings(max_examples=100, deadline=None)
@given(value=values)
@example(
    value="<https://example.com/unsubscribe?" + "token=" * 100 + ">, <mailto:leave@example.com?subject=unsubscribe>"
)
@example(value="<https://example.com/?next=?a>")
@example(value="v" * 3000)
def test_an_added_header_decodes_to_what_was_given(value):
    assert read(extra_headers({"X-Any": value}, ())) == tidy(value)


def test_an_added_header_in_ascii_stays_readable_for_programs():
    url = "<https://example.com/unsubscribe?next=?a&" + "t=0123456789&" * 40 + ">"
    assert extra_headers({"List-Unsubscribe": f"{url}, <mailto:leave@example.com>"}, ()) == (
        f"List-Unsubscribe: {url},\r\n <mailto:leave@example.com>\r\n"
    )


def test_what_a_header_can_hold_has_single_spaces_and_whole_characters():
    assert tidy(" a \r\n\tb\0c\x85d  e\u2028f\x7f ") == "a b c d e f"
    assert tidy("\ud800x\udc80\ud83d\ude00") == "\ufffdx\ufffd😀"
    assert tidy(" \r\n ") == ""
    assert tidy("שלום\u200f 👨‍👩‍👧") == "שלום\u200f 👨‍👩‍👧"


@pytest.mark.parametrize(
    "name", ["", "X Y", "X:Y", "X\r\nBcc", "Тема", "X" * 77, "Bcc", "to", "Content-Type", "Message-ID", "-x", "x\n"]
)
def test_a_header_name_that_is_none_or_not_the_callers_is_invalid(name):
    with pytest.raises(Invalid):
        extra_headers({name: "x"}, ())


def test_a_header_given_twice_is_invalid():
    with pytest.raises(Invalid):
        extra_headers({"X-A": "1", "x-a": "2"}, ())
    with pytest.raises(Invalid):
        extra_headers({"X-A": "1"}, {"x-a"})


@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "a.b+c_d'e=f@sub.example.co.uk",
        '"quoted \\" local"@example.com',
        "alice@[192.0.2.1]",
        "alice@[IPv6:2001:db8::1]",
        "root@localhost",
    ],
)
def test_an_ascii_address_stays_as_it_is(address):
    assert encode_address(address) == address
    assert not needs_smtputf8(address)
    (read_back,) = read(mailbox("To", address, "Alice")).addresses
    assert read_back.addr_spec == address


def test_a_domain_of_letters_becomes_ascii_as_idna_2008_says():
    assert encode_address("alice@Пример.рф") == "alice@xn--e1afmkfd.xn--p1ai"
    assert encode_address("alice@straße.de") == "alice@xn--strae-oqa.de"
    assert not needs_smtputf8("alice@пример.рф")


def test_a_local_part_of_letters_needs_smtputf8_and_stays():
    assert needs_smtputf8("почта@example.com")
    assert encode_address("почта@xn--e1afmkfd.xn--p1ai") == "почта@пример.рф"
    assert encode_address("почта@example.com") == "почта@example.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "alice",
        "alice@",
        "@example.com",
        "alice@example.com\r\nBcc: mallory@example.com",
        "alice@example.com\n",
        "alice\0@example.com",
        "alice@exam\0ple.com",
        "alice@example.com>, <mallory@example.com",
        "alice@example.com,mallory@example.com",
        "alice bob@example.com",
        "a..b@example.com",
        '"a\r\nb"@example.com',
        "=?utf-8?q?mallory=40evil.com=3E?=@example.com",
        "alice@пример.рф\r\nBcc: m@example.com",
        "по\r\nчта@example.com",
        "по>чта@example.com",
        "по\u2028чта@example.com",
        "по\x85чта@example.com",
        "\ud800@example.com",
        "alice@\ud800.com",
        "alice@-я-.com",
        "a@" + "b" * 254,
        "я" * 200 + "@example.com",
        "alice@" + "я" * 200 + ".com",
    ],
)
def test_what_is_no_address_is_invalid(address):
    with pytest.raises(Invalid):
        encode_address(address)


@settings(max_examples=100, deadline=None)
@given(
    address=st.lists(st.one_of(st.sampled_from([*PIECES, "a", "я", "example.com"]), st.text(max_size=3))).map("".join)
)
def test_an_address_is_refused_or_one_line_with_one_address(address):
    try:
        line = mailbox("To", address + "@example.com", "")
    except Invalid:
        return
    assert line.startswith("To: ")
    assert line.endswith("@example.com\r\n")
    assert not re.search(r"[\x00-\x1f\x7f]", line[:-2])
    if line.isascii():
        (read_back,) = read(line).addresses
        assert read_back.addr_spec == line[4:-2]


@settings(max_examples=100, deadline=None)
@given(
    label=st.text(st.characters(min_codepoint=0xE0, max_codepoint=0x4FF, categories=("Ll",)), min_size=1, max_size=20)
)
def test_an_encoded_domain_decodes_to_the_one_given(label):
    try:
        idna.encode(label)
    except idna.IDNAError:
        return
    assert idna.decode(encode_address(f"alice@{label}.com").partition("@")[2]) == f"{label}.com"


def test_a_message_id_is_checked():
    assert message_id_header("0a1b@mail.example.com") == "Message-ID: <0a1b@mail.example.com>\r\n"
    for wrong in ("", "0a1b", "<0a1b@host>", "0a1b@host\r\nBcc: x", "a b@host", "я@host", "a@" + "b" * 1000):
        with pytest.raises(Invalid):
            message_id_header(wrong)


def test_a_date_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        date_header(datetime(2024, 1, 1))  # noqa: DTZ001 - the naive one is what is refused


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("application/pdf", "application/pdf"),
        ("text/csv; charset=windows-1251", "text/csv; charset=windows-1251"),
        ('text/csv;header=present;charset="utf-8"', "text/csv; charset=utf-8"),
        (" image/svg+xml ", "image/svg+xml"),
        ("", "application/octet-stream"),
        ("pdf", "application/octet-stream"),
        ("text/plain\r\nBcc: x", "application/octet-stream"),
        ("text/plain; charset=utf-8\r\nBcc: x", "text/plain; charset=utf-8"),
        ("text/тип", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_what_base64_may_carry(given, sent):
    assert attachment_headers("a.pdf", given).startswith(f"Content-Type: {sent}\r\nContent-Disposition: ")


def test_a_file_name_that_is_not_ascii_has_a_likeness_that_is():
    assert attachment_headers("Счёт 12.pdf", "application/pdf") == (
        "Content-Type: application/pdf;\r\n"
        ' name="_ 12.pdf"\r\n'
        "Content-Disposition: attachment;\r\n"
        " filename*=utf-8''%D0%A1%D1%87%D1%91%D1%82%2012.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n"
    )


def test_a_long_file_name_is_continued_between_characters():
    lines = attachment_headers("ж" * 60, "image/png").split("\r\n")
    assert max(map(len, lines)) <= 78
    sections = [line.partition("=")[2].strip(";") for line in lines if line.startswith(" filename*")]
    assert len(sections) > 1
    assert all(re.fullmatch(r"(?:utf-8'')?(?:%D0%B6)+", section) for section in sections)


def test_a_long_subject_is_folded_at_its_spaces():
    line = unstructured("Subject", "word " * 40)
    assert line == "Subject: " + " ".join(["word"] * 13) + ("\r\n " + " ".join(["word"] * 15)) + (
        "\r\n " + " ".join(["word"] * 12) + "\r\n"
    )

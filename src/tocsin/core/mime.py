"""Mail as bytes, from a skeleton made once: what all messages of a launch share is encoded once, the rest per message.

The boundaries of the parts are constant. Base64 and quoted-printable never hold `=_`, and a body that holds it is never
left unencoded, so no part can hold a boundary.
"""

import re
import struct
from binascii import b2a_base64, b2a_qp
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain

from msgspec import Struct

from tocsin.core.mime_headers import (
    attachment_headers,
    date_header,
    encode_address,
    extra_headers,
    header_keys,
    mailbox,
    mend,
    message_id_header,
    unstructured,
)

BOUNDARY_MARK = "=_tocsin"
_MIXED = f"{BOUNDARY_MARK}_mixed"
_ALTERNATIVE = f"{BOUNDARY_MARK}_alternative"
_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
_HTML = b"Content-Type: text/html; charset=utf-8\r\n"

# Sendmail breaks lines here, before the 998 that the protocol allows.
_LONGEST_PLAIN_LINE = 990
_BASE64_LINE = 76
_END = "\r\n"
# Cuts many lines in one step, in half the time of a slice for each.
_BASE64_LINES = struct.Struct(f"{_BASE64_LINE}s" * 16)
_LONGEST_SUBJECT_WORD = 60

_OVERLONG_END = re.compile(rb"(=20|=09)(?=\r\n)(?<=[^\n]{77})")


class Attachment(Struct, frozen=True):
    """A file to send along. A content type that is none, or that may not be base64, is sent as plain octets."""

    name: str
    content_type: str
    data: bytes


class Address(Struct, frozen=True):
    """An address with its display name."""

    email: str
    name: str = ""


class Skeleton(Struct, frozen=True):
    """All that the messages of one launch share. Made by `prepare`."""

    start: str
    shared_headers: frozenset[str]
    before_text: bytes
    before_html: bytes
    end: bytes
    has_text: bool
    has_html: bool

    def compose(  # noqa: PLR0913 - one argument for each thing that varies between messages
        self,
        *,
        to: str,
        subject: str,
        html: str | None,
        text: str | None,
        message_id: str,
        date: datetime,
        to_name: str = "",
        headers: Mapping[str, str] | None = None,
        reply_also_to: str = "",
    ) -> bytes:
        """One message with CRLF line ends, ready for SMTP but for dot-stuffing.

        `message_id` is what stands inside the angle brackets, `date` is aware. Subject and names are as `tidy` leaves
        them; bodies get CRLF line ends and end with one. `reply_also_to`: one more address for
        replies, where the skeleton has one. A body that the skeleton has no part for is not sent; None
        is an empty one. Raises Invalid for an address, message id or header name that is none.
        """
        head = (
            f"{_with_address(self.start, reply_also_to) if reply_also_to else self.start}{mailbox('To', to, to_name)}"
            f"{unstructured('Subject', subject, longest_word=_LONGEST_SUBJECT_WORD)}"
            f"{date_header(date)}{message_id_header(message_id)}"
            f"{extra_headers(headers, self.shared_headers) if headers else ''}"
        )
        pieces = [head.encode(), self.before_text]
        if self.has_text:
            pieces.append(_encode_body(text or ""))
        pieces.append(self.before_html)
        if self.has_html:
            pieces.append(_encode_body(html or ""))
        pieces.append(self.end)
        return b"".join(pieces)


def prepare(
    *,
    sender: Address,
    reply_to: Address | None,
    attachments: Sequence[Attachment],
    has_html: bool,
    has_text: bool,
    headers: Mapping[str, str] | None = None,
) -> Skeleton:
    """The skeleton of messages with these parts; without any, of messages with an empty text.

    Raises Invalid for an address that is none and for a header name that is none, given twice or not the caller's.
    """
    has_text = has_text or not has_html
    is_alternative = has_text and has_html
    shared = headers or {}
    opening, between, end = _frame(attachments, is_alternative=is_alternative)
    opening = extra_headers(shared, ()).encode() + b"MIME-Version: 1.0\r\n" + opening
    return Skeleton(
        start=mailbox("From", sender.email, sender.name)
        + (mailbox("Reply-To", reply_to.email, reply_to.name) if reply_to else ""),
        shared_headers=frozenset(header_keys(shared)),
        before_text=opening + (_TEXT if has_text else b""),
        before_html=between + (_HTML if has_html else b""),
        end=end,
        has_text=has_text,
        has_html=has_html,
    )


def _with_address(start: str, email: str) -> str:
    """Lines whose last one has an address, with one more on it."""
    return f"{start.removesuffix(_END)},{_END} {encode_address(email)}{_END}"


def _frame(attachments: Sequence[Attachment], *, is_alternative: bool) -> tuple[bytes, bytes, bytes]:
    """What stands before the first body, between the two, and after the last."""
    opening = between = end = b""
    if attachments:
        opening += _multipart("mixed", _MIXED)
    if is_alternative:
        opening += _multipart("alternative", _ALTERNATIVE)
        between = f"\r\n--{_ALTERNATIVE}\r\n".encode()
        end += f"\r\n--{_ALTERNATIVE}--\r\n".encode()
    if attachments:
        end += b"".join([_attachment_part(attachment) for attachment in attachments])
        end += f"\r\n--{_MIXED}--\r\n".encode()
    return opening, between, end


def _multipart(subtype: str, boundary: str) -> bytes:
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'.encode()


def _attachment_part(attachment: Attachment) -> bytes:
    head = f"\r\n--{_MIXED}\r\n{attachment_headers(attachment.name, attachment.content_type)}\r\n"
    return head.encode() + _base64_lines(attachment.data)


def _encode_body(text: str) -> bytes:
    """Content-Transfer-Encoding, the empty line and the body: as it is if it can be, else in the smaller encoding."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    if _is_plain(text):
        return b"Content-Transfer-Encoding: 7bit\r\n\r\n" + text.replace("\n", "\r\n").encode()
    raw = _utf8(text)
    is_mostly_ascii = _is_mostly_ascii(text, raw)
    raw = raw.replace(b"\n", b"\r\n")
    if is_mostly_ascii:
        return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + _quoted_printable(raw)
    return b"Content-Transfer-Encoding: base64\r\n\r\n" + _base64_lines(raw)


def _is_plain(text: str) -> bool:
    """Whether every relay leaves these lines alone. Some write `>From` for `From` at their start."""
    return (
        text.isascii()
        and "\0" not in text
        and BOUNDARY_MARK not in text
        and "\nFrom " not in text
        and not text.startswith("From ")
        and not _has_long_line(text)
    )


def _has_long_line(text: str) -> bool:
    start = 0
    while len(text) - start > _LONGEST_PLAIN_LINE:
        start = text.rfind("\n", start, start + _LONGEST_PLAIN_LINE + 1) + 1
        if not start:
            return True
    return False


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mend(text).encode()


def _is_mostly_ascii(text: str, raw: bytes) -> bool:
    """Whether quoted-printable (two more for each byte that is not ASCII) is smaller than base64 (a third more).

    Bytes that are not ASCII are guessed as twice what the text gained by being encoded, as it is for two-byte letters.
    """
    gained = len(raw) - len(text)
    return 4 * gained < len(raw) / 3


def _quoted_printable(raw: bytes) -> bytes:
    encoded = b2a_qp(raw)
    if b"=20\r\n" in encoded or b"=09\r\n" in encoded:
        # b2a_qp makes a line of 77 when it is full and ends with a space.
        encoded = _OVERLONG_END.sub(rb"=\r\n\1", encoded)
    if b"From " not in encoded:
        return encoded
    # A soft break inside the word: lines only get shorter, and it decodes to the same.
    return (b"\n" + encoded).replace(b"\nFrom ", b"\nF=\r\nrom ")[1:]


def _base64_lines(raw: bytes) -> bytes:
    encoded = b2a_base64(raw, newline=False)
    whole = len(encoded) - len(encoded) % _BASE64_LINES.size
    lines = [*chain.from_iterable(_BASE64_LINES.iter_unpack(encoded[:whole]))]
    lines += [encoded[at : at + _BASE64_LINE] for at in range(whole, len(encoded), _BASE64_LINE)]
    lines.append(b"")
    return b"\r\n".join(lines)

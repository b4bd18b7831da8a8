"""Mail that the development inbox takes."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header

from msgspec import Struct

from tocsin.core.mime_headers import tidy

# What is looked through for the subject, and how much of it and of the addresses is told apart from the mail.
_HEAD_BYTES = 64 * 1024
_MOST_CHARACTERS = 998

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_SUBJECT = re.compile(rb"(?:\A|\n)subject[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE)
_MICROSECONDS = 10**6


class ReceivedMail(Struct, frozen=True):
    """A mail without its bytes, of which there are `bytes`. `recipients`: all, joined by a comma and a space."""

    id: bytes
    received_at: datetime
    sender: str
    recipients: str
    subject: str
    bytes: int


def make_id(at: datetime, random: bytes) -> bytes:
    """An id like any other, of which those that come later are greater: of a microsecond and 5 random bytes."""
    seconds, micros = divmod(round(at.timestamp() * _MICROSECONDS), _MICROSECONDS)
    return seconds.to_bytes(4) + micros.to_bytes(3) + random


def describe_mail(identifier: bytes, received_at: datetime, sender: str, to: Sequence[str], raw: bytes) -> ReceivedMail:
    """What is told of a mail."""
    recipients = ", ".join(to)
    return ReceivedMail(identifier, received_at, _short(sender), _short(recipients), read_subject(raw), len(raw))


def read_subject(raw: bytes) -> str:
    """The subject of a mail, decoded as far as it can be; empty when it has none."""
    head = raw[:_HEAD_BYTES]
    end = _HEAD_END.search(head)
    found = _SUBJECT.search(head, 0, end.start() if end else len(head))
    if found is None:
        return ""
    text = found[1].replace(b"\r\n", b"").replace(b"\n", b"").decode(errors="replace")
    if "=?" in text:
        with suppress(MessageError, LookupError, ValueError):
            text = str(make_header(decode_header(text)))
    return _short(text)


def describe_list(mails: Sequence[ReceivedMail], total: int) -> str:
    """A line for each, and how many there are."""
    lines = [
        f"{mail.id.hex()}  {mail.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}  {mail.recipients[:32]:32}  "
        f"{mail.subject[:60]}"
        for mail in mails
    ]
    return "\n".join([*lines, f"{total} mail{'' if total == 1 else 's'}"]) + "\n"


def _short(text: str) -> str:
    return tidy(text)[:_MOST_CHARACTERS]

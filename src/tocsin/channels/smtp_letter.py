"""An envelope as SMTP says it: addresses as paths, the content to the byte. What cannot be said is refused here."""

import re
from collections.abc import Callable
from functools import lru_cache

import idna
from msgspec import Struct

from tocsin.channels.contract import Envelope

# In bytes (RFC 5321, section 4.5.3.1); a line is without its CRLF and without a doubled dot.
MOST_LOCAL_BYTES = 64
MOST_DOMAIN_BYTES = 255
MOST_LINE_BYTES = 998

Seal = Callable[[bytes], bytes]


class Unsendable(Exception):
    """One message cannot be sent, by this server or by any."""


class Letter(Struct, frozen=True):
    """What is said for one message. `size` is that of the content before leading dots are doubled in `wire`."""

    message_id: bytes
    sender: bytes
    recipient: bytes
    needs_smtputf8: bool
    needs_8bitmime: bool
    size: int
    wire: bytes


def write(envelope: Envelope, seal: Seal | None = None) -> Letter:
    """The letter of an envelope; `seal` signs the content. Raises Unsendable.

    The sender may be empty: a message that asks for no bounces. Lines that end with CR or LF alone get CRLF.
    """
    sender = _parse_address(envelope.sender, "sender") if envelope.sender else ""
    recipient = _parse_address(envelope.recipient, "recipient")
    content = _mend(envelope.body)
    _check(content)
    if seal:
        content = seal(content)
    return Letter(
        envelope.message_id,
        sender.encode(),
        recipient.encode(),
        not (sender.isascii() and recipient.isascii()),
        not content.isascii(),
        len(content),
        _to_wire(content),
    )


def _parse_address(address: str, whose: str) -> str:
    local, _, domain = address.rpartition("@")
    # Whatever could end the path or the command stays off the wire; lone surrogates are not printable either.
    is_printable = address.isprintable() and not (" " in address or "<" in address or ">" in address)
    if not (local and domain and is_printable):
        raise Unsendable(f"the address of the {whose} is not one")
    if len(local.encode()) > MOST_LOCAL_BYTES or len(domain.encode()) > MOST_DOMAIN_BYTES:
        raise Unsendable(f"the address of the {whose} is too long")
    if domain.isascii() or not local.isascii():
        return address
    return f"{local}@{_to_ascii(domain, whose)}"


@lru_cache(maxsize=1024)
def _to_ascii(domain: str, whose: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        raise Unsendable(f"the domain of the {whose} is not one") from None


def _mend(body: bytes) -> bytes:
    """The body with every line ended by CRLF."""
    if not body.count(b"\r\n") == body.count(b"\n") == body.count(b"\r"):
        # A lone CR or LF can look like the end of a message to some servers, and start a forged one.
        body = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def _check(content: bytes) -> None:
    if b"\0" in content:
        raise Unsendable("the content holds a zero byte, which SMTP does not carry")
    start = 0
    while len(content) - start > MOST_LINE_BYTES:
        start = content.rfind(b"\n", start, start + MOST_LINE_BYTES + 2) + 1
        if not start:
            raise Unsendable(f"a line of the content is over {MOST_LINE_BYTES} bytes, which SMTP does not carry")


def _to_wire(content: bytes) -> bytes:
    """The content as it follows DATA: leading dots are doubled, a lone dot ends it."""
    if b"\n." in content or content.startswith(b"."):
        content = re.sub(rb"(?m)^\.", b"..", content)
    return content + b".\r\n"

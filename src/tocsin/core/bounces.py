"""What mail to a return path says: a bounce that is permanent or temporary, a complaint, a delivery, or none of these.

Delivery status notifications (RFC 3464), feedback reports (RFC 5965), and what flufl.bounce knows of older servers.
"""

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, message_from_string
from email.message import Message
from typing import Literal, NamedTuple

from flufl.bounce import all_failures
from msgspec import Struct

# The original message comes last, and says nothing that is needed.
_READ_BYTES = 256 * 1024
# Looking for what older servers say takes long, and they say it at once.
_ODD_BYTES = 32 * 1024
_TEXT_SIZE = 500
_WORDS_SIZE = 4000

ReportType = Literal["deliv", "sbounce", "hbounce", "complain", "reply"]

# Subject and detail of RFC 3463 that say: the address leads to nobody. Not the sender's own address (1.7, 1.8).
_NOBODY = frozenset(("1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.9", "1.10", "2.1", "4.4"))
# Codes that servers give for anything; the words beside them decide.
_UNSPECIFIC = frozenset(("0.0", "1.0", "2.0", "3.0", "5.0"))
_COMPLAINTS = frozenset(("abuse", "fraud", "other"))
_REPORTS = ("message/delivery-status", "message/global-delivery-status")

_find_status = re.compile(r"(?<![\d.])([245])\.(\d{1,3}\.\d{1,3})(?![\d.])").search
_find_code = re.compile(r"(?<![\d.])([45]\d\d)[ -]").search
_find_nobody = re.compile(
    r"\b(?:"
    r"unknown (?:user|recipient|mailbox|address|local[ -]part)"
    r"|(?:user|recipient|mailbox|address) (?:is )?unknown"
    r"|no such (?:user|recipient|mailbox|address|person|domain)"
    r"|no mailbox (?:here )?by that name"
    r"|(?:user|recipient|mailbox|account|address|domain)(?: \S{1,64})? (?:not found|does(?: not|n't) exist)"
    r"|(?:user|mailbox|account)(?: \S{1,64})? (?:is |has been )(?:disabled|deactivated|closed)"
    r"|invalid (?:recipient|mailbox)"
    r"|unrouteable address"
    r")",
    re.IGNORECASE,
).search
# Below these lines, qmail and others quote the original.
_quote = re.compile(r"^-{3,}", re.MULTILINE)


class Report(Struct, frozen=True):
    """What a mail says of a message. `code` and `status`: the reply code and the enhanced one (RFC 3463) if it has any.

    `return_paths`: where the report says that answers about the message go; only of complaints. `subject` and
    `from_email`: only of a person's reply (core/replies.py).
    """

    type: ReportType
    code: int = 0
    status: str = ""
    text: str = ""
    return_paths: tuple[str, ...] = ()
    subject: str = ""
    from_email: str = ""


class _Words(NamedTuple):
    """What a server said, and where it says so in short."""

    status: str
    text: str


def parse(content: bytes) -> Report | None:
    """What a mail says; None when it is no report, as an automatic answer."""
    return _parse(content[:_READ_BYTES], _parse_report) or _parse(content[:_ODD_BYTES], _parse_odd)


def parse_complaint(content: bytes) -> Report | None:
    """The complaint that a mail is; None when it is anything else. This is quick, whatever it is."""
    return _parse(content[:_READ_BYTES], _parse_complaint)


def _parse(content: bytes, read: Callable[[Message], Report | None]) -> Report | None:
    try:
        return read(message_from_bytes(content))
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        return None  # Made to break parsers, or by one that is broken itself.


def _parse_report(mail: Message) -> Report | None:
    return _parse_complaint(mail) or _parse_notification(mail)


def means_nobody(words: str) -> bool:
    """Whether the words of a permanent refusal say that the address leads to nobody, as neither a full mailbox does nor
    a policy. An enhanced code that is specific decides.
    """
    found = _find_status(words)
    if found and found[2] not in _UNSPECIFIC:
        return found[1] == "5" and found[2] in _NOBODY
    return _find_nobody(words) is not None


def _parse_complaint(mail: Message) -> Report | None:
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            fields = next(_blocks(part), Message())
            kind = _field(fields, "Feedback-Type").lower()
            if kind in _COMPLAINTS:
                return Report(
                    "complain", 0, "", _one_line(f"feedback report: {kind}"), tuple(_return_paths(mail, fields))
                )
    return None


def _return_paths(mail: Message, fields: Message) -> Iterator[str]:
    """Of a report's fields, and of the headers of the message that it encloses."""
    candidates = [fields.get("Original-Mail-From", "")]
    for part in list(mail.walk())[1:]:
        candidates.append(part.get("Return-Path", ""))
        if part.get_content_type() == "text/rfc822-headers":
            candidates.append(message_from_string(_text_of(part)).get("Return-Path", ""))
    yield from (str(one).strip().strip("<>") for one in candidates if one)


def _parse_notification(mail: Message) -> Report | None:
    blocks = [
        block
        for part in mail.walk()
        if part.get_content_type() in _REPORTS
        for block in _blocks(part)
        if block["Action"]
    ]
    by_action = {_field(block, "Action").lower(): block for block in reversed(blocks)}
    if "failed" in by_action:
        block = by_action["failed"]
        words = _words(block, mail)
        status = _find_status(words.status)
        is_permanent = status is None or status[1] == "5"
        is_nobody = is_permanent and means_nobody(f"{words.status} {words.text}")
        return _report("hbounce" if is_nobody else "sbounce", words)
    # Not `relayed`, to a server that will tell nothing, nor `expanded`, to others of whom nothing is known.
    if "delivered" in by_action:
        return _report("deliv", _words(by_action["delivered"], mail))
    if "delayed" in by_action:
        return _report("sbounce", _words(by_action["delayed"], mail))
    return None


def _words(block: Message, mail: Message) -> _Words:
    """The status that says most, and the server's words; those for people where the notification quotes none."""
    status, diagnostic = _field(block, "Status"), _field(block, "Diagnostic-Code")
    inner = _find_status(diagnostic)
    outer = _find_status(status)
    if inner and (outer is None or outer[2] in _UNSPECIFIC):
        status = inner[0]
    said = re.sub(r"^[\w-]+;\s*", "", diagnostic)
    return _Words(status, said or _said_to_people(mail))


def _parse_odd(mail: Message) -> Report | None:
    if any(part.get_content_type() in _REPORTS for part in mail.walk()):
        return None
    temporary, permanent = all_failures(mail)
    if not temporary and not permanent:
        return None
    said = _said_to_people(mail)
    status = _find_status(said)
    words = _Words(status[0] if status else "", said)
    return _report("hbounce" if permanent and means_nobody(said) else "sbounce", words)


def _report(type_: ReportType, words: _Words) -> Report:
    status, code = _find_status(words.status), _find_code(words.text)
    return Report(type_, int(code[1]) if code else 0, status[0] if status else "", _one_line(words.text))


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a report; the library parts them for some types and leaves them as text for others."""
    held = part.get_payload()
    for block in (one for one in held if isinstance(one, Message)) if isinstance(held, list) else ():
        yield block
        rest = block.get_payload()
        if isinstance(rest, str):
            yield from (message_from_string(text) for text in re.split(r"(?:\r?\n){2,}", rest) if text.strip())


def _field(block: Message, name: str) -> str:
    return " ".join(str(block.get(name, "")).split())


def _said_to_people(mail: Message) -> str:
    """The beginning of the first text, without what it quotes."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            text = _text_of(part)[:_WORDS_SIZE]
            quoted = _quote.search(text)
            return " ".join((text[: quoted.start()] if quoted else text).split())
    return ""


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _one_line(text: str) -> str:
    line = "".join(mark if mark.isprintable() else " " for mark in text[: 4 * _TEXT_SIZE])
    return " ".join(line.split())[:_TEXT_SIZE]

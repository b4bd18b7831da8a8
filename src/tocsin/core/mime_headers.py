"""Header lines of mail: no value can end its header, every line is folded, and everything decodes to what was given."""

import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

import idna

from tocsin.core.errors import Invalid

LINE = 78
ENCODED_LINE = 76
LONGEST_WORD = 900
LONGEST_ADDRESS = 254
_EXTENDED_SECTION = 60

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_ATOM = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
_QUOTED_LOCAL = r'"(?:[ !#-\[\]-~]|\\[ -~])+"'
_DOMAIN = r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[A-Za-z0-9.:]+\])"
_ASCII_ADDRESS = re.compile(rf"(?:{_DOT_ATOM}|{_QUOTED_LOCAL})@{_DOMAIN}")
_WIDE_LOCAL = re.compile(r"[^\x00-\x20\"(),.:;<>@\[\]\\\x7f]+(?:\.[^\x00-\x20\"(),.:;<>@\[\]\\\x7f]+)*")
_MESSAGE_ID = re.compile(rf"{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[!-Z^-~]*\])")
_ATOMS = re.compile(rf"(?:{_ATEXT}| )+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,75}")
_CONTENT_TYPE = re.compile(r"([A-Za-z0-9][\w!#$&^.+-]*/[A-Za-z0-9][\w!#$&^.+-]*)\s*(?:;|\Z)", re.ASCII)
_CHARSET = re.compile(r";\s*charset=\"?([A-Za-z0-9][\w.:+-]*)", re.ASCII | re.IGNORECASE)
_BREAKING = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)
_QUOTE = str.maketrans({'"': r"\"", "\\": r"\\"})

_OURS = frozenset(
    ("bcc", "cc", "date", "from", "message-id", "mime-version", "reply-to", "return-path", "subject", "to")
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def mend(text: str) -> str:
    """The same text with U+FFFD for each lone surrogate; a pair of surrogates becomes its character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def tidy(text: str) -> str:
    """What a header can hold: each run of spaces, control characters and line separators is one space, the ends are
    trimmed, lone surrogates are U+FFFD.
    """
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _BREAKING.sub(" ", mend(text)).strip()


def unstructured(name: str, value: str, *, longest_word: int = LONGEST_WORD) -> str:
    """The whole header line of a text. ASCII stays as it is, folded at its spaces; what is not ASCII, has a word above
    `longest_word` characters or would itself decode to something else becomes encoded words (RFC 2047).
    """
    value = tidy(value)
    used = len(name) + 2
    if not value.isascii() or _ENCODED_WORD.search(value) or _has_long_word(value, longest_word):
        value = _encoded_words(value, ENCODED_LINE - used)
    elif len(value) > LINE - used:
        value = _fold(value, LINE - used)
    return f"{name}: {value}\r\n"


def mailbox(header: str, email: str, name: str) -> str:
    """The whole header line of one address with its display name. Raises Invalid for what is no address."""
    address = encode_address(email)
    phrase = _phrase(tidy(name), ENCODED_LINE - len(header) - 2) if name else ""
    if not phrase:
        return f"{header}: {address}\r\n"
    last_line = len(phrase) - phrase.rfind("\n") if "\n" in phrase else len(header) + 2 + len(phrase)
    gap = " " if last_line + len(address) + 3 <= LINE else "\r\n "
    return f"{header}: {phrase}{gap}<{address}>\r\n"


def needs_smtputf8(email: str) -> bool:
    """Whether a message that names this address needs the SMTPUTF8 extension: its local part is not ASCII."""
    return not email.rpartition("@")[0].isascii()


def encode_address(email: str) -> str:
    """The address as it goes into headers and envelopes: an ASCII domain (IDNA 2008) when the local part is ASCII, all
    of it Unicode when it is not. Raises Invalid for what is no address, and for `=?` in one, which some readers decode.
    """
    if len(email) <= LONGEST_ADDRESS and "=?" not in email:
        if _ASCII_ADDRESS.fullmatch(email):
            return email
        if not email.isascii():
            return _encode_wide_address(email)
    raise _not_an_address(email)


def _encode_wide_address(email: str) -> str:
    local, _, domain = email.rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if local.isascii():
        address = f"{local}@{ascii_domain}"
        fits = _ASCII_ADDRESS.fullmatch(address)
    else:
        address = f"{local}@{idna.decode(ascii_domain)}"
        fits = _WIDE_LOCAL.fullmatch(local) if local.isprintable() else None
    if not fits or len(address.encode()) > LONGEST_ADDRESS:
        raise _not_an_address(email)
    return address


@lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError as error:
        raise Invalid(f"{domain!a} is not a domain: {error}") from error


def _not_an_address(email: str) -> Invalid:
    return Invalid(f"{email[:LONGEST_ADDRESS]!a} is not an email address that a header can hold")


def extra_headers(headers: Mapping[str, str], taken: Collection[str]) -> str:
    """The lines of headers that a caller adds. Raises Invalid for a name that is none, that a message has already
    (`taken`, in lower case) or that is not the caller's to set.
    """
    keys = header_keys(headers)
    if not keys.isdisjoint(taken):
        raise Invalid(f"header given twice: {', '.join(sorted(keys.intersection(taken)))}")
    return "".join([unstructured(name, value) for name, value in headers.items()])


def header_keys(headers: Mapping[str, str]) -> set[str]:
    """The names in lower case. Raises Invalid as `extra_headers` does."""
    keys = {_header_key(name) for name in headers}
    if len(keys) != len(headers):
        raise Invalid(f"header given twice: {', '.join(sorted(headers))}")
    return keys


@lru_cache(maxsize=256)
def _header_key(name: str) -> str:
    key = name.lower()
    if not _HEADER_NAME.fullmatch(name):
        raise Invalid(f"{name[:100]!a} is not a header name")
    if key in _OURS or key.startswith("content-"):
        raise Invalid(f"header {name} cannot be set: the message's own")
    return key


@lru_cache(maxsize=64)
def date_header(date: datetime) -> str:
    """The Date line, in UTC. Raises ValueError for a naive datetime."""
    if date.utcoffset() is None:
        raise ValueError("a date without a time zone")
    at = date.astimezone(UTC)
    return (
        f"Date: {_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
        f" {at.hour:02}:{at.minute:02}:{at.second:02} +0000\r\n"
    )


def message_id_header(message_id: str) -> str:
    """The Message-ID line from what stands inside the angle brackets. Raises Invalid when that is not `left@right`."""
    if len(message_id) > LONGEST_WORD or not _MESSAGE_ID.fullmatch(message_id):
        raise Invalid(f"{message_id[:LONGEST_WORD]!a} is not a message id")
    return f"Message-ID: <{message_id}>\r\n"


def attachment_headers(name: str, content_type: str) -> str:
    """Type, disposition and encoding of a file sent as base64. A name that is not short ASCII stands as `filename*`
    (RFC 2231), with an ASCII likeness as `name` of the type: a second `filename` would be a duplicate parameter.
    """
    name = tidy(name) or "attachment"
    kind = _content_type(content_type)
    quoted = name.translate(_QUOTE)
    if quoted.isascii() and len(quoted) <= LINE - len(' filename=""') and "=?" not in quoted:
        disposition = f'\r\n filename="{quoted}"'
    else:
        likeness = re.sub(r"[^ -~]+|[\"\\]|=\?", "_", name)[-50:]
        kind += f';\r\n name="{likeness}"'
        disposition = _extended_parameter("filename", name)
    return (
        f"Content-Type: {kind}\r\n"
        f"Content-Disposition: attachment;{disposition}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
    )


def _content_type(content_type: str) -> str:
    """`type/subtype` with its charset if any; plain octets for what is no type, or for one that may not be base64."""
    kind = _CONTENT_TYPE.match(content_type.strip())
    if not kind or len(content_type) > LONGEST_WORD or kind[1].lower().startswith(("message/", "multipart/")):
        return "application/octet-stream"
    charset = _CHARSET.search(content_type)
    return f"{kind[1]}; charset={charset[1]}" if charset else kind[1]


def _extended_parameter(attribute: str, value: str) -> str:
    sections = ["utf-8''"]
    for character in value:
        encoded = quote(character, safe="")
        if len(sections[-1]) + len(encoded) > _EXTENDED_SECTION:
            sections.append("")
        sections[-1] += encoded
    if len(sections) == 1:
        return f"\r\n {attribute}*={sections[0]}"
    return ";".join([f"\r\n {attribute}*{number}*={section}" for number, section in enumerate(sections)])


def _phrase(name: str, room: int) -> str:
    phrase = name if _ATOMS.fullmatch(name) else f'"{name.translate(_QUOTE)}"'
    if not name.isascii() or len(phrase) > room or "=?" in name:
        return _encoded_words(name, room)
    return phrase


def _has_long_word(text: str, limit: int) -> bool:
    return len(text) > limit and max(map(len, text.split(" "))) > limit


def _fold(text: str, room: int) -> str:
    """`text` with a line break before every space that would otherwise stand too far right."""
    folded: list[str] = []
    for word in text.split(" "):
        if folded and len(word) + 1 > room:
            folded.append("\r\n")
            room = LINE
        folded.append(" " + word)
        room -= len(word) + 1
    return "".join(folded)[1:]


def _encoded_words(text: str, room: int) -> str:
    """Encoded words, each of whole characters, on lines of 76; the first has `room` characters on its line."""
    raw = text.encode()
    words = []
    start = 0
    while start < len(raw):
        # Of each word 12 characters are `=?utf-8?b?` and `?=`; four hold three bytes; no room is less than a character.
        whole = raw[start : start + max((room - 12) // 4 * 3, 6)].decode(errors="ignore").encode()
        words.append(f"=?utf-8?b?{b64encode(whole).decode()}?=")
        start += len(whole)
        room = ENCODED_LINE - 1
    return "\r\n ".join(words)

"""The one codec between bytes, JSON or XML, and typed structs: no handler knows the encoding (design.md, section 1)."""

import re
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from tocsin.core.errors import Invalid
from tocsin.web import markup
from tocsin.web.envelope import Verbatim
from tocsin.web.shapes import fit

T = TypeVar("T")
Encoding = Literal["json", "xml"]

_MEDIA_TYPES: dict[Encoding, str] = {"json": "application/json", "xml": "application/xml; charset=utf-8"}
_XML_TYPES = ("application/xml", "text/xml")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_INTEGER_LIMIT = 2**63
_SHORTEST_LONG_INTEGER = b"0" * 19
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))

_ECHO = 40
_PATH = 60
_AT = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`$")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_OFFSET = re.compile(r"(?:JSON is malformed: )?(.*) \(byte (\d+)\)")
_KIND = re.compile(r"`([^`]*)`")
_QUOTED = re.compile(rf"'(.{{{_ECHO}}}).+'", re.DOTALL)
_PLAIN = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
_PLAIN |= {"object": "an object", "array": "an array"}


def encoding_of(content_type: str | None) -> Encoding:
    """The encoding that a Content-Type names: JSON unless it says XML (design.md, section 5, decision 2)."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return "xml" if media_type in _XML_TYPES or media_type.endswith("+xml") else "json"


def content_type(encoding: Encoding) -> str:
    """The Content-Type of an answer."""
    return _MEDIA_TYPES[encoding]


def encode(answer: Any, encoding: Encoding) -> bytes:
    """A struct, dict or list as bytes; in XML below the root `<xml>`, as `markup.write` says."""
    if encoding == "json":
        return msgspec.json.encode(answer, enc_hook=_as_itself)
    return markup.write(msgspec.to_builtins(answer, str_keys=True, enc_hook=_as_text))


def _as_itself(verbatim: Verbatim) -> Any:
    return verbatim.value


def _as_text(verbatim: Verbatim) -> str:
    return msgspec.json.encode(verbatim.value).decode()


def decode(body: bytes, encoding: Encoding, into: type[T]) -> T:
    """A request body as the struct `into`.

    Lenient, in both encodings (facts 1.8; design.md, section 5, decision 7): unknown members are left out; numbers and
    booleans may be strings ("8", "true", "1", "0", any case), booleans 1 and 0, whole numbers 8.0; a null, or blank
    text where no text is wanted, is as if a member with a default were not there; the last of equal names wins.
    Values of type Any stay as they came. XML is read as `markup.read` and `shapes.fit` say. A float member of `into`
    needs bounds, since "nan" is a number to msgspec.

    Raises Invalid, whose `path` is the member, as `data[3].email`: malformed, of the wrong shape, nested deeper than 64
    levels, with an integer of more than 64 bits, or with a NUL character, which the database cannot hold.
    """
    if not body or body.isspace():
        raise Invalid("the body is empty")
    value = _from_json(body, into) if encoding == "json" else _from_xml(body, into)
    if _may_be_unstorable(body):
        _check_storable(msgspec.to_builtins(value), "")
    return value


def from_members(members: dict[str, Any], into: type[T]) -> T:
    """Members that come otherwise than in a body, as in a query, as the struct `into`; as lenient as `decode`.

    Raises Invalid, whose `path` is the member: of the wrong shape, or not to be stored.
    """
    _check_storable(members, "")
    return _convert(fit(members, into, is_xml=False), into)


def _may_be_unstorable(body: bytes) -> bool:
    """Signs that are rare in honest bodies and cheap to look for: an escaped NUL, very many digits in a row."""
    has_nul = b"\\" in body and b"\\u0000" in body
    return has_nul or _SHORTEST_LONG_INTEGER in body.translate(_DIGITS_TO_ZERO)


def _from_xml(body: bytes, into: type[T]) -> T:
    return _convert(fit(markup.read(body), into, is_xml=True), into)


def _from_json(body: bytes, into: type[T]) -> T:
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = _read_json(body, into)
    except UnicodeDecodeError:
        _refuse_text(body)
    except RecursionError:
        raise markup.too_deep() from None
    if _is_deep(body):
        raise markup.too_deep()
    return value


def _read_json(body: bytes, into: type[T]) -> T:
    """In one pass when the body is as the struct wants it; else by way of plain values, which can be fitted."""
    try:
        return msgspec.json.decode(body, type=into, strict=False)
    except msgspec.ValidationError as error:
        return _convert(fit(_read_plain(body, str(error)), into, is_xml=False), into)
    except msgspec.DecodeError as error:
        raise _malformed(body, str(error)) from None


def _read_plain(body: bytes, mistake: str) -> Any:
    """Plain values, unless a number is beyond what any value can be: that `mistake` was found before, with its path."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        raise _misshapen(mistake) from None
    except msgspec.DecodeError as error:
        raise _malformed(body, str(error)) from None


def _convert(value: Any, into: type[T]) -> T:
    try:
        return msgspec.convert(value, into, strict=False)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error)) from None


def _is_deep(body: bytes) -> bool:
    """Whether well-formed JSON nests deeper than MAX_DEPTH: if taking out all innermost pairs so often leaves any."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = body.translate(_BRACES_TO_BRACKETS, _NOT_STRUCTURE).replace(b'""', b"")
    structure = b"".join(structure.split(b'"')[::2])
    for _ in range(markup.MAX_DEPTH):
        structure = structure.replace(b"[]", b"")
    return bool(structure)


def _check_storable(value: Any, path: str) -> None:
    if isinstance(value, str) and "\0" in value:
        raise Invalid("the text has a NUL character", path=path)
    if isinstance(value, int) and not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
        raise Invalid("the whole number does not fit into 64 bits", path=path)
    if isinstance(value, dict):
        for name, member in value.items():
            _check_name(name, path)
            _check_storable(member, _below(path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_storable(item, f"{path}[{index}]"[:_PATH])


def _check_name(name: str, path: str) -> None:
    if "\0" in name:
        raise Invalid("the name of a member has a NUL character", path=path)


def _below(path: str, name: str) -> str:
    return (f"{path}.{name}" if path else name)[:_PATH]


def _refuse_text(body: bytes) -> NoReturn:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is not UTF-8 at {_position(body, error.start)}") from None
    raise Invalid("the body is not UTF-8")


def _malformed(body: bytes, message: str) -> Invalid:
    found = _OFFSET.fullmatch(message)
    if not found:
        return Invalid("not well-formed JSON: the body ends too early")
    return Invalid(f"not well-formed JSON: {found[1]}, {_position(body, int(found[2]))}")


def _position(body: bytes, offset: int) -> str:
    before = body[:offset].split(b"\n")
    return f"line {len(before)}, column {len(before[-1]) + 1}"


def _misshapen(message: str) -> Invalid:
    """What msgspec says of a value, in plain words: ``Expected `int`, got `str` - at `$.data[3]` ``."""
    at = _AT.search(message)
    path = at[1] if at else ""
    said = message[: at.start()] if at else message
    if missing := _MISSING.fullmatch(said):
        return Invalid("this member is required", path=_below(path, missing[1]))
    said = _KIND.sub(_in_plain_words, _QUOTED.sub(r"'\1…'", said))
    return Invalid(said[:1].lower() + said[1:], path=path)


def _in_plain_words(found: re.Match[str]) -> str:
    return " or ".join(_PLAIN.get(kind, kind) for kind in found[1].split(" | "))

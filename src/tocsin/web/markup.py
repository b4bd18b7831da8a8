"""XML bytes to plain values and back: elements are objects, lists and text; what a member should be is not known here.

Read with the standard library's expat: entities are what is dangerous about it, and a DOCTYPE is refused before
parsing. Reading with lxml is no faster, and its parser never forgets an element name once seen.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers.expat import ErrorString

from tocsin.core.errors import Invalid

MAX_DEPTH = 64
ROOT = "xml"
ITEM = "item"

# Finished children of the root are read and dropped after each slice, so there is never a whole tree. Half as much and
# four times as much are slower: the elements of a slice then still lie in the processor's cache.
_SLICE_BYTES = 1 << 16

_DOCTYPE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+<!DOCTYPE", re.DOTALL)
_QUALIFIED = (b"xmlns", b"<xml:")

_START = "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u3001-\ud7ff"
_NOT_IN_NAME = re.compile(f"[^{_START}0-9.\xb7-]")
_STARTS_NAME = re.compile(f"[{_START}]")
_NOT_IN_TEXT = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def read(body: bytes) -> Any:
    """The root element's value: an object of its children by local name, or its text when it has none.

    A leaf is its text, also when that looks like a number, and "" when empty; an element with children is an object
    and its own text is left out; a repeated element, or one with array='true', is a list. Other attributes are left
    out. The text is UTF-8 whatever the declaration says (facts 1.1).

    Raises Invalid, with line and column where they are known: not well-formed, with a DOCTYPE, nested too deep.
    """
    if b"\0" in body:  # As UTF-16 has at every "<", which expat would read in spite of us.
        raise Invalid("the body is not UTF-8")
    if b"<!DOCTYPE" in body and _DOCTYPE.match(body):
        raise Invalid("XML with a DOCTYPE is not accepted")
    walker = _Walker(is_marked=b"array" in body, is_qualified=any(sign in body for sign in _QUALIFIED))
    try:
        return _read_slices(body, walker)
    except ParseError as error:
        line, column = error.position
        raise Invalid(f"not well-formed XML: {ErrorString(error.code)}, line {line}, column {column + 1}") from None


def write(value: Any) -> bytes:
    """The element `<xml>` around a value of dicts, lists, text, numbers, booleans and None.

    The other way round than `read`, except that a list of one is not marked. The items of a list within a list, or
    at the root, are called `item`. None and what is empty are an empty element. Characters that XML cannot hold become
    U+FFFD; those that a name cannot hold become `_`, which is also put before a digit, dot or dash at its start.
    """
    return _written(ROOT, {ITEM: value} if isinstance(value, list) else value).encode()


def _read_slices(body: bytes, walker: "_Walker") -> Any:
    builder = TreeBuilder()
    top = builder.start("", {})
    parser = XMLParser(target=builder, encoding="utf-8")  # noqa: S314  A DOCTYPE, so every entity, is refused.
    view = memoryview(body)
    members: dict[str, Any] = {}
    for at in range(0, len(view), _SLICE_BYTES):
        parser.feed(view[at : at + _SLICE_BYTES])
        for root in top:
            walker.add(root[:-1], members, 1)
            del root[:-1]
            _check_open_depth(root)
    parser.close()
    walker.add(top[0], members, 1)
    return members or (top[0].text or "").strip()


def _check_open_depth(root: Element) -> None:
    depth = 0
    while len(root):
        root = root[-1]
        depth += 1
        if depth > MAX_DEPTH:
            raise too_deep()


def too_deep() -> Invalid:
    """What is said of a body that nests too deep, in either encoding."""
    return Invalid(f"the body is nested deeper than {MAX_DEPTH} levels")


class _Walker:
    """Elements to values. Whether a body has marks and prefixes at all is found out once, not at each element."""

    def __init__(self, *, is_marked: bool, is_qualified: bool) -> None:
        self._is_marked = is_marked
        self._is_qualified = is_qualified

    def add(self, elements: Iterable[Element], members: dict[str, Any], depth: int) -> dict[str, Any]:
        """Put the values of the children of one element, which is the `depth`-th level, into `members`."""
        if depth > MAX_DEPTH:
            raise too_deep()
        for element in elements:
            value = self.add(element, {}, depth + 1) if len(element) else element.text or ""
            name = element.tag
            if self._is_qualified:
                name = name.rpartition("}")[2]
            if name not in members:
                members[name] = [value] if self._is_marked and element.get("array") == "true" else value
            elif type(several := members[name]) is list:
                several.append(value)
            else:
                members[name] = [several, value]
        return members


def _written(name: str, value: Any) -> str:
    if isinstance(value, list) and value:
        return "".join([_written(name, {ITEM: item} if isinstance(item, list) else item) for item in value])
    if isinstance(value, dict):
        content = "".join([_written(_safe_name(member), inner) for member, inner in value.items()])
    else:
        content = _written_text(value)
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


def _written_text(value: Any) -> str:
    if isinstance(value, str):
        return _NOT_IN_TEXT.sub(_escape, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not value and value != 0:
        return ""
    return str(value) if math.isfinite(value) else ""


def _escape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], "\ufffd")


@lru_cache(maxsize=4096)
def _safe_name(member: str) -> str:
    name = _NOT_IN_NAME.sub("_", member)
    return name if _STARTS_NAME.match(name) else f"_{name}"

"""The request of an api_request node: from the node's templates to what is sent for one profile."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from tocsin.core.configuration_workflows import ApiRequestNode
from tocsin.core.errors import Invalid
from tocsin.core.workflows.texts import Tree, compile_text, has_forms

MOST_HEADERS = 50
LONGEST_HEADER = 8000
LONGEST_URL = 8000
FIRST_RETRY_SECONDS = 10

_is_header_name = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}").fullmatch
_is_header_value = re.compile(r"[\x20-\x7e\t]*").fullmatch
_unfit_for_url = re.compile(r"[\x00-\x20\x7f]").search
_begins = re.compile(r"https?://[^/?#]+", re.IGNORECASE).match
# They say how the request is carried, which is not the author's business.
_OF_THE_CONNECTION = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
)


class Request(Struct, frozen=True):
    """A request to be made."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    timeout_seconds: float


class Mistake(NamedTuple):
    """What is wrong with a member of the node."""

    path: tuple[str | int, ...]
    sentence: str


class RequestTemplate:
    """The request of a node for any profile."""

    def __init__(self, node: ApiRequestNode) -> None:
        """Raises TemplateMistake."""
        self._node = node
        self._url = compile_text(node.url, is_url=True)
        self._headers = {name: compile_text(value) for name, value in _headers(node).items()}
        self._json = None if node.json is None else Tree(node.json)
        self._body = None if node.body is None else compile_text(node.body)

    def render(self, context: Mapping[str, Any]) -> Request:
        """The request for one profile. Invalid when no request can be made of its values, which no retry changes."""
        return Request(
            method=self._node.method,
            url=_checked_url(self._url.render(context).text),
            headers={name: _checked_header(name, value.render(context).text) for name, value in self._headers.items()},
            body=self._render_body(context),
            timeout_seconds=self._node.timeout_seconds,
        )

    def _render_body(self, context: Mapping[str, Any]) -> bytes | None:
        if self._json is not None:
            return json.dumps(self._json.render(context), ensure_ascii=False, allow_nan=False).encode(errors="replace")
        return None if self._body is None else self._body.render(context).text.encode(errors="replace")


def _headers(node: ApiRequestNode) -> dict[str, str]:
    given = {name.lower() for name in node.headers}
    if "content-type" in given or (node.json is None and node.body is None):
        return node.headers
    content_type = "text/plain; charset=utf-8" if node.json is None else "application/json"
    return {**node.headers, "Content-Type": content_type}


def _checked_url(url: str) -> str:
    if len(url) > LONGEST_URL or _unfit_for_url(url):
        raise Invalid(f"the URL must have at most {LONGEST_URL} characters, no spaces among them", path="url")
    return url


def _checked_header(name: str, value: str) -> str:
    if len(value) > LONGEST_HEADER or not _is_header_value(value):
        raise Invalid(
            f"the value must be ASCII text on one line, of at most {LONGEST_HEADER} characters", path=f"headers.{name}"
        )
    return value.strip()


def check_request(node: ApiRequestNode) -> Iterator[Mistake]:
    """What is wrong apart from the templates."""
    yield from check_url(node.url)
    yield from check_headers(node.headers)
    if node.json is not None and node.body is not None:
        yield Mistake(("body",), "json and body cannot both be given")
    if node.method == "GET" and (node.json is not None or node.body is not None):
        yield Mistake(("method",), "a GET carries neither json nor body")


def check_url(url: str) -> Iterator[Mistake]:
    """Which server is asked is the author's decision, never that of a profile's data."""
    begin = _begins(url)
    if begin is None:
        yield Mistake(("url",), "expected http:// or https:// and a host")
    elif has_forms(begin[0]):
        yield Mistake(("url",), "the host must be written out; forms may stand behind it")
    elif not _is_host(begin[0]):
        yield Mistake(("url",), "expected a host, perhaps with a port, and no user name: credentials go into a header")


def _is_host(begin: str) -> bool:
    try:
        parts = urlsplit(begin)
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"[@\\]", begin) and not _unfit_for_url(begin)
    except ValueError:
        return False


def check_headers(headers: Mapping[str, str]) -> Iterator[Mistake]:
    """What is wrong with the names and values of headers."""
    if len(headers) > MOST_HEADERS:
        yield Mistake(("headers",), f"there are {len(headers)} headers; at most {MOST_HEADERS} are allowed")
    seen: set[str] = set()
    for name, value in headers.items():
        if not _is_header_name(name):
            yield Mistake(("headers", name), "this is no name of a header")
        elif name.lower() in _OF_THE_CONNECTION or name.lower().startswith("proxy-"):
            yield Mistake(("headers", name), "this header is set by the connection")
        elif name.lower() in seen:
            yield Mistake(("headers", name), "this header is given twice")
        if len(value) > LONGEST_HEADER or not _is_header_value(value):
            yield Mistake(("headers", name), f"expected ASCII text on one line, at most {LONGEST_HEADER} characters")
        seen.add(name.lower())


def retry_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 10 s, 40 s, 160 s and so on."""
    return timedelta(seconds=FIRST_RETRY_SECONDS * 4 ** (attempts - 1))

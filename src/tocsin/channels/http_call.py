"""A request as it will be sent: its parts checked, its URL taken apart once and for all, and where a redirect leads."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NoReturn
from urllib.parse import quote, urljoin, urlsplit

import idna
from msgspec import Struct
from msgspec.structs import replace

from tocsin.channels.http_exchange import Failure, Request, Stop

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
MOST_URL_CHARACTERS = 8000
MOST_HOST_CHARACTERS = 253

_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_KEEPS_METHOD: Final = frozenset({307, 308})

# Ours to write, or of the connection and not of the request (RFC 9110, section 7.6.1).
OWN_HEADERS: Final = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
# What another host may see. Any other header may hold a secret, whatever its name.
_HARMLESS_HEADERS: Final = frozenset({b"accept", b"accept-language", b"user-agent"})

_is_control = re.compile(r"[\x00-\x1f\x7f]").search
_is_header_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_header_value = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_is_host = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
# Such a name is read as an address, in one of several notations, by some resolvers.
_ends_in_number = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)").fullmatch
_UNTOUCHED = "%/:?#[]@!$&'()*+,;=~"


class Target(Struct, frozen=True):
    """Where a URL leads. `host` is an address or a name in ASCII and lower case; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def place(self) -> str:
        """Host and port, as people and the Host header have it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"


class Call(Struct, frozen=True):
    """A request that can be sent. Its headers lack those that are ours to write."""

    method: str
    target: Target
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def parse_call(request: Request) -> Call:
    """The request, checked. Raises Stop with a failure of reason `request`, which names no value of a header."""
    if request.method not in METHODS:
        _refuse(f"the method must be one of {', '.join(sorted(METHODS))}")
    target = parse_target(request.url)
    return Call(request.method, target, tuple(_parse_headers(request.headers)), request.body)


def _refuse(text: str) -> NoReturn:
    raise Stop(Failure("request", text, is_permanent=True))


def _parse_headers(headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers:
        if not _is_header_name(name):
            _refuse("the name of a header must be letters, digits and hyphens")
        if name.lower() in OWN_HEADERS:
            _refuse(f"the header {name} cannot be given")
        if not _is_header_value(value):
            _refuse(f"the header {name} has a control character, such as a line break, in its value")
        try:
            yield name.encode("ascii"), value.strip(" \t").encode()
        except UnicodeEncodeError:
            _refuse(f"the header {name} has half a character in its value")


# Most senders and hooks ask one URL again and again.
@lru_cache(maxsize=256)
def parse_target(url: str) -> Target:
    """Where an absolute http or https URL leads; what stands in it beyond ASCII is quoted as UTF-8, a fragment goes.

    Raises Stop for anything else: user and password, port 0, an address that is not written in the usual way.
    """
    if len(url) > MOST_URL_CHARACTERS:
        _refuse(f"the URL has more than {MOST_URL_CHARACTERS} characters")
    if _is_control(url):
        _refuse("the URL has a control character, such as a line break, in it")
    try:
        parts = urlsplit(url.strip(" "))
        port = parts.port
        path = quote(parts.path or "/", _UNTOUCHED) + (f"?{quote(parts.query, _UNTOUCHED)}" if parts.query else "")
    except ValueError:
        _refuse("the URL cannot be read")
    if parts.scheme not in _DEFAULT_PORTS:
        _refuse("the URL must begin with http:// or https://")
    if "@" in parts.netloc:
        _refuse("the URL holds a user or a password: they belong into the header Authorization")
    if port == 0:
        _refuse("the URL has the port 0")
    host = _parse_host(parts.hostname or "", is_bracketed="[" in parts.netloc)
    return Target(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


def _parse_host(host: str, *, is_bracketed: bool) -> str:
    try:
        if is_bracketed:
            return _parse_ipv6(host)
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
        name = name.removesuffix(".")
        if _ends_in_number(name):
            return str(IPv4Address(name))
    except ValueError:
        name = ""
    if len(name) > MOST_HOST_CHARACTERS or not _is_host(name):
        _refuse("the URL has no host that can be read: a name, or an address as 192.0.2.1 or [2001:db8::1]")
    return name


def _parse_ipv6(host: str) -> str:
    address = IPv6Address(host)
    if address.scope_id is not None:
        raise ValueError(host)
    return str(address)


def follow(call: Call, status: int, location: str) -> Call:
    """What to ask after a redirect. Raises Stop with a failure of reason `redirect` where it is not followed.

    - GET and HEAD follow any; the others 307 and 308 only, and to the same host only, so that no body goes elsewhere;
    - from https to http none does;
    - another host sees neither the body nor any header but Accept, Accept-Language and User-Agent.
    """
    if call.method not in _SAFE_METHODS and status not in _KEEPS_METHOD:
        _leave(call, f"answered {call.method} with the redirect {status}, which would turn it into GET")
    try:
        target = parse_target(urljoin(call.target.url, location))
    except (ValueError, Stop):
        _leave(call, "answered with a redirect to something that cannot be asked")
    if (call.target.scheme, target.scheme) == ("https", "http"):
        _leave(call, "answered with a redirect from https to http")
    if _is_same_host(call.target, target):
        return replace(call, target=target)
    if call.method not in _SAFE_METHODS:
        _leave(call, f"answered {call.method} with a redirect to another host, {target.place}")
    harmless = tuple((name, value) for name, value in call.headers if name.lower() in _HARMLESS_HEADERS)
    return Call(call.method, target, harmless, b"")


def _leave(call: Call, text: str) -> NoReturn:
    raise Stop(Failure("redirect", f"{call.target.place} {text}", is_permanent=True))


def _is_same_host(old: Target, new: Target) -> bool:
    """The same host and port, or the usual step from http to https there."""
    places = (old.port, new.port)
    return old.host == new.host and (places == (80, 443) if old.scheme != new.scheme else old.port == new.port)

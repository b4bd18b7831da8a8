"""The one door for outgoing HTTP: what profiles, templates and configuration make us ask for goes through here."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import httpcore2

from tocsin.channels.contract import one_line
from tocsin.channels.http_body import TooLarge, Unreadable, read_body
from tocsin.channels.http_call import Call, follow, parse_call
from tocsin.channels.http_exchange import Answer, Failure, Reason, Request, Stop, parse_retry_after
from tocsin.channels.http_guard import ForbiddenAddress, GuardedBackend, Network, Resolve, Resolver, UnknownHost
from tocsin.channels.http_hosts import Host, Hosts

__all__ = ["Answer", "Failure", "HttpDoor", "Reason", "Request"]

MOST_BODY_BYTES = 1024 * 1024
MOST_REDIRECTS = 3
CONNECT_SECONDS = 5.0
# Node and uvicorn close a connection that was idle for 5 seconds; one that we close first cannot fail a request.
IDLE_SECONDS = 4.0
# Apple takes many connections for an attack.
SHARED_IDLE_SECONDS = 300.0

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEPT_HEADERS: Final[tuple[str, ...]] = ("content-type", "x-request-id")
_OURS: Final = ((b"Accept-Encoding", b"gzip"),)
_USER_AGENT: Final = (b"User-Agent", b"Tocsin")

_PERMANENT: Final = frozenset({"forbidden_address", "request", "too_large"})

_Trouble = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    OSError,
    TooLarge,
    Unreadable,
)


class HttpDoor:
    """Sends requests over connections that are kept and shared by all of the process. Belongs to one event loop.

    allowed: networks that may be reached though they are not public.
    connections, connections_per_host: the most that speak at once.
    most_body_bytes: the largest answer, as it arrives and unpacked.
    shares_connections: requests to a server that speaks HTTP/2 share one, up to a hundred at once, and it is kept long.
    lets_rest: hosts that keep failing are left alone for a while; else that is for who asks.
    Certificates are checked against the system's authorities; the environment variable SSL_CERT_FILE names others.
    Proxies in the environment are not used.
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        connections: int = 100,
        connections_per_host: int = 10,
        most_body_bytes: int = MOST_BODY_BYTES,
        shares_connections: bool = False,
        lets_rest: bool = True,
        resolve: Resolve | None = None,
    ) -> None:
        self._allowed = allowed
        self._connections = connections
        self._most_body_bytes = most_body_bytes
        self._shares_connections = shares_connections
        self._turns = asyncio.Semaphore(connections)
        self._hosts = Hosts(connections_per_host, lets_rest=lets_rest)
        self._resolver = Resolver()
        self._resolve = resolve or self._resolver

    async def fetch(self, request: Request) -> Answer | Failure:
        """The answer, whatever its status (see Answer.failure), or why there is none. Nothing that the outside does
        raises. Up to three redirects are followed (http_call.follow); nothing is sent a second time otherwise.
        """
        try:
            return await self._fetch(parse_call(request), request.timeout_seconds, request.is_redirected)
        except Stop as stop:
            return stop.failure

    async def close(self) -> None:
        """End all connections."""
        await self._pool.aclose()
        self._resolver.close()

    async def _fetch(self, call: Call, seconds: float, is_redirected: bool) -> Answer:
        now = asyncio.get_running_loop().time
        began_at = None
        for _ in range(1 + MOST_REDIRECTS):
            with self._hosts.use(call.target) as host:
                async with self._turn(host, call, (began_at or now()) + seconds):
                    began_at = began_at or now()
                    answer, location = await self._speak(host, call, began_at, began_at + seconds)
            if location is None or not is_redirected:
                return answer
            call = follow(call, answer.status, location)
        raise Stop(Failure("redirect", f"there are more than {MOST_REDIRECTS} redirects", is_permanent=True))

    @asynccontextmanager
    async def _turn(self, host: Host, call: Call, until: float) -> AsyncIterator[None]:
        """A connection to spare: one of the host's, then one of all. Raises Stop: the host rests, or none in time."""
        host.check(asyncio.get_running_loop().time())
        async with AsyncExitStack() as turns:
            try:
                async with asyncio.timeout_at(until):
                    await turns.enter_async_context(host.turns)
                    await turns.enter_async_context(self._turns)
            except TimeoutError:
                text = f"{call.target.place}: other requests took all connections for the whole time"
                raise Stop(Failure("busy", text, retry_after_seconds=1.0)) from None
            yield

    async def _speak(self, host: Host, call: Call, began_at: float, until: float) -> tuple[Answer, str | None]:
        """One request and its answer, with the place that it redirects to; the host is remembered for how it went."""
        now = asyncio.get_running_loop().time
        asked_at = now()
        host.begin(asked_at, until)
        try:
            async with asyncio.timeout_at(until):
                answer, location = await self._exchange(call, began_at)
        except _Trouble as error:
            failure = _describe(error, call.target.place, until - began_at)
            if failure.is_permanent:
                host.succeed(asked_at)
            else:
                host.fail(asked_at, now())
            raise Stop(failure) from error
        if answer.is_overload:
            host.fail(asked_at, now(), answer.retry_after_seconds)
        else:
            host.succeed(asked_at)
        return answer, location

    async def _exchange(self, call: Call, began_at: float) -> tuple[Answer, str | None]:
        target = call.target
        url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        extensions = {"timeout": {"connect": CONNECT_SECONDS}}
        content = call.body if call.body or call.method in {"POST", "PUT", "PATCH"} else None
        async with self._pool.stream(
            call.method, url, headers=_headers(call), content=content, extensions=extensions
        ) as response:
            headers = {name.decode().lower(): value.decode("utf-8", "replace") for name, value in response.headers}
            parts = response.aiter_stream()
            body = await read_body(parts, headers.get("content-encoding", ""), self._most_body_bytes)
        kept = {name: one_line(headers[name]) for name in _KEPT_HEADERS if name in headers}
        retry_after = parse_retry_after(headers.get("retry-after", ""), datetime.now(UTC))
        seconds = asyncio.get_running_loop().time() - began_at
        location = headers.get("location") if response.status in _REDIRECTS else None
        return Answer(response.status, kept, body, seconds, retry_after), location

    @cached_property
    def _pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=httpcore2.default_ssl_context(),
            max_connections=self._connections,
            http2=self._shares_connections,
            keepalive_expiry=SHARED_IDLE_SECONDS if self._shares_connections else IDLE_SECONDS,
            network_backend=GuardedBackend(self._allowed, self._resolve),
        )


def _headers(call: Call) -> list[tuple[bytes, bytes]]:
    named = any(name.lower() == b"user-agent" for name, _ in call.headers)
    host = (b"Host", call.target.place.encode())
    return [host, *_OURS, *(() if named else (_USER_AGENT,)), *call.headers]


def _describe(error: Exception, place: str, seconds: float) -> Failure:
    """What went wrong, for people. Only what the same request would meet again is permanent."""
    reason, text = _name(error, seconds)
    return Failure(reason, one_line(f"{place}: {text}"), is_permanent=reason in _PERMANENT)


def _name(error: Exception, seconds: float) -> tuple[Reason, str]:  # noqa: PLR0911 - a list of cases
    cause = _cause(error)
    match error:
        case ForbiddenAddress():
            return "forbidden_address", f"{error} is not public and not in TOCSIN_ALLOW_PRIVATE_ADDRESSES"
        case UnknownHost():
            return "dns", f"its address was not found: {error}"
        case TooLarge():
            return "too_large", "the answer is too large"
        case Unreadable():
            return "protocol", "the answer is packed in a way that was not asked for, or broken"
        case httpcore2.LocalProtocolError():
            return "request", f"it cannot be sent: {error}"
        case httpcore2.ConnectTimeout():
            return "timeout", "no connection in time"
        case TimeoutError() | httpcore2.TimeoutException():
            return "timeout", f"no whole answer within {seconds:g} s"
    if isinstance(cause, ssl.SSLError):
        return "tls", f"TLS failed: {getattr(cause, 'verify_message', None) or cause.reason or cause}"
    if isinstance(error, httpcore2.ConnectError):
        number = cause.errno if isinstance(cause, OSError) else None
        return "refused", f"no connection: {os.strerror(number) if number else error}"
    return "protocol", f"the connection was lost, or what came is not HTTP: {error}"


def _cause(error: BaseException) -> BaseException:
    """The innermost error: the library hands over what it caught as an argument."""
    inner = error.__cause__ or next(iter(error.args), None)
    return _cause(inner) if isinstance(inner, BaseException) else error

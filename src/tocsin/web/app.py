"""The HTTP application: one way in for every API call, and the pages that operators' machines ask for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tocsin.actions import requests
from tocsin.actions.context import Context
from tocsin.actions.requests import Answer, RequestKey
from tocsin.actions.tracking import Hits
from tocsin.core.configuration import Configuration, Token
from tocsin.core.errors import Invalid, NotFound, NotReady, TocsinError
from tocsin.log import get as get_log
from tocsin.store.database import Transaction
from tocsin.web import auth, codec, downloads, metrics, openapi, operations, problems
from tocsin.web.admin import app as admin
from tocsin.web.admin.app import Console
from tocsin.web.body import Gate, read
from tocsin.web.call import Call
from tocsin.web.codec import Encoding
from tocsin.web.envelope import Envelope
from tocsin.web.operations import Operation
from tocsin.web.public import receipts, recipients
from tocsin.web.public.reading import Reading

log = get_log("tocsin.web")

_ENCODINGS: Mapping[str, Encoding] = {"json": "json", "xml": "xml"}
_KEY_HEADERS = ("request-id", "idempotency-key", "x-request-id")
_LONGEST_KEY = 512

# Bodies above the first size wait for their turn; together those being worked on have at most the second.
_SMALL_BYTES = 64 * 1024
_TOGETHER_BYTES = 6 * 1024 * 1024
# Above this a body is decoded in a thread, so that other calls are answered meanwhile.
_THREADED_BYTES = 256 * 1024


@dataclass
class Limits:
    """Bytes of a body, by what Operation.limit names."""

    body: int
    file: int


@dataclass
class Api:
    """Answers API calls."""

    context: Context
    limits: Limits
    gate: Gate = field(default_factory=lambda: Gate(_TOGETHER_BYTES, free_bytes=_SMALL_BYTES))

    async def answer(self, request: Request) -> Response:
        """The answer to any call: of the operation, or the error in the same envelope."""
        encoding = codec.encoding_of(request.headers.get("content-type"))
        operation = operations.find(request.scope["path"])
        started = time.perf_counter()
        code = 0
        try:
            response = await self._answer(request, operation, encoding)
        except TocsinError as error:
            told = operation.told(error) if operation else error
            _log_error(operation, told)
            code, response = told.code, _problem(told, request, encoding, operation)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the client gets the envelope and the log the cause
            log.failure("request.failed", error, operation=_name(operation))
            code, response = TocsinError.code, _problem(TocsinError(), request, encoding, operation)
        metrics.count_call(_name(operation), code, time.perf_counter() - started)
        if operation and operation.is_integration:
            response.headers["cache-control"] = "no-store"
        return response

    async def _answer(self, request: Request, operation: Operation | None, encoding: Encoding) -> Response:
        if operation is None:
            raise NotFound(f"there is no method {request.scope['path'][:200]}")
        if request.method not in operation.methods:
            raise Invalid(f"this method is called by {' or '.join(operation.methods)}")
        limit = self.limits.file if operation.limit == "file" else self.limits.body
        async with self.gate.passage(_announced_bytes(request, limit)):
            body = await read(request, limit)
            decoded = await self._decode(request, body, encoding, operation)
            request.state.encoding = _answer_encoding(request, decoded.format, encoding)
            answered = await self._run(request, operation, body, decoded, request.state.encoding)
        headers = {"duplicate-request": "true"} if answered.is_repeat else None
        return Response(answered.body, 200, headers, media_type=answered.content_type)

    async def _decode(self, request: Request, body: bytes, encoding: Encoding, operation: Operation) -> Envelope:
        def decode() -> Envelope:
            if operation.read is None:
                return codec.decode(body, encoding, operation.request)
            return operation.read(request.scope["query_string"], body, request.headers.get("content-type", ""))

        return await asyncio.to_thread(decode) if len(body) > _THREADED_BYTES else decode()

    async def _run(
        self, request: Request, operation: Operation, body: bytes, decoded: Envelope, encoding: Encoding
    ) -> Answer:
        text = auth.token_of(request, decoded.token)

        def admit(configuration: Configuration) -> Token:
            return auth.admit(configuration, text, operation.permission)

        async def work(transaction: Transaction, configuration: Configuration, token: Token) -> Answer:
            call = Call(self.context, transaction, configuration, token)
            answer = await operation.handler(call, decoded)
            return Answer(codec.encode(answer, encoding), codec.content_type(encoding))

        is_done = operation.writes and not getattr(decoded, "dry_run", False)
        key = _request_key(request, operation, text, body) if is_done else None
        return await requests.answer(self.context, admit, key, work)


def _announced_bytes(request: Request, limit: int) -> int:
    announced = request.headers.get("content-length", "")
    return min(int(announced), limit) if announced.isdecimal() else limit


def _answer_encoding(request: Request, in_body: str, encoding: Encoding) -> Encoding:
    """The request's own format unless `format` says otherwise."""
    said = in_body or request.query_params.get("format", "")
    return _ENCODINGS.get(said.lower(), encoding)


def _request_key(request: Request, operation: Operation, token: str, body: bytes) -> RequestKey | None:
    key = next((request.headers[name] for name in _KEY_HEADERS if request.headers.get(name)), None)
    if key is None:
        return None
    if len(key) > _LONGEST_KEY:
        raise Invalid(f"expected at most {_LONGEST_KEY} characters", path="Request-ID")
    query = b"?" + request.scope["query_string"] if operation.is_integration else b""
    return requests.request_key(token, key, operation.path.encode() + query + b"\n" + body)


def _problem(error: TocsinError, request: Request, encoding: Encoding, operation: Operation | None) -> Response:
    """Of callers' mistakes the HTTP status says two: no such method, a wrong HTTP method; of integrations, all."""
    said = getattr(request.state, "encoding", None) or _answer_encoding(request, "", encoding)
    if operation is None:
        status: int | None = 404
    elif request.method not in operation.methods:
        status = 405
    else:
        status = error.code if operation.is_integration else None
    return problems.answer(error, said, status=status)


def _log_error(operation: Operation | None, error: TocsinError) -> None:
    if isinstance(error, NotReady):
        log.warning("request.refused", operation=_name(operation), code=error.code, reason=error.describe())
    elif error.is_ours:
        log.failure("request.failed", error, operation=_name(operation))
    else:
        log.info("request.refused", operation=_name(operation), code=error.code, reason=error.describe())


def _name(operation: Operation | None) -> str:
    return operation.path if operation else "unknown"


Page = Callable[[Request], Awaitable[Response]]


@dataclass
class Site:
    """Everything that is answered: clients of the API, people at the console, recipients, operators' machines."""

    context: Context
    api: Api
    console: Console
    hits: Hits
    reading: Reading
    public_url: str

    async def answer(self, request: Request) -> Response:
        """The answer to a request, whoever asks."""
        plain = "/".join(part for part in request.scope["path"].split("/") if part)
        if plain == admin.PREFIX or plain.startswith(f"{admin.PREFIX}/"):
            return await self.console.answer(request, plain)
        if plain.startswith(receipts.PREFIX):
            return await receipts.take(self.context, request, plain.removeprefix(receipts.PREFIX))
        if plain.startswith(recipients.PREFIXES):
            return await recipients.answer(self.context, self.hits, self.reading, request, plain)
        if request.method not in ("GET", "HEAD"):
            return await self.api.answer(request)
        if plain.startswith(downloads.PREFIX):
            return await downloads.show(self.context, request, plain.removeprefix(downloads.PREFIX))
        page = self._pages().get(plain)
        return await page(request) if page else await self.api.answer(request)

    def _pages(self) -> Mapping[str, Page]:
        return {
            "": self._show_console,
            "healthz": self._healthz,
            "readyz": self._readyz,
            "metrics": self._show_metrics,
            "api/openapi.json": self._show_openapi,
        }

    async def _show_console(self, _: Request) -> Response:
        return RedirectResponse(f"{urlsplit(self.public_url).path.rstrip('/')}/{admin.PREFIX}/", 303)

    async def _healthz(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _: Request) -> Response:
        try:
            async with self.context.database.transaction() as transaction:
                await self.context.configuration(transaction)
        except NotReady as reason:
            return PlainTextResponse(f"{reason.describe()}\n", 503)
        return PlainTextResponse("ready\n")

    async def _show_metrics(self, _: Request) -> Response:
        return Response(await metrics.render(self.context), media_type=metrics.CONTENT_TYPE)

    async def _show_openapi(self, _: Request) -> Response:
        return JSONResponse(openapi.document(self.public_url))


def create_app(
    context: Context,
    limits: Limits,
    public_url: str = "/",
    hits: Hits | None = None,
    console: Console | None = None,
    reading: Reading | None = None,
) -> Starlette:
    """The application. Every path may have doubled and trailing slashes. Who gives `hits` or `reading` closes them."""
    site = Site(
        context,
        Api(context, limits),
        console or Console(context, public_url),
        hits or Hits(context),
        reading or Reading(),
        public_url,
    )
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", site.answer, methods=methods)])

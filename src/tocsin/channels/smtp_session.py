"""One SMTP session: how it begins, what is said for one message, what the answers mean."""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from contextlib import suppress
from functools import cache, lru_cache
from typing import Final, cast

import idna
from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)
from msgspec import Struct

from tocsin.channels.contract import Envelope, Outcome, one_line
from tocsin.core.configuration import Sender

QUIT_SECONDS = 2.0
MOST_ADDRESS_CHARACTERS = 320  # 64 before the sign, 255 after it (RFC 5321, section 4.5.3.1).

# A message may take its size at this rate on top of the time-out, so that a large one gets through a thin line.
SLOWEST_BYTES_PER_SECOND = 64_000

SUCCESS, GO_ON, TRY_LATER, NEVER = 2, 3, 4, 5
CLOSING = 421

BEFORE = ", before the message was handed over"
AFTER = ", after the message was handed over"
IN_DOUBT = f"{AFTER}: the server may have accepted it"

# 5xx replies that mean our login or encryption, not the message (RFC 4954, section 6; RFC 3207, section 4).
SENDER_TROUBLES: Final = frozenset({530, 534, 535, 538})


class Trouble(Exception):
    """The session is at fault, not the message."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code

    def defer(self, envelope: Envelope, when: str = "") -> Outcome:
        return Outcome(envelope.message_id, "deferred", self.code, one_line(self.text + when))


class Unreachable(Trouble):
    """No session could be had; `advice` says what to look at."""

    def __init__(self, text: str, advice: str, code: int = 0) -> None:
        super().__init__(text, code)
        self.advice = advice


class Lost(Trouble):
    """A session ended, or fell out of step; `when` says how far the message was."""

    def __init__(self, text: str, code: int, when: str) -> None:
        super().__init__(text, code)
        self.when = when


class Unsendable(Exception):
    """One message cannot be sent, by this server or by any."""


async def connect(sender: Sender, tls: ssl.SSLContext | None) -> "Session":
    """A session that is ready for messages: greeted, encrypted and logged in as `sender` says. Raises Unreachable."""
    client = SMTP(
        hostname=sender.host,
        port=sender.port,
        timeout=sender.timeout_seconds,
        local_hostname=await asyncio.to_thread(_own_name),
        use_tls=sender.security == "tls",
        start_tls=False,
        tls_context=tls,
    )
    try:
        await _establish(client, sender)
        return Session(client, sender)
    except (SMTPException, OSError, UnicodeError) as error:
        _abort(client)
        code, text = _explain(error, sender.timeout_seconds)
        raise Unreachable(f"{name(sender)}: {text}", "look at host, port and security", code) from error
    except BaseException:
        _abort(client)
        raise


async def _establish(client: SMTP, sender: Sender) -> None:
    await client.connect()
    await _greet(client)
    if sender.security == "starttls":
        if not client.supports_extension("starttls"):
            raise Unreachable(f"{name(sender)}: STARTTLS is not offered", "look at security and port")
        await client.starttls()
        await _greet(client)
    if sender.username:
        await _login(client, sender)


async def _login(client: SMTP, sender: Sender) -> None:
    advice = "look at username, password and security"
    if not client.supported_auth_methods:
        raise Unreachable(f"{name(sender)}: no login that we know is offered", advice)
    try:
        await client.login(sender.username, sender.password)
    except SMTPException as error:
        code, text = _explain(error, sender.timeout_seconds)
        raise Unreachable(_redact(f"{name(sender)}: the login failed: {text}", sender), advice, code) from None


def _redact(text: str, sender: Sender) -> str:
    # Some servers repeat the command that they refuse.
    username, password = sender.username.encode(), sender.password.encode()
    encoded = [b64encode(secret).decode() for secret in (b"\0%b\0%b" % (username, password), username, password)]
    for secret in (*encoded, sender.password):
        text = text.replace(secret, "…") if secret else text
    return text


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


def _abort(client: SMTP) -> None:
    transport = client.transport
    client.close()
    if transport is not None:
        # Closing alone would wait for a peer that may never read what is still to be written.
        cast(asyncio.WriteTransport, transport).abort()


@cache
def _own_name() -> str:
    fqdn = socket.getfqdn()
    return fqdn if "." in fqdn and re.fullmatch(r"[A-Za-z0-9.-]+", fqdn) else "[127.0.0.1]"


class Session:
    """A session that is ready for messages, one at a time."""

    def __init__(self, client: SMTP, sender: Sender) -> None:
        if client.protocol is None:
            raise SMTPServerDisconnected("closed after the greeting")
        self.idle_since = 0.0
        self._client = client
        self._protocol = client.protocol
        self._name = name(sender)
        self._timeout_seconds = sender.timeout_seconds
        self._is_used = False
        self._extensions = client.esmtp_extensions
        limit = self._extensions.get("size", "")
        self._most_bytes = int(limit) if limit.isascii() and limit.isdecimal() else 0

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

    async def transact(self, envelope: Envelope, paths: "Paths") -> Outcome:
        """Hand one message over. Raises Unsendable before anything is said, Lost when the session is over."""
        mail = self._mail_command(envelope, paths)
        is_used, self._is_used = self._is_used, True
        reply = await self._ask(mail, SUCCESS)
        if is_used and reply.code // 100 == TRY_LATER:
            # Many servers take only so many messages over one connection, and say so here.
            raise self._over(reply, BEFORE)
        if reply.code // 100 == SUCCESS:
            reply = await self._ask(b"RCPT TO:<%b>" % paths.recipient, SUCCESS)
        if reply.code // 100 == SUCCESS:
            reply = await self._ask(b"DATA", GO_ON)
        if reply.code // 100 == GO_ON:
            return _judge(envelope, await self._hand_over(_to_wire(envelope.body)))
        await self._reset()
        return _judge(envelope, reply)

    async def quit(self) -> None:
        """Take leave and wait for the answer, not long."""
        with suppress(SMTPException):
            await self._protocol.execute_command(b"QUIT", timeout=min(QUIT_SECONDS, self._timeout_seconds))
        self.drop()
        await asyncio.sleep(0)

    def leave(self) -> None:
        """Take leave without waiting."""
        with suppress(SMTPException):
            self._protocol.write(b"QUIT\r\n")
        self._client.close()

    def drop(self) -> None:
        """End it at once, whatever is under way."""
        _abort(self._client)

    def _mail_command(self, envelope: Envelope, paths: "Paths") -> bytes:
        command = b"MAIL FROM:<%b>" % paths.sender
        if "size" in self._extensions:
            command += b" SIZE=%d" % len(envelope.body)
            if 0 < self._most_bytes < len(envelope.body):
                raise Unsendable(f"{len(envelope.body)} bytes, and the server takes at most {self._most_bytes}")
        if not envelope.body.isascii():
            command += self._option(" BODY=8BITMIME", "8bitmime", "text of 8 bits")
        if paths.needs_smtputf8:
            command += self._option(" SMTPUTF8", "smtputf8", "addresses beyond ASCII")
        return command

    def _option(self, option: str, extension: str, what: str) -> bytes:
        if extension not in self._extensions:
            raise Unsendable(f"the server does not take {what} ({extension.upper()} is not offered)")
        return option.encode()

    async def _ask(self, command: bytes, success: int) -> SMTPResponse:
        try:
            reply = await self._protocol.execute_command(command, timeout=self._timeout_seconds)
        except SMTPException as error:
            raise self._lost(error, BEFORE) from error
        if reply.code == CLOSING or reply.code // 100 not in (success, TRY_LATER, NEVER):
            raise self._over(reply, BEFORE)
        return reply

    async def _hand_over(self, content: bytes) -> SMTPResponse:
        try:
            self._protocol.write(content)
        except SMTPException as error:
            raise self._lost(error, BEFORE) from error
        patience = self._timeout_seconds + len(content) / SLOWEST_BYTES_PER_SECOND
        try:
            reply = await self._protocol.read_response(timeout=patience)
        except SMTPException as error:
            raise self._lost(error, IN_DOUBT) from error
        if reply.code == CLOSING:
            raise self._over(reply, AFTER)
        if reply.code // 100 not in (SUCCESS, TRY_LATER, NEVER):
            raise self._over(reply, IN_DOUBT)
        return reply

    async def _reset(self) -> None:
        # The outcome stands already: a session that cannot be reset is only not used again.
        try:
            await self._ask(b"RSET", SUCCESS)
        except Lost:
            self.drop()

    def _lost(self, error: Exception, when: str) -> Lost:
        code, text = _explain(error, self._timeout_seconds)
        return Lost(f"{self._name}: {text}", code, when)

    def _over(self, reply: SMTPResponse, when: str) -> Lost:
        return Lost(f"{self._name}: the session is over: {reply.code} {reply.message}", reply.code, when)


def name(sender: Sender) -> str:
    """What a server is called in our texts."""
    return f"{sender.host}:{sender.port}"


def _judge(envelope: Envelope, reply: SMTPResponse) -> Outcome:
    text = one_line(reply.message)
    if reply.code // 100 == SUCCESS:
        return Outcome(envelope.message_id, "sent", reply.code, text)
    if reply.code // 100 == NEVER and reply.code not in SENDER_TROUBLES:
        return Outcome(envelope.message_id, "refused", reply.code, text)
    return Outcome(envelope.message_id, "deferred", reply.code, text)


def _explain(error: Exception, timeout_seconds: float) -> tuple[int, str]:
    """A reply code, 0 when there was none, and what went wrong, in words that follow the server's name."""
    cause = error.__cause__ if isinstance(error, SMTPConnectError) and error.__cause__ else error
    if isinstance(error, SMTPResponseException):
        code = max(error.code, 0)
        return code, f"the answer was {code} {error.message}" if code else error.message
    if isinstance(cause, ssl.SSLCertVerificationError):
        return 0, f"the certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return 0, f"TLS failed: {cause.reason or cause}"
    if isinstance(cause, SMTPTimeoutError | TimeoutError):
        return 0, f"no answer within {timeout_seconds:g} s"
    if isinstance(cause, SMTPServerDisconnected):
        return 0, "the connection was closed"
    return 0, f"no connection: {cause}"


class Paths(Struct, frozen=True):
    """Both addresses of an envelope as they stand between angle brackets."""

    sender: bytes
    recipient: bytes
    needs_smtputf8: bool


def parse_paths(envelope: Envelope) -> Paths:
    """Raises Unsendable. The sender may be empty: a message that asks for no bounces."""
    sender = _parse_address(envelope.sender, "sender") if envelope.sender else ""
    recipient = _parse_address(envelope.recipient, "recipient")
    return Paths(sender.encode(), recipient.encode(), not (sender.isascii() and recipient.isascii()))


def _parse_address(address: str, whose: str) -> str:
    local, _, domain = address.rpartition("@")
    # Whatever could end the path or the command stays off the wire; lone surrogates are not printable either.
    is_printable = address.isprintable() and not (" " in address or "<" in address or ">" in address)
    if not (local and domain and is_printable and len(address) <= MOST_ADDRESS_CHARACTERS):
        raise Unsendable(f"the address of the {whose} is not one")
    if domain.isascii() or not local.isascii():
        return address
    return f"{local}@{_to_ascii(domain, whose)}"


@lru_cache(maxsize=1024)
def _to_ascii(domain: str, whose: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        raise Unsendable(f"the domain of the {whose} is not one") from None


def _to_wire(body: bytes) -> bytes:
    """The body as it follows DATA: every line ends with CRLF, leading dots are doubled, a lone dot ends it."""
    if not body.count(b"\r\n") == body.count(b"\n") == body.count(b"\r"):
        # A lone CR or LF can look like the end of a message to some servers, and start a forged one.
        body = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b"\r\n." in body or body.startswith(b"."):
        body = re.sub(rb"(?m)^\.", b"..", body)
    return body + b".\r\n"

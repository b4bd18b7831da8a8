"""How an SMTP session begins: greeted, encrypted and logged in, by aiosmtplib (docs/decisions/0004-smtp-library.md)."""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from functools import cache
from typing import cast

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from tocsin.channels.smtp_session import Session
from tocsin.channels.smtp_trouble import Unreachable, name
from tocsin.channels.smtp_wire import Wire
from tocsin.core.configuration_senders import SmtpSender


async def connect(sender: SmtpSender, tls: ssl.SSLContext | None, *, has_return_paths: bool = False) -> Session:
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
        return Session(_take_over(client), client.esmtp_extensions, sender, has_return_paths=has_return_paths)
    except (SMTPException, OSError, UnicodeError) as error:
        _abort(client)
        code, text = _explain(error, sender.timeout_seconds)
        raise Unreachable(f"{name(sender)}: {text}", "look at host, port and security", code) from error
    except BaseException:
        _abort(client)
        raise


def _take_over(client: SMTP) -> Wire:
    # What follows is ours: the library keeps one reply at a time, and pipelining brings many.
    if client.transport is None:
        raise SMTPServerDisconnected("closed after the greeting")
    return Wire(cast(asyncio.Transport, client.transport))


async def _establish(client: SMTP, sender: SmtpSender) -> None:
    await client.connect()
    await _greet(client)
    if sender.security == "starttls":
        if not client.supports_extension("starttls"):
            raise Unreachable(f"{name(sender)}: STARTTLS is not offered", "look at security and port")
        await client.starttls()
        await _greet(client)
    if sender.username:
        await _login(client, sender)


async def _login(client: SMTP, sender: SmtpSender) -> None:
    advice = "look at username, password and security"
    if not client.supported_auth_methods:
        raise Unreachable(f"{name(sender)}: no login that we know is offered", advice)
    try:
        await client.login(sender.username, sender.password)
    except SMTPException as error:
        code, text = _explain(error, sender.timeout_seconds)
        raise Unreachable(_redact(f"{name(sender)}: the login failed: {text}", sender), advice, code) from None


def _redact(text: str, sender: SmtpSender) -> str:
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

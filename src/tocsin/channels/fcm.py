"""Push out through Firebase Cloud Messaging, its HTTP v1 API."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.fcm_message import make_message
from tocsin.channels.google_tokens import GoogleTokens, read_account
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import (
    HttpSending,
    OpenDoor,
    Unusable,
    accept,
    conceal,
    defer,
    describe_failure,
    refuse,
)
from tocsin.core import push
from tocsin.core.addresses import parse_push_address
from tocsin.core.configuration_senders import FcmSender
from tocsin.core.errors import NotReady

_OK, _INVALID, _UNAUTHORIZED, _FORBIDDEN = 200, 400, 401, 403

# Not our token: what Apple or a browser asks of the project is missing.
_OF_ANOTHER: Final = "THIRD_PARTY_AUTH_ERROR"

# What no device is called.
_NOBODY: Final = "tocsin-check"


class _Violation(Struct):
    field: str = ""


class _Detail(Struct, rename="camel"):
    error_code: str = ""
    field_violations: tuple[_Violation, ...] = ()


class _Error(Struct):
    message: str = ""
    status: str = ""
    details: tuple[_Detail, ...] = ()

    @property
    def code(self) -> str:
        """FCM's own word, as UNREGISTERED, or Google's for this kind of error."""
        return next((one.error_code for one in self.details if one.error_code), self.status)

    @property
    def is_of_token(self) -> bool:
        """Whether it is the token that is wrong, and not another part of the message."""
        fields = [violation.field for one in self.details for violation in one.field_violations]
        return "message.token" in fields or (not fields and "registration token" in self.message)


class _Refusal(Struct):
    error: _Error


class _Accepted(Struct):
    name: str = ""


class FcmChannel:
    """A way out through one Firebase project. Requests share a connection. Belongs to one event loop."""

    def __init__(self, sender: FcmSender, open_door: OpenDoor, clock: Callable[[], float] = time.time) -> None:
        self._sender = sender
        self._clock = clock
        self._url = ""
        self._tokens: GoogleTokens | None = None
        self._sending = HttpSending(open_door, sender.connections, sender.messages_per_second, self._send)

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py)."""
        return await self._sending.send(envelopes, record)

    async def check(self) -> str:
        """One sentence: the account is let in, and the project takes messages of it; none is sent. Raises NotReady."""
        try:
            answer = await self._post({"validate_only": True, "message": {"token": _NOBODY}})
        except Unusable as unusable:
            raise NotReady(one_line(f"{unusable.text}; {unusable.advice}")) from unusable
        if isinstance(answer, Failure):
            raise NotReady(answer.text)
        # To be told that nobody has this token is to be let in.
        if answer.status != _OK and not _read(answer).is_of_token:
            raise NotReady(f"{_describe(answer, _read(answer))}; look at the rights of the account")
        return f"{self._sender.base_url} accepts the account"

    async def close(self) -> None:
        """End the idle connections now, the others once what is being sent is through."""
        await self._sending.close()

    async def _send(self, envelope: Envelope) -> Outcome:
        device = parse_push_address(envelope.recipient)
        if push.kind_of(device.provider) != "fcm":
            return refuse(envelope, 0, f"FCM does not reach {device.provider}")
        message = make_message(push.decode(envelope.body), device, self._sender.payload)
        size = message.count_bytes()
        if size > push.MOST_BYTES:
            return refuse(envelope, 0, f"the push message has {size} bytes; FCM takes {push.MOST_BYTES}")
        answer = await self._post({"message": message})
        return describe_failure(envelope, answer) if isinstance(answer, Failure) else _judge(envelope, answer)

    async def _post(self, body: Any) -> Answer | Failure:
        """The answer; a token that is no longer accepted is replaced once. Raises Unusable."""
        tokens = self._tokens = self._tokens or self._open()
        content = msgspec.json.encode(body)
        token = await tokens.get()
        answer = await self._fetch(token, content)
        if isinstance(answer, Answer) and answer.status == _UNAUTHORIZED and _read(answer).code != _OF_ANOTHER:
            tokens.drop(token)
            answer = await self._fetch(await tokens.get(), content)
        return answer

    async def _fetch(self, token: str, content: bytes) -> Answer | Failure:
        headers = (("Authorization", f"Bearer {token}"), ("Content-Type", "application/json"))
        request = Request("POST", self._url, headers, content, self._sender.timeout_seconds)
        return conceal(await self._sending.fetch(request), token)

    def _open(self) -> GoogleTokens:
        account = read_account(self._sender.credentials_file)
        self._url = f"{self._sender.base_url.rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        return GoogleTokens(account, self._sending.fetch, self._sender.timeout_seconds, self._clock)


def _judge(envelope: Envelope, answer: Answer) -> Outcome:
    """Only what FCM says of the token or of the message is for good: the rest is the account's, or passes."""
    if answer.status == _OK:
        return accept(envelope, _OK, _decode_name(answer.body))
    error = _read(answer)
    text = _describe(answer, error)
    if error.code in ("UNREGISTERED", "SENDER_ID_MISMATCH") or (answer.status == _INVALID and error.is_of_token):
        return refuse(envelope, push.GONE, text)
    if answer.status == _INVALID:
        return refuse(envelope, answer.status, text)
    is_ours = answer.status in (_UNAUTHORIZED, _FORBIDDEN)
    return defer(
        envelope, text, answer.status, retry_after_seconds=answer.retry_after_seconds, may_go_elsewhere=is_ours
    )


def _decode_name(body: bytes) -> str:
    try:
        return one_line(msgspec.json.decode(body, type=_Accepted).name)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _read(answer: Answer) -> _Error:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()


def _describe(answer: Answer, error: _Error) -> str:
    said = ": ".join(part for part in (error.code, error.message) if part)
    return one_line(f"FCM answered {answer.status}{f' {said}' if said else ''}")

"""Access tokens of a Google service account (RFC 7523): asked for with a signed assertion, renewed before their end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct

from tocsin.channels.contract import one_line
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import Unusable, conceal
from tocsin.channels.json_web_tokens import read_file, read_rsa_key, sign_rs256

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
MEMBER = "credentials_file"

# A token is renewed this long before its end, or after half its life when that is shorter.
RENEWED_BEFORE_SECONDS = 300.0
# After a failure nobody asks for so long: a batch would ask once for each message.
REST_SECONDS = 5.0

_ASSERTION_SECONDS: Final = 3600
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ADVICE: Final = f"look at {MEMBER}, and at the clock of this host"


Fetch = Callable[[Request], Awaitable[Answer | Failure]]


class Account(Struct, frozen=True):
    """What a service account's file says; it is downloaded as JSON."""

    project_id: Annotated[str, Meta(pattern=r"\A[a-z0-9:.-]+\Z")]
    client_email: str
    private_key: str
    token_uri: str
    private_key_id: str = ""


class _Token(Struct):
    access_token: Annotated[str, Meta(pattern=r"\A[!-~]+\Z")]
    expires_in: Annotated[float, Meta(gt=0)]


class _Mistake(Struct):
    error: str = ""
    error_description: str = ""


def read_account(path: str) -> Account:
    """The account of a file. Raises Unusable."""
    try:
        return msgspec.json.decode(read_file(path, MEMBER), type=Account)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f"{MEMBER} is not the JSON of a service account's key: {one_line(str(error))}"
        raise Unusable(text, f"look at {MEMBER}") from error


class AccessTokens:
    """The token of one account. Whoever finds it near its end asks for the next; the others wait for that one."""

    def __init__(
        self, account: Account, fetch: Fetch, timeout_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` tells seconds since 1970. Raises Unusable."""
        self._account = account
        self._key = read_rsa_key(account.private_key.encode(), MEMBER)
        self._fetch = fetch
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._asking = asyncio.Lock()
        self._token = ""
        self._renewed_at = 0.0
        self._trouble: Unusable | None = None
        self._resting_until = 0.0

    async def get(self) -> str:
        """A token that is good for a while. Raises Unusable."""
        if self._token and self._clock() < self._renewed_at:
            return self._token
        async with self._asking:
            now = self._clock()
            if self._token and now < self._renewed_at:
                return self._token
            if self._trouble and now < self._resting_until:
                raise self._trouble
            try:
                await self._renew()
            except Unusable as trouble:
                self._trouble, self._resting_until = trouble, self._clock() + REST_SECONDS
                raise
        return self._token

    def drop(self, token: str) -> None:
        """Forget the token, since it was not accepted, unless there is another by now."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> None:
        asked_at = self._clock()
        assertion = self._make_assertion(int(asked_at))
        answer = conceal(await self._fetch(self._request(assertion)), assertion)
        if not isinstance(answer, Answer):
            raise Unusable(f"no access token: {answer.text}", "look at the network between this host and Google")
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            token = None
        if answer.failure() or token is None:
            raise Unusable(f"no access token: {_describe(answer)}", _ADVICE)
        self._token = token.access_token
        life = token.expires_in
        self._renewed_at = asked_at + life - min(RENEWED_BEFORE_SECONDS, life / 2)

    def _make_assertion(self, now: int) -> str:
        account = self._account
        claims = {
            "iss": account.client_email,
            "scope": SCOPE,
            "aud": account.token_uri,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        return sign_rs256(self._key, claims, typ="JWT", kid=account.private_key_id)

    def _request(self, assertion: str) -> Request:
        form = urlencode({"grant_type": _GRANT, "assertion": assertion})
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
        return Request("POST", self._account.token_uri, headers, form.encode(), self._timeout_seconds)


def _describe(answer: Answer) -> str:
    try:
        mistake = msgspec.json.decode(answer.body, type=_Mistake)
    except (msgspec.DecodeError, UnicodeDecodeError):
        mistake = _Mistake()
    said = ": ".join(part for part in (mistake.error, mistake.error_description) if part)
    return one_line(f"the server answered {answer.status}{f', {said}' if said else ', with no token'}")

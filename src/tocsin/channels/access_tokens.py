"""Access tokens of OAuth 2.0 (RFC 6749): asked for once, renewed before their end, kept for all who need them."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from tocsin.channels.contract import one_line
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import Unusable, conceal

# A token is renewed this long before its end, or after half its life when that is shorter.
RENEWED_BEFORE_SECONDS = 300.0
# After a failure nobody asks for so long: a batch would ask once for each message.
REST_SECONDS = 5.0

Fetch = Callable[[Request], Awaitable[Answer | Failure]]


class Question(NamedTuple):
    """How a token is asked for, and what of that must not appear in what is said about the answer."""

    request: Request
    secrets: Sequence[str]


class _Token(Struct):
    access_token: Annotated[str, Meta(pattern=r"\A[!-~]+\Z")]
    # RFC 6749 only recommends to say it.
    expires_in: Annotated[float, Meta(gt=0)] = 2 * RENEWED_BEFORE_SECONDS


class _Mistake(Struct):
    error: str = ""
    error_description: str = ""


class AccessTokens(ABC):
    """The token of one account. Whoever finds it near its end asks for the next; the others wait for that one.

    advice: what to do when there is none, of what is configured and of the network.
    """

    advice = ""
    advice_of_network = ""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells seconds since 1970."""
        self._fetch = fetch
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

    @abstractmethod
    def _ask(self, now: int) -> Question:
        """The request for a token. `now`: seconds since 1970."""

    async def _renew(self) -> None:
        asked_at = self._clock()
        question = self._ask(int(asked_at))
        answer = conceal(await self._fetch(question.request), *question.secrets)
        if not isinstance(answer, Answer):
            raise Unusable(f"no access token: {answer.text}", self.advice_of_network)
        try:
            token = msgspec.json.decode(answer.body, type=_Token, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            token = None
        if answer.failure() or token is None:
            raise Unusable(f"no access token: {_describe(answer)}", self.advice)
        self._token = token.access_token
        life = token.expires_in
        self._renewed_at = asked_at + life - min(RENEWED_BEFORE_SECONDS, life / 2)


def _describe(answer: Answer) -> str:
    try:
        mistake = msgspec.json.decode(answer.body, type=_Mistake)
    except (msgspec.DecodeError, UnicodeDecodeError):
        mistake = _Mistake()
    said = ": ".join(part for part in (mistake.error, mistake.error_description) if part)
    return one_line(f"the server answered {answer.status}{f', {said}' if said else ', with no token'}")

"""Access tokens of a Google service account (RFC 7523): asked for with a signed assertion."""

import time
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct

from tocsin.channels.access_tokens import AccessTokens, Fetch, Question
from tocsin.channels.contract import one_line
from tocsin.channels.http import Request
from tocsin.channels.http_sending import Unusable
from tocsin.channels.json_web_tokens import read_file, read_rsa_key, sign_rs256

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
MEMBER = "credentials_file"

_ASSERTION_SECONDS: Final = 3600
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Account(Struct, frozen=True):
    """What a service account's file says; it is downloaded as JSON."""

    project_id: Annotated[str, Meta(pattern=r"\A[a-z0-9:.-]+\Z")]
    client_email: str
    private_key: str
    token_uri: str
    private_key_id: str = ""


def read_account(path: str) -> Account:
    """The account of a file. Raises Unusable."""
    try:
        return msgspec.json.decode(read_file(path, MEMBER), type=Account)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f"{MEMBER} is not the JSON of a service account's key: {one_line(str(error))}"
        raise Unusable(text, f"look at {MEMBER}") from error


class GoogleTokens(AccessTokens):
    """The token of one service account."""

    advice = f"look at {MEMBER}, and at the clock of this host"
    advice_of_network = "look at the network between this host and Google"

    def __init__(
        self, account: Account, fetch: Fetch, timeout_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` tells seconds since 1970. Raises Unusable."""
        super().__init__(fetch, clock)
        self._account = account
        self._key = read_rsa_key(account.private_key.encode(), MEMBER)
        self._timeout_seconds = timeout_seconds

    def _ask(self, now: int) -> Question:
        assertion = self._make_assertion(now)
        form = urlencode({"grant_type": _GRANT, "assertion": assertion})
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
        request = Request("POST", self._account.token_uri, headers, form.encode(), self._timeout_seconds)
        return Question(request, (assertion,))

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

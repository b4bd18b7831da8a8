"""Access tokens for a client that asks in its own name: the client credentials grant (RFC 6749, section 4.4)."""

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote_plus, urlencode

from tocsin.channels.access_tokens import AccessTokens, Fetch, Question
from tocsin.channels.http import Request
from tocsin.core.configuration_hooks import OAuth2


class ClientTokens(AccessTokens):
    """The token of one client; `access` is how it is asked for, its secrets filled in."""

    def __init__(self, access: OAuth2, fetch: Fetch, timeout_seconds: float, clock: Callable[[], float]) -> None:
        super().__init__(fetch, clock)
        self._access = access
        self._timeout_seconds = timeout_seconds

    def _ask(self, now: int) -> Question:  # noqa: ARG002 - others sign the time
        access = self._access
        form = {"grant_type": "client_credentials"} | ({"scope": access.scope} if access.scope else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        # RFC 6749, section 2.3.1: both are encoded as a form has them before they are joined.
        basic = b64encode(f"{quote_plus(access.client_id)}:{quote_plus(access.client_secret)}".encode()).decode()
        if access.credentials_in == "header":
            headers["Authorization"] = f"Basic {basic}"
        else:
            form |= {"client_id": access.client_id, "client_secret": access.client_secret}
        request = Request(
            "POST",
            access.token_url,
            tuple(headers.items()),
            urlencode(form).encode(),
            self._timeout_seconds,
            is_redirected=False,
        )
        return Question(request, (access.client_secret, basic))

"""The way to the server of a hook: by connections of its own, signed, with an access token where it wants one."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from msgspec import structs

from tocsin.actions.context import Context
from tocsin.channels.client_tokens import ClientTokens
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import Unusable
from tocsin.core import configuration_references as references
from tocsin.core import hooks, signing
from tocsin.core.configuration_hooks import Hook, OAuth2

_MOST_TEXT = 500
_NOT_ASKED = frozenset({"busy", "resting"})
_UNAUTHORIZED = 401


class Door(Protocol):
    """The way out: channels.http.HttpDoor."""

    async def fetch(self, request: Request) -> Answer | Failure:
        """The answer, or why there is none; never raises."""

    async def close(self) -> None:
        """End all connections."""


OpenDoor = Callable[[int], Door]


class Reply(NamedTuple):
    """What a receiver made of a batch. `text`: empty for one that took it."""

    text: str
    tried: bool = True
    is_gone: bool = False
    retry_after_seconds: float = 0.0


class HookPost:
    """Belongs to one event loop. `hook` is what it was made for."""

    def __init__(self, context: Context, hook: Hook, door: Door) -> None:
        self.hook = hook
        self._context = context
        self._door = door
        self._tokens = self._open_tokens(hook.oauth2) if hook.oauth2 else None

    async def send(self, message_id: str, body: bytes) -> Reply:
        """POST a body; redirects are not followed. With a token that is not accepted, once again with another one."""
        if self._tokens is None:
            return self._read(await self._fetch(message_id, body, {}))
        try:
            answer = await self._fetch_with(self._tokens, message_id, body)
            if isinstance(answer, Answer) and answer.status == _UNAUTHORIZED:
                answer = await self._fetch_with(self._tokens, message_id, body)
        except Unusable as trouble:
            return Reply(trouble.text[:_MOST_TEXT])
        return self._read(answer)

    async def close(self) -> None:
        """End all connections."""
        await self._door.close()

    def _open_tokens(self, access: OAuth2) -> ClientTokens:
        secrets = self.hook.secrets
        filled = structs.replace(
            access,
            token_url=references.fill(access.token_url, secrets),
            client_id=references.fill(access.client_id, secrets),
            client_secret=references.fill(access.client_secret, secrets),
            scope=references.fill(access.scope, secrets),
        )
        seconds = self.hook.timeout_seconds
        return ClientTokens(filled, self._door.fetch, seconds, lambda: self._context.clock().timestamp())

    async def _fetch_with(self, tokens: ClientTokens, message_id: str, body: bytes) -> Answer | Failure:
        token = await tokens.get()
        answer = await self._fetch(message_id, body, {"authorization": f"Bearer {token}"})
        if isinstance(answer, Answer) and answer.status == _UNAUTHORIZED:
            tokens.drop(token)
        return answer

    async def _fetch(self, message_id: str, body: bytes, more: dict[str, str]) -> Answer | Failure:
        hook = self.hook
        secrets = [one for one in (hook.secret, hook.previous_secret) if one not in ("", signing.PLACEHOLDER)]
        seconds = int(self._context.clock().timestamp())
        ours = {"content-type": "application/json"} | signing.sign(secrets, message_id, seconds, body)
        theirs = {name: references.fill(value, hook.secrets) for name, value in hook.headers.items()}
        url = references.fill(hook.url, hook.secrets)
        headers = tuple((theirs | ours | more).items())
        return await self._door.fetch(Request("POST", url, headers, body, hook.timeout_seconds, is_redirected=False))

    def _read(self, answer: Answer | Failure) -> Reply:
        if isinstance(answer, Failure):
            after = answer.retry_after_seconds or 0.0
            return Reply(answer.text[:_MOST_TEXT], tried=answer.reason not in _NOT_ASKED, retry_after_seconds=after)
        if hooks.is_success(self.hook, answer.status, answer.body):
            return Reply("")
        failure = answer.failure()
        text = failure.text if failure else f"the server answered {answer.status}, but not what `success` expects"
        after = answer.retry_after_seconds or 0.0
        return Reply(text, is_gone=hooks.is_gone(answer.status), retry_after_seconds=after)

"""SMS out through the HTTP API of a provider, a request for each."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.http import Answer, Failure, Request
from tocsin.channels.http_sending import HttpSending, OpenDoor, accept, defer, describe_failure, refuse
from tocsin.core.configuration_senders import HttpSender
from tocsin.core.errors import Invalid, NotReady
from tocsin.core.sms_requests import SmsProvider


class HttpSmsChannel:
    """A way out through one provider, over at most `sender.connections` connections. Belongs to one event loop."""

    def __init__(self, sender: HttpSender, open_door: OpenDoor) -> None:
        """`open_door` is given how many connections may speak at once."""
        self._sender = sender
        self._provider = SmsProvider(sender)
        self._sending = HttpSending(open_door, sender.connections, sender.messages_per_second, self._send_one)

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py)."""
        return await self._sending.send(envelopes, record)

    async def check(self) -> str:
        """One sentence: the provider's server answers. Nothing is sent to anybody. Raises NotReady."""
        parts = urlsplit(self._sender.url)
        place = f"{parts.scheme}://{parts.netloc}"
        answer = await self._sending.fetch(Request("HEAD", f"{place}/", (), b"", self._sender.timeout_seconds))
        if isinstance(answer, Failure) and answer.reason != "redirect":
            raise NotReady(one_line(f"{answer.text}; check the URL of sender {self._sender.id}"))
        return f"{place} answers"

    async def close(self) -> None:
        """End the idle connections now; those in use once what is being sent is through."""
        await self._sending.close()

    async def _send_one(self, envelope: Envelope) -> Outcome:
        try:
            rendered = self._provider.render(
                phone=envelope.recipient,
                text=envelope.body.decode(),
                from_name=envelope.sender,
                message_id=envelope.message_id.hex(),
            )
        except Invalid as mistake:
            return refuse(envelope, 0, mistake.describe())
        answer = await self._sending.fetch(Request(*rendered, self._sender.timeout_seconds))
        if isinstance(answer, Answer):
            return self._answered(envelope, answer)
        # Of the request itself only what the message brings along can differ: the rest was checked.
        return refuse(envelope, 0, answer.text) if answer.reason == "request" else describe_failure(envelope, answer)

    def _answered(self, envelope: Envelope, answer: Answer) -> Outcome:
        verdict = self._provider.read(answer.status, answer.body)
        if verdict.state == "sent":
            return accept(envelope, answer.status, verdict.text, verdict.provider_id)
        if verdict.state == "refused":
            return refuse(envelope, answer.status, verdict.text)
        return defer(envelope, verdict.text, answer.status, retry_after_seconds=answer.retry_after_seconds)

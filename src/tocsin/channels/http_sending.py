"""What channels share whose every message is a request: so many at once, at a pace, and what a failure means."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from msgspec import structs

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.http import Answer, Failure, HttpDoor, Request
from tocsin.channels.smtp_pace import Pace, WaitingList

# Of a pace, what would go out later than this comes back another time.
LONGEST_PACE_SECONDS = 3.0

_NOTHING_SENT: Final = frozenset({"request", "busy", "resting", "forbidden_address", "dns", "refused"})
_NOT_TRIED: Final = frozenset({"busy", "resting"})

# Is given how many requests are under way at once.
OpenDoor = Callable[[int], HttpDoor]
SendOne = Callable[[Envelope], Awaitable[Outcome]]


class Unusable(Exception):
    """The way out cannot be used as it is configured; `advice` is what to do."""

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice


class _Batch(NamedTuple):
    envelopes: Sequence[Envelope]
    waiting: deque[int]
    outcomes: dict[int, Outcome]
    record: Record | None


class HttpSending:
    """Sends by `send_one`, which asks by `fetch`, through a door of its own. Belongs to one event loop."""

    def __init__(self, open_door: OpenDoor, connections: int, messages_per_second: float, send_one: SendOne) -> None:
        self._open_door = open_door
        self._door = open_door(connections)
        self._doors_left: list[HttpDoor] = []
        self._connections = connections
        self._send_one = send_one
        self._slots = asyncio.Semaphore(connections)
        self._pace = Pace(messages_per_second) if messages_per_second else None
        self._later = WaitingList()
        self._batches = 0
        self._is_closed = False

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py). What makes the way out unusable defers."""
        batch = _Batch(envelopes, deque(range(len(envelopes))), {}, record)
        async with self._use(), asyncio.TaskGroup() as workers:
            for _ in range(min(self._connections, len(envelopes))):
                workers.create_task(self._work(batch))
        return [batch.outcomes[place] for place in range(len(envelopes))]

    async def fetch(self, request: Request) -> Answer | Failure:
        """What comes of a request (channels/http.py)."""
        return await self._door.fetch(request)

    async def close(self) -> None:
        """End the idle connections now; those in use once what is being sent is through."""
        self._is_closed = True
        await self._close_doors()

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[None]:
        self._batches += 1
        try:
            yield
        except BaseException:
            # A request that is cancelled may leave half a frame on a connection that others share.
            self._doors_left.append(self._door)
            self._door = self._open_door(self._connections)
            raise
        finally:
            self._batches -= 1
            await self._close_doors()

    async def _close_doors(self) -> None:
        if self._batches:
            return
        doors, self._doors_left = self._doors_left, []
        for door in [*doors, self._door] if self._is_closed else doors:
            await door.close()

    async def _work(self, batch: _Batch) -> None:
        while batch.waiting:
            async with self._slots:
                if not batch.waiting:
                    return
                place = batch.waiting.popleft()
                outcome = await self._send(batch.envelopes[place])
                batch.outcomes[place] = outcome
                if batch.record:
                    batch.record(outcome)

    async def _send(self, envelope: Envelope) -> Outcome:
        later = await self._keep_pace(envelope)
        if later:
            return later
        try:
            return await self._send_one(envelope)
        except Unusable as unusable:
            return defer(envelope, unusable.text, may_go_elsewhere=True)

    async def _keep_pace(self, envelope: Envelope) -> Outcome | None:
        """Wait for this message's instant, or say when to come back."""
        if self._pace is None:
            return None
        now = asyncio.get_running_loop().time()
        if not self._pace.is_free(now + LONGEST_PACE_SECONDS):
            seconds = self._later.add(now, self._pace.gap_seconds)
            text = f"the pace of {1 / self._pace.gap_seconds:g} messages a second is used up for now"
            return Outcome(envelope.message_id, "deferred", 0, text, is_tried=False, retry_after_seconds=seconds)
        await asyncio.sleep(self._pace.take(now))
        return None


def accept(envelope: Envelope, code: int, text: str, provider_id: str = "") -> Outcome:
    """Taken by the other side."""
    return Outcome(envelope.message_id, "sent", code, one_line(text), provider_id=provider_id)


def refuse(envelope: Envelope, code: int, text: str) -> Outcome:
    """Given up for good."""
    return Outcome(envelope.message_id, "refused", code, one_line(text))


def defer(
    envelope: Envelope,
    text: str,
    code: int = 0,
    *,
    retry_after_seconds: float | None = None,
    may_go_elsewhere: bool = False,
) -> Outcome:
    """To be tried again."""
    return Outcome(
        envelope.message_id,
        "deferred",
        code,
        one_line(text),
        retry_after_seconds=retry_after_seconds or 0.0,
        may_go_elsewhere=may_go_elsewhere,
    )


def conceal(answer: Answer | Failure, *secrets: str) -> Answer | Failure:
    """The answer without what it repeats of these."""
    if isinstance(answer, Failure):
        return answer
    body = answer.body
    for secret in secrets:
        body = body.replace(secret.encode(), b"...") if secret else body
    return structs.replace(answer, body=body)


def describe_failure(envelope: Envelope, failure: Failure) -> Outcome:
    """What came instead of an answer: it may pass, or be put right."""
    is_unsent = failure.reason in _NOTHING_SENT
    text = failure.text if is_unsent else f"{failure.text}; the provider may have taken the message"
    return Outcome(
        envelope.message_id,
        "deferred",
        0,
        one_line(text),
        is_tried=failure.reason not in _NOT_TRIED,
        retry_after_seconds=failure.retry_after_seconds or 0.0,
        may_go_elsewhere=is_unsent,
    )

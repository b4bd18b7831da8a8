"""Passages at nodes that ask a server: many questions at once, each answer written soon after it came."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from tocsin.actions import passages
from tocsin.actions.context import Context
from tocsin.actions.passages import ALL_BUCKETS, GONE, Graphs, Ledger, Traveller
from tocsin.channels.http import Answer, Failure, Request
from tocsin.core.configuration_workflows import ApiRequestNode
from tocsin.core.errors import Invalid, NotReady
from tocsin.core.trees import is_deeper_than
from tocsin.core.workflows.passages import Passage
from tocsin.core.workflows.step import Facts, step
from tocsin.log import get as get_log
from tocsin.store import passages as stored_passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction

log = get_log("tocsin.passages")

MOST_AT_ONCE = 200
# A server that does not answer must not keep the questions of other workflows waiting.
MOST_OF_ONE_WORKFLOW = 50
# All answers that a passage carries along: hundreds of passages are in memory at once.
MOST_SAVED_BYTES = 200_000
# A host that is left alone for a while, or too busy, uses up no attempt; but nobody waits for it longer than this.
LONGEST_WAIT = timedelta(hours=1)
_NOT_ASKED = frozenset({"busy", "resting"})
# Answers that come within this time of the first are written together.
_TOGETHER_SECONDS = 0.05
_DEPTH = 64


class Door(Protocol):
    """The way out: channels.http.HttpDoor."""

    async def fetch(self, request: Request) -> Answer | Failure:
        """The answer, or why there is none; never raises."""

    async def close(self) -> None:
        """End all connections."""


class _Asked(NamedTuple):
    """A passage whose node has asked, or could not, and the JSON of the answer."""

    traveller: Traveller
    failure: Failure | None
    saved: Any = None


class Asker:
    """Keeps questions in flight across calls, so that a slow server holds up nobody who asks another."""

    def __init__(self, context: Context, door: Door, graphs: Graphs, lease: timedelta) -> None:
        self._context = context
        self._door = door
        self._graphs = graphs
        self._lease = lease
        self._in_flight: dict[asyncio.Task[_Asked], Passage] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._leases = asyncio.Lock()

    async def ask(self, buckets: range = ALL_BUCKETS) -> bool:
        """Begin to ask for due passages, and write what has been answered. False when there was nothing to do."""
        free = MOST_AT_ONCE - len(self._in_flight)
        claimed = await self._begin(free, buckets) if free > 0 else 0
        done = await self._answered(wait_seconds=_TOGETHER_SECONDS)
        await self._write(done)
        return bool(claimed or done)

    @property
    def is_asking(self) -> bool:
        """Whether somebody has not answered yet."""
        return bool(self._in_flight)

    async def close(self) -> None:
        """Let everybody who was asked answer, write it, and let go of the connections."""
        while self._in_flight:
            await self._write(await self._answered(wait_seconds=None))
        if self._keeper:
            self._keeper.cancel()
        await self._door.close()

    async def _begin(self, limit: int, buckets: range) -> int:
        asking = Counter(one.workflow_id for one in self._in_flight.values())

        def room(workflow_id: int) -> int:
            return MOST_OF_ONE_WORKFLOW - asking[workflow_id]

        claimed = await passages.claim(self._context, "requests", self._lease, limit, buckets, room)
        if claimed:
            async with self._context.database.transaction() as transaction:
                configuration = await self._context.configuration(transaction)
                travellers = await passages.read(transaction, self._graphs, configuration, claimed)
            for one in travellers:
                self._in_flight[asyncio.create_task(self._ask(one))] = one.passage
            if self._keeper is None or self._keeper.done():
                self._keeper = asyncio.create_task(self._keep_leases())
        return len(claimed)

    async def _ask(self, one: Traveller) -> _Asked:
        try:
            return await self._fetch(one)
        except Exception as error:  # noqa: BLE001 - a fault of ours fails its own request, not all that are answered
            log.failure("passages.unasked", error, workflow=one.passage.workflow_id, node=one.passage.node)
            return _Asked(one, Failure("request", "the request could not be made; see the log"))

    async def _fetch(self, one: Traveller) -> _Asked:
        node, template = one.graph.find(one.passage.node), one.graph.requests.get(one.passage.node)
        if one.profile is None or template is None or not isinstance(node, ApiRequestNode):
            return _Asked(one, None)
        try:
            rendered = template.render(one.context())
        except Invalid as mistake:
            return _Asked(one, Failure("request", mistake.describe(), is_permanent=True))
        # The same at every attempt, each of which has been noted as a step; another one when a loop comes back.
        visit = one.passage.steps - one.passage.attempts
        headers = {"Idempotency-Key": f"{one.passage.id.hex()}-{visit}"} | rendered.headers
        request = Request(
            rendered.method, rendered.url, tuple(headers.items()), rendered.body or b"", rendered.timeout_seconds
        )
        answer = await self._door.fetch(request)
        if isinstance(answer, Failure):
            return _Asked(one, answer)
        return _read(one, answer, node.save_as)

    async def _answered(self, wait_seconds: float | None) -> list[_Asked]:
        """What has come in by now; with no limit, at least one."""
        if not self._in_flight:
            return []
        done, _ = await asyncio.wait(self._in_flight, timeout=wait_seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._in_flight[task]
        return [task.result() for task in done]

    async def _write(self, asked: Sequence[_Asked]) -> None:
        """Those whose lease was lost are left to whoever has it."""
        if not asked:
            return
        async with self._leases, self._context.database.transaction() as transaction:
            await stored_profiles.prefer_indexes(transaction)
            ours = {one.id for one in await _lock(transaction, [one.traveller.passage for one in asked])}
            ledger = Ledger(self._context.clock())
            for one in asked:
                if one.traveller.passage.id in ours:
                    self._take(ledger, one)
            await ledger.write(transaction)

    def _take(self, ledger: Ledger, asked: _Asked) -> None:
        one, now = asked.traveller, self._context.clock()
        passage = one.passage
        if one.profile is None:
            ledger.take(one, GONE)
            return
        failure = asked.failure
        if failure and failure.reason in _NOT_ASKED and now - passage.arrived_at < LONGEST_WAIT:
            ledger.postpone(one, now + timedelta(seconds=failure.retry_after_seconds or 1.0))
            return
        passage.attempts += 1
        node = one.graph.find(passage.node)
        if failure is None and isinstance(node, ApiRequestNode) and node.save_as:
            passage.memory.saved[node.save_as] = asked.saved
        facts = Facts(
            profile_id=passage.profile_id,
            arrived_at=passage.arrived_at,
            is_answered=failure is None,
            trouble=failure.text if failure else "",
            may_retry=not (failure and failure.is_permanent),
            attempts=passage.attempts,
        )
        outcome = step(one.graph, passage.node, facts, now)
        ledger.take(one, outcome, is_noted=True)

    async def _keep_leases(self) -> None:
        """Nobody else may ask for these passages while this worker is alive, however slow the server is."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with suppress(NotReady):
                async with self._leases:
                    await self._keep(list(self._in_flight.values()))

    async def _keep(self, kept: Sequence[Passage]) -> None:
        until = self._context.clock() + self._lease
        async with self._context.database.transaction() as transaction:
            await stored_profiles.prefer_indexes(transaction)
            for due_at in {one.due_at for one in kept}:
                await stored_passages.keep(transaction, [one for one in kept if one.due_at == due_at], until)
        for one in kept:
            one.due_at = until


async def _lock(transaction: Transaction, claimed: Sequence[Passage]) -> list[Passage]:
    """Of passages claimed at different times, those that are still ours."""
    return [
        one
        for due_at in {one.due_at for one in claimed}
        for one in await stored_passages.lock(transaction, [one for one in claimed if one.due_at == due_at])
    ]


def _read(one: Traveller, answer: Answer, save_as: str | None) -> _Asked:
    """The answer's JSON, if it is to be kept; what cannot be kept is a failure that asking again does not mend."""
    failure = answer.failure()
    if failure or save_as is None:
        return _Asked(one, failure)
    try:
        saved = msgspec.json.decode(answer.body)
        together = msgspec.json.encode({**one.passage.memory.saved, save_as: saved})
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Asked(one, Failure("protocol", "the answer is no JSON", is_permanent=True))
    if len(together) > MOST_SAVED_BYTES:
        text = f"what is saved for the profile would have more than {MOST_SAVED_BYTES:,} bytes"
        return _Asked(one, Failure("too_large", text, is_permanent=True))
    if b"\\u0000" in together or is_deeper_than(saved, _DEPTH):
        return _Asked(one, Failure("protocol", "the answer holds what cannot be stored", is_permanent=True))
    return _Asked(one, None, saved)

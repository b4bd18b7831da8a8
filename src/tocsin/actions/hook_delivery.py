"""Telling hooks what happened: a batch of each lane at a time, in order, again until it is taken."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tocsin.actions.context import Context
from tocsin.actions.hook_posts import HookPost, OpenDoor, Reply
from tocsin.core import hooks
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_hooks import Hook
from tocsin.core.errors import NotReady
from tocsin.core.hook_bodies import Surroundings, make_pieces
from tocsin.core.subscriptions import Subscription
from tocsin.log import get as get_log
from tocsin.store import hook_events, planner
from tocsin.store import hooks as stored_hooks
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.hook_events import Batch
from tocsin.store.hooks import Held

log = get_log("tocsin.hooks")

# Longer than a request and the waiting for its connection, so that nobody else sends a batch that is under way.
_LEASE_MARGIN_SECONDS = 30
# For a token, with the batch, for another token, with the batch again.
_REQUESTS_WITH_TOKENS = 4


class _Work(NamedTuple):
    """A batch in the hands of this worker, with all that it is told with."""

    hook: Hook
    held: Held
    batch: Batch
    around: Surroundings


class HookDelivery:
    """Keeps lanes under way across calls, so many of a hook as it may have, each in a task of its own: a hook that is
    slow or away holds up no other.
    """

    def __init__(self, context: Context, open_door: OpenDoor) -> None:
        """`open_door` makes a door for so many connections."""
        self._context = context
        self._open_door = open_door
        self._posts: dict[int, HookPost] = {}
        self._left: list[HookPost] = []
        self._lanes: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._version = -1
        self._is_closing = False

    async def deliver(self) -> bool:
        """Begin with lanes that have something to deliver; whether there were any."""
        now = self._context.clock()
        claimed: list[Held] = []
        async with self._context.database.transaction() as transaction:
            configuration = await self._context.configuration(transaction)
            listening = [hook for hook in configuration.hooks.values() if hook.active]
            if listening and self._version != configuration.version:
                await stored_hooks.add_lanes(transaction, [hook.id for hook in listening])
            for hook in listening:
                claimed += await self._claim(transaction, hook, now)
        self._version = configuration.version
        await self._close_left()
        for held in claimed:
            self._lanes[held.hook_id, held.lane] = asyncio.create_task(self._run(held))
        return bool(claimed)

    async def _claim(self, transaction: Transaction, hook: Hook, now: datetime) -> list[Held]:
        """As many lanes of a hook as it may have beside those that are under way."""
        running = [lane for hook_id, lane in self._lanes if hook_id == hook.id]
        return await stored_hooks.claim(
            transaction,
            hook.id,
            now=now,
            until=now + _lease(hook),
            lease_id=next(self._context.new_ids()),
            passed_over=running,
            limit=max(hook.connections - len(running), 0),
        )

    async def drain(self) -> None:
        """Until every lane under way has nothing left, or waits."""
        while self._lanes:
            await asyncio.wait(self._lanes.values())

    async def close(self) -> None:
        """Finish the batches under way and begin no others."""
        self._is_closing = True
        await self.drain()
        self._left += self._posts.values()
        self._posts.clear()
        await self._close_left()

    async def _close_left(self) -> None:
        """End the connections of hooks as they were before a change, once nothing is under way there."""
        busy = {hook_id for hook_id, _ in self._lanes}
        for one in [left for left in self._left if left.hook.id not in busy]:
            self._left.remove(one)
            await one.close()

    async def _run(self, held: Held) -> None:
        try:
            work = await self._begin(held)
            while work:
                reply = await self._post(work)
                work = await self._record(work, reply)
        except NotReady as reason:
            log.warning("hook.waiting", hook=held.hook_id, reason=reason.describe())
        except Exception as error:  # noqa: BLE001 - one broken batch must not end the others; its lease brings it back
            log.failure("hook.failed", error, hook=held.hook_id)
        finally:
            del self._lanes[held.hook_id, held.lane]

    async def _begin(self, held: Held) -> _Work | None:
        async with self._context.database.transaction() as transaction:
            await planner.prefer_order(transaction)
            return await self._take(transaction, held)

    async def _take(self, transaction: Transaction, held: Held) -> _Work | None:
        """The next batch of a lane and what it is told with; without one the lane is left."""
        configuration = await self._context.configuration(transaction)
        hook = configuration.hooks.get(held.hook_id)
        now = self._context.clock()
        if hook is None or not hook.active or self._is_closing:
            await stored_hooks.release(transaction, held, now)
            return None
        batch_id = next(self._context.new_ids())
        batch = await hook_events.take(
            transaction, held, until=now + _lease(hook), batch_id=batch_id, limit=hook.batch_size
        )
        if batch and not batch.events:
            await hook_events.finish(transaction, held, batch, now)
        if batch is None or not batch.events:
            await stored_hooks.release(transaction, held, now)
            return None
        return _Work(hook, held, batch, await _read(transaction, configuration, hook, batch))

    async def _post(self, work: _Work) -> Reply:
        """Send a batch, in pieces where it is large; what was said of the first piece that was not taken."""
        reply = Reply("")
        for number, body in enumerate(make_pieces(work.hook, work.batch.events, work.batch.attempts, work.around)):
            if number and not await self._hold(work):
                return Reply("another worker has it", tried=False)
            message_id = f"msg_{work.batch.id.hex()}" + (f"_{number}" if number else "")
            reply = await self._post_of(work.hook).send(message_id, body)
            if reply.text:
                break
        return reply

    async def _hold(self, work: _Work) -> bool:
        """Keep a lane for as long as the next piece may take; whether it still is this worker's."""
        async with self._context.database.transaction() as transaction:
            until = self._context.clock() + _lease(work.hook)
            return await stored_hooks.hold(transaction, work.held, until)

    def _post_of(self, hook: Hook) -> HookPost:
        """One for each hook, so that none waits for the connections of another; a new one where it was changed."""
        known = self._posts.get(hook.id)
        if known is None or known.hook != hook:
            self._left += [known] if known else []
            known = self._posts[hook.id] = HookPost(self._context, hook, self._open_door(hook.connections))
        return known

    async def _record(self, work: _Work, reply: Reply) -> _Work | None:
        """The next batch of the lane, in the transaction that says that this one was taken; else there is none."""
        now = self._context.clock()
        async with self._context.database.transaction() as transaction:
            if not reply.text:
                await planner.prefer_order(transaction)
                await hook_events.finish(transaction, work.held, work.batch, now)
                return await self._take(transaction, work.held)
            await self._postpone(transaction, work, reply)
        return None

    async def _postpone(self, transaction: Transaction, work: _Work, reply: Reply) -> None:
        now, batch = self._context.clock(), work.batch
        attempts = batch.attempts + reply.tried
        seconds = max(hooks.delay_seconds(max(attempts, 1), self._fraction()), reply.retry_after_seconds)
        failing_since = await stored_hooks.postpone(
            transaction,
            work.held,
            batch.id,
            now=now,
            due_at=now + timedelta(seconds=seconds),
            failure=reply.text,
            tried=reply.tried,
        )
        log.warning("hook.refused", hook=work.hook.id, events=len(batch.events), attempts=attempts, reason=reply.text)
        is_dead = failing_since is not None and now - failing_since >= hooks.PAUSED_AFTER
        if (reply.is_gone or is_dead) and await stored_hooks.pause(transaction, work.hook.id, now, reply.text):
            log.error("hook.paused", hook=work.hook.id, reason=reply.text)

    def _fraction(self) -> float:
        return int.from_bytes(self._context.random(2)) / 65535


async def _read(transaction: Transaction, configuration: Configuration, hook: Hook, batch: Batch) -> Surroundings:
    """What a batch is told with, a statement for each kind."""
    events = await hook_events.list_events(transaction, batch.events)
    known = events.values()
    subscriptions, fields = await _read_profiles(transaction, hook, list({event.profile_id for event in known}))
    # The event that has the id of its message says by itself what the others have to look up.
    later = [event for event in known if event.message_id and event.id != event.message_id]
    return Surroundings(
        configuration,
        events,
        subscriptions,
        fields,
        await hook_events.list_common(transaction, {event.launch_id for event in known}),
        await hook_events.list_items(transaction, later),
    )


async def _read_profiles(
    transaction: Transaction, hook: Hook, profile_ids: Sequence[bytes]
) -> tuple[dict[bytes, list[Subscription]], dict[bytes, dict[str, Any]]]:
    """Subscriptions by profile, and fields where the hook asks for some."""
    if not profile_ids:
        return {}, {}
    if not hook.fields:
        return await stored_profiles.get_subscriptions_anywhere(transaction, profile_ids), {}
    found = await stored_profiles.get_anywhere(transaction, profile_ids)
    subscriptions = {profile.id: profile.subscriptions for profile in found.values()}
    return subscriptions, {profile.id: profile.fields for profile in found.values()}


def _lease(hook: Hook) -> timedelta:
    requests = _REQUESTS_WITH_TOKENS if hook.oauth2 else 1
    return timedelta(seconds=2 * hook.timeout_seconds * requests + _LEASE_MARGIN_SECONDS)

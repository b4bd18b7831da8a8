"""Looking after hooks: how they are, going on with one that is paused, telling old events again, trying one out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from tocsin.actions import audits
from tocsin.actions.context import Context
from tocsin.actions.hook_posts import Door, HookPost, Reply
from tocsin.core import ids
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration_hooks import Hook
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.hook_bodies import make_test
from tocsin.log import get as get_log
from tocsin.store import configuration as stored_configuration
from tocsin.store import hook_events
from tocsin.store import hooks as stored_hooks
from tocsin.store.database import Transaction
from tocsin.store.hook_events import Waiting
from tocsin.store.hooks import Lane, Pause, Replay, ReplayPlace

log = get_log("tocsin.hooks")

_PAGE_EVENTS = 2000
_MOST_BUCKETS_AT_ONCE = 16

HookState = Literal["active", "failing", "paused", "inactive"]


class HookView(Struct, frozen=True):
    """How a hook is. `waiting`: events that it has still to be told, `oldest_at` when the first of them happened.

    `failing_since`, `failure`: of the lane that has been failing for longest, or why the hook is paused.
    """

    hook: Hook
    state: HookState
    waiting: int
    oldest_at: datetime | None
    failing_since: datetime | None
    failure: str
    paused_at: datetime | None
    delivered_at: datetime | None
    replay: Replay | None


async def list_views(transaction: Transaction, hooks: Sequence[Hook]) -> list[HookView]:
    """How hooks are; a statement for each kind of thing that is known of them."""
    lanes = await stored_hooks.list_lanes(transaction)
    waiting = await hook_events.list_waiting(transaction)
    pauses = await stored_hooks.list_pauses(transaction)
    replays = await stored_hooks.list_replays(transaction)
    return [
        _view(
            hook,
            [lane for lane in lanes if lane.hook_id == hook.id],
            waiting.get(hook.id),
            pauses.get(hook.id),
            replays.get(hook.id),
        )
        for hook in hooks
    ]


def _view(
    hook: Hook, lanes: Sequence[Lane], waiting: Waiting | None, pause: Pause | None, replay: Replay | None
) -> HookView:
    failing = min((one for one in lanes if one.failing_since), key=lambda one: str(one.failing_since), default=None)
    oldest = [at for at in (waiting and waiting.oldest_at, *(lane.oldest_at for lane in lanes)) if at]
    state: HookState = "paused" if pause else "failing" if failing else "active"
    return HookView(
        hook,
        state if hook.active else "inactive",
        sum(lane.batched for lane in lanes) + (waiting.total if waiting else 0),
        min(oldest, default=None),
        failing.failing_since if failing else None,
        pause.reason if pause else failing.failure if failing else "",
        pause.at if pause else None,
        max((lane.delivered_at for lane in lanes if lane.delivered_at), default=None),
        replay,
    )


async def resume(context: Context, transaction: Transaction, hook: Hook, *, skip_failing: bool) -> int:
    """Go on with a hook at once; with `skip_failing` without the batches that fail. How many events are skipped."""
    skipped = await stored_hooks.drop_failing(transaction, hook.id) if skip_failing else 0
    await stored_hooks.resume(transaction, hook.id, context.clock())
    return skipped


async def replay(
    context: Context,
    transaction: Transaction,
    hook: Hook,
    *,
    from_at: datetime | None,
    from_event_id: str = "",
    until: datetime | None = None,
) -> None:
    """Tell a hook again what happened since an instant or an event, up to now or an instant. A worker queues it.

    Raises Invalid, NotFound for an unknown event, Conflict for a hook that is inactive or is told old events already.
    """
    if (from_at is None) == (not from_event_id):
        raise Invalid("expected either from_at or from_event_id", path="from_at")
    if not hook.active:
        raise Conflict("the hook is not active", path="id")
    beginning = from_at or await _find_event(transaction, from_event_id)
    end = min(until or context.clock(), context.clock())
    if beginning >= end:
        raise Invalid("expected an instant before now, and before until", path="from_at")
    if not await stored_hooks.insert_replay(transaction, hook.id, beginning, end):
        raise Conflict("a replay of this hook is under way", path="id")


async def _find_event(transaction: Transaction, event_id: str) -> datetime:
    identifier = ids.parse(event_id)
    found = await stored_hooks.find_event(transaction, identifier) if identifier else None
    if found is None:
        raise NotFound("there is no such event", path="from_event_id")
    return found


async def replay_some(context: Context) -> bool:
    """Queue some of the events of one replay, in one transaction; whether there was a replay."""
    async with context.database.transaction() as transaction:
        place = await stored_hooks.claim_replay(transaction)
        if place is None:
            return False
        configuration = await context.configuration(transaction)
        hook = configuration.hooks.get(place.hook_id)
        if hook is None or not hook.active:
            await stored_hooks.advance_replay(transaction, place._replace(next_bucket=ids.BUCKETS), 0)
        else:
            await _replay(transaction, hook, place)
    return True


async def _replay(transaction: Transaction, hook: Hook, place: ReplayPlace) -> None:
    """One page, or several buckets that have less."""
    added = looked_at = 0
    for _ in range(_MOST_BUCKETS_AT_ONCE):
        page = await hook_events.list_page(transaction, place, hook.events, _PAGE_EVENTS)
        added += await hook_events.enqueue_again(transaction, hook, page)
        looked_at += len(page)
        if len(page) == _PAGE_EVENTS:
            place = place._replace(after_at=page[-1].at, after_id=page[-1].id)
        else:
            place = place._replace(next_bucket=place.next_bucket + 1, after_at=place.from_at, after_id=b"")
        if looked_at >= _PAGE_EVENTS or place.next_bucket == ids.BUCKETS:
            break
    await stored_hooks.advance_replay(transaction, place, added)


async def enqueue_test(context: Context, transaction: Transaction, hook: Hook) -> str:
    """Queue an event that never happened, behind what waits for a hook; its id. Conflict while it is told nothing."""
    if not hook.active or hook.id in await stored_hooks.list_pauses(transaction):
        raise Conflict("the hook is paused or not active", path="id")
    event_id = next(context.new_ids())
    await hook_events.enqueue_test(transaction, hook.id, event_id, context.clock())
    return event_id.hex()


async def describe_all(context: Context) -> list[str]:
    """A line on each hook."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        views = await list_views(transaction, list(configuration.hooks.values()))
    return [_describe(view) for view in views]


def _describe(view: HookView) -> str:
    state = "PAUSED" if view.state == "paused" else view.state
    since = view.paused_at or view.failing_since
    trouble = f", since {since:%Y-%m-%d %H:%M} UTC: {view.failure}" if since else ""
    return f"hook {view.hook.id} {view.hook.name!r}: {state}, {view.waiting} events waiting{trouble}"


async def change(context: Context, author: Author, hook_id: int, *, since: str, skip_failing: bool) -> str:
    """Resume a hook, or replay `since` an instant or an event, in a transaction of its own; a line on what was done."""
    if not since:
        skipped = await resume_by_hand(context, author, hook_id, skip_failing=skip_failing)
        return f"hook {hook_id} goes on" + (f", without {skipped} events" if skip_failing else "")
    await replay_by_hand(context, author, hook_id, since)
    return f"hook {hook_id} is told again what happened since {since}"


async def resume_by_hand(context: Context, author: Author, hook_id: int, *, skip_failing: bool) -> int:
    """Go on with a hook in a transaction of its own, and note who wanted it; how many events are skipped."""
    async with context.database.transaction() as transaction:
        hook = (await context.configuration(transaction)).get_hook(hook_id)
        skipped = await resume(context, transaction, hook, skip_failing=skip_failing)
        deed = Deed("resumed", "hooks", str(hook.id), hook.name, {"skipped": skipped})
        await audits.record(context, transaction, author, [deed])
    return skipped


async def replay_by_hand(context: Context, author: Author, hook_id: int, since: str) -> None:
    """Tell a hook again what happened since an instant or an event, and note who wanted it; raises as `replay` does."""
    async with context.database.transaction() as transaction:
        hook = (await context.configuration(transaction)).get_hook(hook_id)
        event_id = since if ids.parse(since) else ""
        from_at = None if event_id else parse_instant(since, "since")
        await replay(context, transaction, hook, from_at=from_at, from_event_id=event_id)
        deed = Deed("replayed", "hooks", str(hook.id), hook.name, {"since": since})
        await audits.record(context, transaction, author, [deed])


def parse_instant(text: str, path: str) -> datetime | None:
    """An instant in ISO 8601, of UTC where no zone is given; None for an empty text. Raises Invalid."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("expected an instant, as 2026-01-31T12:00:00Z", path=path) from None


async def try_out(context: Context, door: Door, hook: Hook) -> Reply:
    """Send a hook an event that never happened, at once; what it said."""
    event_id = next(context.new_ids())
    body = make_test(hook, event_id, context.clock())
    return await HookPost(context, hook, door).send(f"msg_{event_id.hex()}", body)


async def forget_old(context: Context, before: datetime) -> None:
    """Forget what was queued before an instant, and everything of hooks that are configured no more."""
    async with context.database.transaction() as transaction:
        await stored_configuration.lock(transaction)
        configuration = await context.configuration(transaction)
        deleted = await hook_events.delete_old(transaction, before, list(configuration.hooks))
        await stored_hooks.delete_others(transaction, list(configuration.hooks))
    if deleted:
        log.warning("hooks.forgotten", events=deleted)

"""Pausing, resuming and cancelling launches, and sending again to those whom a launch did not reach.

A call only says what is wanted; workers bring the messages into line with it, in chunks, each one transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from tocsin.actions import audits, withholding
from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.launches import Launch, LaunchState
from tocsin.core.messages import ClaimedMessage, Event, QueuedMessage
from tocsin.core.profiles import Profile
from tocsin.core.resending import choose_again
from tocsin.core.triggers import DELETED, Skip
from tocsin.store import events, launches, messages, passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.events import FailedMessage
from tocsin.store.messages import Queued

CHUNK_MESSAGES = 2000
# How many buckets are gone through at a time; small launches need few statements, large ones few rows each.
_BUCKETS_AT_ONCE = 32
_MOST_UNSETTLED = 100


class Sent(NamedTuple):
    """How many messages are sent again, and how many that did not arrive cannot be."""

    retried: int
    skipped: int


async def _lock(transaction: Transaction, launch_id: bytes, unless: Sequence[LaunchState] = ()) -> LaunchState:
    """What is wanted of a launch, which nobody else changes meanwhile; NotFound, or Conflict in some states."""
    state = await launches.lock(transaction, launch_id)
    if state is None:
        raise NotFound("there is no such launch", path="id")
    if state in unless:
        raise Conflict(f"the launch is {state}", path="id")
    return state


async def pause(transaction: Transaction, launch_id: bytes) -> None:
    """Send no more messages of a launch until it is resumed. NotFound; Conflict when it was cancelled."""
    await _lock(transaction, launch_id, unless=("cancelled",))
    await launches.change(transaction, launch_id, "paused", is_unsettled=False)


async def resume(transaction: Transaction, launch_id: bytes) -> None:
    """Go on with a paused launch; one that runs goes on as it does. NotFound; Conflict when it was cancelled."""
    if await _lock(transaction, launch_id, unless=("cancelled",)) == "paused":
        await launches.change(transaction, launch_id, "running", is_unsettled=True)


async def cancel(context: Context, transaction: Transaction, launch_id: bytes) -> Queued:
    """Send no more messages of a launch, ever, and let nobody go on in the workflow that it started; or NotFound.

    How many messages wait, and how many of them a worker may have.
    """
    if await _lock(transaction, launch_id) != "cancelled":
        await launches.change(transaction, launch_id, "cancelled", is_unsettled=True)
    waiting = await messages.count_of_launches(transaction, [launch_id], context.clock())
    return waiting.get(launch_id, Queued(0, 0))


Verb = Literal["pause", "resume", "cancel", "retry"]


VERBS: tuple[Verb, ...] = get_args(Verb)
_DONE: Mapping[Verb, str] = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "retry": "retried"}


async def change(context: Context, author: Author, verb: Verb, launch_id: bytes) -> str:
    """Do one of these in a transaction of its own, and note who wanted it; a sentence on what was done. Raises what
    they raise.
    """
    async with context.database.transaction() as transaction:
        said = await _change(context, transaction, verb, launch_id)
        await audits.record(context, transaction, author, [Deed(_DONE[verb], "launches", launch_id.hex())])
    return said


async def _change(context: Context, transaction: Transaction, verb: Verb, launch_id: bytes) -> str:
    if verb == "cancel":
        left = await cancel(context, transaction, launch_id)
        return f"cancelled: {left.waiting} messages waited, {left.in_hand} of them may be with a worker"
    if verb == "retry":
        configuration = await context.configuration(transaction)
        sent = await retry(context, transaction, configuration, launch_id)
        return f"{sent.retried} messages are sent again, {sent.skipped} profiles have no address for them"
    await (pause if verb == "pause" else resume)(transaction, launch_id)
    return "paused" if verb == "pause" else "resumed"


async def settle(context: Context, lease: timedelta) -> bool:
    """Bring messages of resumed and cancelled launches into line; whether there were any such launches.

    What a worker may have is left to it: it looks at the launch before it sends.
    """
    async with context.database.transaction() as transaction:
        unsettled = await launches.list_unsettled(transaction, _MOST_UNSETTLED)
    settled = [await _settle(context, launch_id, lease) for launch_id in unsettled]
    return any(settled)


async def _settle(context: Context, launch_id: bytes, lease: timedelta) -> bool:
    """False when another worker is at it, or it was settled."""
    for first in range(0, ids.BUCKETS, _BUCKETS_AT_ONCE):
        is_more = True
        while is_more:
            async with context.database.transaction() as transaction:
                state = await launches.lock_unsettled(transaction, launch_id)
                if state is None:
                    return False
                buckets = range(first, first + _BUCKETS_AT_ONCE)
                is_more = await _settle_some(context, transaction, launch_id, state, buckets, lease)
    async with context.database.transaction() as transaction:
        state = await launches.lock_unsettled(transaction, launch_id)
        if state is not None:
            await launches.change(transaction, launch_id, state, is_unsettled=False)
    return state is not None


async def _settle_some(
    context: Context,
    transaction: Transaction,
    launch_id: bytes,
    state: LaunchState,
    buckets: range,
    lease: timedelta,
) -> bool:
    """A chunk; whether there may be more."""
    if state != "cancelled":
        return await messages.release(transaction, launch_id, CHUNK_MESSAGES) == CHUNK_MESSAGES
    await stored_profiles.prefer_indexes(transaction)
    # Clocks of hosts may differ; a lease more does no harm.
    leased_until = context.clock() + 2 * lease
    if await passages.delete_of_launch(transaction, launch_id, buckets, CHUNK_MESSAGES):
        return True
    taken = await messages.take_free(transaction, launch_id, buckets, leased_until, CHUNK_MESSAGES)
    await withholding.end(context, transaction, await context.configuration(transaction), taken)
    return len(taken) == CHUNK_MESSAGES


async def retry(context: Context, transaction: Transaction, configuration: Configuration, launch_id: bytes) -> Sent:
    """Send the same again to those whom no message of the launch has reached, each once, as new messages due now.

    NotFound; Conflict when the launch is paused, is being cancelled, or started a workflow; Invalid when its trigger is
    gone or not active.
    """
    state = await _lock(transaction, launch_id, unless=("paused",))
    launch = (await launches.get(transaction, [launch_id]))[launch_id]
    trigger = _check_trigger(configuration, launch)
    if state == "cancelled":
        await _reopen(transaction, launch_id)
    await stored_profiles.prefer_indexes(transaction)
    retried = skipped = 0
    after = b""
    while failed := await events.list_failed(transaction, launch_id, after, CHUNK_MESSAGES):
        after = failed[-1].id
        sent = await _send_again(context, transaction, trigger, launch, failed)
        retried, skipped = retried + sent.retried, skipped + sent.skipped
    await launches.grow(transaction, launch_id, retried)
    return Sent(retried, skipped)


async def _reopen(transaction: Transaction, launch_id: bytes) -> None:
    """A cancelled launch runs again, unless its messages are still being taken out."""
    (listed,) = await launches.describe(transaction, [launch_id])
    if listed.is_unsettled:
        raise Conflict("the launch is being cancelled; ask again in a moment", path="id")
    await launches.change(transaction, launch_id, "running", is_unsettled=False)


def _check_trigger(configuration: Configuration, launch: Launch) -> Trigger:
    if launch.trigger_id is None:
        raise Conflict("this launch started a workflow, whose nodes say what follows a failure", path="id")
    trigger = configuration.get_trigger(launch.trigger_id)
    if not trigger.active:
        raise Invalid(f"trigger {trigger.id} is not active", path="id")
    return trigger


async def _send_again(
    context: Context, transaction: Transaction, trigger: Trigger, launch: Launch, failed: Sequence[FailedMessage]
) -> Sent:
    """New messages for those of the failed ones that have an address, and an event on each that was replaced."""
    profiles = await stored_profiles.get_anywhere(transaction, list({one.profile_id for one in failed}))
    addressed = {one.id: _address(trigger, profiles.get(one.profile_id), one) for one in failed}
    again = [(one, address) for one in failed if isinstance(address := addressed[one.id], str)]
    new_ids = context.new_ids_beside([one.profile_id for one, _ in again])
    now = context.clock()
    queued = [
        QueuedMessage(new_id, launch.id, one.profile_id, address, one.data.get("custom_data"))
        for new_id, (one, address) in zip(new_ids, again, strict=True)
    ]
    event_ids = context.new_ids_beside([one.profile_id for one, _ in again])
    happened = [
        _retry(event_id, now, launch, one, new_id)
        for event_id, new_id, (one, _) in zip(event_ids, new_ids, again, strict=True)
    ]
    if queued:
        await messages.enqueue(transaction, trigger.id, now, queued)
        await events.insert(transaction, happened)
    return Sent(len(again), len(failed) - len(again))


def _address(trigger: Trigger, profile: Profile | None, failed: FailedMessage) -> str | Skip:
    if profile is None:
        return Skip(DELETED)
    return choose_again(trigger, profile.fields, profile.subscriptions, failed.data.get("address", ""))


def _retry(event_id: bytes, now: datetime, launch: Launch, failed: FailedMessage, new_id: bytes) -> Event:
    address = failed.data.get("address", "")
    message = ClaimedMessage(failed.id, launch.id, failed.profile_id, failed.trigger_id, 0, address, None)
    data = {"address": address, "text": f"sent again as {new_id.hex()}"}
    return Event(event_id, now, "retry", failed.database_id, message, data)

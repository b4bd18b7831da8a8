"""Claimed messages that are not to be sent, since their launch is paused or was cancelled meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import structs

from tocsin.actions.context import Context
from tocsin.core.configuration import Configuration
from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage, Event
from tocsin.store import events, launches, messages, passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.messages import SET_ASIDE_UNTIL

CANCELLED = "the launch was cancelled"


def choose(launched: Mapping[bytes, Launch], claimed: Sequence[ClaimedMessage]) -> set[bytes]:
    """The ids of messages whose launch is not running."""
    held = {launch.id for launch in launched.values() if launch.state != "running"}
    return {message.id for message in claimed if message.launch_id in held} if held else set()


async def withhold(
    context: Context,
    configuration: Configuration,
    launched: Mapping[bytes, Launch],
    claimed: Sequence[ClaimedMessage],
) -> None:
    """Set messages of paused launches aside, end those of cancelled ones; what was resumed meanwhile is due at once."""
    async with context.database.transaction() as transaction:
        await stored_profiles.prefer_indexes(transaction)
        cancelled = [message for message in claimed if launched[message.launch_id].state == "cancelled"]
        there = await messages.delete(transaction, [message.id for message in cancelled])
        ended = [structs.replace(one, attempts=one.attempts - 1) for one in cancelled if one.id in there]
        await end(context, transaction, configuration, ended)
        others = [message for message in claimed if launched[message.launch_id].state == "paused"]
        paused = await launches.lock_paused(transaction, list({message.launch_id for message in others}))
        later = [(one, SET_ASIDE_UNTIL if one.launch_id in paused else context.clock()) for one in others]
        await messages.give_back(transaction, later)


async def end(
    context: Context, transaction: Transaction, configuration: Configuration, taken: Sequence[ClaimedMessage]
) -> None:
    """An event for each message of a cancelled launch, whose row this transaction has deleted."""
    if taken:
        now = context.clock()
        await events.insert(transaction, [_cancel(configuration, message, now) for message in taken])
        await passages.wake(transaction, [message.id for message in taken], now)


def _cancel(configuration: Configuration, message: ClaimedMessage, now: datetime) -> Event:
    """The end of a message, under the message's own id."""
    trigger = configuration.triggers.get(message.trigger_id)
    data = {
        "address": message.address,
        "attempts": message.attempts,
        "text": CANCELLED,
        "custom_data": message.custom_data,
    }
    kept = {name: value for name, value in data.items() if value}
    return Event(message.id, now, "cancel", trigger.database if trigger else 0, message, kept)

"""Push messages whose device is gone go on to the next newest, where their trigger sends to the newest alone.

The message stays the same, with its id, its place in workflows and its account; only its address is another one. A
provider that says that a device is gone has given it nothing, so nothing is sent twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.actions import rules
from tocsin.actions.context import Context
from tocsin.core import hashes, push
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.messages import Event, EventType
from tocsin.core.profiles import Profile
from tocsin.core.reach import keep_reachable
from tocsin.core.triggers import Skip, list_older
from tocsin.store import launches, messages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.journal import Entry


def is_of_device_gone(type_: EventType, code: int) -> bool:
    """Whether an outcome says that the device is no more."""
    return type_ == "undeliv_push" and code == push.GONE


def is_stale(entry: Entry, address: str) -> bool:
    """Whether a journal speaks of a device that its message does not go to any more."""
    return bool(entry.address_hash) and entry.address_hash != hashes.of_address(address)


async def readdress(context: Context, transaction: Transaction, ended: Sequence[Event], now: datetime) -> set[bytes]:
    """Of messages that have ended, those that go on to another device, due at once; they stay in the queue.

    So does one that has been sent on meanwhile by somebody else.
    """
    gone = [event for event in ended if is_of_device_gone(event.type, event.data.get("code", 0))]
    configuration = await context.configuration(transaction) if gone else Configuration()
    lasts = [event for event in gone if _sends_to_one(configuration, event)]
    if not lasts:
        return set()
    launched = await launches.get(transaction, list({event.message.launch_id for event in lasts}))
    profiles = await stored_profiles.get_anywhere(transaction, list({event.message.profile_id for event in lasts}))
    free = [event for event in lasts if (it := launched.get(event.message.launch_id)) and not it.is_addressed]
    devices = {event.message.id: _list_devices(configuration, event, profiles) for event in free}
    asked = [(_trigger(configuration, event), one) for event in free for one in devices[event.message.id]]
    suppressed = await rules.find_suppressed(transaction, configuration, asked)
    moves = []
    for event in free:
        left = [one for one in devices[event.message.id] if (event.message.trigger_id, one) not in suppressed]
        moves += [(event.message.id, event.message.address, one) for one in left[-1:]]
    if moves:
        await messages.readdress(transaction, moves, now)
    return {message_id for message_id, _, _ in moves}


def _sends_to_one(configuration: Configuration, event: Event) -> bool:
    trigger = configuration.triggers.get(event.message.trigger_id)
    return trigger is not None and trigger.channel == "push" and trigger.push_sending_mode == "last"


def _trigger(configuration: Configuration, event: Event) -> Trigger:
    return configuration.triggers[event.message.trigger_id]


def _list_devices(configuration: Configuration, event: Event, profiles: Mapping[bytes, Profile]) -> tuple[str, ...]:
    """Those that the message may go to next, the newest last."""
    profile = profiles.get(event.message.profile_id)
    trigger = _trigger(configuration, event)
    older = list_older(trigger, profile.subscriptions, event.message.address) if profile else ()
    reachable = keep_reachable(configuration, trigger, older)
    return () if isinstance(reachable, Skip) else reachable

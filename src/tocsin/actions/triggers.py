"""What triggers do: a message for each of many profiles, to the address that the trigger sends to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tocsin.actions import confirming, rules
from tocsin.actions.context import Context
from tocsin.actions.rules import Skipped
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.launches import Launch, SubscriptionFilter
from tocsin.core.messages import QueuedMessage
from tocsin.core.profiles import Profile
from tocsin.core.rules import has_limits
from tocsin.core.triggers import DELETED, Skip, choose_addresses
from tocsin.store import messages
from tocsin.store.database import Transaction

Addresses = Mapping[bytes, tuple[str, ...] | Skip]


class Sending(NamedTuple):
    """What a trigger sends, when, by which configuration, and to which address if the call asks for one."""

    configuration: Configuration
    trigger: Trigger
    launch: Launch
    due_at: datetime
    wanted: SubscriptionFilter | None = None


class Started(NamedTuple):
    """How many messages or passages were begun, the profiles that were skipped, and the messages themselves."""

    size: int
    skipped: dict[bytes, Skip]
    queued: Sequence[QueuedMessage] = ()


def addresses(
    trigger: Trigger, profiles: Mapping[bytes, Profile | None], wanted: SubscriptionFilter | None = None
) -> Addresses:
    """Where the trigger sends to, for each profile; None is one that is no longer there."""
    return {
        profile_id: (
            choose_addresses(trigger, profile.fields, profile.subscriptions, wanted) if profile else Skip(DELETED)
        )
        for profile_id, profile in profiles.items()
    }


async def start(
    context: Context,
    transaction: Transaction,
    sending: Sending,
    profiles: Mapping[bytes, Profile | None],
    own: Mapping[bytes, dict[str, Any]],
) -> Started:
    """Enqueue for each profile what the trigger sends to it and no rule keeps from it, with data of the profile's own.

    Why others get nothing is noted in their history.
    """
    configuration, trigger, launch, due_at, wanted = sending
    chosen = addresses(trigger, profiles, wanted)
    ruled = await rules.check(transaction, configuration, trigger, due_at, profiles, chosen)
    addressed = await confirming.limit(context, transaction, trigger, ruled)
    queued = _messages(context, launch, addressed, own)
    if queued:
        is_counted = has_limits(configuration, trigger)
        await messages.enqueue(transaction, trigger.id, due_at, queued, is_counted=is_counted)
    skipped = {profile_id: skip for profile_id, skip in addressed.items() if isinstance(skip, Skip)}
    there = [Skipped(launch.id, one, skip, own.get(one)) for one, skip in skipped.items() if profiles[one] is not None]
    await rules.record_skips(context, transaction, trigger, there)
    return Started(len(queued), skipped, queued)


def _messages(
    context: Context, launch: Launch, addressed: Addresses, own: Mapping[bytes, dict[str, Any]]
) -> list[QueuedMessage]:
    """One to each address of each profile."""
    sent_to = [
        (profile_id, address)
        for profile_id, chosen in addressed.items()
        if not isinstance(chosen, Skip)
        for address in chosen
    ]
    message_ids = context.new_ids_beside([profile_id for profile_id, _ in sent_to])
    return [
        QueuedMessage(message_id, launch.id, profile_id, address, own.get(profile_id) or None)
        for message_id, (profile_id, address) in zip(message_ids, sent_to, strict=True)
    ]

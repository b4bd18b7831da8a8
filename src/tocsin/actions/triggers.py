"""What triggers do: a message for each of many profiles, to the address that the trigger sends to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tocsin.actions.context import Context
from tocsin.core.configuration import Trigger
from tocsin.core.launches import Launch, SubscriptionFilter
from tocsin.core.messages import QueuedMessage
from tocsin.core.profiles import Profile
from tocsin.core.triggers import DELETED, Skip, choose_address
from tocsin.store import messages
from tocsin.store.database import Transaction

Addresses = Mapping[bytes, str | Skip]


def addresses(
    trigger: Trigger, profiles: Mapping[bytes, Profile | None], wanted: SubscriptionFilter | None = None
) -> Addresses:
    """Where the trigger sends to, for each profile; None is one that is no longer there."""
    return {
        profile_id: choose_address(trigger, profile.fields, profile.subscriptions, wanted) if profile else Skip(DELETED)
        for profile_id, profile in profiles.items()
    }


async def enqueue(
    context: Context,
    transaction: Transaction,
    trigger: Trigger,
    launch: Launch,
    due_at: datetime,
    addressed: Addresses,
    own: Mapping[bytes, dict[str, Any]],
) -> int:
    """A message for each profile that has an address, with data of its own, if it has some. How many these are."""
    sent_to = {profile_id: address for profile_id, address in addressed.items() if not isinstance(address, Skip)}
    queued = [
        QueuedMessage(message_id, launch.id, profile_id, address, own.get(profile_id) or None)
        for message_id, (profile_id, address) in zip(
            context.new_ids_beside(list(sent_to)), sent_to.items(), strict=True
        )
    ]
    if queued:
        await messages.enqueue(transaction, trigger.id, due_at, queued)
    return len(queued)

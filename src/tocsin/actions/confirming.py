"""How often an address may be asked to confirm: whoever enters it somewhere must not be able to bomb it with mail."""

from collections.abc import Mapping

from tocsin.actions.context import Context
from tocsin.core import visits
from tocsin.core.configuration import Trigger
from tocsin.core.triggers import TOO_MANY_CONFIRMATIONS, Skip
from tocsin.store import confirmations
from tocsin.store.database import Transaction

Addresses = Mapping[bytes, tuple[str, ...] | Skip]


async def limit(context: Context, transaction: Transaction, trigger: Trigger, addressed: Addresses) -> Addresses:
    """Without those that have been asked as often today as they may; of profiles that share an address, one."""
    if not trigger.for_confirm:
        return addressed
    # The first profile of each address: others are asked with it, so to speak.
    asked = {
        mark: profile_id
        for profile_id, chosen in reversed(list(addressed.items()))
        if not isinstance(chosen, Skip)
        for mark in map(visits.address_mark, chosen)
    }
    today = context.clock().date()
    allowed = await confirmations.admit(transaction, asked, today, context.confirmations_per_day)
    sent_to = {profile_id for mark, profile_id in asked.items() if mark in allowed}
    return {
        profile_id: chosen if isinstance(chosen, Skip) or profile_id in sent_to else Skip(TOO_MANY_CONFIRMATIONS)
        for profile_id, chosen in addressed.items()
    }

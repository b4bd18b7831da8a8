"""Looking through the log of messages: what support staff and back-end engineers search it for."""

from collections.abc import Sequence

from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.errors import Invalid
from tocsin.core.message_log import Search
from tocsin.store import message_log
from tocsin.store.database import Transaction, time_limit
from tocsin.store.message_log import LoggedMessage, Place, WaitingMessage

_SLOW_SECONDS = 10
_TOO_SLOW = "so few of the newest messages fit that looking takes too long: ask for less time, an address or a trigger"


async def list_messages(
    transaction: Transaction, configuration: Configuration, search: Search, before: Place, limit: int
) -> Sequence[LoggedMessage]:
    """Up to `limit` messages that wait no longer, newest first, from before a place. Invalid when it takes too long."""
    triggers = [one.id for one in configuration.triggers.values() if search.channel in (None, one.channel)]
    try:
        async with time_limit(transaction, _SLOW_SECONDS):
            return await message_log.list_messages(transaction, search, triggers, before, limit)
    except TimeoutError:
        raise Invalid(_TOO_SLOW) from None


async def list_waiting(
    transaction: Transaction, configuration: Configuration, search: Search, before: bytes, limit: int
) -> Sequence[WaitingMessage]:
    """Up to `limit` messages of the queue, newest first, from before one; ids.LAST begins. Invalid likewise."""
    is_narrowed = search.channel is not None or search.database_id is not None
    fitting = [one.id for one in configuration.triggers.values() if _fits(one, search)] if is_narrowed else None
    try:
        async with time_limit(transaction, _SLOW_SECONDS):
            return await message_log.list_waiting(transaction, search, fitting, before, limit)
    except TimeoutError:
        raise Invalid(_TOO_SLOW) from None


def _fits(trigger: Trigger, search: Search) -> bool:
    return search.channel in (None, trigger.channel) and search.database_id in (None, trigger.database)

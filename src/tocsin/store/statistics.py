"""What became of the messages of triggers and launches: totals by type of event, and why profiles were skipped."""

from collections.abc import Sequence

from tocsin.core.message_log import TYPES
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, integer_column

_SQL = queries.load("statistics")
_MOST_OF_A_TYPE = 10_000
_SKIPS = {"types": list(TYPES["skipped"]), "limit": _MOST_OF_A_TYPE}


async def list_totals(transaction: Transaction, trigger_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many events of each type each of the triggers has had ever; core.statistics.describe puts it in words.

    For launches store.launches.list_totals is the same.
    """
    totals: dict[int, dict[str, int]] = {trigger_id: {} for trigger_id in trigger_ids}
    for trigger_id, type_, total in await fetch(
        transaction, _SQL["list_totals"], trigger_ids=integer_column(trigger_ids)
    ):
        totals[trigger_id][type_] = total
    return totals


async def list_reasons_of_trigger(transaction: Transaction, trigger_id: int) -> dict[str, int]:
    """Why its latest skips were, 10,000 of a type at most: how many by reason, the most frequent first."""
    return dict(await fetch(transaction, _SQL["list_reasons_of_trigger"], trigger_id=trigger_id, **_SKIPS))


async def list_reasons_of_launch(transaction: Transaction, launch_id: bytes) -> dict[str, int]:
    """The same of a launch."""
    return dict(await fetch(transaction, _SQL["list_reasons_of_launch"], launch_id=launch_id, **_SKIPS))

"""How often messages of each sender have come to which outcome, counted by each worker for itself."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tocsin.core.outcomes import OutcomeKind
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, integer_column, text_column

_SQL = queries.load("outcomes")

_OF_ALL_GONE = UUID(int=0)


async def add(transaction: Transaction, worker_id: UUID, counted: Mapping[tuple[int, OutcomeKind], int]) -> None:
    """Counts by sender and outcome; sender 0 is none."""
    if not counted:
        return
    ordered = sorted(counted.items())
    await transaction.execute(
        _SQL["add"],
        {
            "worker_id": worker_id,
            "sender_ids": integer_column([sender_id for (sender_id, _), _ in ordered]),
            "outcomes": text_column([kind.encode() for (_, kind), _ in ordered]),
            "totals": [total for _, total in ordered],
        },
    )


async def fold(transaction: Transaction, worker_ids: Sequence[UUID]) -> None:
    """Add up what workers have counted that are gone; should one come back, it begins anew."""
    await transaction.execute(_SQL["fold"], {"worker_ids": list(worker_ids), "of_all": _OF_ALL_GONE})


async def list_totals(transaction: Transaction) -> list[tuple[int, str, int]]:
    """Sender, outcome and how often, of all workers that there ever were."""
    return [(sender_id, kind, int(total)) for sender_id, kind, total in await fetch(transaction, _SQL["list_totals"])]

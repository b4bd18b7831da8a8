"""How often messages of each sender have come to which outcome, counted by each worker for itself."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tocsin.core.outcomes import Attempt
from tocsin.core.traffic import minute_of
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, integer_column, text_column

_SQL = queries.load("outcomes")

_OF_ALL_GONE = UUID(int=0)
_LONGEST_TEXT = 500


class SenderMinutes(NamedTuple):
    """What attempts by a sender have come to lately; `text`: what was said at the last that failed."""

    sender_id: int
    sent: int
    failed: int
    failed_at: datetime | None
    text: str


async def add(transaction: Transaction, worker_id: UUID, attempts: Sequence[Attempt], at: datetime) -> None:
    """Count attempts of this moment: by sender and outcome, by sender and minute, and those that are tried again."""
    if not attempts:
        return
    totals = sorted(Counter((one.sender_id, one.kind) for one in attempts).items())
    deferred = sorted(Counter(one.channel for one in attempts if one.kind == "deferred").items())
    await transaction.execute(
        _SQL["add"],
        {
            "worker_id": worker_id,
            "sender_ids": integer_column([sender_id for (sender_id, _), _ in totals]),
            "outcomes": text_column([kind.encode() for (_, kind), _ in totals]),
            "totals": [total for _, total in totals],
            "minute": minute_of(at),
            "channels": [channel for channel, _ in deferred],
            "deferred": [total for _, total in deferred],
            **_of_senders(attempts, at),
        },
    )


def _of_senders(attempts: Sequence[Attempt], at: datetime) -> dict[str, object]:
    """The columns of what senders came to; the text is that of the last attempt that failed."""
    sent = Counter(one.sender_id for one in attempts if one.kind == "sent")
    failed = Counter(one.sender_id for one in attempts if one.kind != "sent")
    texts = {one.sender_id: one.text[:_LONGEST_TEXT] for one in attempts if one.kind != "sent"}
    senders = sorted({*sent, *failed})
    return {
        "minute_senders": integer_column(senders),
        "sent": [sent[one] for one in senders],
        "failed": [failed[one] for one in senders],
        "failed_at": [at if failed[one] else None for one in senders],
        "texts": [texts.get(one, "") for one in senders],
    }


async def list_recent(transaction: Transaction, after: datetime) -> list[SenderMinutes]:
    """By sender, since the minute of an instant; what is older than a day is forgotten."""
    return [SenderMinutes(*row) for row in await fetch(transaction, _SQL["list_recent"], after=minute_of(after))]


async def delete_old(transaction: Transaction, before: datetime) -> None:
    """Forget what senders came to before an instant."""
    await transaction.execute(_SQL["delete_old"], {"before": before})


async def fold(transaction: Transaction, worker_ids: Sequence[UUID]) -> None:
    """Add up what workers have counted that are gone; should one come back, it begins anew."""
    await transaction.execute(_SQL["fold"], {"worker_ids": list(worker_ids), "of_all": _OF_ALL_GONE})


async def list_totals(transaction: Transaction) -> list[tuple[int, str, int]]:
    """Sender, outcome and how often, of all workers that there ever were."""
    return [(sender_id, kind, int(total)) for sender_id, kind, total in await fetch(transaction, _SQL["list_totals"])]

"""What sending policies count: messages sent, and messages in the queue that are promised to be."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core.messages import SENDS
from tocsin.store import planner, queries
from tocsin.store.database import Transaction, fetch, id_columns, integer_column, lock_stripes, text_column

_SQL = queries.load("rules")

LOCK_LIMITS = 7010
# Of a profile; more than any limit asks for.
MOST_COUNTED = 1000


class Counted(NamedTuple):
    """A message that counts. `id`: of one in the queue; `type`: the event of one that was sent."""

    id: bytes | None
    profile_id: bytes
    at: datetime
    trigger_id: int
    type: str | None
    address: str | None
    is_allowed: bool


async def lock(transaction: Transaction, profile_ids: Collection[bytes]) -> None:
    """Until the transaction ends nobody else lets messages of these profiles go."""
    await lock_stripes(transaction, LOCK_LIMITS, (profile_id[-1] for profile_id in profile_ids))


async def list_counted(
    transaction: Transaction,
    profile_ids: Collection[bytes],
    *,
    since: datetime,
    promised_until: datetime | None,
    exempt: Sequence[int],
) -> list[Counted]:
    """What counts for these profiles: sent since a moment, or let go; and what will be due until another, if given."""
    rows = await fetch(
        transaction,
        _SQL["list_counted"],
        **id_columns(list(profile_ids)),
        since=since,
        promised_until=promised_until,
        types=text_column([type_.encode() for type_ in SENDS]),
        exempt=integer_column(exempt),
        most=MOST_COUNTED,
    )
    return [Counted(*row) for row in rows]


async def allow(transaction: Transaction, message_ids: Sequence[bytes]) -> None:
    """Messages that may go now, and count from here on."""
    await planner.prefer_keys(transaction)
    await transaction.execute(_SQL["allow"], id_columns(message_ids))

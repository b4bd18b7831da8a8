"""How providers call messages in what they report later; forgotten with the events."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("provider_ids")


class ProviderId(NamedTuple):
    """What a provider, known by the sender, calls a message."""

    provider_id: str
    sender_id: int
    message_id: bytes
    at: datetime


async def insert(transaction: Transaction, named: Sequence[ProviderId]) -> None:
    """Names of messages that have just been sent, in one statement."""
    await transaction.execute(
        _SQL["insert"],
        {
            "provider_ids": [one.provider_id for one in named],
            "sender_ids": [one.sender_id for one in named],
            "message_ids": [one.message_id for one in named],
            "at": [one.at for one in named],
        },
    )


async def find(transaction: Transaction, sender_id: int, provider_ids: Sequence[str]) -> dict[str, bytes]:
    """The messages that a provider means, by its names; those that are known."""
    rows = await fetch(transaction, _SQL["find"], sender_id=sender_id, provider_ids=list(provider_ids))
    return dict(rows)

"""The queue of messages: short-lived rows, claimed with a lease, deleted when their outcome is recorded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage, QueuedMessage
from tocsin.store import queries
from tocsin.store.database import Transaction, bytea_column, copy, copy_json, copy_text, fetch, smallint_column

_SQL = queries.load("messages")
_COLUMNS = ("bucket", "id", "due_at", "launch_id", "trigger_id", "profile_id", "address", "custom_data")

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict).decode


async def enqueue(
    transaction: Transaction, launch: Launch, due_at: datetime, messages: Sequence[QueuedMessage]
) -> None:
    """The messages of one launch, by COPY."""
    shared = f"{due_at.isoformat()}\t\\\\x{launch.id.hex()}\t{launch.trigger_id}"
    lines = (
        f"{message.id[-1]}\t\\\\x{message.id.hex()}\t{shared}\t\\\\x{message.profile_id.hex()}"
        f"\t{copy_text(message.address)}\t{_optional_json(message.custom_data)}\n"
        for message in messages
    )
    await copy(transaction, "messages", _COLUMNS, lines)


async def claim(
    transaction: Transaction, *, now: datetime, leased_until: datetime, buckets: range, limit: int
) -> list[ClaimedMessage]:
    """Up to `limit` due messages of these buckets, oldest first."""
    rows = await fetch(
        transaction,
        _SQL["claim"],
        now=now,
        leased_until=leased_until,
        first_bucket=buckets[0],
        last_bucket=buckets[-1],
        limit=limit,
    )
    return [
        ClaimedMessage(
            identifier, launch_id, profile_id, trigger_id, attempts, address, _decode_object(custom) if custom else None
        )
        for identifier, launch_id, profile_id, trigger_id, attempts, address, custom in rows
    ]


async def delete(transaction: Transaction, message_ids: Sequence[bytes]) -> None:
    """Messages whose outcome the same transaction records."""
    await transaction.execute(_SQL["delete"], _keys(message_ids))


async def postpone(transaction: Transaction, later: Sequence[tuple[bytes, datetime]]) -> None:
    """Messages to be tried again, each at its own time."""
    await transaction.execute(
        _SQL["postpone"], {**_keys([identifier for identifier, _ in later]), "due_at": [due_at for _, due_at in later]}
    )


async def count(transaction: Transaction, now: datetime) -> tuple[int, datetime | None]:
    """How many messages wait, and when the oldest of those due was due."""
    rows = await fetch(transaction, _SQL["count"], now=now)
    return rows[0][0], rows[0][1]


def _optional_json(document: dict[str, Any] | None) -> str:
    return r"\N" if document is None else copy_json(_encode(document))


def _keys(message_ids: Sequence[bytes]) -> dict[str, object]:
    return {
        "buckets": smallint_column([identifier[-1] for identifier in message_ids]),
        "ids": bytea_column(message_ids),
    }

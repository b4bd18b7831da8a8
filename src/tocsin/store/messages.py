"""The queue of messages: short-lived rows, claimed with a lease, deleted when their outcome is recorded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core import ids
from tocsin.core.messages import ClaimedMessage, QueuedMessage, turn
from tocsin.store import queries
from tocsin.store.database import (
    Row,
    Transaction,
    copy,
    copy_json,
    copy_text,
    fetch,
    id_columns,
    integer_column,
    smallint_column,
)

_SQL = queries.load("messages")
_COLUMNS = (
    "bucket", "id", "turn", "due_at", "trigger_id", "launch_id", "profile_id", "address", "custom_data", "content"
)  # fmt: skip

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict).decode


async def enqueue(
    transaction: Transaction, trigger_id: int, due_at: datetime, messages: Sequence[QueuedMessage]
) -> None:
    """Messages of one trigger, by COPY; their places say whose turn is first."""
    shared = f"{due_at.isoformat()}\t{trigger_id}"
    lines = (
        f"{message.id[-1]}\t\\\\x{message.id.hex()}\t{turn(place)}\t{shared}\t\\\\x{message.launch_id.hex()}"
        f"\t\\\\x{message.profile_id.hex()}\t{copy_text(message.address)}\t{_optional_json(message.custom_data)}"
        f"\t{_optional_json(message.content)}\n"
        for place, message in enumerate(messages)
    )
    await copy(transaction, "messages", _COLUMNS, lines)


async def claim(
    transaction: Transaction,
    *,
    now: datetime,
    leased_until: datetime,
    buckets: range,
    limit: int,
    turns: Sequence[int],
    passed_over: Sequence[int] = (),
) -> list[ClaimedMessage]:
    """Up to `limit` due messages of these buckets, in the order of `turns` and in each the oldest first, but none of
    the triggers `passed_over`.
    """
    await transaction.execute(_SQL["prefer_order"])
    rows = await fetch(
        transaction,
        _SQL["claim"],
        now=now,
        leased_until=leased_until,
        first_bucket=buckets[0],
        last_bucket=buckets[-1],
        limit=limit,
        turns=smallint_column(turns),
        passed_over=integer_column(passed_over),
    )
    return [_claimed(row) for row in rows]


def _claimed(row: Row) -> ClaimedMessage:
    identifier, launch_id, profile_id, trigger_id, attempts, address, custom, content = row
    return ClaimedMessage(
        identifier, launch_id, profile_id, trigger_id, attempts, address, _decode(custom), _decode(content)
    )


async def delete(transaction: Transaction, message_ids: Sequence[bytes]) -> set[bytes]:
    """Messages whose outcome the same transaction records; answers those that were still there."""
    rows = await fetch(transaction, _SQL["delete"], **id_columns(message_ids))
    return {message_id for (message_id,) in rows}


async def take(transaction: Transaction, message_ids: Sequence[bytes]) -> list[ClaimedMessage]:
    """Delete messages whose outcome the same transaction records, and answer those that were still there."""
    return [_claimed(row) for row in await fetch(transaction, _SQL["take"], **id_columns(message_ids))]


async def postpone(transaction: Transaction, later: Sequence[tuple[bytes, datetime]]) -> None:
    """Messages to be tried again, each at its own time."""
    await transaction.execute(
        _SQL["postpone"],
        {**id_columns([identifier for identifier, _ in later]), "due_at": [due_at for _, due_at in later]},
    )


async def move(transaction: Transaction, profile_ids: Sequence[bytes], to: bytes) -> None:
    """Give the messages of profiles that no worker has claimed yet to another profile, and ids in its bucket."""
    await transaction.execute(
        _SQL["move"], {**id_columns(profile_ids), "new_bucket": ids.bucket(to), "new_profile_id": to}
    )


async def delete_of_profiles(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """Every message of profiles that are no more; one that a worker has claimed may still be sent."""
    await transaction.execute(_SQL["delete_of_profiles"], id_columns(profile_ids))


async def count(transaction: Transaction, now: datetime) -> tuple[int, datetime | None]:
    """How many messages wait, and when the oldest of those due was due."""
    rows = await fetch(transaction, _SQL["count"], now=now)
    return rows[0][0], rows[0][1]


async def count_due(transaction: Transaction, now: datetime) -> dict[int, int]:
    """How many messages of each trigger are due and not with a worker."""
    return dict(await fetch(transaction, _SQL["count_due"], now=now))


def _optional_json(document: dict[str, Any] | None) -> str:
    return r"\N" if document is None else copy_json(_encode(document))


def _decode(document: str | None) -> dict[str, Any] | None:
    return _decode_object(document) if document else None

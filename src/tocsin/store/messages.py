"""The queue of messages: short-lived rows, claimed with a lease, deleted when their outcome is recorded."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.core.messages import LAST_TURN, ClaimedMessage, QueuedMessage, turn
from tocsin.store import planner, queries
from tocsin.store.database import (
    Row,
    Transaction,
    bytea_column,
    copy,
    copy_json,
    copy_text,
    fetch,
    id_columns,
    integer_column,
    smallint_column,
    text_column,
)

_SQL = queries.load("messages")
_COLUMNS = (
    "bucket", "id", "turn", "due_at", "first_due_at", "trigger_id", "launch_id", "profile_id", "address", "custom_data",
    "content", "is_allowed",
)  # fmt: skip

# A queue that is shorter is counted; of a longer one so many pages are, and so many of each turn for the longest wait.
_MOST_COUNTED = 10_000
_SAMPLED_PAGES = 1000
_OLDEST_OF_A_TURN = 200

# When a message of a paused launch is due.
SET_ASIDE_UNTIL = datetime(9999, 1, 1, tzinfo=UTC)

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict).decode


async def enqueue(
    transaction: Transaction,
    trigger_id: int,
    due_at: datetime,
    messages: Sequence[QueuedMessage],
    *,
    is_counted: bool = False,
) -> None:
    """Messages of one trigger, by COPY; their places say whose turn is first. Whether a sending policy counts them."""
    shared = f"{due_at.isoformat()}\t{due_at.isoformat()}\t{trigger_id}"
    is_allowed = "f" if is_counted else r"\N"
    lines = (
        f"{message.id[-1]}\t\\\\x{message.id.hex()}\t{turn(place)}\t{shared}\t\\\\x{message.launch_id.hex()}"
        f"\t\\\\x{message.profile_id.hex()}\t{copy_text(message.address)}\t{_optional_json(message.custom_data)}"
        f"\t{_optional_json(message.content)}\t{is_allowed}\n"
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
    due = await fetch(
        transaction,
        _SQL["lock_due"],
        now=now,
        first_bucket=buckets[0],
        last_bucket=buckets[-1],
        limit=limit,
        turns=smallint_column(turns),
        passed_over=integer_column(passed_over),
    )
    if not due:
        return []
    keys = id_columns([message_id for _, message_id in due])
    await planner.prefer_keys(transaction)
    return [_claimed(row) for row in await fetch(transaction, _SQL["claim"], leased_until=leased_until, **keys)]


def _claimed(row: Row) -> ClaimedMessage:
    identifier, launch_id, profile_id, trigger_id, attempts, address, custom, content, first_due_at = row
    own, gathered = _decode(custom), _decode(content)
    return ClaimedMessage(identifier, launch_id, profile_id, trigger_id, attempts, address, own, gathered, first_due_at)


async def delete(transaction: Transaction, message_ids: Sequence[bytes]) -> set[bytes]:
    """Messages whose outcome the same transaction records; answers those that were still there."""
    await planner.prefer_keys(transaction)
    rows = await fetch(transaction, _SQL["delete"], **id_columns(message_ids))
    return {message_id for (message_id,) in rows}


async def take(transaction: Transaction, message_ids: Sequence[bytes]) -> list[ClaimedMessage]:
    """Delete messages whose outcome the same transaction records, and answer those that were still there."""
    await planner.prefer_keys(transaction)
    return [_claimed(row) for row in await fetch(transaction, _SQL["take"], **id_columns(message_ids))]


async def get(transaction: Transaction, message_ids: Sequence[bytes]) -> list[ClaimedMessage]:
    """Those of the messages that wait, whoever has them."""
    await planner.prefer_keys(transaction)
    return [_claimed(row) for row in await fetch(transaction, _SQL["get"], **id_columns(message_ids))]


async def readdress(transaction: Transaction, moves: Sequence[tuple[bytes, str, str]], due_at: datetime) -> None:
    """Send messages, by their ids, from one address on to another; one that is not at the first stays as it is."""
    await planner.prefer_keys(transaction)
    moved = {
        **id_columns([message_id for message_id, _, _ in moves]),
        "from_addresses": text_column([address.encode() for _, address, _ in moves]),
        "to_addresses": text_column([address.encode() for _, _, address in moves]),
        "due_at": due_at,
    }
    await transaction.execute(_SQL["readdress"], moved)


async def postpone(transaction: Transaction, later: Sequence[tuple[bytes, datetime]]) -> None:
    """Messages to be tried again, each at its own time."""
    if not later:
        return
    await planner.prefer_keys(transaction)
    await transaction.execute(
        _SQL["postpone"],
        {**id_columns([identifier for identifier, _ in later]), "due_at": [due_at for _, due_at in later]},
    )


async def give_back(transaction: Transaction, later: Sequence[tuple[ClaimedMessage, datetime]]) -> None:
    """Messages that were not tried, each to be claimed again at its own time: this attempt was none."""
    if not later:
        return
    await planner.prefer_keys(transaction)
    await transaction.execute(
        _SQL["give_back"],
        {
            **id_columns([message.id for message, _ in later]),
            "due_at": [due_at for _, due_at in later],
            "attempts": smallint_column([message.attempts - 1 for message, _ in later]),
        },
    )


async def release(transaction: Transaction, launch_id: bytes, limit: int) -> int:
    """Make messages of a launch that were set aside due as they were at first; how many, `limit` at most."""
    await planner.prefer_keys(transaction)
    rows = await fetch(
        transaction,
        _SQL["release"],
        turns=smallint_column(range(LAST_TURN + 1)),
        until=SET_ASIDE_UNTIL,
        launch_id=launch_id,
        limit=limit,
    )
    return len(rows)


async def take_free(
    transaction: Transaction, launch_id: bytes, buckets: range, leased_until: datetime, limit: int
) -> list[ClaimedMessage]:
    """Delete messages of a launch that surely no worker has: never claimed, or due only after a lease of now ends."""
    rows = await fetch(
        transaction,
        _SQL["take_free"],
        launch_id=launch_id,
        first_bucket=buckets[0],
        last_bucket=buckets[-1],
        leased_until=leased_until,
        limit=limit,
    )
    return [_claimed(row) for row in rows]


class Queued(NamedTuple):
    """How many messages of a launch wait; how many of them a worker has or had, so that they may still leave."""

    waiting: int
    in_hand: int


async def count_of_launches(
    transaction: Transaction, launch_ids: Sequence[bytes], now: datetime
) -> dict[bytes, Queued]:
    """Of each launch that has any in the queue, which is read through."""
    rows = await fetch(
        transaction, _SQL["count_of_launches"], ids=bytea_column(launch_ids), now=now, until=SET_ASIDE_UNTIL
    )
    return {launch_id: Queued(waiting, in_hand) for launch_id, waiting, in_hand in rows}


async def move(transaction: Transaction, profile_ids: Sequence[bytes], to: bytes) -> None:
    """Give the messages of profiles that no worker has claimed yet to another profile, and ids in its bucket."""
    await transaction.execute(
        _SQL["move"], {**id_columns(profile_ids), "new_bucket": ids.bucket(to), "new_profile_id": to}
    )


async def delete_of_profiles(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """Every message of profiles that are no more; one that a worker has claimed may still be sent."""
    await transaction.execute(_SQL["delete_of_profiles"], id_columns(profile_ids))


class Backlog(NamedTuple):
    """How many messages of a trigger wait, how many of them are due and with no worker, and since when the oldest."""

    waiting: int
    due: int
    oldest_due_at: datetime | None


async def count(transaction: Transaction, now: datetime) -> dict[int, Backlog]:
    """By trigger, at a price that does not grow with the queue: exact while it is short, else an estimate."""
    await transaction.execute(_SQL["prefer_order"])
    rows = await fetch(transaction, _SQL["count"], now=now, limit=_MOST_COUNTED)
    found = {trigger_id: Backlog(*backlog) for trigger_id, *backlog in rows}
    is_whole = sum(backlog.waiting for backlog in found.values()) < _MOST_COUNTED
    return found if is_whole else await _estimate(transaction, now)


async def _estimate(transaction: Transaction, now: datetime) -> dict[int, Backlog]:
    """From a sample of the table, and from those that are claimed next, of which the oldest of all always is one."""
    ((pages,),) = await fetch(transaction, _SQL["count_pages"])
    factor = max(1.0, pages / _SAMPLED_PAGES)
    found = {
        trigger_id: Backlog(round(waiting * factor), round(due * factor), oldest)
        for trigger_id, waiting, due, oldest in await fetch(
            transaction, _SQL["estimate"], now=now, percent=100 / factor
        )
    }
    turns = smallint_column(range(LAST_TURN + 1))
    rows = await fetch(transaction, _SQL["list_oldest_due"], now=now, turns=turns, limit=_OLDEST_OF_A_TURN)
    for trigger_id, oldest in rows:
        known = found.get(trigger_id, Backlog(1, 1, None))
        found[trigger_id] = known._replace(oldest_due_at=min(oldest, known.oldest_due_at or oldest))
    return found


def _optional_json(document: dict[str, Any] | None) -> str:
    return r"\N" if document is None else copy_json(_encode(document))


def _decode(document: str | None) -> dict[str, Any] | None:
    return _decode_object(document) if document else None

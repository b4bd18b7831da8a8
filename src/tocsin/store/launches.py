"""Launches: what is common to the messages of a call, and what is wanted of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.core.launches import Attachment, Launch, LaunchState
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, id_columns

_SQL = queries.load("launches")

END = ids.LAST

_decode_object = msgspec.json.Decoder(dict).decode
_decode_attachments = msgspec.json.Decoder(tuple[Attachment, ...]).decode


class ListedLaunch(NamedTuple):
    """A launch as it is listed. `size`: messages of a trigger, passages of a workflow; `skipped`: profiles."""

    id: bytes
    trigger_id: int | None
    workflow_id: int | None
    created_at: datetime
    source: str
    state: LaunchState
    size: int
    skipped: int
    is_unsettled: bool


async def insert(transaction: Transaction, launch: Launch, now: datetime, *, size: int = 0, skipped: int = 0) -> None:
    """One launch, with how many messages or passages it begins."""
    await transaction.execute(
        _SQL["insert"],
        {
            "bucket": launch.id[-1],
            "id": launch.id,
            "trigger_id": launch.trigger_id,
            "workflow_id": launch.workflow_id,
            "content": msgspec.json.encode(launch.content).decode(),
            "custom_data": msgspec.json.encode(launch.custom_data).decode(),
            "attachments": msgspec.json.encode(launch.attachments).decode(),
            "created_at": now,
            "source": launch.source,
            "size": size,
            "skipped": skipped,
            "is_addressed": launch.is_addressed,
        },
    )


async def grow(transaction: Transaction, launch_id: bytes, size: int, skipped: int = 0) -> None:
    """More messages or passages of a launch have begun."""
    grown = {"bucket": launch_id[-1], "id": launch_id, "size": size, "skipped": skipped}
    await transaction.execute(_SQL["grow"], grown)


async def get(transaction: Transaction, launch_ids: Sequence[bytes]) -> dict[bytes, Launch]:
    """Launches by id."""
    rows = await fetch(transaction, _SQL["get"], **id_columns(launch_ids))
    return {
        identifier: Launch(
            identifier,
            trigger_id,
            _decode_object(content),
            _decode_object(custom),
            _decode_attachments(attachments),
            workflow_id,
            source,
            state,
            is_addressed,
        )
        for identifier, trigger_id, content, custom, attachments, workflow_id, source, state, is_addressed in rows
    }


async def describe(transaction: Transaction, launch_ids: Sequence[bytes]) -> list[ListedLaunch]:
    """Launches by id as they are listed, the newest first."""
    return [ListedLaunch(*row) for row in await fetch(transaction, _SQL["describe"], **id_columns(launch_ids))]


async def list_ids(
    transaction: Transaction, *, before: bytes, trigger_id: int | None, workflow_id: int | None, limit: int
) -> list[bytes]:
    """The newest launches from before one, perhaps of one trigger or workflow; END begins."""
    rows = await fetch(
        transaction,
        _SQL["list_ids"],
        before=before,
        trigger_id=trigger_id,
        workflow_id=workflow_id,
        limit=limit,
    )
    return [launch_id for (launch_id,) in rows]


async def list_totals(transaction: Transaction, launch_ids: Sequence[bytes]) -> dict[bytes, dict[str, int]]:
    """How many events of each type each launch has had."""
    totals: dict[bytes, dict[str, int]] = {launch_id: {} for launch_id in launch_ids}
    for launch_id, type_, total in await fetch(transaction, _SQL["list_totals"], **id_columns(launch_ids)):
        totals[launch_id][type_] = total
    return totals


async def lock(transaction: Transaction, launch_id: bytes) -> LaunchState | None:
    """What is wanted of a launch, which nobody else changes until the transaction ends; None when it is not there."""
    rows = await fetch(transaction, _SQL["lock"], bucket=launch_id[-1], id=launch_id)
    return rows[0][0] if rows else None


async def lock_paused(transaction: Transaction, launch_ids: Sequence[bytes]) -> set[bytes]:
    """Those that are paused, and stay so until the transaction ends."""
    return {launch_id for (launch_id,) in await fetch(transaction, _SQL["lock_paused"], **id_columns(launch_ids))}


async def change(transaction: Transaction, launch_id: bytes, state: LaunchState, *, is_unsettled: bool) -> None:
    """What is wanted of a launch from now on, and whether a worker is to bring its messages into line."""
    changed = {"bucket": launch_id[-1], "id": launch_id, "state": state, "is_unsettled": is_unsettled}
    await transaction.execute(_SQL["change"], changed)


async def list_unsettled(transaction: Transaction, limit: int) -> list[bytes]:
    """Launches whose messages are to be brought into line."""
    return [launch_id for (launch_id,) in await fetch(transaction, _SQL["list_unsettled"], limit=limit)]


async def lock_unsettled(transaction: Transaction, launch_id: bytes) -> LaunchState | None:
    """What is wanted of such a launch, for this worker alone; None when it is settled, or another is at it."""
    rows = await fetch(transaction, _SQL["lock_unsettled"], bucket=launch_id[-1], id=launch_id)
    return rows[0][0] if rows else None


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Delete launches made before an instant that have neither messages nor passages any more; how many."""
    oldest_kept = ids.first_of(int(before.timestamp()))
    rows = await fetch(transaction, _SQL["delete_old"], before=oldest_kept, limit=limit)
    total: int = rows[0][0]
    return total

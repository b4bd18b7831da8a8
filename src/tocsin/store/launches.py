"""Launches: what is common to the messages of a call."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.core.launches import Attachment, Launch
from tocsin.store import queries
from tocsin.store.database import Transaction, bytea_column, fetch, smallint_column

_SQL = queries.load("launches")

_decode_object = msgspec.json.Decoder(dict).decode
_decode_attachments = msgspec.json.Decoder(tuple[Attachment, ...]).decode


async def insert(transaction: Transaction, launch: Launch, now: datetime) -> None:
    """One launch."""
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
        },
    )


async def get(transaction: Transaction, launch_ids: Sequence[bytes]) -> dict[bytes, Launch]:
    """Launches by id."""
    rows = await fetch(
        transaction,
        _SQL["get"],
        buckets=smallint_column([identifier[-1] for identifier in launch_ids]),
        ids=bytea_column(launch_ids),
    )
    return {
        identifier: Launch(
            identifier,
            trigger_id,
            _decode_object(content),
            _decode_object(custom),
            _decode_attachments(attachments),
            workflow_id,
        )
        for identifier, trigger_id, content, custom, attachments, workflow_id in rows
    }

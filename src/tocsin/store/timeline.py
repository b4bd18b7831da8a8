"""Everything that happened to a profile, events and steps through workflows in one order, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.core.message_log import END
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("timeline")
_decode = msgspec.json.Decoder(dict).decode


class TimelinePlace(NamedTuple):
    """Where a page of a timeline begins: at what comes before an entry."""

    at: datetime = END
    key: bytes = b""


class TimelineEntry(NamedTuple):
    """Something that happened. `at`, `key` is its place.

    Of an event (`is_step` false): `type` and `data` as in events, `message_id` or `launch_id` empty and `trigger_id` 0
    where there is none. Of a step: `type` is the reason, `workflow_id` and `node` say where, `target` where it led to
    (None: it stayed, or left the workflow); `data` is empty.
    """

    at: datetime
    key: bytes
    is_step: bool
    type: str
    message_id: bytes
    launch_id: bytes
    trigger_id: int
    workflow_id: int
    node: str
    target: str | None
    data: dict[str, Any]


async def list_of_profile(
    transaction: Transaction,
    profile_id: bytes,
    before: TimelinePlace,
    limit: int,
    *,
    types: Sequence[str] | None = None,
    with_steps: bool = True,
) -> list[TimelineEntry]:
    """Up to `limit` entries of a profile, the newest first, from before a place; TimelinePlace() begins.

    `types`: only events of these, None for all.
    """
    rows = await fetch(
        transaction,
        _SQL["list_of_profile"],
        bucket=ids.bucket(profile_id),
        profile_id=profile_id,
        before_at=before.at,
        before_key=before.key,
        types=None if types is None else list(types),
        with_steps=with_steps,
        limit=limit,
    )
    return [TimelineEntry(*row)._replace(data=_decode(row[-1])) for row in rows]

"""Looking at launches: what they started, what is wanted of them, and how far they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.core import ids
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.launch_text import LaunchView, SeenState
from tocsin.store import launches, messages, passages
from tocsin.store.database import Transaction, time_limit
from tocsin.store.launches import ListedLaunch
from tocsin.store.messages import Queued

_SLOW_SECONDS = 10


def parse_id(said: str) -> bytes:
    """The id that 24 hex digits say, or NotFound."""
    launch_id = ids.parse(said)
    if launch_id is None:
        raise NotFound("there is no such launch", path="id")
    return launch_id


async def get_view(transaction: Transaction, launch_id: bytes, now: datetime) -> LaunchView:
    """A launch, or NotFound."""
    found = await _view(transaction, [launch_id], now)
    if not found:
        raise NotFound("there is no such launch", path="id")
    return found[0]


async def list_views(
    transaction: Transaction,
    now: datetime,
    *,
    from_id: str,
    trigger_id: int | None = None,
    workflow_id: int | None = None,
    limit: int,
) -> list[LaunchView]:
    """The newest launches, from after `from_id` if it is not empty. Invalid when it is no id, or it takes too long."""
    before = ids.parse(from_id) if from_id else launches.END
    if before is None:
        raise Invalid("expected the next_from_id of the page before", path="from_id")
    try:
        async with time_limit(transaction, _SLOW_SECONDS):
            page = await launches.list_ids(
                transaction, before=before, trigger_id=trigger_id, workflow_id=workflow_id, limit=limit
            )
    except TimeoutError:
        raise Invalid("so few of the newest launches fit that looking takes too long", path="trigger_id") from None
    return await _view(transaction, page, now)


async def _view(transaction: Transaction, launch_ids: Sequence[bytes], now: datetime) -> list[LaunchView]:
    """The newest first; a statement for each kind of number."""
    listed = await launches.describe(transaction, launch_ids)
    totals = await launches.list_totals(transaction, launch_ids)
    queued = await messages.count_of_launches(transaction, launch_ids, now)
    entered = [one.id for one in listed if one.workflow_id is not None]
    inside = await passages.count_of_launches(transaction, entered) if entered else {}
    return [_view_one(one, totals[one.id], queued.get(one.id, Queued(0, 0)), inside.get(one.id, 0)) for one in listed]


def _view_one(one: ListedLaunch, totals: Mapping[str, int], queued: Queued, inside: int) -> LaunchView:
    state: SeenState = one.state
    if state == "running" and not (queued.waiting or inside):
        state = "done"
    return LaunchView(
        id=one.id,
        trigger_id=one.trigger_id,
        workflow_id=one.workflow_id,
        created_at=one.created_at,
        source=one.source,
        state=state,
        size=one.size,
        skipped=one.skipped,
        waiting=queued.waiting,
        in_hand=queued.in_hand,
        inside=inside,
        totals=totals,
    )

"""`launches/…` (ours): what became of launching calls, and changing one's mind about them."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.actions import launch_changes, launch_views
from tocsin.actions.launch_views import parse_id
from tocsin.core.launch_text import LaunchView
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope, Success


class LaunchIdRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which launch."""

    id: str


class LaunchListRequest(Envelope, kw_only=True, omit_defaults=True):
    """A page of launches, perhaps only those of a trigger or of a workflow."""

    from_id: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    trigger_id: int | None = None
    workflow_id: int | None = None


class EventTotal(Struct):
    """How many events of a type there were."""

    type: str
    total: int


class LaunchDescription(Struct, kw_only=True):
    """A launch and how far it is."""

    id: str
    trigger_id: int | UnsetType = UNSET
    workflow_id: int | UnsetType = UNSET
    created_at: str
    source: str
    state: str
    size: int
    skipped: int
    waiting: int
    inside: int | UnsetType = UNSET
    sent: int
    undelivered: int
    bounced: int
    cancelled: int
    retried: int
    totals: list[EventTotal]


class LaunchListAnswer(Success, kw_only=True):
    """A page, the newest first."""

    data: list[LaunchDescription]
    next_from_id: str | UnsetType = UNSET


class CancelledLaunch(Struct):
    """What is left of a launch when it is cancelled."""

    waiting: int
    in_hand: int


class RetriedLaunch(Struct):
    """What becomes of the messages of a launch that did not arrive."""

    retried: int
    skipped: int


async def get(call: Call, request: LaunchIdRequest) -> DataAnswer:
    """What a launch started, by which call, and how far it is."""
    view = await launch_views.get_view(call.transaction, parse_id(request.id), call.context.clock())
    return DataAnswer(data=_describe(view))


async def list_launches(call: Call, request: LaunchListRequest) -> LaunchListAnswer:
    """A page of launches, the newest first."""
    page = await launch_views.list_views(
        call.transaction,
        call.context.clock(),
        from_id=request.from_id,
        trigger_id=request.trigger_id,
        workflow_id=request.workflow_id,
        limit=request.limit,
    )
    return LaunchListAnswer(data=[_describe(view) for view in page], next_from_id=page[-1].id.hex() if page else UNSET)


async def pause(call: Call, request: LaunchIdRequest) -> DataAnswer:
    """Send no more messages of a launch until it is resumed."""
    await launch_changes.pause(call.transaction, parse_id(request.id))
    await call.note("paused", "launches", request.id)
    return DataAnswer(data=None)


async def resume(call: Call, request: LaunchIdRequest) -> DataAnswer:
    """Go on with a launch that was paused."""
    await launch_changes.resume(call.transaction, parse_id(request.id))
    await call.note("resumed", "launches", request.id)
    return DataAnswer(data=None)


async def cancel(call: Call, request: LaunchIdRequest) -> DataAnswer:
    """Take the messages of a launch that were not sent yet out of the queue, and its profiles out of the workflow."""
    left = await launch_changes.cancel(call.context, call.transaction, parse_id(request.id))
    await call.note("cancelled", "launches", request.id)
    return DataAnswer(data=CancelledLaunch(left.waiting, left.in_hand))


async def retry(call: Call, request: LaunchIdRequest) -> DataAnswer:
    """Send a launch again to those whom it did not reach."""
    sent = await launch_changes.retry(call.context, call.transaction, call.configuration, parse_id(request.id))
    await call.note("retried", "launches", request.id, retried=sent.retried)
    return DataAnswer(data=RetriedLaunch(sent.retried, sent.skipped))


def _describe(view: LaunchView) -> LaunchDescription:
    return LaunchDescription(
        id=view.id.hex(),
        trigger_id=UNSET if view.trigger_id is None else view.trigger_id,
        workflow_id=UNSET if view.workflow_id is None else view.workflow_id,
        created_at=_instant(view.created_at),
        source=view.source,
        state=view.state,
        size=view.size,
        skipped=view.skipped,
        waiting=view.waiting,
        inside=UNSET if view.workflow_id is None else view.inside,
        sent=view.sent,
        undelivered=view.undelivered,
        bounced=view.bounced,
        cancelled=view.cancelled,
        retried=view.retried,
        totals=[EventTotal(type_, total) for type_, total in sorted(view.totals.items())],
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"

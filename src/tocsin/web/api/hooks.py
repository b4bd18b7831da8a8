"""`hooks/…` (ours): how those are doing who are told what happens, and putting them right."""

from datetime import UTC, datetime

from msgspec import UNSET, Struct, UnsetType

from tocsin.actions import hooks
from tocsin.actions.hooks import HookState, HookView
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope
from tocsin.web.lists import ListAnswer, ListRequest, page_of


class HookIdRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which hook."""

    id: int


class ResumeRequest(HookIdRequest, kw_only=True, omit_defaults=True):
    """Which hook goes on, and whether it gets the batches that it did not take."""

    skip_failing: bool = False


class ReplayRequest(HookIdRequest, kw_only=True, omit_defaults=True):
    """Which hook is told again, and what."""

    from_at: str = ""
    from_event_id: str = ""
    until: str = ""


class HookReplay(Struct):
    """Old events on their way to a hook again."""

    from_at: str
    until: str
    total: int
    percent: int


class HookDescription(Struct, kw_only=True):
    """A hook and how it is."""

    id: int
    name: str
    url: str
    events: list[str]
    state: HookState
    waiting: int
    oldest_at: str | UnsetType = UNSET
    delivered_at: str | UnsetType = UNSET
    failing_since: str | UnsetType = UNSET
    failure: str | UnsetType = UNSET
    paused_at: str | UnsetType = UNSET
    replay: HookReplay | UnsetType = UNSET


class HookListAnswer(ListAnswer, kw_only=True):
    """A page in the order of ids."""

    data: list[HookDescription]


class ResumedHook(Struct):
    """What a hook that goes on is not told."""

    skipped: int


class TestedHook(Struct):
    """The event that a hook will get."""

    event_id: str


async def get(call: Call, request: HookIdRequest) -> DataAnswer:
    """What a hook is told, how much waits for it, and what is wrong."""
    (view,) = await hooks.list_views(call.transaction, [call.configuration.get_hook(request.id)])
    return DataAnswer(data=_describe(view))


async def list_hooks(call: Call, request: ListRequest) -> HookListAnswer:
    """A page of hooks."""
    known = call.configuration.hooks
    page = page_of(known, request)
    views = await hooks.list_views(call.transaction, page.objects)
    return HookListAnswer(
        data=[_describe(view) for view in views], next_from_id=page.next_from_id, total_count=len(known)
    )


async def resume(call: Call, request: ResumeRequest) -> DataAnswer:
    """Go on with a hook that was paused or waits, at once."""
    hook = call.configuration.get_hook(request.id)
    skipped = await hooks.resume(call.context, call.transaction, hook, skip_failing=request.skip_failing)
    await call.note("resumed", "hooks", str(hook.id), hook.name, skipped=skipped)
    return DataAnswer(data=ResumedHook(skipped))


async def replay(call: Call, request: ReplayRequest) -> DataAnswer:
    """Tell a hook again what happened since an instant or an event."""
    hook = call.configuration.get_hook(request.id)
    await hooks.replay(
        call.context,
        call.transaction,
        hook,
        from_at=hooks.parse_instant(request.from_at, "from_at"),
        from_event_id=request.from_event_id,
        until=hooks.parse_instant(request.until, "until"),
    )
    await call.note("replayed", "hooks", str(hook.id), hook.name, since=request.from_at or request.from_event_id)
    return DataAnswer(data=None)


async def test(call: Call, request: HookIdRequest) -> DataAnswer:
    """Tell a hook of an event that never happened."""
    hook = call.configuration.get_hook(request.id)
    return DataAnswer(data=TestedHook(await hooks.enqueue_test(call.context, call.transaction, hook)))


def _describe(view: HookView) -> HookDescription:
    hook, replayed = view.hook, view.replay
    return HookDescription(
        id=hook.id,
        name=hook.name,
        url=hook.url,
        events=list(hook.events),
        state=view.state,
        waiting=view.waiting,
        oldest_at=_instant(view.oldest_at),
        delivered_at=_instant(view.delivered_at),
        failing_since=_instant(view.failing_since),
        failure=view.failure or UNSET,
        paused_at=_instant(view.paused_at),
        replay=HookReplay(
            str(_instant(replayed.from_at)), str(_instant(replayed.until)), replayed.total, replayed.percent
        )
        if replayed
        else UNSET,
    )


def _instant(at: datetime | None) -> str | UnsetType:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z" if at else UNSET

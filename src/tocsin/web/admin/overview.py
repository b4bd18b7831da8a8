"""The first page: whether all is well, and what goes on right now."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from tocsin.actions import hooks
from tocsin.actions import overview as overviews
from tocsin.core import traffic
from tocsin.core.configuration import Configuration
from tocsin.core.errors import NotReady
from tocsin.core.traffic import Series
from tocsin.store import launches, tasks
from tocsin.store import traffic as stored_traffic
from tocsin.store.database import Transaction
from tocsin.web.admin import charts, frame
from tocsin.web.admin.charts import Chart, Layer
from tocsin.web.admin.visit import Visit

_LIVE_SECONDS: Final = 2.0
# After so many the browser asks again: whoever was logged out meanwhile is told so then.
_MOST_PARTS: Final = 300
_MOST_STREAMS: Final = 50
_MOST_TASKS: Final = 8
_MOST_LAUNCHES: Final = 8
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STEPS: Final = {"hour": (_HOUR, timedelta(minutes=1), 10), "day": (_DAY, timedelta(minutes=30), 6)}
_LAYERS: Final = (
    ("email", "sent"), ("sms", "sent"), ("push", "sent"), ("", "deferred"), ("", "failed"), ("", "skipped"),
)  # fmt: skip

_streams: set[object] = set()


async def show(visit: Visit) -> Response:
    """The overview as of now."""
    return visit.render("overview/overview.html", **await _gather(visit))


async def show_live(visit: Visit) -> Response:
    """The overview for as long as the page is open, as server-sent events."""
    if len(_streams) >= _MOST_STREAMS:
        raise NotReady("too many pages are open to be kept up to date")
    headers = {**frame.HEADERS, "x-accel-buffering": "no"}
    return StreamingResponse(_stream(visit), 200, headers, media_type="text/event-stream")


async def _stream(visit: Visit) -> AsyncIterator[str]:
    mark = object()
    _streams.add(mark)
    try:
        for _ in range(_MOST_PARTS):
            visit.now = visit.context.clock()
            part = visit.render_part("overview/live.html", **await _gather(visit))
            yield "".join(f"data: {line}\n" for line in part.splitlines()) + "\n"
            if await visit.request.state.closing.wait(_LIVE_SECONDS):
                return
    finally:
        _streams.discard(mark)


async def _gather(visit: Visit) -> dict[str, Any]:
    context, now = visit.context, visit.now
    span = visit.query("span") if visit.query("span") in _STEPS else "hour"
    async with context.database.transaction() as transaction:
        known = await context.configuration(transaction)
        chart, figures = await _draw(visit, transaction, span)
        views = await hooks.list_views(transaction, list(known.hooks.values()))
        return {
            "span": span,
            "spans": list(_STEPS),
            "chart": chart,
            "figures": figures,
            "backlogs": await overviews.list_backlogs(transaction, known, now),
            "senders": await overviews.list_failing_senders(transaction, known, now),
            "hooks": [view for view in views if view.state in ("paused", "failing")],
            "unfinished": await tasks.list_unfinished(transaction, _MOST_TASKS),
            "finished": await tasks.list_finished(transaction, 3),
            "launches": await list_launches(transaction, before=launches.END, limit=_MOST_LAUNCHES),
            "names": names_of(known),
            "is_new": not known.triggers and not known.workflows,
        }


def names_of(known: Configuration) -> dict[str, dict[int, str]]:
    """What triggers and scenarios are called, by number."""
    return {
        "triggers": {number: one.name for number, one in known.triggers.items()},
        "workflows": {number: one.name for number, one in known.workflows.items()},
    }


async def list_launches(transaction: Transaction, *, before: bytes, limit: int, **of: int | None) -> list[Any]:
    """A page of launches with their totals, the newest first; `of` one trigger or workflow. The queue is not asked."""
    page = await launches.list_ids(
        transaction, before=before, trigger_id=of.get("trigger_id"), workflow_id=of.get("workflow_id"), limit=limit
    )
    totals = await launches.list_totals(transaction, page)
    return [
        {"id": one.id.hex(), "launch": one, "totals": totals[one.id]}
        for one in await launches.describe(transaction, page)
    ]


async def _draw(visit: Visit, transaction: Transaction, span: str) -> tuple[Chart, dict[str, int]]:
    """The chart, and how many came to what in its span."""
    length, step, every = _STEPS[span]
    until = traffic.minute_of(visit.now) + timedelta(minutes=1)
    if span == "day":
        until = until.replace(minute=0) + (step if until.minute < 30 else 2 * step)  # noqa: PLR2004 - half hours
    counts = await stored_traffic.list_counts(transaction, until - length, until)
    series = traffic.fill(counts, until - length, until, step)
    steps = length // step
    layers = [
        Layer(_name(visit, channel, outcome), f"{outcome} {channel}".strip(), _sum(series, channel, outcome, steps))
        for channel, outcome in _LAYERS
    ]
    figures = {
        outcome: sum(sum(one.totals) for one in series if one.outcome == outcome)
        for outcome in ("sent", "delivered", "opened", "clicked", "failed", "skipped", "bounced")
    }
    return charts.stack(layers, (until - length).astimezone(visit.zone), step, every=every), figures


def _name(visit: Visit, channel: str, outcome: str) -> str:
    said = visit.t.word("traffic", outcome)
    return f"{visit.t.word('channel', channel)}: {said.lower()}" if channel else said


def _sum(series: Sequence[Series], channel: str, outcome: str, steps: int) -> list[int]:
    """The totals of an outcome, of one channel or of all."""
    fitting = [one.totals for one in series if one.outcome == outcome and channel in ("", one.channel)]
    return [sum(column) for column in zip(*fitting, strict=True)] if fitting else [0] * steps

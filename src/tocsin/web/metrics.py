"""What Prometheus is told: calls of this process, and the queue as the database has it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tocsin.actions.context import Context
from tocsin.actions.hooks import HookView, list_views
from tocsin.actions.workers import GONE_AFTER
from tocsin.core.configuration import Configuration
from tocsin.core.errors import NotReady
from tocsin.store import events, messages, outcomes, tasks, workers
from tocsin.store.messages import Backlog

CONTENT_TYPE = CONTENT_TYPE_LATEST

_CALLS = CollectorRegistry()
_calls = Counter(
    "tocsin_calls", "API calls answered, by operation and error code.", ["operation", "error"], registry=_CALLS
)
_seconds = Histogram(
    "tocsin_call_seconds",
    "Time from the first byte of a call to its answer.",
    ["operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_CALLS,
)


def count_call(operation: str, error: int, seconds: float) -> None:
    """One call answered."""
    _calls.labels(operation, str(error)).inc()
    _seconds.labels(operation).observe(seconds)


async def render(context: Context) -> bytes:
    """Everything in Prometheus' text format; without the database, what this process knows."""
    registry = CollectorRegistry()
    up = Gauge("tocsin_database_up", "Whether the database answers.", registry=registry)
    try:
        await _observe(context, registry)
        up.set(1)
    except NotReady:
        up.set(0)
    return generate_latest(_CALLS) + generate_latest(registry)


async def _observe(context: Context, registry: CollectorRegistry) -> None:
    now = context.clock()
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        living = await workers.count(transaction, now - GONE_AFTER)
        unfinished = await tasks.count(transaction)
        totals = await events.list_totals(transaction)
        ended = await outcomes.list_totals(transaction)
        backlogs = await messages.count(transaction, now)
        views = await list_views(transaction, list(configuration.hooks.values()))
    _observe_hooks(views, now, registry)
    Gauge("tocsin_workers", "Worker processes that live, of all hosts.", registry=registry).set(living)
    _show_backlogs(registry, configuration, backlogs, now)
    _show_outcomes(registry, configuration, ended)
    tasks_gauge = Gauge("tocsin_tasks", "Unfinished tasks, by status.", ["status"], registry=registry)
    for status in ("queued", "processing"):
        tasks_gauge.labels(status).set(unfinished.get(status, 0))
    events_counter = Counter("tocsin_events", "Events, by trigger and type.", ["trigger", "type"], registry=registry)
    for trigger_id, type_, total in totals:
        events_counter.labels(str(trigger_id), type_).inc(total)


def _show_backlogs(
    registry: CollectorRegistry, configuration: Configuration, backlogs: Mapping[int, Backlog], now: datetime
) -> None:
    Gauge("tocsin_messages_waiting", "Messages in the queue, scheduled ones included.", registry=registry).set(
        sum(backlog.waiting for backlog in backlogs.values())
    )
    due = Gauge(
        "tocsin_messages_due", "Messages due and not yet with a worker, by sender.", ["sender"], registry=registry
    )
    oldest = Gauge(
        "tocsin_oldest_due_message_seconds",
        "How long the oldest message of a sender that is due has been due.",
        ["sender"],
        registry=registry,
    )
    for name, those in _by_sender(configuration, backlogs).items():
        due.labels(name).set(sum(one.due for one in those))
        since = min((one.oldest_due_at for one in those if one.oldest_due_at), default=now)
        oldest.labels(name).set((now - since).total_seconds())


def _by_sender(configuration: Configuration, backlogs: Mapping[int, Backlog]) -> dict[str, list[Backlog]]:
    """Under no name those whose trigger is no more."""
    found: dict[str, list[Backlog]] = {sender.name: [] for sender in configuration.senders.values()}
    for trigger_id, backlog in backlogs.items():
        trigger = configuration.triggers.get(trigger_id)
        name = _sender_name(configuration, trigger.sender if trigger else 0)
        found.setdefault(name, []).append(backlog)
    return found


def _show_outcomes(
    registry: CollectorRegistry, configuration: Configuration, ended: Sequence[tuple[int, str, int]]
) -> None:
    counter = Counter(
        "tocsin_messages",
        "Attempts to send, by sender and outcome, of all workers.",
        ["sender", "outcome"],
        registry=registry,
    )
    for sender_id, outcome, total in ended:
        counter.labels(_sender_name(configuration, sender_id), outcome).inc(total)


def _sender_name(configuration: Configuration, sender_id: int) -> str:
    """A removed sender is called by its id; none has no name."""
    sender = configuration.senders.get(sender_id)
    return sender.name if sender else str(sender_id or "")


def _observe_hooks(views: Sequence[HookView], now: datetime, registry: CollectorRegistry) -> None:
    waiting = Gauge(
        "tocsin_hook_events_waiting", "Events that hooks have still to be told.", ["hook"], registry=registry
    )
    oldest = Gauge("tocsin_hook_oldest_event_seconds", "How old the oldest of these is.", ["hook"], registry=registry)
    paused = Gauge("tocsin_hook_paused", "Whether a hook waits to be resumed.", ["hook"], registry=registry)
    for view in views:
        waiting.labels(view.hook.name).set(view.waiting)
        oldest.labels(view.hook.name).set((now - view.oldest_at).total_seconds() if view.oldest_at else 0)
        paused.labels(view.hook.name).set(view.state == "paused")

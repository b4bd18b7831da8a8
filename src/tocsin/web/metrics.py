"""What Prometheus is told: calls of this process, and the queue as the database has it."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tocsin.actions.context import Context
from tocsin.core.errors import NotReady
from tocsin.store import events, messages, tasks

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
        waiting, oldest = await messages.count(transaction, now)
        due = await messages.count_due(transaction, now)
        unfinished = await tasks.count(transaction)
        totals = await events.list_totals(transaction)
    Gauge("tocsin_messages_waiting", "Messages in the queue, scheduled ones included.", registry=registry).set(waiting)
    Gauge("tocsin_oldest_due_message_seconds", "How long the oldest due message has been due.", registry=registry).set(
        (now - oldest).total_seconds() if oldest else 0
    )
    due_gauge = Gauge(
        "tocsin_messages_due", "Messages due and not yet with a worker, by sender.", ["sender"], registry=registry
    )
    for sender in configuration.senders.values():
        triggers = [trigger.id for trigger in configuration.triggers.values() if trigger.sender == sender.id]
        due_gauge.labels(sender.name).set(sum(due.get(trigger_id, 0) for trigger_id in triggers))
    tasks_gauge = Gauge("tocsin_tasks", "Unfinished tasks, by status.", ["status"], registry=registry)
    for status in ("queued", "processing"):
        tasks_gauge.labels(status).set(unfinished.get(status, 0))
    events_counter = Counter("tocsin_events", "Events, by trigger and type.", ["trigger", "type"], registry=registry)
    for trigger_id, type_, total in totals:
        events_counter.labels(str(trigger_id), type_).inc(total)

"""What a worker does: each kind of work, how often it looks for more, and how much it takes at once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

from tocsin.actions import hooks, housekeeping, launch_changes, passage_steps, passage_updates, tasks, workers
from tocsin.actions.context import Context
from tocsin.actions.hook_delivery import HookDelivery
from tocsin.actions.messages import Delivery
from tocsin.actions.passage_requests import Asker
from tocsin.actions.passages import Graphs

# How long an idle worker waits before it looks again. A launch of one message leaves after half of it on average.
_LOOK_SECONDS = 0.1
# The same for workflows, where nobody waits for the next step as for a password.
_STEP_SECONDS = 0.3
_HOUSEKEEPING_SECONDS = 600.0


class Kind(NamedTuple):
    """One kind of work. `work` answers whether there was something to do: then it is called again at once."""

    name: str
    work: Callable[[], Awaitable[bool]]
    look_seconds: float


class Tools(NamedTuple):
    """What a worker keeps open for as long as it works."""

    delivery: Delivery
    asker: Asker
    graphs: Graphs
    hook_delivery: HookDelivery


def kinds(
    context: Context,
    tools: Tools,
    *,
    lease: timedelta,
    batch: int,
    keep_events: timedelta,
) -> list[Kind]:
    """Every kind of work of a worker. Two loops send: the first messages of each launch, and all others."""

    async def send_first() -> bool:
        return await tools.delivery.feed(tools.delivery.first, batch)

    async def send() -> bool:
        return await tools.delivery.feed(tools.delivery.rest, batch)

    async def settle() -> bool:
        return await launch_changes.settle(context, lease)

    async def run_task() -> bool:
        return await tasks.run_next(context, lease)

    async def move() -> bool:
        return await passage_steps.move(context, tools.graphs, lease, batch) > 0

    async def update() -> bool:
        return await passage_updates.update(context, tools.graphs, lease, batch) > 0

    async def replay() -> bool:
        return await hooks.replay_some(context)

    async def tidy() -> bool:
        await housekeeping.tidy(context, keep_events)
        return False

    async def beat() -> bool:
        await workers.beat(context, tools.delivery.worker_id)
        return False

    return [
        Kind("workers.beat", beat, workers.BEAT_SECONDS),
        Kind("messages.send_first", send_first, _LOOK_SECONDS),
        Kind("messages.send", send, _LOOK_SECONDS),
        Kind("launches.settle", settle, _STEP_SECONDS),
        Kind("tasks.run", run_task, _LOOK_SECONDS),
        Kind("passages.move", move, _STEP_SECONDS),
        Kind("passages.update", update, _STEP_SECONDS),
        Kind("passages.ask", tools.asker.ask, _STEP_SECONDS),
        Kind("hooks.deliver", tools.hook_delivery.deliver, _STEP_SECONDS),
        Kind("hooks.replay", replay, _STEP_SECONDS),
        Kind("housekeeping.tidy", tidy, _HOUSEKEEPING_SECONDS),
    ]

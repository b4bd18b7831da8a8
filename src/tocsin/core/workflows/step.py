"""What one profile does next at a node, given what is known of it: the decision alone, nothing is done here.

The engine goes round: it brings the facts that a kind of node asks for, takes one step for each passage, does the
effects of the node for all that go on, and stops where all wait or have finished. `docs/api/workflows.md` says what
each node means.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from tocsin.core import schedule
from tocsin.core.configuration_words import Reentry
from tocsin.core.configuration_workflows import (
    ApiRequestNode,
    CampaignNode,
    ConditionNode,
    ContentFilterNode,
    DelayNode,
    EndNode,
    FeedbackNode,
    SplitNode,
    StartNode,
    UpdateNode,
    WorkflowJumpNode,
)
from tocsin.core.workflows.content import fits
from tocsin.core.workflows.graph import Graph
from tocsin.core.workflows.requests import retry_after

# A checked graph never needs so many steps without a wait unless it is so long.
MOST_STEPS = 100
PAUSE = timedelta(seconds=10)
_SHARES = 2**64


class Facts(Struct, kw_only=True):
    """What is known of a passage at its node; a kind of node reads only what stands beside its name here."""

    profile_id: bytes
    # delay, feedback: when the passage came to the node, which stays while it waits there.
    arrived_at: datetime
    # delay: the profile's fields, for its zone and date.
    fields: Mapping[str, Any] = {}
    # content_filter: the content of the entry with what api_requests have saved.
    content: Mapping[str, Any] = {}
    # condition: whether the profile fits `Graph.filters`.
    fits: bool = False
    # feedback: the events of the message so far.
    happened: frozenset[str] = frozenset()
    # campaign, update, workflow_jump: why it cannot be done for this profile. api_request: what the last attempt met.
    trouble: str = ""
    # api_request: attempts made so far, whether one has been answered, and whether another one may help.
    attempts: int = 0
    is_answered: bool = False
    may_retry: bool = True
    # How many steps the passage has taken since it last waited.
    steps: int = 0


class Go(Struct, frozen=True):
    """On to a node. `done`: the effect of the node left behind is to be had (send, update)."""

    node: str
    reason: str
    done: bool = True


class Wait(Struct, frozen=True):
    """Stay until then, or until an event of the message that is waited for, and ask again."""

    until: datetime
    reason: str


class Ask(Struct, frozen=True):
    """Make the request of this node, outside any transaction, and step again with the answer."""


class Finish(Struct, frozen=True):
    """Leave the workflow. `done`: the jump is to be made."""

    reason: str
    done: bool = True


Outcome: TypeAlias = Go | Wait | Ask | Finish


def step(graph: Graph, node_id: str, facts: Facts, now: datetime) -> Outcome:
    """What a passage does next. Whether there was anything to do is in `done`, why in `reason`."""
    if facts.steps >= MOST_STEPS:
        return Wait(now + PAUSE, f"{MOST_STEPS} steps at once")
    node = graph.find(node_id)
    if node is None:
        return Finish("the node was removed", done=False)
    return _STEPS[type(node)](graph, node, facts, now)


def may_enter(reentry: Reentry, *, has_entered_before: bool, is_inside: bool) -> Literal["enter", "ignore", "restart"]:
    """What becomes of a profile that is to enter; `restart` ends the passages that it is in (facts, 4.2)."""
    if reentry == "once_ever":
        return "ignore" if has_entered_before or is_inside else "enter"
    if not is_inside or reentry == "separate":
        return "enter"
    return "restart" if reentry == "restart" else "ignore"


def _start(_graph: Graph, node: StartNode, _facts: Facts, _now: datetime) -> Outcome:
    return Go(node.next, "entered")


def _campaign(_graph: Graph, node: CampaignNode, facts: Facts, _now: datetime) -> Outcome:
    if facts.trouble:
        return Go(node.skipped or node.next, facts.trouble, done=False)
    return Go(node.next, "sent")


def _delay(graph: Graph, node: DelayNode, facts: Facts, now: datetime) -> Outcome:
    until = _end_of_delay(graph, node, facts)
    if until is None:
        return Go(node.otherwise or node.next, "no date to wait for")
    return Wait(until, "delay") if now < until else Go(node.next, "delay is over")


def _end_of_delay(graph: Graph, node: DelayNode, facts: Facts) -> datetime | None:
    if node.until is None:
        return facts.arrived_at + timedelta(seconds=node.duration.total_seconds if node.duration else 0)
    zone = schedule.choose_zone(facts.fields.get("_tz"), graph.timezone)
    at = time.fromisoformat(node.until.time) if node.until.time else None
    if node.until.field is None:
        return schedule.next_time(facts.arrived_at, zone, at or time(), node.until.weekdays)
    return schedule.find_date(
        facts.fields.get(node.until.field),
        facts.arrived_at,
        zone,
        at,
        offset_days=node.until.offset_days,
        yearly=node.until.yearly,
    )


def _condition(_graph: Graph, node: ConditionNode, facts: Facts, _now: datetime) -> Outcome:
    return Go(node.yes, "fits") if facts.fits else Go(node.no, "does not fit")


def _content_filter(graph: Graph, node: ContentFilterNode, facts: Facts, _now: datetime) -> Outcome:
    for place, (conditions, target) in enumerate(graph.branches[node.id]):
        if fits(conditions, facts.content):
            return Go(target, f"branch {place + 1}")
    return Go(node.otherwise, "no branch fits")


def _api_request(_graph: Graph, node: ApiRequestNode, facts: Facts, now: datetime) -> Outcome:
    if facts.is_answered:
        return Go(node.next, "answered")
    if not facts.trouble:
        return Ask()
    if facts.may_retry and facts.attempts <= node.retries:
        return Wait(now + retry_after(facts.attempts), f"asks again after: {facts.trouble}")
    return Go(node.failed, facts.trouble, done=False)


def _update(_graph: Graph, node: UpdateNode, facts: Facts, _now: datetime) -> Outcome:
    if facts.trouble:
        return Go(node.next, facts.trouble, done=False)
    return Go(node.next, "updated")


def _split(graph: Graph, node: SplitNode, facts: Facts, _now: datetime) -> Outcome:
    lot = draw(graph.workflow.id, node.id, facts.profile_id)
    reached = 0.0
    for branch in node.branches:
        reached += branch.percent
        if lot < reached:
            return Go(branch.next, f"{branch.percent:g}%")
    return Go(node.branches[-1].next, f"{node.branches[-1].percent:g}%")


def draw(workflow_id: int, node_id: str, profile_id: bytes) -> float:
    """A number from 0 to below 100, as if by chance, always the same for the same profile at the same node."""
    digest = sha256(f"{workflow_id}/{node_id}/".encode() + profile_id).digest()
    return 100 * (int.from_bytes(digest[:8]) / _SHARES)


def _feedback(_graph: Graph, node: FeedbackNode, facts: Facts, now: datetime) -> Outcome:
    event = next((event for event in node.events if event in facts.happened), None)
    if event is not None:
        return Go(node.next, event)
    until = facts.arrived_at + timedelta(seconds=node.within.total_seconds)
    return Wait(until, f"waits for {', '.join(node.events)}") if now < until else Go(node.otherwise, "time is over")


def _workflow_jump(_graph: Graph, node: WorkflowJumpNode, facts: Facts, _now: datetime) -> Outcome:
    if facts.trouble:
        return Finish(facts.trouble, done=False)
    return Finish(f"went to workflow {node.workflow}")


def _end(_graph: Graph, _node: EndNode, _facts: Facts, _now: datetime) -> Outcome:
    return Finish("end")


_STEPS: Mapping[type, Callable[[Graph, Any, Facts, datetime], Outcome]] = {
    StartNode: _start,
    CampaignNode: _campaign,
    DelayNode: _delay,
    ConditionNode: _condition,
    ContentFilterNode: _content_filter,
    ApiRequestNode: _api_request,
    UpdateNode: _update,
    SplitNode: _split,
    FeedbackNode: _feedback,
    WorkflowJumpNode: _workflow_jump,
    EndNode: _end,
}

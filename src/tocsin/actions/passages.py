"""Moving profiles through workflows: passages are claimed in sets, stepped in memory, written in one transaction.

A claim is a lease, committed at once; whoever works on passages writes only those whose lease is still its own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core.configuration import Configuration, Database
from tocsin.core.launches import Launch
from tocsin.core.profiles import Profile
from tocsin.core.workflows.graph import Graph
from tocsin.core.workflows.passages import Lane, Passage, Step, lane_of
from tocsin.core.workflows.step import Finish, Go, Outcome, Wait
from tocsin.core.workflows.texts import node_context
from tocsin.store import launches
from tocsin.store import passages as stored_passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction

ALL_BUCKETS = range(ids.BUCKETS)
GONE = Finish("the profile was deleted", done=False)
CANCELLED = Finish("the launch was cancelled", done=False)


class Graphs:
    """Workflows translated, each kept until its configuration changes."""

    def __init__(self) -> None:
        self._graphs: dict[int, tuple[Database, Graph]] = {}

    def find(self, configuration: Configuration, workflow_id: int) -> Graph | None:
        """The graph of a workflow that is active; None if it is not, or not there."""
        workflow = configuration.workflows.get(workflow_id)
        if workflow is None or not workflow.active:
            return None
        database = configuration.get_database(workflow.database)
        known = self._graphs.get(workflow_id)
        if known is None or known[0] is not database or known[1].workflow is not workflow:
            known = self._graphs[workflow_id] = (database, Graph(workflow, database))
        return known[1]


class Traveller(NamedTuple):
    """A passage with all that its nodes may ask about."""

    passage: Passage
    graph: Graph
    profile: Profile | None
    launch: Launch | None

    @property
    def content(self) -> dict[str, Any]:
        """`apicontent`: the content of the launch, and what requests have saved over it."""
        return {**(self.launch.content if self.launch else {}), **self.passage.memory.saved}

    def context(self) -> dict[str, Any]:
        """What the templates of nodes see."""
        if self.profile is None:
            return {}
        return node_context(self.passage.profile_id, self.profile.fields, self.profile.subscriptions, self.content)


async def claim(
    context: Context,
    lane: Lane,
    lease: timedelta,
    limit: int,
    buckets: range,
    room: Callable[[int], int] | None = None,
) -> list[Passage]:
    """Due passages of active workflows, until the lease ends; of one workflow as many as there is room for.

    It begins with any of the workflows, so that one with many passages does not keep the others waiting.
    """
    now = context.clock()
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        rooms = {
            workflow.id: room(workflow.id) if room else limit
            for workflow in configuration.workflows.values()
            if workflow.active
        }
        if not rooms:
            return []
        first = int.from_bytes(context.random(4)) % len(rooms)
        turns = [*rooms.items()]
        return await stored_passages.claim(
            transaction,
            dict(turns[first:] + turns[:first]),
            lane,
            now=now,
            leased_until=now + lease,
            buckets=buckets,
            limit=limit,
        )


async def read(
    transaction: Transaction, graphs: Graphs, configuration: Configuration, claimed: Sequence[Passage]
) -> list[Traveller]:
    """The passages with what is known of them; those of workflows that are no longer active are left out."""
    await stored_profiles.prefer_indexes(transaction)
    profiles = await stored_profiles.get_anywhere(transaction, list({one.profile_id for one in claimed}))
    launched = await launches.get(transaction, list({one.launch_id for one in claimed}))
    return [
        Traveller(one, graph, profiles.get(one.profile_id), launched.get(one.launch_id))
        for one in claimed
        if (graph := graphs.find(configuration, one.workflow_id))
    ]


def by_node(travellers: Sequence[Traveller]) -> list[list[Traveller]]:
    """Those at the same node of the same workflow together."""

    def place(one: Traveller) -> tuple[int, str]:
        return one.passage.workflow_id, one.passage.node

    return [list(group) for _, group in groupby(sorted(travellers, key=place), place)]


class Ledger:
    """What is to be written of a set of passages: where they are now, which have ended, what steps they took."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._moved: dict[bytes, tuple[Passage, Lane]] = {}
        self._ended: list[bytes] = []
        self._steps: list[Step] = []

    def take(self, traveller: Traveller, outcome: Outcome, *, is_noted: bool = False) -> None:
        """Write down what a step came to. One that goes on is at its next node, due now. `is_noted`: waiting too is
        worth a line in the history.
        """
        match outcome:
            case Go(node, reason):
                self._note(traveller.passage, node, reason)
                self._arrive(traveller, node)
            case Wait(until, reason):
                self.postpone(traveller, until, reason if is_noted else "")
            case Finish(reason):
                self._note(traveller.passage, None, reason)
                self._ended.append(traveller.passage.id)
                self._moved.pop(traveller.passage.id, None)

    def postpone(self, traveller: Traveller, until: datetime, reason: str = "") -> None:
        """Let a passage stay where it is until then; a reason is worth a line in its history."""
        if reason:
            self._note(traveller.passage, traveller.passage.node, reason)
        traveller.passage.due_at = until
        self._stay(traveller)

    async def write(self, transaction: Transaction) -> None:
        """Everything noted, a statement for each kind; the caller has locked the passages."""
        if self._ended:
            await stored_passages.delete(transaction, self._ended)
        if self._moved:
            await stored_passages.update(transaction, list(self._moved.values()))
        if self._steps:
            await stored_passages.insert_steps(transaction, self._steps)

    def _note(self, passage: Passage, target: str | None, reason: str) -> None:
        passage.steps += 1
        self._steps.append(Step(passage, passage.steps, self._now, passage.node, target, reason))

    def _arrive(self, traveller: Traveller, node: str) -> None:
        passage = traveller.passage
        passage.node, passage.arrived_at, passage.due_at = node, self._now, self._now
        passage.awaits, passage.attempts = None, 0
        self._stay(traveller)

    def _stay(self, traveller: Traveller) -> None:
        lane = lane_of(traveller.graph.kinds.get(traveller.passage.node, ""))
        self._moved[traveller.passage.id] = (traveller.passage, lane)

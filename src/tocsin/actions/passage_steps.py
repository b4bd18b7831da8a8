"""The steps of passages that need nothing of the outside world: as many as can be, in one transaction."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tocsin.actions import passages, rules, workflows
from tocsin.actions.context import Context
from tocsin.actions.passages import ALL_BUCKETS, CANCELLED, GONE, Graphs, Ledger, Traveller, by_node
from tocsin.actions.rules import Skipped
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_workflows import CampaignNode, ConditionNode, FeedbackNode, Node, WorkflowJumpNode
from tocsin.core.errors import Invalid
from tocsin.core.messages import QueuedMessage
from tocsin.core.rules import has_limits
from tocsin.core.triggers import DELETED, Skip, choose_addresses
from tocsin.core.workflows.passages import Memory, lane_of
from tocsin.core.workflows.step import MOST_STEPS, PAUSE, Facts, Go, Outcome, Wait, step
from tocsin.log import get as get_log
from tocsin.store import messages
from tocsin.store import passages as stored_passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.filter_sql import condition

log = get_log("tocsin.passages")

# An event recorded while its message began to be awaited may be seen by neither side at once: it is looked for again.
_LOOK_AGAIN = timedelta(seconds=5)
_AFTER_A_SLOW_FILTER = timedelta(minutes=5)

_Group = Sequence[Traveller]
_FactsOf = Mapping[bytes, dict[str, Any]]


async def move(context: Context, graphs: Graphs, lease: timedelta, limit: int, buckets: range = ALL_BUCKETS) -> int:
    """Take due passages as far as they go by themselves; how many were claimed."""
    claimed = await passages.claim(context, "steps", lease, limit, buckets)
    if claimed:
        async with context.database.transaction() as transaction:
            await stored_profiles.prefer_indexes(transaction)
            await stored_profiles.lock(transaction, (one.profile_id for one in claimed))
            configuration = await context.configuration(transaction)
            kept = await stored_passages.lock(transaction, claimed)
            travellers = await passages.read(transaction, graphs, configuration, kept)
            await _Round(context, transaction, configuration).run(travellers)
    return len(claimed)


class _Round:
    """Passages on their way in one transaction, group by group of those at the same node."""

    def __init__(self, context: Context, transaction: Transaction, configuration: Configuration) -> None:
        self._context = context
        self._transaction = transaction
        self._configuration = configuration
        self._now = context.clock()
        self._ledger = Ledger(self._now)
        self._hops: dict[bytes, int] = defaultdict(int)

    async def run(self, travellers: Sequence[Traveller]) -> None:
        """Until all wait, have ended, or are at a node of another lane; then everything is written."""
        moving = travellers
        while moving:
            moving = [one for group in by_node(moving) for one in await self._step(group)]
        await self._ledger.write(self._transaction)

    async def _step(self, group: _Group) -> list[Traveller]:
        """One step of passages at the same node; those that can take another at once."""
        able = [one for one in group if self._is_able(one)]
        if not able:
            return []
        graph, node_id = able[0].graph, able[0].passage.node
        node = graph.find(node_id)
        try:
            facts = await self._facts(node, able) if node else {}
        except Invalid as slow:
            log.warning("passages.slow_filter", workflow=graph.workflow.id, node=node_id, reason=slow.describe())
            for one in able:
                self._ledger.postpone(one, self._now + _AFTER_A_SLOW_FILTER, slow.describe())
            return []
        outcomes = [step(graph, node_id, self._of(one, facts), self._now) for one in able]
        return [one for one, outcome in zip(able, outcomes, strict=True) if self._take(one, node, outcome)]

    def _is_able(self, one: Traveller) -> bool:
        """Whether it can take a step now: its profile is there, and it has not come round too often."""
        if one.profile is None:
            self._ledger.take(one, GONE)
        elif one.launch is not None and one.launch.state == "cancelled":
            self._ledger.take(one, CANCELLED)
        elif self._hops[one.passage.id] >= MOST_STEPS:
            self._ledger.postpone(one, self._now + PAUSE)
        else:
            return True
        return False

    def _take(self, one: Traveller, node: Node | None, outcome: Outcome) -> bool:
        """Note the outcome; whether another step can follow."""
        passage = one.passage
        if isinstance(outcome, Wait) and isinstance(node, FeedbackNode) and passage.awaits is None:
            passage.awaits = _awaited(one, node)
            outcome = Wait(min(outcome.until, self._now + _LOOK_AGAIN), outcome.reason)
        self._ledger.take(one, outcome)
        self._hops[passage.id] += 1
        return isinstance(outcome, Go) and lane_of(one.graph.kinds.get(passage.node, "")) == "steps"

    def _of(self, one: Traveller, facts: _FactsOf) -> Facts:
        return Facts(
            profile_id=one.passage.profile_id,
            arrived_at=one.passage.arrived_at,
            fields=one.profile.fields if one.profile else {},
            content=one.content,
            **facts.get(one.passage.id, {}),
        )

    async def _facts(self, node: Node, group: _Group) -> _FactsOf:
        """What this kind of node needs to know, by passage; what it does is done as well."""
        find = _FINDERS.get(type(node))
        return await find(self, node, group) if find else {}

    async def condition(self, node: ConditionNode, group: _Group) -> _FactsOf:
        """Who fits, by one statement."""
        workflow = group[0].graph.workflow
        wanted = condition(group[0].graph.filters[node.id], workflow.database)
        profile_ids = list({one.passage.profile_id for one in group})
        fitting = await stored_profiles.list_fitting(self._transaction, workflow.database, wanted, profile_ids)
        return {one.passage.id: {"fits": one.passage.profile_id in fitting} for one in group}

    async def feedback(self, node: FeedbackNode, group: _Group) -> _FactsOf:
        """What has happened to the messages so far."""
        awaited = {one.passage.id: message_id for one in group if (message_id := _awaited(one, node))}
        pairs = [(one.passage.profile_id, awaited[one.passage.id]) for one in group if one.passage.id in awaited]
        happened = await stored_passages.list_happened(self._transaction, pairs) if pairs else {}
        return {
            passage_id: {"happened": happened.get(message_id, frozenset())}
            for passage_id, message_id in awaited.items()
        }

    async def campaign(self, node: CampaignNode, group: _Group) -> _FactsOf:
        """The messages of the group, by one COPY; and why there is none for others."""
        trigger = self._configuration.triggers.get(node.trigger)
        if trigger is None or not trigger.active:
            return {one.passage.id: {"trouble": f"trigger {node.trigger} is not active"} for one in group}
        sent_to: list[tuple[Traveller, str]] = []
        troubles: dict[bytes, dict[str, Any]] = {}
        for one, chosen in zip(group, await self._choose(trigger, group), strict=True):
            if isinstance(chosen, Skip):
                troubles[one.passage.id] = {"trouble": chosen.reason}
            else:
                sent_to.extend((one, address) for address in chosen)
        if sent_to:
            is_counted = has_limits(self._configuration, trigger)
            queued = self._messages(node.id, sent_to)
            await messages.enqueue(self._transaction, trigger.id, self._now, queued, is_counted=is_counted)
        return troubles

    async def _choose(self, trigger: Trigger, group: _Group) -> list[tuple[str, ...] | Skip]:
        """Where to the trigger sends for each of the group; why nowhere is noted in its history."""
        there = {one.passage.id: one.profile for one in group}
        chosen = {
            one.passage.id: choose_addresses(
                trigger, one.profile.fields, one.profile.subscriptions, one.passage.memory.wanted
            )
            if one.profile
            else Skip(DELETED)
            for one in group
        }
        checked = await rules.check(self._transaction, self._configuration, trigger, self._now, there, chosen)
        skipped = [
            Skipped(one.passage.launch_id, one.passage.profile_id, skip, one.passage.memory.custom_data)
            for one in group
            if isinstance(skip := checked[one.passage.id], Skip)
        ]
        await rules.record_skips(self._context, self._transaction, trigger, skipped)
        return [checked[one.passage.id] for one in group]

    def _messages(self, node_id: str, sent_to: Sequence[tuple[Traveller, str]]) -> list[QueuedMessage]:
        message_ids = self._context.new_ids_beside([one.passage.profile_id for one, _ in sent_to])
        queued = []
        for (one, address), message_id in zip(sent_to, message_ids, strict=True):
            passage, memory = one.passage, one.passage.memory
            memory.messages[node_id] = memory.last_message = message_id.hex()
            queued.append(
                QueuedMessage(
                    message_id,
                    passage.launch_id,
                    passage.profile_id,
                    address,
                    memory.custom_data or None,
                    memory.saved or None,
                )
            )
        return queued

    async def jump(self, node: WorkflowJumpNode, group: _Group) -> _FactsOf:
        """Into the other workflow, with what was gathered here."""
        workflow = self._configuration.workflows.get(node.workflow)
        if workflow is None or not workflow.active:
            return {one.passage.id: {"trouble": f"workflow {node.workflow} is not active"} for one in group}
        troubles: dict[bytes, dict[str, Any]] = {}
        for launch_id, same in _by_launch(group).items():
            entering = {one.passage.profile_id: _onward(one.passage.memory) for one in same}
            skipped = await workflows.enter(
                self._context, self._transaction, workflow, launch_id, self._now, entering, is_locked=True
            )
            for one in same:
                if skip := skipped.get(one.passage.profile_id):
                    troubles[one.passage.id] = {"trouble": skip.reason}
        return troubles


_FINDERS: Mapping[type, Callable[[_Round, Any, _Group], Awaitable[_FactsOf]]] = {
    ConditionNode: _Round.condition,
    FeedbackNode: _Round.feedback,
    CampaignNode: _Round.campaign,
    WorkflowJumpNode: _Round.jump,
}


def _awaited(one: Traveller, node: FeedbackNode) -> bytes | None:
    """The message whose events the node waits for."""
    memory = one.passage.memory
    named = memory.messages.get(node.of, "") if node.of else memory.last_message
    return bytes.fromhex(named) if named else None


def _by_launch(group: Iterable[Traveller]) -> dict[bytes, list[Traveller]]:
    found: dict[bytes, list[Traveller]] = defaultdict(list)
    for one in group:
        found[one.passage.launch_id].append(one)
    return found


def _onward(memory: Memory) -> Memory:
    """What goes along into the next workflow."""
    return Memory(custom_data=memory.custom_data, saved=memory.saved, wanted=memory.wanted, depth=memory.depth + 1)

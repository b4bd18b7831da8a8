"""Whether a workflow can be used: everything that is wrong with its graph, each mistake with its node."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from math import fsum
from typing import Any

from tocsin.core import fields, mongo, profiles
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_check import Finding, Known, check_exists, check_when
from tocsin.core.configuration_members import suggest
from tocsin.core.configuration_workflows import (
    ApiRequestNode,
    CampaignNode,
    ConditionNode,
    ContentFilterNode,
    DelayNode,
    Duration,
    FeedbackNode,
    Node,
    SplitNode,
    StartNode,
    Until,
    UpdateNode,
    Workflow,
    WorkflowJumpNode,
)
from tocsin.core.errors import Invalid, TemplateMistake
from tocsin.core.workflows import requests, rounds, texts
from tocsin.core.workflows.content import parse_when
from tocsin.core.workflows.graph import edges

MOST_NODES = 1000
MOST_TEMPLATES = 2000
LONGEST_WAIT_DAYS = 3650

_DATES = ("date", "datetime")
_SHOWN_IDS = 10
_MOST_SUGGESTIONS = 20
_DAY_SECONDS = 86_400
_MIDNIGHT = "24:00"
_WHOLE = 100
_NEAR_WHOLE = 1e-6
_NO_TRIGGER = "there is no node that sends a message, so there is nothing to wait for"

Path = tuple[str | int, ...]


def check_workflow(workflow: Workflow, known: Known) -> Iterator[Finding]:
    """Every mistake at once; paths begin with `nodes` and the place of the node, sentences with its id."""
    if len(workflow.nodes) > MOST_NODES:
        yield Finding(("nodes",), f"there are {len(workflow.nodes)} nodes; a workflow has at most {MOST_NODES}")
        return
    yield from check_exists(known, "databases", workflow.database, ("database",))
    if sum(1 for _ in islice(_list_texts(workflow), MOST_TEMPLATES + 1)) > MOST_TEMPLATES:
        yield Finding(("nodes",), f"a workflow has at most {MOST_TEMPLATES} texts with forms")
        return
    checking = _Checking(workflow, known)
    yield from checking.check_graph()
    for place, node in enumerate(workflow.nodes):
        for path, sentence in checking.check_node(node):
            yield Finding(("nodes", place, *path), f"node {node.id}: {sentence}")


class _Checking:
    """One workflow and what it is checked against. Findings of a node have the node's own paths."""

    def __init__(self, workflow: Workflow, known: Known) -> None:
        self._workflow = workflow
        self._known = known
        self._database = known.databases.get(workflow.database)
        self._nodes: dict[str, Node] = {}
        for node in workflow.nodes:
            self._nodes.setdefault(node.id, node)
        self._suggested = 0
        self._jumps = rounds.find_jumps_in_a_circle(workflow, known.workflows)
        if self._database is not None:
            configuration = Configuration(databases=known.databases, resources=known.resources)
            self._reader = profiles.Reader(configuration, self._database, skip_invalid_subscriptions=False)
            self._fields = fields.database_parsers(self._database)

    def check_graph(self) -> Iterator[Finding]:
        """What is wrong with the nodes together."""
        starts = [node.id for node in self._workflow.nodes if isinstance(node, StartNode)]
        if len(starts) != 1:
            said = f"these are {_list(starts)}" if starts else "there is none"
            yield Finding(("nodes",), f"a workflow has exactly one start; {said}")
        if len(self._nodes) == 1:
            yield Finding(("nodes",), "a workflow has at least two nodes")
        yield from self._check_ids()
        if len(starts) == 1:
            yield from self._check_reached(starts[0])
        for cycle in rounds.find_cycles(self._nodes):
            way = " → ".join((*cycle, cycle[0])) if len(cycle) <= _SHOWN_IDS else f"{_list(cycle)} and back"
            place = next(place for place, node in enumerate(self._workflow.nodes) if node.id == cycle[0])
            yield Finding(("nodes", place), f"node {cycle[0]}: this leads in a circle without a sure wait: {way}")

    def _check_ids(self) -> Iterator[Finding]:
        counts = Counter[str]()
        for place, node in enumerate(self._workflow.nodes):
            counts[node.id] += 1
            if counts[node.id] > 1:
                yield Finding(("nodes", place, "id"), f"node {node.id}: this id is used twice")

    def _check_reached(self, start: str) -> Iterator[Finding]:
        reached = rounds.reach(self._nodes, start)
        for place, node in enumerate(self._workflow.nodes):
            if node.id not in reached:
                yield Finding(("nodes", place), f"node {node.id}: nothing leads here from the start")

    def check_node(self, node: Node) -> Iterator[Finding]:
        """What is wrong with one node."""
        for edge in edges(node):
            if edge.target not in self._nodes:
                yield Finding(edge.path, f"there is no node {edge.target}{self._suggest(edge.target, self._nodes)}")
        yield from _CHECKS.get(type(node), _no_check)(self, node)

    def _suggest(self, word: str, known: Iterable[str]) -> str:
        """Looking for a near word among many takes long, so that it is not done for ever more mistakes."""
        self._suggested += 1
        return suggest(word, known) if self._suggested <= _MOST_SUGGESTIONS else ""

    def check_entries(self, node: StartNode) -> Iterator[Finding]:
        for place, entry in enumerate(node.events):
            if entry.when is not None:
                path = ("events", place, "when")
                yield from check_when(entry.event, entry.when, self._database, self._known, path)

    def check_trigger(self, node: CampaignNode) -> Iterator[Finding]:
        yield from check_exists(self._known, "triggers", node.trigger, ("trigger",))
        trigger = self._known.triggers.get(node.trigger)
        if trigger is not None and trigger.database != self._workflow.database:
            yield Finding(("trigger",), f"trigger {trigger.id} is for database {trigger.database}")

    def check_delay(self, node: DelayNode) -> Iterator[Finding]:
        if (node.duration is None) == (node.until is None):
            yield Finding((), "a delay needs either for or until")
        if node.duration is not None:
            yield from _check_duration(node.duration, ("for",))
        if node.until is not None:
            yield from self._check_until(node.until)
        if node.otherwise is not None and (node.until is None or node.until.field is None):
            yield Finding(("otherwise",), "only a delay until the date in a field needs this")

    def _check_until(self, until: Until) -> Iterator[Finding]:
        if until.time is not None and until.time >= _MIDNIGHT:
            yield Finding(("until", "time"), f"a day ends before {_MIDNIGHT}")
        if until.field is None:
            if until.time is None:
                yield Finding(("until",), "expected a time, or a field of the profile")
            if until.yearly or until.offset_days:
                yield Finding(("until",), "yearly and offset_days go with a field")
            return
        if until.weekdays:
            yield Finding(("until", "weekdays"), "weekdays go with a time, not with a field")
        if self._database is None:
            return
        described = fields.STANDARD.get(until.field) or self._database.custom_fields().get(until.field)
        if described is None:
            near = self._suggest(until.field, self._fields)
            yield Finding(("until", "field"), f"database {self._database.id} has no field {until.field}{near}")
        elif described.type not in _DATES:
            yield Finding(("until", "field"), f"{until.field} is {described.type}, not date or datetime")

    def check_query(self, node: ConditionNode) -> Iterator[Finding]:
        if self._database is None:
            return
        try:
            mongo.parse(node.query, self._database, "query")
        except Invalid as mistake:
            yield Finding(("query",), mistake.describe())

    def check_update(self, node: UpdateNode) -> Iterator[Finding]:
        if not node.set and not node.subscriptions:
            yield Finding((), "an update needs set or subscriptions")
        if self._database is None:
            return
        for name, value in node.set.items():
            if name not in self._fields and not self._keeps(name, self._database):
                near = self._suggest(name, self._fields)
                yield Finding(("set", name), f"database {self._database.id} has no field {name}{near}")
            else:
                yield from self._check_change({name: value}, ("set", name))
        for place, subscription in enumerate(node.subscriptions):
            yield from self._check_change({"subscriptions": [subscription]}, ("subscriptions", place))

    def _keeps(self, name: str, database: Database) -> bool:
        return database.unknown_fields == "keep" and name not in fields.RESERVED

    def _check_change(self, said: Mapping[str, Any], path: Path) -> Iterator[Finding]:
        """What holds a form is known only for a profile."""
        mistakes = list(_check_texts(next(iter(said.values())), path))
        yield from mistakes
        if mistakes or any(True for _ in texts.list_texts(said)):
            return
        try:
            self._reader.read(said)
        except Invalid as mistake:
            yield Finding(path, mistake.describe())

    def check_feedback(self, node: FeedbackNode) -> Iterator[Finding]:
        yield from _check_duration(node.within, ("within",))
        if node.within.total_seconds == 0:
            yield Finding(("within",), "expected a second or more")
        campaigns = [one.id for one in self._workflow.nodes if isinstance(one, CampaignNode)]
        if node.of is not None and node.of not in campaigns:
            yield Finding(("of",), f"there is no campaign {node.of}{self._suggest(node.of, campaigns)}")
        elif not campaigns:
            yield Finding((), _NO_TRIGGER)

    def check_jump(self, node: WorkflowJumpNode) -> Iterator[Finding]:
        yield from check_exists(self._known, "workflows", node.workflow, ("workflow",))
        target = self._known.workflows.get(node.workflow)
        if target is not None and target.database != self._workflow.database:
            yield Finding(("workflow",), f"workflow {target.id} is for database {target.database}")
        if node.workflow in self._jumps:
            yield Finding(("workflow",), "this leads back to this workflow without a sure wait, again and again")


def _check_duration(duration: Duration, path: Path) -> Iterator[Finding]:
    if duration.total_seconds > LONGEST_WAIT_DAYS * _DAY_SECONDS:
        yield Finding(path, f"expected at most {LONGEST_WAIT_DAYS} days in all")


def _check_branches(_checking: _Checking, node: ContentFilterNode) -> Iterator[Finding]:
    for place, branch in enumerate(node.branches):
        try:
            parse_when(branch.when)
        except Invalid as mistake:
            yield Finding(("branches", place, "when"), mistake.describe())


def _check_request(_checking: _Checking, node: ApiRequestNode) -> Iterator[Finding]:
    for path, sentence in requests.check_request(node):
        yield Finding(path, sentence)
    yield from _check_text(node.url, ("url",), is_url=True)
    for member in ("headers", "json"):
        yield from _check_texts(getattr(node, member), (member,))
    if node.body is not None:
        yield from _check_text(node.body, ("body",))


def _list_texts(workflow: Workflow) -> Iterator[tuple[Path, str]]:
    for node in workflow.nodes:
        if isinstance(node, ApiRequestNode):
            yield from texts.list_texts((node.url, node.headers, node.json, node.body))
        elif isinstance(node, UpdateNode):
            yield from texts.list_texts((node.set, node.subscriptions))


def _check_texts(value: Any, path: Path) -> Iterator[Finding]:
    try:
        fields.check_tree(value)
    except ValueError as mistake:
        yield Finding(path, str(mistake))
        return
    for place, text in texts.list_texts(value, path):
        yield from _check_text(text, place)


def _check_text(text: str, path: Path, *, is_url: bool = False) -> Iterator[Finding]:
    try:
        texts.compile_text(text, is_url=is_url)
    except TemplateMistake as mistake:
        yield Finding(path, str(mistake))


def _check_shares(_checking: _Checking, node: SplitNode) -> Iterator[Finding]:
    whole = fsum(branch.percent for branch in node.branches)
    if abs(whole - _WHOLE) > _NEAR_WHOLE:
        yield Finding(("branches",), f"the percents add up to {whole:g}, not 100")


def _list(ids: Iterable[str]) -> str:
    shown = list(ids)
    rest = f" and {len(shown) - _SHOWN_IDS} more" if len(shown) > _SHOWN_IDS else ""
    return ", ".join(shown[:_SHOWN_IDS]) + rest


def _no_check(_checking: _Checking, _node: Node) -> Iterable[Finding]:
    return ()


_CHECKS: Mapping[type, Callable[[_Checking, Any], Iterable[Finding]]] = {
    StartNode: _Checking.check_entries,
    CampaignNode: _Checking.check_trigger,
    DelayNode: _Checking.check_delay,
    ConditionNode: _Checking.check_query,
    ContentFilterNode: _check_branches,
    ApiRequestNode: _check_request,
    UpdateNode: _Checking.check_update,
    SplitNode: _check_shares,
    FeedbackNode: _Checking.check_feedback,
    WorkflowJumpNode: _Checking.check_jump,
}

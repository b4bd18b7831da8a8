"""Graphs of all kinds, drawn at random: what is found right can be gone through, and nothing breaks the check."""

from datetime import UTC, datetime
from random import Random

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.core.graphs import DATABASE, known, mistakes

from tocsin.core.configuration_members import read
from tocsin.core.configuration_workflows import Node, Workflow
from tocsin.core.workflows.check import check_workflow
from tocsin.core.workflows.graph import Graph
from tocsin.core.workflows.step import Ask, Facts, Finish, Wait, step
from tocsin.core.yaml_document import BROKEN, Document

COME = datetime(2026, 11, 21, 12, tzinfo=UTC)
DURATIONS = [{"hours": 0}, {"hours": 1}, {"days": 2}, {"seconds": 1}]
UNTILS = [
    {"time": "10:00"},
    {"time": "03:30", "weekdays": ["sun"]},
    {"field": "start"},
    {"field": "_bdate", "yearly": True},
]
SHARES = [[100], [50, 50], [0.5, 99.5], [20, 30, 50]]
EVENTS = [["open"], ["click", "deliv"]]

MAKERS = {
    "campaign": lambda pick, to: {"trigger": 8, "next": to(), **pick([{}, {"skipped": to()}])},
    "delay": lambda pick, to: {"for": pick(DURATIONS), "next": to()},
    "until": lambda pick, to: wait_until(pick(UNTILS), pick([{}, {"otherwise": to()}]), to()),
    "condition": lambda _, to: {"query": {"bonus": 1}, "yes": to(), "no": to()},
    "content_filter": lambda _, to: {"branches": [{"when": {"page": "cart"}, "next": to()}], "otherwise": to()},
    "api_request": lambda _, to: {"method": "GET", "url": "http://a.b/{lead.email}", "next": to(), "failed": to()},
    "update": lambda _, to: {"set": {"bonus": {"action": "incr", "value": 1}}, "next": to()},
    "split": lambda pick, to: {"branches": [{"percent": one, "next": to()} for one in pick(SHARES)]},
    "feedback": lambda pick, to: {"events": pick(EVENTS), "within": pick(DURATIONS), "next": to(), "otherwise": to()},
    "workflow_jump": lambda pick, _: {"workflow": pick([12, 13, 14])},
    "end": lambda _, __: {},
}


def wait_until(until, otherwise, target):
    return {"until": until, "next": target, **(otherwise if "field" in until else {})}


def build(seed):
    """A graph of plain values: a start, and seven nodes that lead anywhere."""
    random = Random(seed)
    made = [{"id": "start", "type": "start", "next": "a"}]
    for node_id in "abcdefg":
        kind = random.choice(list(MAKERS))
        members = MAKERS[kind](random.choice, lambda: random.choice("abcdefg"))
        made.append({"id": node_id, "type": "delay" if kind == "until" else kind, **members})
    return made


GRAPHS = st.integers(0, 2**32).map(build)


def workflow_of(plain, number=12):
    return Workflow(id=number, name="Drawn", database=1, nodes=msgspec.convert(plain, tuple[Node, ...]))


SHORT = [{"id": "start", "type": "start", "next": "x"}, {"id": "x", "type": "end"}]
OTHERS = (workflow_of(SHORT, 13), workflow_of(SHORT, 14))


def only_reached(plain):
    """Leave out what nothing leads to, as an author would."""
    unreached = {
        sentence.split(":")[0].removeprefix("node ")
        for _, sentence in mistakes(workflow_of(plain))
        if sentence.endswith("nothing leads here from the start")
    }
    return [one for one in plain if one["id"] not in unreached]


@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(GRAPHS, st.integers(0, 2**32))
def test_a_checked_graph_always_waits_or_ends(plain, seed):
    checked = workflow_of(only_reached(plain))
    assume(not mistakes(checked, *OTHERS))
    graph = Graph(checked, DATABASE)
    for lot in range(3):
        walk(graph, Random(seed + lot))


def walk(graph, random):
    """A passage whose facts are drawn at random: never more steps at one moment than there are nodes."""
    here, now, arrived_at, steps, attempts, trouble = "start", COME, COME, 0, 0, ""
    fields = random.choice([{}, {"start": "2026-12-24", "_bdate": "1992-02-29", "_tz": "America/New_York"}])
    for _ in range(60):
        facts = Facts(
            profile_id=random.randbytes(12),
            arrived_at=arrived_at,
            fields=fields,
            content=random.choice([{}, {"page": "cart"}]),
            fits=random.random() < 0.5,
            happened=random.choice([frozenset(), frozenset({"open"})]),
            trouble=trouble or random.choice(["", "", "no_address"] if graph.kinds[here] != "api_request" else [""]),
            attempts=attempts,
            is_answered=attempts > 0 and not trouble,
        )
        outcome = step(graph, here, facts, now)
        if isinstance(outcome, Finish):
            return
        if isinstance(outcome, Ask):
            attempts, trouble = attempts + 1, random.choice(["", "time-out"])
        elif isinstance(outcome, Wait):
            assert outcome.until > now
            now, steps, trouble = outcome.until, 0, trouble and "time-out"
            attempts += bool(trouble)
        else:
            steps += 1
            assert steps <= len(graph.nodes)
            here, arrived_at, attempts, trouble = outcome.node, now, 0, ""


@given(GRAPHS)
def test_the_check_says_where_each_mistake_is(plain):
    for finding in check_workflow(workflow_of(plain), known()):
        assert finding.path[0] == "nodes"
        assert finding.sentence
        if len(finding.path) > 1:
            assert finding.sentence.startswith(f"node {plain[finding.path[1]]['id']}: ")


TEXTS = st.sampled_from(["", "a", "{", "{lead.x}", "start", "\0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$gt", "id", "type", "next", "a.b", "for", "hours"]), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = [
    "id", "type", "next", "name", "trigger", "for", "until", "otherwise", "query", "yes", "no", "branches", "method",
    "url", "failed", "headers", "json", "body", "save_as", "set", "subscriptions", "events", "within", "of",
    "workflow",
]  # fmt: skip


@settings(max_examples=150)
@given(GRAPHS, st.lists(st.tuples(st.integers(0, 7), st.sampled_from(MEMBERS), VALUES), min_size=1, max_size=4))
def test_no_plain_value_breaks_reading_or_checking(plain, changes):
    for place, member, value in changes:
        plain[place][member] = value
    document = Document()
    found = read(document, {"id": 12, "name": "x", "database": 1, "nodes": plain}, Workflow, ())
    if found is BROKEN:
        assert document.mistakes
    elif not list(check_workflow(found, known())):
        Graph(found, DATABASE)

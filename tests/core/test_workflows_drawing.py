"""Workflows drawn in text and as pictures, and what happened to one profile told."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.graphs import END, node, start, workflow

from tocsin.core.configuration_workflows import Workflow
from tocsin.core.workflows.drawing import WIDTH, Numbers, draw
from tocsin.core.workflows.layout import lay_out
from tocsin.core.workflows.passages import Passage
from tocsin.core.workflows.picture import draw_svg
from tocsin.core.workflows.trace import Trace, TracedStep, describe_trace

SVG = "{http://www.w3.org/2000/svg}"
LOOP = workflow(
    start("pause"),
    node("pause", "delay", **{"for": {"days": 1}, "next": "bought"}),
    node("bought", "condition", query={}, yes="done", no="hello"),
    node("hello", "campaign", trigger=8, next="pause", skipped="done"),
    END,
    active=True,
)
NUMBERS = Numbers(
    {"pause": 120, "hello": 1},
    {
        ("start", "pause"): 500,
        ("pause", "bought"): 900,
        ("pause", "pause"): 3,
        ("bought", "done"): 300,
        ("bought", "hello"): 600,
        ("hello", "pause"): 580,
        ("hello", "done"): 19,
        ("done", ""): 319,
    },
)
DRAWN = """\
workflow 12 "Test", active, database 1, 121 inside

                                                                                    inside   through
●   start  start                                                                         0       500
│       next → pause                                                                             500
●   pause  delay                                                                       120       900
│       next → bought                                                                            900
●   bought  condition                                                                    0       900
├─╮     yes → done                                                                               300
│ │     no → hello                                                                               600
● │ hello  campaign (trigger 8)                                                          1       599
│ │     next ↑ back to pause                                                                     580
╰─┤     skipped → done                                                                            19
  ● done  end                                                                            0       319
"""


def picture_of(drawn: Workflow, numbers: Numbers) -> ET.Element:
    return ET.fromstring(draw_svg(drawn, numbers))  # noqa: S314 - our own picture


def test_a_loop_is_drawn_with_its_numbers():
    assert draw(LOOP, NUMBERS) == DRAWN


def test_nodes_stand_below_all_that_lead_to_them_but_for_ways_back():
    layout = lay_out(LOOP.nodes)
    assert layout.order() == ["start", "pause", "bought", "hello", "done"]
    assert [(way.source, way.target) for way in layout.ways if way.is_back] == [("hello", "pause")]


def test_ways_to_the_same_node_are_one_with_all_their_labels():
    forked = workflow(start("rich"), node("rich", "condition", query={}, yes="done", no="done"), END)
    (_, both) = lay_out(forked.nodes).ways
    assert both.label == "yes, no"
    assert "yes, no → done" in draw(forked, Numbers())


def test_a_node_that_leads_to_itself_is_marked():
    lonely = workflow(start("pause"), node("pause", "delay", **{"for": {"days": 1}, "next": "pause"}))
    assert "next ↑ back to pause" in draw(lonely, Numbers())
    assert len(picture_of(lonely, Numbers()).findall(f"{SVG}path[@class='back']")) == 1


def test_lines_that_cross_are_drawn_through():
    crossing = workflow(
        start("a"),
        node("a", "split", branches=[{"percent": 50, "next": "b"}, {"percent": 50, "next": "c"}]),
        node("b", "condition", query={}, yes="d", no="done"),
        node("c", "condition", query={}, yes="d", no="done"),
        node("d", "update", set={"bonus": 1}, next="done"),
        END,
    )
    drawn = draw(crossing, Numbers())
    assert "─│─" in drawn
    assert drawn.count("●") == 6


@st.composite
def workflows(generator: st.DrawFn) -> Workflow:
    """Any graph of conditions, checked or not: also with loops and nodes that nothing leads to."""
    count = generator(st.integers(1, 25))
    names = [f"n{number}" for number in range(count)]
    target = st.sampled_from(names)
    nodes = [node(name, "condition", query={}, yes=generator(target), no=generator(target)) for name in names]
    return workflow(start(names[0]), *nodes)


@given(workflows())
def test_of_any_graph_every_node_and_way_is_drawn_within_the_width(drawn: Workflow):
    text = draw(drawn, Numbers())
    layout = lay_out(drawn.nodes)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert sorted(layout.order()) == sorted(one.id for one in drawn.nodes)
    assert text.count("→") + text.count("↑") == len(layout.ways)
    assert all(layout.layer_of[way.source] < layout.layer_of[way.target] for way in layout.ways if not way.is_back)


@given(workflows())
def test_of_any_graph_the_picture_has_every_node_and_way_and_no_boxes_on_one_another(drawn: Workflow):
    root = picture_of(drawn, Numbers())
    assert len(root.findall(f"{SVG}g")) == len(drawn.nodes)
    assert len(root.findall(f"{SVG}path")) == len(lay_out(drawn.nodes).ways)
    rows: dict[str, list[tuple[float, float]]] = {}
    for rectangle in root.iter(f"{SVG}rect"):
        left = float(rectangle.attrib["x"])
        rows.setdefault(rectangle.attrib["y"], []).append((left, left + float(rectangle.attrib["width"])))
    for row in rows.values():
        ordered = sorted(row)
        assert all(first[1] <= second[0] for first, second in pairwise(ordered))


def test_a_thousand_nodes_with_many_ways_are_drawn():
    branches = [[min(999, number + step) for step in (1, 7, 90, 400)] for number in range(999)]
    nodes = [
        node(f"n{number}", "split", branches=[{"percent": 25, "next": f"n{target}"} for target in targets])
        for number, targets in enumerate(branches)
    ]
    large = workflow(start("n0"), *nodes, node("n999", "end"))
    assert max(map(len, draw(large, Numbers()).splitlines())) <= WIDTH
    assert picture_of(large, Numbers()) is not None


@pytest.mark.parametrize("name", ['<script>"&', "tab\tbell\x07escape\x1b[31m", "two\nlines", "n" * 200, "名前" * 50])
def test_names_can_break_neither_the_terminal_nor_the_document(name: str):
    named = workflow(start("done"), node("done", "end", name=name))
    named = msgspec.structs.replace(named, name=name)
    text = draw(named, Numbers())
    assert not [sign for sign in text if sign != "\n" and not sign.isprintable()]
    assert len(text.splitlines()) == 6
    assert max(map(len, text.splitlines())) <= WIDTH
    root = picture_of(named, Numbers())
    assert not list(root.iter(f"{SVG}script"))


def test_the_picture_shows_who_is_where_and_follows_the_reader_in_light_and_dark():
    picture = draw_svg(LOOP, NUMBERS)
    root = picture_of(LOOP, NUMBERS)
    busy = [one.findtext(f"{SVG}title") for one in root.findall(f"{SVG}g[@class='busy']")]
    assert busy == ["pause: delay", "hello: campaign (trigger 8)"]
    labels = [one.text for one in root.findall(f"{SVG}text[@class='label']")]
    assert sorted(labels) == ["next · 500", "next · 580", "next · 900", "no · 600", "skipped · 19", "yes · 300"]
    assert "prefers-color-scheme:dark" in picture
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


# One profile.

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ONE, TWO, ANN = bytes(12), b"\1" * 12, b"\2" * 12


def step(passage_id: bytes, minutes: int, at: str, target: str | None, reason: str) -> TracedStep:
    return TracedStep(passage_id, NOON + timedelta(minutes=minutes), at, target, reason)


def waiting(passage_id: bytes, at: str) -> Passage:
    return Passage(passage_id, ANN, 12, ONE, at, NOON, NOON + timedelta(days=1))


def test_a_trace_tells_each_step_and_where_the_profile_is_now():
    steps = [
        step(ONE, 0, "start", "pause", "entered"),
        step(ONE, 5, "pause", "old", "delay is over"),
        step(ONE, 6, "old", None, "end"),
        step(TWO, 60, "start", "pause", "entered"),
    ]
    assert describe_trace(LOOP, Trace(ANN, steps, [waiting(TWO, "pause")], has_entered=True)) == (
        'profile 020202020202020202020202 in workflow 12 "Test"; times are UTC\n'
        "\n"
        "passage 1 of 2\n"
        "2026-11-21 12:00:00  start  start  → pause  entered\n"
        "2026-11-21 12:05:00  pause  delay  → old    delay is over\n"
        "2026-11-21 12:06:00  old    gone   → out    end\n"
        "ended at 2026-11-21 12:06:00\n"
        "\n"
        "passage 2 of 2\n"
        "2026-11-21 13:00:00  start  start  → pause  entered\n"
        "now at pause (delay) since 2026-11-21 12:00:00, due at 2026-11-22 12:00:00\n"
    )


def test_a_passage_that_has_taken_no_step_yet_is_told_of():
    told = describe_trace(LOOP, Trace(ANN, [], [waiting(ONE, "start")], has_entered=True))
    assert "passage 1 of 1\nnow at start (start)" in told


def test_a_passage_that_was_taken_out_says_so():
    told = describe_trace(LOOP, Trace(ANN, [step(ONE, 0, "start", "pause", "entered")], [], has_entered=True))
    assert told.endswith("ended at pause: it began anew, or the workflow was changed or emptied\n")


def test_one_in_a_workflow_that_is_not_active_is_said_to_stay():
    asleep = msgspec.structs.replace(LOOP, active=False)
    told = describe_trace(asleep, Trace(ANN, [], [waiting(ONE, "start")], has_entered=True))
    assert told.endswith("; the workflow is not active, so it stays there\n")


@pytest.mark.parametrize(
    ("has_entered", "said"), [(False, "has never entered"), (True, "has entered, but nothing of that is kept any more")]
)
def test_one_that_is_not_known_there_is_said_to_be_so(has_entered: bool, said: str):
    assert said in describe_trace(LOOP, Trace(ANN, [], [], has_entered=has_entered))

"""Graphs changed by hand, as plain members."""

import msgspec
import pytest
from tests.core.graphs import END, known, mistakes, node, start, workflow

from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.workflows import editing
from tocsin.core.workflows.reading import read_workflow
from tocsin.core.workflows.starters import STARTERS

FORK = [
    start("rich"),
    node("rich", "condition", query={}, yes="hello", no="halves"),
    node("hello", "campaign", trigger=8, next="done", skipped="hello"),
    node("halves", "split", branches=[{"percent": 50, "next": "hello"}, {"percent": 50, "next": "done"}]),
    END,
]


def ids(nodes):
    return [one["id"] for one in nodes]


def test_ways_are_listed_in_the_order_in_which_they_are_tried():
    assert editing.list_ways(FORK[3]) == [(("branches", 0, "next"), "hello"), (("branches", 1, "next"), "done")]
    assert editing.list_ways(FORK[1]) == [(("yes",), "hello"), (("no",), "halves")]


def test_a_node_is_put_on_some_of_the_ways_and_nothing_given_is_changed():
    before = msgspec.json.encode(FORK)
    added = node("pause", "delay", **{"for": {"days": 1}, "next": "done"})
    after = editing.insert(FORK, added, "halves", [("branches", 1, "next"), ("yes",)])
    assert ids(after) == ["start", "rich", "hello", "halves", "pause", "done"]
    assert [target for _, target in editing.list_ways(after[3])] == ["hello", "pause"]
    assert msgspec.json.encode(FORK) == before


def test_a_node_is_not_put_where_no_way_is():
    with pytest.raises(Conflict):
        editing.insert(FORK, END, "halves", [("branches", 7, "next")])
    with pytest.raises(NotFound):
        editing.insert(FORK, END, "nowhere", [("next",)])


def test_removing_leads_every_way_elsewhere_and_takes_what_nothing_leads_to():
    after = editing.remove(FORK, "halves", "done", with_rest=False)
    assert ids(after) == ["start", "rich", "hello", "done"]
    assert after[1]["no"] == "done"
    after = editing.remove(FORK, "rich", "done", with_rest=True)
    assert ids(after) == ["start", "done"]
    assert ids(editing.remove(FORK, "rich", "done", with_rest=False)) == ["start", "hello", "halves", "done"]


def test_ends_are_made_for_ways_that_ask_for_one():
    changed = FORK[1] | {"yes": editing.NEW_END, "no": editing.NEW_END}
    after = editing.replace([*FORK, {"id": "end", "type": "end"}], changed)
    assert (after[1]["yes"], after[1]["no"]) == ("end-2", "end-2")
    assert after[-1] == {"id": "end-2", "type": "end"}


def test_an_id_that_is_taken_gets_a_number():
    assert editing.free_id(FORK, "pause") == "pause"
    assert editing.free_id([*FORK, {"id": "hello-2"}], "hello") == "hello-3"


def test_what_became_of_each_node_is_told():
    before = workflow(start("a"), node("a", "end"), node("b", "end"))
    after = workflow(start("c"), node("a", "end"), node("c", "end"))
    assert editing.differences(before, after) == {"start": "changed", "c": "added", "b": "removed"}
    assert set(editing.differences(None, after).values()) == {"added"}
    assert editing.list_pairs(before) == {("start", "a")}


@pytest.mark.parametrize("name", STARTERS)
def test_every_graph_to_begin_with_is_right(name: str):
    begun = read_workflow({"id": 12, "name": name, "database": 1, "nodes": STARTERS[name](8)}, known())
    assert isinstance(begun, Workflow)
    assert mistakes(begun) == []

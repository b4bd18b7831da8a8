"""docs/states.md: the states that it draws are those of the code."""

import re
from datetime import timedelta
from pathlib import Path
from typing import get_args

from tocsin.actions import tasks
from tocsin.core import retry
from tocsin.core.configuration_workflows import Node
from tocsin.core.launches import LaunchState
from tocsin.core.workflows.passages import Lane, lane_of
from tocsin.core.workflows.step import Outcome
from tocsin.store.tasks import Status

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "states.md").read_text("utf-8")
ENUM = re.search(
    r"CREATE TYPE task_status AS ENUM \((.*?)\);", (ROOT / "src/tocsin/store/schema.sql").read_text("utf-8"), re.DOTALL
)


def chapter(title):
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/states.md has no chapter {title}"
    return found[1]


def transitions(title):
    """Pairs of states that the diagram of a chapter joins; begin and end are left out."""
    pairs = re.findall(r"^ +(\S+) --> (\S+?)(?::.*)?$", chapter(title), re.MULTILINE)
    return {(before, after) for before, after in pairs if "[*]" not in (before, after)}


def enum_states():
    """The states of the schema, each with those that its comment says come after it."""
    assert ENUM
    lines = re.findall(r"'(\w+)',? *--([^\n]*)", ENUM[1])
    return {state: set(re.findall(r"\w+", said.partition("->")[2])) for state, said in lines}


def test_the_task_states_of_the_page_are_those_of_the_schema():
    states = list(enum_states())
    assert re.findall(r"^\| `(\w+)` \|", chapter("Tasks"), re.MULTILINE) == states
    assert {state for pair in transitions("Tasks") for state in pair} == set(states)


def test_the_task_transitions_of_the_page_are_those_of_the_schema():
    drawn = {(before, after) for before, after in transitions("Tasks") if before != after}
    assert drawn == {(before, after) for before, followers in enum_states().items() for after in followers}


def test_the_program_knows_the_same_task_states_as_the_schema():
    assert list(get_args(Status)) == list(enum_states())


def test_the_page_tells_the_numbers_of_the_code():
    text = " ".join(PAGE.split())
    assert f"forgotten {tasks.KEPT_FOR.days} days later" in text
    assert f"due again {tasks.RETRY_AFTER.seconds} seconds later" in text
    assert tasks.MOST_ATTEMPTS == 5
    assert f"{retry.FIRST_DELAY_SECONDS} seconds, doubling up to {retry.LONGEST_DELAY_SECONDS // 3600} hours" in text
    assert f"After {retry.GIVE_UP_AFTER // timedelta(hours=1)} hours, or as configured, as refused" in text


def test_the_states_of_launches_on_the_page_are_those_of_the_schema_and_of_the_program():
    checked = re.search(r"CHECK \(state IN \((.*?)\)\)", (ROOT / "src/tocsin/store/schema.sql").read_text("utf-8"))
    assert checked
    states = re.findall(r"\w+", checked[1])
    assert states == list(get_args(LaunchState))
    assert re.findall(r"^\| `(\w+)` \|", chapter("Launches"), re.MULTILINE) == states
    assert {state for pair in transitions("Launches") for state in pair} == set(states)


LANES = get_args(Lane)


def test_the_lanes_of_passages_on_the_page_are_those_of_the_schema_and_of_the_program():
    schema = (ROOT / "src/tocsin/store/schema.sql").read_text("utf-8")
    checked = re.search(r"CHECK \(lane IN \((.*?)\)\)", schema)
    assert checked
    assert re.findall(r"\w+", checked[1]) == list(LANES)
    states = re.findall(r"^\| `([a-z]+)` \|", chapter("Passages"), re.MULTILINE)
    assert states == [*LANES, "claimed", "waiting", "ended"]


def test_the_page_says_which_kinds_of_nodes_have_a_lane_of_their_own():
    said = dict(re.findall(r"^    claimed --> (\w+): at a node of the kind (\w+)$", chapter("Passages"), re.MULTILINE))
    kinds = [kind.__struct_config__.tag for kind in get_args(Node)]
    assert said == {lane_of(kind): kind for kind in kinds if lane_of(kind) != "steps"}


def test_the_transitions_of_passages_are_what_a_step_can_come_to():
    assert re.findall(r"^\| `([A-Z]\w+)` \|", chapter("Passages"), re.MULTILINE) == [
        kind.__name__ for kind in get_args(Outcome)
    ]
    steps = {("claimed", lane) for lane in LANES} | {("claimed", "waiting"), ("claimed", "ended")}
    claims = {(state, "claimed") for state in (*LANES, "waiting")}
    taken_out = {(state, "ended") for state in (*LANES, "waiting")}
    assert transitions("Passages") == steps | claims | taken_out

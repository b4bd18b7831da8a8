import json

import pytest
from tests.core.graphs import known, start, workflow

from tocsin.core.errors import Invalid
from tocsin.core.workflows.reading import read_workflow
from tocsin.web import markup

NODES = [
    start("page"),
    {
        "id": "page", "type": "content_filter", "branches": [{"when": {"total": {"$gt": 5}}, "next": "ask"}],
        "otherwise": "halves",
    },
    {
        "id": "ask", "type": "api_request", "method": "GET", "url": "http://a.b/", "timeout_seconds": 2.5,
        "retries": 0, "next": "halves", "failed": "done",
    },
    {"id": "halves", "type": "split", "branches": [{"percent": 50, "next": "pause"}, {"percent": 50, "next": "done"}]},
    {"id": "pause", "type": "delay", "until": {"field": "_bdate", "yearly": True}, "next": "rich", "otherwise": "done"},
    {"id": "rich", "type": "condition", "query": {"bonus": {"$gt": 0}}, "yes": "done", "no": "done"},
    {"id": "done", "type": "end"},
]  # fmt: skip
PLAIN = {"id": 12, "name": "Test", "database": 1, "active": True, "nodes": NODES}
EXPECTED = workflow(*NODES, active=True)


def as_text(value):
    """As XML has it: plain values are texts, a list of one is its element."""
    if isinstance(value, dict):
        return {name: as_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return as_text(value[0]) if len(value) == 1 else [as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_a_workflow_of_a_call_is_that_of_the_file():
    assert read_workflow(PLAIN, known()) == EXPECTED


def test_in_xml_all_is_text():
    found = as_text(PLAIN)
    # What an element cannot be called is said in JSON, as everywhere in the API.
    found["nodes"][1]["branches"]["when"] = '{"total": {"$gt": 5}}'
    found["nodes"][5]["query"] = '{"bonus": {"$gt": 0}}'
    assert read_workflow(found, known()) == EXPECTED


def test_xml_itself_is_read():
    body = """<xml><id>12</id><name>Test</name><database>1</database><reentry/>
    <nodes><id>start</id><type>start</type><next>pause</next><name/></nodes>
    <nodes><id>pause</id><type>delay</type><for><hours>2</hours></for><next>page</next></nodes>
    <nodes><id>page</id><type>content_filter</type><branches><when><total><gte>5</gte></total></when><next>done</next></branches>
      <otherwise>done</otherwise></nodes>
    <nodes><id>done</id><type>end</type></nodes></xml>"""
    found = read_workflow(markup.read(body.encode()), known())
    assert [node.id for node in found.nodes] == ["start", "pause", "page", "done"]
    assert found.nodes[1].duration.total_seconds == 7200


def test_the_nodes_may_be_a_text_in_json():
    assert read_workflow(PLAIN | {"nodes": json.dumps(NODES)}, known()) == EXPECTED


def test_every_mistake_is_told_on_a_line_of_its_own():
    with pytest.raises(Invalid) as caught:
        read_workflow({"id": "x", "name": "Test", "database": 1, "nodes": [{"id": "a", "type": "strat"}, 5]}, known())
    lines = caught.value.describe().split("\n")
    assert lines[0].startswith("id: expected a whole number")
    assert lines[1].startswith("nodes[0].type: expected one of start,")
    assert lines[2] == "nodes[1]: expected a mapping, got 5"
    with pytest.raises(Invalid) as caught:
        read_workflow(PLAIN | {"nodes": [*NODES[:-1], {"id": "end", "type": "end"}]}, known())
    assert "nodes[2].failed: node ask: there is no node done" in caught.value.describe().split("\n")


@pytest.mark.parametrize(
    "deep",
    [
        {
            "id": "ask",
            "type": "api_request",
            "method": "POST",
            "url": "http://a.b/",
            "json": "DEEP",
            "next": "done",
            "failed": "done",
        },
        {"id": "ask", "type": "update", "set": {"interests": "DEEP"}, "next": "done"},
        {"id": "ask", "type": "update", "subscriptions": ["DEEP"], "next": "done"},
        {"id": "ask", "type": "condition", "query": {"bonus": "DEEP"}, "yes": "done", "no": "done"},
        {
            "id": "ask",
            "type": "content_filter",
            "branches": [{"when": {"a": "DEEP"}, "next": "done"}],
            "otherwise": "done",
        },
        {"id": "ask", "type": "end", "name": "DEEP"},
    ],
)
def test_what_is_nested_very_deep_is_a_mistake(deep):
    nested = {"a": "x"}
    for _ in range(20_000):
        nested = {"a": nested}
    nodes = json.loads(
        json.dumps([start("ask"), deep, {"id": "done", "type": "end"}]),
        object_hook=lambda made: {
            name: nested if value == "DEEP" else [nested] if value == ["DEEP"] else value
            for name, value in made.items()
        },
    )
    with pytest.raises(Invalid):
        read_workflow(PLAIN | {"nodes": nodes}, known())


def test_a_flood_of_mistakes_is_cut():
    nodes = [{"id": f"n{number}", "type": "delay", "for": {"hours": 1}, "next": "x"} for number in range(1000)]
    with pytest.raises(Invalid) as caught:
        read_workflow(PLAIN | {"nodes": nodes}, known())
    assert len(caught.value.describe().split("\n")) == 101
    with pytest.raises(Invalid, match="there are 10000 items; expected 0 to 1000"):
        read_workflow(PLAIN | {"nodes": nodes * 10}, known())


@pytest.mark.parametrize(
    "nodes", ["", "x", "[", "{}", None, 5, {}, [None], ["x"], [[]], [{}], [{"type": {}}], "[" * 100_000]
)
def test_what_is_no_list_of_nodes_is_a_mistake(nodes):
    with pytest.raises(Invalid):
        read_workflow(PLAIN | {"nodes": nodes}, known())

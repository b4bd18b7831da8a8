"""workflows/list, get, add, update, activate, deactivate: saving graphs, and what becomes of those inside."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cast import CONFIGURATION, READER, TOKEN, Stage
from tocsin.actions import configuration
from tocsin.core.errors import Conflict

ANN, BOB = "ann@example.com", "bob@example.com"
NODES: list[dict[str, Any]] = [
    {
        "id": "start",
        "type": "start",
        "next": "page",
        "events": [{"event": "api_import", "when": {"occasions": ["created"], "query": {"bonus": {"$gt": 1}}}}],
    },
    {
        "id": "page",
        "type": "content_filter",
        "branches": [{"when": {"total": {"$gte": 20}}, "next": "ask"}],
        "otherwise": "halves",
    },
    {
        "id": "ask",
        "type": "api_request",
        "method": "POST",
        "url": "https://shop.example.com/{lead._id}",
        "headers": {"X-Key": "{apicontent.key}"},
        "json": {"lines": [1], "email": "{lead.email}"},
        "timeout_seconds": 2.5,
        "next": "halves",
        "failed": "done",
    },
    {
        "id": "halves",
        "type": "split",
        "branches": [{"percent": 50, "next": "pause"}, {"percent": 50, "next": "tag"}],
    },
    {"id": "pause", "type": "delay", "name": "Two hours", "for": {"hours": 2}, "next": "rich"},
    {"id": "rich", "type": "condition", "query": {"bonus": {"$gt": 0}}, "yes": "tag", "no": "done"},
    {"id": "tag", "type": "update", "set": {"interests": {"action": "add", "value": ["tea"]}}, "next": "done"},
    {"id": "done", "type": "end"},
]
WORKFLOW = {"name": "All kinds", "database": 1, "reentry": "separate", "nodes": NODES}


async def inside(stage: Stage, workflow_id: int = 12) -> dict[str, int]:
    rows = await stage.rows("SELECT node, count(*) FROM passages WHERE workflow_id = %s GROUP BY node", workflow_id)
    return dict(rows)


async def bring(stage: Stage, node: str, *emails: str, workflow_id: int = 12) -> None:
    """Bring people in, and put them at a node."""
    for email in emails:
        answer = await stage.post("workflows/import_and_start", workflow_id=workflow_id, data={"email": email})
        assert answer["error"] == 0, answer
        await stage.connection.execute(
            "UPDATE passages SET node = %s, due_at = due_at + interval '2 hours' WHERE profile_id = decode(%s, 'hex')",
            (node, answer["profile_id"]),
        )


async def nodes_of(stage: Stage, workflow_id: int = 12) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await stage.post("workflows/get", id=workflow_id))["data"]["nodes"]
    return nodes


def mistakes(answer: dict[str, Any]) -> list[str]:
    assert (answer["error"], answer["error_text"]) == (400, "Invalid request"), answer
    debug: str = answer["error_debug"]
    return debug.split("\n")


# Reading.


async def test_workflows_are_listed_by_number_in_the_documented_shape(stage: Stage):
    answer = await stage.post("workflows/list", groups=["main"], groups_id=[0], ui_tags=[], attributes={})
    assert [one["id"] for one in answer["data"]] == [12, 13]
    assert (answer["total_count"], answer["next_from_id"]) == (2, 14)
    welcome = answer["data"][0]
    hello = {"name": "", "type": "campaign", "node_id": "hello", "templates": [1], "campaign_id": 8}
    assert {name: welcome[name] for name in ("name", "list_id", "is_active", "ui_tags", "mode", "groups")} == {
        "name": "Welcome",
        "list_id": 1,
        "is_active": True,
        "ui_tags": [],
        "mode": "while_inside_ignored",
        "groups": [{"id": 0, "name": "main"}],
    }
    assert welcome["nodes"][1] == hello
    later = await stage.post("workflows/list", from_id=13, limit=1)
    assert ([one["id"] for one in later["data"]], later["next_from_id"]) == ([13], 14)


async def test_workflows_are_listed_in_xml(stage: Stage):
    root = await stage.post_xml("workflows/list/", f"<xml><token>{TOKEN}</token><limit>1</limit></xml>")
    (found,) = root.findall("data")
    assert [one.findtext("node_id") for one in found.findall("nodes")] == [
        "start",
        "hello",
        "pause",
        "bought",
        "remind",
        "done",
    ]


async def test_get_tells_how_many_are_where_and_went_through(stage: Stage):
    await bring(stage, "pause", ANN, BOB)
    await stage.connection.execute(
        "INSERT INTO step_totals VALUES (12, 'start', 'hello', 7), (12, 'hello', 'pause', 6), (12, 'done', '', 4)"
    )
    found = (await stage.post("workflows/get", id="12"))["data"]
    numbers = {one["node_id"]: (one["inside"], one["through"]) for one in found["numbers"]}
    assert numbers == {
        "start": (0, 7),
        "hello": (0, 6),
        "pause": (2, 0),
        "bought": (0, 0),
        "remind": (0, 0),
        "done": (0, 4),
    }
    assert (found["list_id"], found["is_active"], found["reentry"]) == (1, True, "while_inside_ignored")


# Saving.


async def test_what_was_added_is_got_as_it_was_given(stage: Stage):
    answer = await stage.post("workflows/add", WORKFLOW)
    assert answer["data"] == {"saved_id": 14}
    found = (await stage.post("workflows/get", id=14))["data"]
    assert {node["id"]: node for node in found["nodes"]} == {node["id"]: node for node in NODES}
    assert (found["name"], found["reentry"], found["active"]) == ("All kinds", "separate", False)


async def test_what_is_got_in_xml_may_be_added_in_xml(stage: Stage):
    await stage.post("workflows/add", WORKFLOW)
    got = (await stage.post_xml("workflows/get", f"<xml><token>{TOKEN}</token><id>14</id></xml>")).find("data")
    assert got is not None
    got.find("id").text = "77"  # type: ignore[union-attr]  # It has one.
    ET.SubElement(got, "token").text = TOKEN
    got.tag = "xml"
    root = await stage.post_xml("workflows/add", ET.tostring(got, "unicode"))
    assert root.findtext("data/saved_id") == "77", ET.tostring(root)
    assert await nodes_of(stage, 77) == await nodes_of(stage, 14)


async def test_nodes_may_be_texts_in_json_in_xml(stage: Stage):
    nodes = "".join(f"<nodes>{json.dumps(node).replace('<', '&lt;')}</nodes>" for node in NODES)
    xml = f"<xml><token>{TOKEN}</token><name>By text</name><database>1</database>{nodes}</xml>"
    root = await stage.post_xml("workflows/add", xml)
    assert root.findtext("data/saved_id") == "14"
    assert len(await nodes_of(stage, 14)) == len(NODES)


async def test_update_replaces_only_what_it_names(stage: Stage):
    await stage.post("workflows/update", id=12, reentry="separate")
    before = (await stage.post("workflows/get", id=12))["data"]
    answer = await stage.post("workflows/update", id=12, name="Hello", reentry="")
    assert answer["data"] == {"saved_id": 12}
    assert (await stage.post("workflows/get", id=12))["data"] == before | {"name": "Hello"}


async def test_an_export_holds_what_was_saved_and_a_file_without_it_leaves_it(stage: Stage):
    await stage.post("workflows/add", WORKFLOW)
    await configuration.apply(stage.context, CONFIGURATION, "cast.yaml", {})
    exported = await configuration.export(stage.context)
    assert "name: All kinds" in exported
    applied = await configuration.apply(stage.context, exported, "exported.yaml", {})
    assert {change.action for change in applied.changes} == {"unchanged"}


async def test_every_mistake_of_a_graph_is_told_at_once_with_its_node(stage: Stage):
    nodes = [
        {"id": "start", "type": "start", "next": "rich"},
        {"id": "rich", "type": "condition", "query": {"bonus": {"$near": 1}}, "yes": "tag", "no": "nowhere"},
        {"id": "tag", "type": "campaign", "trigger": 7, "next": "tag"},
        {"id": "alone", "type": "end"},
    ]
    before = await nodes_of(stage)
    said = mistakes(await stage.post("workflows/update", id=12, nodes=nodes))
    assert len(said) == 5
    for path, node in (("nodes[1].no", "rich"), ("nodes[1].query", "rich"), ("nodes[2].trigger", "tag")):
        assert [one for one in said if one.startswith(f"{path}: node {node}: ")], said
    assert [one for one in said if "nothing leads here" in one and "alone" in one]
    assert [one for one in said if "in a circle" in one and "tag" in one]
    assert await nodes_of(stage) == before


async def test_mistakes_are_told_in_xml(stage: Stage):
    xml = (
        f"<xml><token>{TOKEN}</token><name>x</name><database>1</database><nodes><id>start</id><type>strat</type>"
        "<next>a</next></nodes><nodes><id>a</id><type>end</type><nxt>b</nxt></nodes></xml>"
    )
    root = await stage.post_xml("workflows/add", xml)
    said = str(root.findtext("error_debug")).split("\n")
    assert [one.split(":")[0] for one in said] == ["nodes[0].type", "nodes[1].nxt"]


@pytest.mark.parametrize(
    ("members", "code", "debug"),
    [
        ({"id": 12} | WORKFLOW, 409, "id: there is a workflow 12 already"),
        ({"id": 0} | WORKFLOW, 400, "id: expected a whole number"),
        (WORKFLOW | {"database": 9}, 400, "database: there is no database 9"),
        (WORKFLOW | {"database": "x"}, 400, "database: expected a whole number"),
        (WORKFLOW | {"reentry": "always"}, 400, "reentry: expected one of once_ever"),
        (WORKFLOW | {"name": ""}, 400, "name is missing"),
        ({"name": "x", "database": 1}, 400, "nodes is missing"),
        (WORKFLOW | {"nodes": "[{"}, 400, "nodes"),
        (WORKFLOW | {"nodes": 7}, 400, "nodes"),
        (WORKFLOW | {"nodes": [{"id": "n", "type": "end"}] * 10_000}, 400, "nodes: there are 10000 items"),
    ],
)
async def test_what_cannot_be_saved_changes_nothing(stage: Stage, members: dict[str, Any], code: int, debug: str):
    before = await stage.post("workflows/list")
    answer = await stage.post("workflows/add", members)
    assert answer["error"] == code
    assert answer["error_debug"].startswith(debug), answer
    assert await stage.post("workflows/list") == before


async def test_a_new_workflow_may_jump_to_itself_if_it_waits(stage: Stage):
    nodes = [
        {"id": "start", "type": "start", "next": "pause"},
        {"id": "pause", "type": "delay", "for": {"days": 1}, "next": "again"},
        {"id": "again", "type": "workflow_jump", "workflow": 14},
    ]
    assert (await stage.post("workflows/add", name="Daily", database=1, nodes=nodes))["data"] == {"saved_id": 14}
    nodes[0]["next"] = "again"
    assert mistakes(await stage.post("workflows/update", id=14, nodes=[nodes[0], nodes[2]]))


async def test_a_workflow_that_others_jump_to_cannot_move_to_another_database(stage: Stage):
    nodes = [{"id": "start", "type": "start", "next": "hop"}, {"id": "hop", "type": "workflow_jump", "workflow": 13}]
    await stage.post("workflows/add", name="Hop", database=1, nodes=nodes)
    said = mistakes(await stage.post("workflows/update", id=13, database=2))
    assert said == ["workflow 14 would be wrong: node hop: workflow 13 is for database 2"]


@pytest.mark.parametrize("method", ["add", "update", "activate", "deactivate", "list", "get"])
async def test_reading_and_writing_need_their_permissions(stage: Stage, method: str):
    answer = await stage.post(f"workflows/{method}", token=READER, id=12)
    assert answer["error"] == 403
    word = "workflows.read" if method in ("list", "get") else "workflows.write"
    assert word in answer["error_debug"]


# Those inside.


async def test_who_is_at_a_node_that_is_gone_leaves_and_is_counted(stage: Stage):
    await bring(stage, "pause", ANN)
    await bring(stage, "bought", BOB, "cy@example.com")
    nodes = [node for node in await nodes_of(stage) if node["id"] not in ("bought", "remind")]
    next(node for node in nodes if node["id"] == "pause")["next"] = "done"
    answer = await stage.post("workflows/update", id=12, nodes=nodes)
    assert answer["data"] == {"saved_id": 12, "left": [{"node_id": "bought", "number": 2}]}
    assert await inside(stage) == {"pause": 1}


async def test_applying_a_file_throws_out_likewise_and_a_dry_run_only_tells(stage: Stage):
    await bring(stage, "remind", ANN)
    text = CONFIGURATION.replace("yes: done, no: remind", "yes: done, no: done")
    text = "\n".join(line for line in text.split("\n") if "id: remind," not in line)
    dry = await configuration.apply(stage.context, text, "cast.yaml", {}, dry_run=True)
    assert dry.left == {12: {"remind": 1}}
    assert await inside(stage) == {"remind": 1}
    assert (await configuration.apply(stage.context, text, "cast.yaml", {})).left == {12: {"remind": 1}}
    assert await inside(stage) == {}
    assert (await configuration.apply(stage.context, CONFIGURATION, "cast.yaml", {})).left == {}


async def test_a_workflow_that_is_removed_takes_its_passages_along(stage: Stage):
    await stage.post("workflows/add", WORKFLOW | {"active": True})
    await bring(stage, "pause", ANN)
    await bring(stage, "pause", ANN, workflow_id=14)
    applied = await configuration.apply(stage.context, CONFIGURATION, "cast.yaml", {}, prune=True)
    assert applied.left == {14: {"pause": 1}}
    assert (await inside(stage), await inside(stage, 14)) == ({"pause": 1}, {})


async def test_the_database_stays_while_profiles_are_inside(stage: Stage):
    nodes = [{"id": "start", "type": "start", "next": "done"}, {"id": "done", "type": "end"}]
    await stage.post("workflows/update", id=12, nodes=nodes)
    await bring(stage, "done", ANN)
    answer = await stage.post("workflows/update", id=12, database=2)
    assert (answer["error"], answer["error_text"]) == (409, "Conflict")
    assert answer["error_debug"] == "workflow 12: 1 profiles are inside, so its database must stay"
    exported = await configuration.export(stage.context)
    moved = exported.replace("name: Welcome\n  database: 1", "name: Welcome\n  database: 2")
    assert moved != exported
    with pytest.raises(Conflict, match="its database must stay"):
        await configuration.apply(stage.context, moved, "moved.yaml", {})
    await stage.post("workflows/activate", id=12, skip_profiles=True)
    assert (await stage.post("workflows/update", id=12, database=2))["error"] == 0


async def test_a_delay_that_was_changed_lets_those_who_wait_look_again(stage: Stage):
    await bring(stage, "pause", ANN)
    await bring(stage, "bought", BOB)
    nodes = await nodes_of(stage)
    next(node for node in nodes if node["id"] == "pause")["for"] = {"minutes": 1}
    next(node for node in nodes if node["id"] == "bought")["name"] = "Has bought"
    await stage.post("workflows/update", id=12, nodes=nodes)
    due = dict(await stage.rows("SELECT node, due_at <= %s FROM passages", stage.clock()))
    assert due == {"pause": True, "bought": False}


async def test_a_node_that_is_of_another_kind_now_has_its_passages_in_the_lane_of_that_kind(stage: Stage):
    await bring(stage, "pause", ANN)
    nodes = [node for node in await nodes_of(stage) if node["id"] != "pause"]
    nodes.append({"id": "pause", "type": "update", "set": {"bonus": 1}, "next": "bought"})
    assert (await stage.post("workflows/update", id=12, nodes=nodes))["data"] == {"saved_id": 12}
    assert await stage.rows("SELECT node, lane FROM passages") == [("pause", "updates")]


async def test_deactivation_lets_nobody_in_and_keeps_those_inside(stage: Stage):
    await bring(stage, "pause", ANN)
    assert (await stage.post("workflows/deactivate", id=12))["data"] is None
    assert (await stage.post("workflows/start", id=12, email=ANN))["error"] == 400
    assert await inside(stage) == {"pause": 1}
    root = await stage.post_xml("workflows/activate", f"<xml><token>{TOKEN}</token><id>12</id></xml>")
    assert [(one.tag, one.text) for one in root if one.tag != "error_text"] == [("error", "0"), ("data", None)]
    assert await inside(stage) == {"pause": 1}
    assert (await stage.post("workflows/get", id=12))["data"]["is_active"] is True


async def test_activation_may_empty_the_workflow_first(stage: Stage):
    await bring(stage, "pause", ANN, BOB)
    await stage.post("workflows/deactivate", id=12)
    answer = await stage.post("workflows/activate", id="12", skip_profiles="true")
    assert answer == {"error": 0, "error_text": "Successful operation", "data": None}
    assert await inside(stage) == {}


@pytest.mark.parametrize("method", ["get", "update", "activate", "deactivate"])
async def test_a_workflow_that_is_not_there_is_404(stage: Stage, method: str):
    answer = await stage.post(f"workflows/{method}", id=99)
    assert (answer["error"], answer["error_debug"]) == (404, "there is no workflow 99")

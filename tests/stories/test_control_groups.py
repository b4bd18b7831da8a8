"""Control groups are kept out of workflows, and it is told why."""

from typing import Any

import pytest
from workflow_story import FIRST, START, change, define, delay, enter, jump, place, reasons, start

from cast import Stage
from tocsin.actions import configuration

EMAIL = "ann@example.com"
TOKEN = "<token>abcdefghijklmnqrstuvwxyz</token>"
OF_DATABASE = "control group of database 1, 100 %"
OF_WORKFLOW = "control group of workflow 40, 100 %"


async def keep_everybody_out(stage: Stage) -> None:
    """The control group of database 1 is all of it."""
    text = await configuration.export(stage.context)
    changed = text.replace("- id: 1\n  name: Customers\n", "- id: 1\n  name: Customers\n  control_group_percent: 100\n")
    assert changed != text
    await configuration.apply(stage.context, changed, "rules.yaml", {})


def skipped(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["reason"], one["rule"]) for one in answer.get("skipped", [])]


async def test_whoever_is_in_the_control_group_of_the_database_does_not_enter(stage: Stage):
    ann = await stage.add(email=EMAIL, bonus=0)
    await define(stage, start("mark"), change("mark", bonus=7))
    await keep_everybody_out(stage)
    assert skipped(await enter(stage)) == [("control_group", OF_DATABASE)]
    assert (await place(stage, ann), (await stage.get_profile(email=EMAIL))["bonus"]) == ([], 0)


async def test_a_workflow_that_ignores_control_groups_lets_everybody_in(stage: Stage):
    await stage.add(email=EMAIL, bonus=0)
    await define(stage, start("mark"), change("mark", bonus=7), ignore_control_group=True, control_group_percent=100)
    await keep_everybody_out(stage)
    assert skipped(await enter(stage)) == []
    assert (await stage.get_profile(email=EMAIL))["bonus"] == 7


@pytest.mark.parametrize(
    ("method", "members"),
    [
        (START, {"id": FIRST, "email": EMAIL}),
        ("workflows/import_and_start", {"workflow_id": FIRST, "data": {"email": EMAIL}}),
        ("workflows/import_and_start_batch", {"workflow_id": FIRST, "data": [{"data": {"email": EMAIL}}]}),
    ],
)
async def test_a_workflow_may_have_a_group_of_its_own_and_the_history_names_it(
    stage: Stage, method: str, members: dict[str, Any]
):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", days=1), control_group_percent=100)
    answer = await stage.post(method, members)
    assert skipped(answer) == [("control_group", OF_WORKFLOW)]
    (event,) = (await stage.post("messages/list", db_id=1, profile_id=ann))["data"]
    told = [event[name] for name in ("type", "reason", "rule", "workflow_id")]
    assert told == ["skip", "control_group", OF_WORKFLOW, FIRST]
    launched = (await stage.post("launches/get", id=event["launch_id"]))["data"]
    assert [launched[name] for name in ("workflow_id", "size", "skipped")] == [FIRST, 0, 1]


async def test_events_and_other_workflows_bring_nobody_in_who_is_kept_out(stage: Stage):
    ann = await stage.add(email=EMAIL, bonus=0)
    events = [{"event": "update", "when": {"fields": ["bonus"]}}]
    await define(stage, start("pause", events=events), delay("pause", days=1), control_group_percent=100)
    await define(stage, start("over"), jump("over", FIRST), workflow=41)
    await enter(stage, workflow=41)
    await stage.post("profiles/update", db_id=1, matching="email", email=EMAIL, data={"email": EMAIL, "bonus": 1})
    assert (await place(stage, ann), await reasons(stage, ann)) == ([], ["entered", "control_group"])
    listed = (await stage.post("messages/list", db_id=1, profile_id=ann))["data"]
    assert [(one["reason"], one["workflow_id"]) for one in listed] == [("control_group", FIRST)] * 2


async def test_a_rehearsal_says_so_and_notes_nothing(stage: Stage):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", days=1), control_group_percent=100)
    answer = await stage.post(START, id=FIRST, email=EMAIL, dry_run=True)
    (item,) = answer["dry_run"]["items"]
    assert (item["outcome"], item["reason"], item["rule"]) == ("skipped", "control_group", OF_WORKFLOW)
    assert (await stage.post("messages/list", db_id=1, profile_id=ann))["data"] == []


async def explain(stage: Stage, profile_id: str) -> dict[str, Any]:
    answer = await stage.post("messages/explain", profile_id=profile_id, workflow_id=FIRST)
    assert answer["error"] == 0, answer
    told: dict[str, Any] = answer["data"]
    return told


def outcomes(told: dict[str, Any]) -> dict[str, str]:
    return {one["rule"]: one["outcome"] for one in told["rules"]}


async def test_it_is_explained_whether_a_profile_may_enter(stage: Stage):
    ann = await stage.add(email=EMAIL)
    nodes = [start("pause"), delay("pause", days=1)]
    await define(stage, *nodes, control_group_percent=100)
    never = await explain(stage, ann)
    assert (never["state"], "trigger_id" in never, never["events"]) == ("unknown", False, [])
    await stage.post(START, id=FIRST, email=EMAIL)
    kept = await explain(stage, ann)
    assert (kept["state"], kept["events"][0]["rule"], kept["launch"]["source"]) == ("kept", OF_WORKFLOW, "start")
    assert outcomes(kept) == {"active": "passed", "control_group": "kept", "reentry": "passed"}
    await define(stage, *nodes)
    await enter(stage)
    inside = await explain(stage, ann)
    assert inside["state"] == "inside"
    assert outcomes(inside) == {"active": "passed", "control_group": "passed", "reentry": "kept"}
    root = await stage.post_xml(
        "messages/explain", f"<xml>{TOKEN}<profile_id>{ann}</profile_id><workflow_id>{FIRST}</workflow_id></xml>"
    )
    assert [root.findtext(f"data/{name}") for name in ("state", "workflow_name")] == ["inside", "Story"]
    await define(stage, *nodes, active=False)
    assert outcomes(await explain(stage, ann))["active"] == "kept"


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"workflow_id": 12}, 400, "message_id: "),
        ({"profile_id": "0" * 24, "trigger_id": 8, "workflow_id": 12}, 400, "message_id: "),
        ({"profile_id": "0" * 24, "workflow_id": 12}, 404, "profile_id: "),
        ({"profile_id": "0" * 24, "workflow_id": 777}, 404, "workflow 777"),
    ],
)
async def test_bad_questions_are_told(stage: Stage, members: dict[str, Any], code: int, said: str):
    answer = await stage.post("messages/explain", members)
    assert answer["error"] == code
    assert said in answer["error_debug"]


async def test_hooks_of_the_workflow_are_told_and_those_of_others_are_not(stage: Stage):
    await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", days=1), control_group_percent=100)
    secret = f"whsec_{'A' * 32}"
    hooks = [
        f"{{id: {number}, name: h, url: 'https://h.io', events: [skip], secret: {secret}, workflows: [{workflow}]}}"
        for number, workflow in ((1, FIRST), (2, 12))
    ]
    await configuration.apply(stage.context, f"hooks: [{', '.join(hooks)}]", "hooks.yaml", {})
    await stage.post(START, id=FIRST, email=EMAIL)
    assert await stage.rows("SELECT hook_id, types FROM hook_events") == [(1, ["skip"])]


async def test_a_file_is_warned_of_whose_workflow_keeps_away_what_its_trigger_would_send(stage: Stage):
    await configuration.apply(
        stage.context,
        """
triggers: [{id: 8, name: Receipt, database: 1, template: 1, sender: 1, active: true, ignore_control_group: true}]
""",
        "receipt.yaml",
        {},
    )
    text = """
workflows:
  - id: 40
    name: Story
    database: 1
    control_group_percent: 5
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 8, next: done}
      - {id: done, type: end}
"""
    (warning,) = (await configuration.apply(stage.context, text, "story.yaml", {})).warnings
    assert "workflow 40 keeps control groups out" in warning
    assert "trigger 8" in warning
    exempt = text.replace("control_group_percent: 5", "ignore_control_group: true")
    assert (await configuration.apply(stage.context, exempt, "story.yaml", {})).warnings == []


async def test_both_members_are_saved_and_told_by_calls(stage: Stage):
    await stage.post("workflows/update", id=12, control_group_percent=2.5, ignore_control_group=True)
    told = (await stage.post("workflows/get", id=12))["data"]
    assert (told["control_group_percent"], told["ignore_control_group"]) == (2.5, True)
    xml = f"<xml>{TOKEN}<id>12</id><control_group_percent>7.5</control_group_percent></xml>"
    assert (await stage.post_xml("workflows/update", xml)).findtext("error") == "0"
    root = await stage.post_xml("workflows/get", f"<xml>{TOKEN}<id>12</id></xml>")
    assert [root.findtext(f"data/{name}") for name in ("control_group_percent", "ignore_control_group")] == [
        "7.5",
        "true",
    ]
    wrong = await stage.post("workflows/update", id=12, control_group_percent=101)
    assert "control_group_percent: expected a number from 0 up to 100" in wrong["error_debug"]

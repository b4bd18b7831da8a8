"""`dry_run`: every launching call says what it would do, and does nothing."""

from typing import Any

import pytest

from cast import Stage
from tocsin.actions import configuration

TOKEN = "<token>abcdefghijklmnqrstuvwxyz</token>"
RULES = """
suppression_lists: [{id: 1, name: G, addresses: [never@example.com]}]
triggers:
  - {id: 96, name: Welcome, database: 1, template: 1, sender: 1, active: true,
     quiet_hours: {from: "00:00", to: "23:59"}}
"""
DATA = [
    {"data": {"email": "ann@example.com", "_fname": "Ann", "CRM_ID": "C-1"}},
    {"data": {"email": "new@example.com"}},
    {"data": {"email": "never@example.com"}},
    {"data": {"email": "broken"}},
]


async def everything(stage: Stage) -> dict[str, Any]:
    """Every row that a launch could write."""
    return {
        table: await stage.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("profiles", "identities", "launches", "messages", "events", "requests", "files", "passages")
    }


async def test_a_batch_says_of_each_item_what_it_would_do_and_does_nothing(stage: Stage):
    await configuration.apply(stage.context, RULES, "rules.yaml", {})
    ann = await stage.add(email="ann@example.com", _fname="Anna")
    before = await everything(stage)
    answer = await stage.post(
        "campaigns/triggers/import_and_start_batch", trigger_id=8, dry_run=True, content={"page": "7"}, data=DATA
    )
    assert await everything(stage) == before
    assert answer["result"] == []
    assert "launch_id" not in answer
    assert [one["index"] for one in answer["errors"]] == [3]
    (known, new, never) = answer["dry_run"]["items"]
    due_at = known.pop("due_at")
    assert known == {
        "index": 0,
        "found": "matched",
        "by": "ann@example.com",
        "outcome": "sent",
        "profile_id": ann,
        "addresses": ["ann@example.com"],
    }
    assert new.pop("due_at") == due_at == stage.clock.now.isoformat().replace("+00:00", "Z")
    assert new == {
        "index": 1,
        "found": "created",
        "by": "new@example.com",
        "outcome": "sent",
        "addresses": ["new@example.com"],
    }
    assert never == {
        "index": 2,
        "found": "created",
        "by": "never@example.com",
        "outcome": "skipped",
        "reason": "suppressed",
        "rule": "suppression list 1",
    }
    message = answer["dry_run"]["message"]
    assert (message["channel"], message["address"]) == ("email", "ann@example.com")
    assert message["subject"] == "Thank you, Ann"
    assert message["html"].strip() == "<p>Dear Ann, page 7, number C-1.</p>"
    assert message["text"].strip() == "Dear Ann, page 7, number C-1."
    assert "Reply-To: help@example.com" in message["headers"]
    await stage.work()
    assert stage.mailbox.arrived == []


async def test_the_same_in_xml(stage: Stage):
    root = await stage.post_xml(
        "campaigns/triggers/import_and_start_batch",
        f"<xml>{TOKEN}<trigger_id>8</trigger_id><dry_run>true</dry_run>"
        "<data><email>ann@example.com</email><_fname>Ann</_fname></data></xml>",
    )
    assert root.findtext("error") == "0"
    assert root.findtext("dry_run/items/outcome") == "sent"
    assert root.findtext("dry_run/items/found") == "created"
    assert root.findtext("dry_run/message/subject") == "Thank you, Ann"
    assert (await stage.count_rows())["profiles"] == 0


@pytest.mark.parametrize("name", ["start", "import_and_start"])
async def test_a_single_call_says_it_too(stage: Stage, name: str):
    ann = await stage.add(email="ann@example.com", _fname="Ann")
    members = {"email": "ann@example.com"} if name == "start" else {"data": {"email": "ann@example.com"}}
    answer = await stage.post(f"campaigns/triggers/{name}", trigger_id=8, dry_run=True, **members)
    (item,) = answer["dry_run"]["items"]
    assert (item["found"], item["profile_id"], item["outcome"]) == ("matched", ann, "sent")
    assert answer["dry_run"]["message"]["subject"] == "Thank you, Ann"
    missing = await stage.post("campaigns/triggers/start", trigger_id=8, dry_run=True, email="nobody@example.com")
    assert missing["error"] == 404
    assert (await stage.count_rows())["messages"] == 0


async def test_a_call_for_an_audience_says_how_many(stage: Stage):
    for name in ("ann", "bob"):
        await stage.add(email=f"{name}@example.com", bonus=5)
    answer = await stage.post("campaigns/triggers/start", id=8, dry_run=True, custom_request={"bonus": 5})
    assert (answer["total_count"], answer["skipped_count"]) == (2, 0)
    assert answer["dry_run"]["message"]["address"] in {"ann@example.com", "bob@example.com"}
    nobody = await stage.post("campaigns/triggers/start", id=8, dry_run=True, custom_request={"bonus": 6})
    assert nobody["total_count"] == 0
    counted = await stage.count_rows()
    assert (counted["messages"], counted["launches"]) == (0, 0)


async def test_a_query_for_items_finds_by_id(stage: Stage):
    ann = await stage.add(email="ann@example.com", bonus=5)
    answer = await stage.post(
        "campaigns/triggers/start_batch", trigger_id=8, dry_run=True, data=[{"custom_request": {"bonus": 5}}]
    )
    (item,) = answer["dry_run"]["items"]
    assert (item["by"], item["profile_id"]) == (ann, ann)


@pytest.mark.parametrize("name", ["start_batch_task", "import_and_start_batch_task"])
async def test_the_result_of_a_task_says_it(stage: Stage, name: str):
    await stage.add(email="ann@example.com")
    data = [{"email": "ann@example.com"}] if name == "start_batch_task" else DATA
    before = await everything(stage)
    accepted = await stage.post(f"campaigns/triggers/{name}", trigger_id=8, dry_run=True, data=data)
    await stage.work()
    told = await stage.post("tasks/status", task_id=accepted["task_id"])
    assert (told["data"]["status"], told["data"]["progress"]) == ("completed", 100)
    assert told["data"]["result"]["dry_run"]["items"][0]["found"] == "matched"
    assert await everything(stage) == before


async def test_workflows_say_who_would_enter(stage: Stage):
    await stage.add(email="ann@example.com")
    answer = await stage.post(
        "workflows/import_and_start_batch",
        workflow_id=12,
        dry_run=True,
        data=[{"data": {"email": "ann@example.com"}}, {"data": {"email": "new@example.com"}}],
    )
    assert [(one["found"], one["outcome"]) for one in answer["dry_run"]["items"]] == [
        ("matched", "entered"),
        ("created", "entered"),
    ]
    assert await stage.rows("SELECT count(*) FROM passages") == [(0,)]


async def test_what_would_wait_for_the_end_of_quiet_hours_is_due_then(stage: Stage):
    await configuration.apply(stage.context, RULES, "rules.yaml", {})
    answer = await stage.post(
        "campaigns/triggers/import_and_start", trigger_id=96, dry_run=True, data={"email": "ann@example.com"}
    )
    assert answer["dry_run"]["items"][0]["due_at"][11:16] in {"23:59", "00:00", "00:01", "00:02", "00:03", "00:04"}


async def test_a_message_that_cannot_be_composed_says_why(stage: Stage):
    text = "templates: [{id: 1, name: T, email: {from_email: '{lead.host}', subject: S, text: T}}]"
    await configuration.apply(stage.context, text, "rules.yaml", {})
    answer = await stage.post(
        "campaigns/triggers/import_and_start", trigger_id=8, dry_run=True, data={"email": "ann@example.com"}
    )
    assert "address" in answer["dry_run"]["message"]["error"]


async def test_a_dry_run_does_not_use_up_the_key_of_the_request(stage: Stage):
    body = '{"token": "abcdefghijklmnqrstuvwxyz", "trigger_id": 8, "data": {"email": "ann@example.com"}%s}'
    method = "campaigns/triggers/import_and_start"
    for _ in range(2):
        dry = await stage.call(method, body % ', "dry_run": true', request_id="one")
        assert "duplicate-request" not in dry.headers
    done = await stage.call(method, body % "", request_id="one")
    assert done.json()["error"] == 0
    assert (await stage.count_rows())["messages"] == 1


async def test_attachments_and_listening_triggers_of_a_dry_run_leave_nothing(stage: Stage):
    text = "triggers: [{id: 50, name: T, database: 1, template: 1, sender: 1, active: true, event: api_import}]"
    await configuration.apply(stage.context, text, "rules.yaml", {})
    before = await everything(stage)
    answer = await stage.post(
        "campaigns/triggers/import_and_start",
        trigger_id=8,
        dry_run=True,
        data={"email": "ann@example.com"},
        attach=[{"name": "a.txt", "data": "data:text/plain;base64,aGk="}],
    )
    assert any(header.startswith("Content-Type: multipart/mixed") for header in answer["dry_run"]["message"]["headers"])
    assert await everything(stage) == before

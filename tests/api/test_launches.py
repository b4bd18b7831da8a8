"""The six launching calls: what each takes, what a message gets of it, and which launches are refused."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cast import Stage
from tocsin.actions import tasks

TRIGGERS = "campaigns/triggers/"
ANN = {"email": "ann@example.com", "_fname": "Ann"}

# The six calls, each for Ann, with the members that all of them share left to the caller.
CALLS: dict[str, dict[str, Any]] = {
    "start": {"email": "ann@example.com"},
    "start_batch": {"data": [{"email": "ann@example.com"}]},
    "start_batch_task": {"data": [{"email": "ann@example.com"}]},
    "import_and_start": {"data": ANN},
    "import_and_start_batch": {"data": [{"data": ANN}]},
    "import_and_start_batch_task": {"data": [{"data": ANN}]},
}
BATCHES = [name for name in CALLS if "batch" in name]
SINGLES = [name for name in CALLS if "batch" not in name]


async def launch(stage: Stage, name: str, **members: Any) -> dict[str, Any]:
    """One of the calls for Ann, who is there already; its outcome, be it of a task."""
    await stage.add(**ANN)
    members = {"trigger_id": 8} | members
    answer = await stage.post(TRIGGERS + name, CALLS[name], **members)
    return await outcome_of(stage, answer)


async def outcome_of(stage: Stage, answer: dict[str, Any]) -> dict[str, Any]:
    if "task_id" not in answer:
        return answer
    await stage.work()
    status = (await stage.post("tasks/status", task_id=answer["task_id"]))["data"]
    assert status["status"] in ("completed", "failed")
    result: dict[str, Any] = status["result"]
    return result


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("member", ["trigger_id", "id"])
async def test_the_trigger_is_named_by_trigger_id_or_id(stage: Stage, name: str, member: str):
    outcome = await launch(stage, name, **{"trigger_id": None, member: "8"})
    assert outcome["error"] == 0, outcome
    await stage.work()
    assert stage.mailbox.mails()["ann@example.com"]["subject"] == "Thank you, Ann"


async def test_trigger_id_counts_where_both_are_given(stage: Stage):
    await launch(stage, "start", trigger_id=13, id=8)
    assert await stage.rows("SELECT trigger_id FROM launches") == [(13,)]


@pytest.mark.parametrize("name", CALLS)
async def test_content_and_custom_data_of_the_call_are_kept_with_the_launch(stage: Stage, name: str):
    content = {"page": "cart", "deep": [{"n": 1.5, "on": True, "none": None}]}
    await launch(stage, name, content=content, custom_data={"order": "A-9"}, timeout={"minutes": 1})
    assert await stage.rows("SELECT content, custom_data FROM launches") == [(content, {"order": "A-9"})]
    stage.clock.advance(minutes=1)
    await stage.work()
    html = stage.mailbox.mails()["ann@example.com"].get_body(("html",))
    assert html is not None
    assert "page cart" in html.get_content()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("start_batch", [{"email": "ann@example.com", "custom_data": {"k": [1]}}, {"email": "bob@example.com"}]),
        ("start_batch_task", [{"email": "ann@example.com", "custom_data": {"k": [1]}}, {"email": "bob@example.com"}]),
        ("import_and_start_batch", [{"data": ANN, "custom_data": {"k": [1]}}, {"data": {"email": "bob@example.com"}}]),
        (
            "import_and_start_batch_task",
            [{"data": ANN, "custom_data": {"k": [1]}}, {"data": {"email": "bob@example.com"}}],
        ),
    ],
)
async def test_custom_data_of_an_item_is_kept_with_its_message_and_its_event(
    stage: Stage, name: str, data: list[dict[str, Any]]
):
    await stage.add(email="bob@example.com")
    await launch(stage, name, data=data, timeout={"minutes": 1}, custom_data={"root": 1})
    rows = await stage.rows("SELECT address, custom_data FROM messages ORDER BY address")
    assert rows == [("ann@example.com", {"k": [1]}), ("bob@example.com", None)]
    stage.clock.advance(minutes=1)
    await stage.work()
    rows = await stage.rows("SELECT data->>'address', data->'custom_data' FROM events ORDER BY 1")
    assert rows == [("ann@example.com", {"k": [1]}), ("bob@example.com", None)]


async def test_custom_data_of_an_item_in_xml_belongs_to_the_item(stage: Stage):
    root = await stage.post_xml(
        TRIGGERS + "import_and_start_batch",
        """<xml><token>abcdefghijklmnqrstuvwxyz</token><trigger_id>8</trigger_id><data><email>ann@example.com</email>
        <custom_data><k>v</k></custom_data></data></xml>""",
    )
    assert (root.findtext("error"), root.find("ignored_fields")) == ("0", None)
    assert await stage.rows("SELECT custom_data FROM messages") == [({"k": "v"},)]


@pytest.mark.parametrize("name", CALLS)
async def test_a_timeout_delays_the_message(stage: Stage, name: str):
    await launch(stage, name, timeout={"days": "1", "hours": 2, "minutes": 3})
    stage.clock.advance(days=1, hours=2, minutes=2, seconds=59)
    await stage.work()
    assert stage.mailbox.arrived == []
    stage.clock.advance(seconds=1)
    await stage.work()
    assert len(stage.mailbox.arrived) == 1


async def test_the_timeout_of_a_task_counts_from_the_call(stage: Stage):
    await stage.post(
        TRIGGERS + "import_and_start_batch_task", CALLS["import_and_start_batch"], id=8, timeout={"hours": 1}
    )
    stage.clock.advance(minutes=59)
    await stage.work()
    stage.clock.advance(minutes=1)
    await stage.work()
    assert len(stage.mailbox.arrived) == 1


@pytest.mark.parametrize(
    ("length", "debug"),
    [
        ({"minutes": -1}, "timeout.minutes: expected a whole number >= 0"),
        ({"days": 3651}, "timeout: expected at most 3650 days in all"),
        ({"days": 10**9, "hours": 10**9}, "timeout: expected at most 3650 days in all"),
        ({"days": 10**12}, "timeout.days: expected a whole number <= 1000000000"),
        ({"days": "soon"}, "timeout.days: expected a whole number, got text"),
        ({"days": 1.5}, "timeout.days: expected a whole number, got a number"),
        (5, "timeout: expected an object, got a whole number"),
    ],
)
async def test_a_timeout_that_cannot_be_is_refused(stage: Stage, length: Any, debug: str):
    await stage.add(**ANN)
    before = await stage.count_rows()
    for name, body in CALLS.items():
        answer = await stage.post(TRIGGERS + name, body, trigger_id=8, timeout=length)
        assert answer == {"error": 400, "error_text": "Invalid request", "error_debug": debug}, name
    assert await stage.count_rows() == before


# Which trigger.


@pytest.mark.parametrize(
    ("trigger_id", "code", "debug"),
    [
        (98, 400, "trigger_id: trigger 98 is not active"),
        (9999, 404, "there is no trigger 9999"),
        (0, 404, "there is no trigger 0"),
        (-(2**63), 404, "there is no trigger -9223372036854775808"),
        (None, 400, "trigger_id: expected the number of a trigger"),
        ("", 400, "trigger_id: expected the number of a trigger"),
        ("eight", 400, "trigger_id: expected a whole number or null, got text"),
        (True, 400, "trigger_id: expected a whole number or null, got true or false"),
        ([8], 400, "trigger_id: expected a whole number or null, got an array"),
    ],
)
async def test_a_trigger_that_cannot_be_launched_is_refused(stage: Stage, trigger_id: Any, code: int, debug: str):
    await stage.add(**ANN)
    before = await stage.count_rows()
    for name, body in CALLS.items():
        answer = await stage.post(TRIGGERS + name, body, trigger_id=trigger_id)
        assert (answer["error"], answer["error_debug"]) == (code, debug), name
    assert await stage.count_rows() == before


# Items.


@pytest.mark.parametrize(
    ("data", "debug"),
    [
        ([], "data: expected at least one item"),
        (None, "data: "),
        ("", "data: "),
        ({"email": "a@example.com"}, "data: expected an array, got an object"),
        (["a@example.com"], "data[0]: expected an object, got text"),
        ([{"email": "a@example.com", "data": {}}, None], "data[1]: expected an object, got null"),
        ([{"email": "a@example.com", "data": {}}, [{}]], "data[1]: expected an object, got an array"),
    ],
)
async def test_data_of_another_shape_is_refused(stage: Stage, data: Any, debug: str):
    before = await stage.count_rows()
    for name in BATCHES:
        answer = await stage.post(TRIGGERS + name, trigger_id=8, data=data)
        assert (answer["error"], answer["error_text"]) == (400, "Invalid request"), name
        assert answer["error_debug"].startswith(debug), name
    assert await stage.count_rows() == before


@pytest.mark.parametrize("name", BATCHES)
async def test_data_that_is_left_out_is_asked_for(stage: Stage, name: str):
    answer = await stage.post(TRIGGERS + name, trigger_id=8)
    is_import = name.startswith("import")
    assert answer["error_debug"] == f"data: {'this member is required' if is_import else 'expected at least one item'}"


@pytest.mark.parametrize("name", ["import_and_start_batch", "import_and_start_batch_task"])
@pytest.mark.parametrize("item", [{}, {"email": "a@example.com"}, {"data": []}, {"data": "x"}, {"data": None}])
async def test_an_item_of_an_import_needs_its_inner_data_in_json(stage: Stage, name: str, item: dict[str, Any]):
    answer = await stage.post(TRIGGERS + name, trigger_id=8, data=[{"data": ANN}, item])
    assert (answer["error"], answer["error_debug"].split(":")[0]) == (400, "data[1].data")


async def test_empty_data_in_xml_is_refused_too(stage: Stage):
    root = await stage.post_xml(
        TRIGGERS + "start_batch",
        "<xml><token>abcdefghijklmnqrstuvwxyz</token><trigger_id>8</trigger_id><data/></xml>",
    )
    assert root.findtext("error_debug") == "data: expected at least one item"


@pytest.mark.parametrize(("name", "item"), [("start_batch", "{}"), ("import_and_start_batch", '{"data":{}}')])
async def test_more_items_than_a_call_may_have_are_refused(stage: Stage, name: str, item: str):
    items = ",".join([item] * 100_001)
    response = await stage.call(
        TRIGGERS + name, f'{{"token": "abcdefghijklmnqrstuvwxyz", "trigger_id": 8, "data": [{items}]}}'
    )
    assert response.json()["error_debug"] == "data: expected at most 100000 items"


@pytest.mark.parametrize("suffix", ["", "_task"])
async def test_the_result_keeps_the_order_of_the_items_around_those_that_fail(stage: Stage, suffix: str):
    items = [{"data": {"email": f"p{place}@example.com" if place % 3 else "bad"}} for place in range(300)]
    answer = await stage.post(f"{TRIGGERS}import_and_start_batch{suffix}", trigger_id=8, data=items)
    outcome = await outcome_of(stage, answer)
    ids = [one["profile_id"] for one in outcome["result"]]
    rows = await stage.rows("SELECT encode(id, 'hex'), fields->>'email' FROM profiles")
    emails = dict(rows)
    assert [emails[one] for one in ids] == [f"p{place}@example.com" for place in range(300) if place % 3]
    assert [one["index"] for one in outcome["errors"]] == list(range(0, 300, 3))
    again = await stage.post(
        f"{TRIGGERS}start_batch{suffix}", trigger_id=8, data=[{"email": item["data"]["email"]} for item in items]
    )
    assert (await outcome_of(stage, again))["result"] == outcome["result"]


async def test_a_task_of_several_chunks_has_its_result_in_order(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """A later chunk changes a profile of the first: one message, with the later value."""
    monkeypatch.setattr(tasks, "CHUNK_ITEMS", 20)
    items: list[dict[str, Any]] = [{"data": {"email": f"p{place}@example.com"}} for place in range(70)]
    items[50] = {"data": {"email": "bad"}}
    items[60] = {"data": {"email": "p7@example.com", "_fname": "Late", "Zip": 1}, "custom_data": {"k": 2}}
    answer = await stage.post(TRIGGERS + "import_and_start_batch_task", trigger_id=8, data=items)
    outcome = await outcome_of(stage, answer)
    assert len(outcome["result"]) == 69
    assert outcome["result"][59] == outcome["result"][7]
    assert [(one["index"], one["error_debug"][:14]) for one in outcome["errors"]] == [(50, "data[50].email")]
    assert outcome["ignored_fields"] == ["Zip"]
    assert len(stage.mailbox.arrived) == 68
    assert stage.mailbox.mails()["p7@example.com"]["subject"] == "Thank you, Late"
    rows = await stage.rows("SELECT data->'custom_data' FROM events WHERE data->>'address' = 'p7@example.com'")
    assert rows == [({"k": 2},)]
    assert (await stage.count_rows())["task_chunks"] == 0


@pytest.mark.parametrize("name", SINGLES)
async def test_a_single_call_fails_with_the_error_of_its_item(stage: Stage, name: str):
    wrong = {"start": {"email": "x"}, "import_and_start": {"data": {"email": "x"}}}[name]
    answer = await stage.post(TRIGGERS + name, wrong, trigger_id=8)
    path = "email" if name == "start" else "data.email"
    assert (answer["error"], answer["error_text"]) == (400, "Invalid request")
    assert answer["error_debug"].startswith(f"{path}: 'x' is not an email address")
    assert "profile_id" not in answer


@pytest.mark.parametrize("name", SINGLES)
async def test_a_single_call_answers_the_profile(stage: Stage, name: str):
    outcome = await launch(stage, name)
    profile = await stage.get_profile(email="ann@example.com")
    launch_id = outcome.pop("launch_id")
    assert await stage.rows("SELECT encode(id, 'hex') FROM launches") == [(launch_id,)]
    assert outcome == {"error": 0, "error_text": "Successful operation", "profile_id": profile["id"]}


async def test_fields_that_were_left_out_are_listed(stage: Stage):
    single = await stage.post(TRIGGERS + "import_and_start", trigger_id=8, data=ANN | {"Zip": 1})
    batch = await stage.post(
        TRIGGERS + "import_and_start_batch", trigger_id=8, data=[{"data": ANN | {"b": 1}}, {"data": ANN | {"a": 1}}]
    )
    assert single["ignored_fields"] == ["Zip"]
    assert batch["ignored_fields"] == ["a", "b"]


async def test_a_call_like_a_seed_with_numbers_and_booleans_as_text_is_the_same(stage: Stage):
    body = {
        "token": "abcdefghijklmnqrstuvwxyz",
        "trigger_id": "8",
        "skip_triggers": "false",
        "detect_geo": "true",
        "skip_invalid_subscriptions": "1",
        "resource_id": "",
        "timeout": {"minutes": "5"},
        "data": [{"data": ANN | {"subscriptions": [{"email": "x", "resource_id": "21"}]}}],
        "no_such_member": {"x": [1]},
    }
    response = await stage.call(TRIGGERS + "import_and_start_batch", json.dumps(body))
    assert (response.json()["error"], len(response.json()["result"])) == (0, 1)
    assert await stage.rows("SELECT due_at FROM messages") == [(stage.clock.now + timedelta(minutes=5),)]

"""workflows/start and import_and_start…: profiles enter a workflow, found, imported, or by query."""

from datetime import timedelta
from typing import Any

import pytest

from cast import READER, TOKEN, Stage

ANN = "ann@example.com"
SUCCESS = {"error": 0, "error_text": "Successful operation"}


async def entered(stage: Stage, workflow_id: int = 12) -> list[str]:
    """Emails of those inside, one for each passage, by address."""
    rows = await stage.rows(
        """SELECT profiles.fields ->> 'email' FROM passages JOIN profiles
        ON profiles.bucket = passages.bucket AND profiles.id = passages.profile_id
        WHERE workflow_id = %s ORDER BY 1""",
        workflow_id,
    )
    return [email for (email,) in rows]


async def memories(stage: Stage) -> list[dict[str, Any]]:
    return [memory for (memory,) in await stage.rows("SELECT memory FROM passages ORDER BY memory::text")]


async def test_start_brings_the_profile_that_matches_in(stage: Stage):
    profile_id = await stage.add(email=ANN)
    answer = await stage.post("workflows/start", id=12, email=ANN, content={"page": "cart"}, custom_data={"row": 1})
    assert answer.pop("launch_id")
    assert answer == SUCCESS | {"profile_id": profile_id}
    assert await entered(stage) == [ANN]
    assert await stage.rows("SELECT workflow_id, trigger_id, content, custom_data FROM launches") == [
        (12, None, {"page": "cart"}, {"row": 1})
    ]


async def test_start_in_xml_with_a_slash_at_its_end(stage: Stage):
    profile_id = await stage.add(email=ANN)
    root = await stage.post_xml(
        "workflows/start/",
        f"<xml><token>{TOKEN}</token><workflow_id>12</workflow_id><email>{ANN}</email>"
        "<content><page>cart</page></content></xml>",
    )
    assert root.findtext("profile_id") == profile_id
    assert await stage.rows("SELECT content FROM launches") == [({"page": "cart"},)]


async def test_start_by_query_brings_everybody_in_who_fits(stage: Stage):
    for number in range(3):
        await stage.add(email=f"{number}@example.com", bonus=number)
    await stage.post("workflows/start", id=12, email="1@example.com")
    answer = await stage.post("workflows/start", id=12, custom_request={"bonus": {"$gte": 1}})
    assert answer.pop("launch_id")
    assert answer == SUCCESS | {"total_count": 2, "skipped_count": 1}
    assert await entered(stage) == ["1@example.com", "2@example.com"]


@pytest.mark.parametrize(
    ("reentry", "reason", "inside"),
    [
        ("once_ever", "inside", 1),
        ("while_inside_ignored", "inside", 1),
        ("restart", None, 1),
        ("separate", None, 2),
    ],
)
async def test_who_is_inside_enters_again_as_reentry_says(stage: Stage, reentry: str, reason: str | None, inside: int):
    await stage.add(email=ANN)
    await stage.post("workflows/update", id=12, reentry=reentry)
    await stage.post("workflows/start", id=12, email=ANN)
    first = await stage.rows("SELECT id FROM passages")
    again = await stage.post("workflows/start", id=12, email=ANN)
    assert [one["reason"] for one in again.get("skipped", [])] == ([reason] if reason else [])
    ids = await stage.rows("SELECT id FROM passages")
    assert len(ids) == inside
    assert (first[0] in ids) == (reentry != "restart")


async def test_who_was_inside_once_may_not_enter_again_where_once_is_enough(stage: Stage):
    await stage.add(email=ANN)
    await stage.post("workflows/update", id=12, reentry="once_ever")
    await stage.post("workflows/start", id=12, email=ANN)
    await stage.post("workflows/activate", id=12, skip_profiles=True)
    again = await stage.post("workflows/start", id=12, email=ANN)
    assert [one["reason"] for one in again["skipped"]] == ["entered_before"]


async def test_the_address_that_a_call_asks_for_is_remembered(stage: Stage):
    await stage.add(email=ANN)
    wanted = {"email": "ann.private@example.com", "not_strict": True}
    await stage.post("workflows/start", id=12, email=ANN, subscription_filter=wanted)
    assert [memory["wanted"] for memory in await memories(stage)] == [wanted]


async def test_an_audience_is_not_sent_to_an_address_that_one_of_them_has(stage: Stage):
    await stage.add(email=ANN)
    wanted = {"email": "ann.private@example.com"}
    await stage.post("workflows/start", id=12, custom_request={"email": ANN}, subscription_filter=wanted)
    assert await memories(stage) == [{}]


async def test_a_timeout_lets_the_profile_in_later(stage: Stage):
    await stage.add(email=ANN)
    await stage.post("workflows/start", id=12, email=ANN, timeout={"hours": 1})
    ((due_at,),) = await stage.rows("SELECT due_at FROM passages")
    assert due_at == stage.clock() + timedelta(hours=1)


async def test_import_and_start_creates_the_profile_and_brings_it_in(stage: Stage):
    answer = await stage.post("workflows/import_and_start", workflow_id=12, db_id=1, data={"email": ANN, "bonus": 4})
    assert answer.pop("launch_id")
    assert answer == SUCCESS | {"profile_id": (await stage.get_profile(email=ANN))["id"]}
    assert await entered(stage) == [ANN]


async def test_import_and_start_takes_a_subscription_without_a_channel_in_xml(stage: Stage):
    """As an old example of the documentation has it."""
    root = await stage.post_xml(
        "workflows/import_and_start",
        f"<xml><token>{TOKEN}</token><workflow_id>12</workflow_id><db_id>1</db_id><matching>email</matching>"
        f"<data><email>{ANN}</email><subscriptions><email>{ANN}</email><resource_id>21</resource_id></subscriptions>"
        "</data></xml>",
    )
    profile = await stage.get_profile(email=ANN)
    assert root.findtext("profile_id") == profile["id"]
    assert [one["channel"] for one in profile["subscriptions"]] == ["email"]
    assert await entered(stage) == [ANN]


BATCH = [
    {"data": {"email": "b@example.com"}, "custom_data": {"row": 1}},
    {"data": {"email": "nonsense"}},
    {"data": {"email": "a@example.com"}},
    {"data": {"email": "b@example.com", "bonus": 7}, "custom_data": {"row": 4}},
]


async def test_a_batch_brings_each_profile_in_once_and_tells_what_failed(stage: Stage):
    await stage.add(email="a@example.com")
    await stage.post("workflows/start", id=12, email="a@example.com")
    answer = await stage.post("workflows/import_and_start_batch", id=12, matching="email", data=BATCH)
    ids = [(await stage.get_profile(email=f"{name}@example.com"))["id"] for name in "bab"]
    assert answer["result"] == [{"profile_id": one} for one in ids]
    assert [(one["index"], one["error"]) for one in answer["errors"]] == [(1, 400)]
    assert [(one["index"], one["reason"]) for one in answer["skipped"]] == [(2, "inside")]
    assert await entered(stage) == ["a@example.com", "b@example.com"]
    assert {"custom_data": {"row": 4}} in await memories(stage)


async def test_a_batch_in_xml(stage: Stage):
    root = await stage.post_xml(
        "workflows/import_and_start_batch",
        f"<xml><token>{TOKEN}</token><workflow_id>12</workflow_id><matching>email</matching>"
        "<data><email>b@example.com</email><custom_data><row>1</row></custom_data></data>"
        "<data><email>a@example.com</email></data></xml>",
    )
    assert len(root.findall("result")) == 2
    assert await entered(stage) == ["a@example.com", "b@example.com"]
    assert {"custom_data": {"row": "1"}} in await memories(stage)


async def test_a_task_does_the_same_after_its_answer(stage: Stage):
    answer = await stage.post("workflows/import_and_start_batch_task", workflow_id=12, matching="email", data=BATCH)
    assert await entered(stage) == []
    await stage.work()
    status = (await stage.post("tasks/status", task_id=answer["task_id"]))["data"]
    assert (status["status"], status["progress"]) == ("completed", 100)
    assert len(status["result"]["result"]) == 3
    assert await entered(stage) == ["a@example.com", "b@example.com"]


async def test_a_task_whose_workflow_was_switched_off_meanwhile_fails_and_says_so(stage: Stage):
    answer = await stage.post("workflows/import_and_start_batch_task", workflow_id=12, matching="email", data=BATCH)
    await stage.post("workflows/deactivate", id=12)
    await stage.work()
    status = (await stage.post("tasks/status", task_id=answer["task_id"]))["data"]
    assert (status["status"], status["result"]["error"]) == ("failed", 400)
    assert status["result"]["error_debug"] == "workflow_id: workflow 12 is not active"
    assert await entered(stage) == []


async def test_queries_of_items_say_who_is_updated_and_brought_in(stage: Stage):
    for number in range(3):
        await stage.add(email=f"{number}@example.com", bonus=number)
    items = [{"data": {"plan": "pro"}, "custom_request": {"bonus": {"$gte": 1}}}]
    answer = await stage.post("workflows/import_and_start_batch", workflow_id=12, data=items)
    assert len(answer["result"]) == 2
    assert await entered(stage) == ["1@example.com", "2@example.com"]
    assert (await stage.get_profile(email="2@example.com"))["plan"] == "pro"


@pytest.mark.parametrize(
    ("method", "members", "code", "debug"),
    [
        ("start", {"email": ANN}, 400, "workflow_id: expected the number of a workflow"),
        ("start", {"id": 99, "email": ANN}, 404, "there is no workflow 99"),
        ("start", {"id": 13, "email": ANN}, 400, "workflow_id: workflow 13 is not active"),
        ("start", {"id": 12, "db_id": 2, "email": ANN}, 400, "db_id: workflow 12 is of database 1"),
        ("start", {"id": 12, "email": "nobody@example.com"}, 404, "no profile matches email"),
        ("start", {"id": 12, "matching": "magic", "email": ANN}, 400, "matching: "),
        ("start", {"id": 12, "custom_request": {"bonus": {"$near": 1}}}, 400, "custom_request"),
        ("import_and_start", {"workflow_id": 12, "db_id": 2, "data": {"email": ANN}}, 400, "db_id: "),
        ("import_and_start", {"workflow_id": 12, "data": {"email": "x"}}, 400, "data.email: "),
        ("import_and_start_batch", {"workflow_id": 12, "data": []}, 400, "data: "),
        ("import_and_start_batch_task", {"workflow_id": 13, "data": [{"data": {"email": ANN}}]}, 400, "workflow_id: "),
        ("import_and_start_batch_task", {"data": [{"data": {"email": ANN}}]}, 400, "workflow_id: "),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_done(
    stage: Stage, method: str, members: dict[str, Any], code: int, debug: str
):
    await stage.add(email=ANN)
    before = await stage.count_rows()
    answer = await stage.post(f"workflows/{method}", members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (code, debug)
    assert await stage.count_rows() == before
    assert await entered(stage) == []


@pytest.mark.parametrize("method", ["start", "import_and_start", "import_and_start_batch"])
async def test_a_token_that_may_not_launch_brings_nobody_in(stage: Stage, method: str):
    data = [{"data": {"email": ANN}}] if method.endswith("batch") else {"email": ANN}
    answer = await stage.post(f"workflows/{method}", token=READER, id=12, data=data)
    assert answer["error"] == 403


async def test_a_quick_import_brings_its_profile_in(stage: Stage):
    query = f"token={TOKEN}&db_id=1&email={ANN}&workflow_id=12"
    response = await stage.client.get(f"/api/integrations/any/profile_import?{query}")
    assert response.json()["profile_id"] == (await stage.get_profile(email=ANN))["id"]
    assert await entered(stage) == [ANN]
    both = await stage.client.get(f"/api/integrations/any/profile_import?{query}&trigger_id=8")
    assert both.json()["error_debug"] == "workflow_id: expected either trigger_id or workflow_id"

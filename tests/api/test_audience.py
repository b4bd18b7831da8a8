"""`custom_request`: launching for everybody who fits a query."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cast import TOKEN, Stage

START = "campaigns/triggers/start"
MANY = 12_000


@pytest.fixture
async def people(stage: Stage) -> None:
    await stage.add(email="ann@example.com", bonus=10, interests=["tea"], birthday="1990-05-01")
    await stage.add(email="bob@example.com", bonus=3, interests=["tea", "books"], birthday="1985-01-31")
    await stage.add(email="cy@example.com", vip=True)
    await stage.add(matching="phone", phones="+79000000001", bonus=10)


async def launch(stage: Stage, query: dict[str, Any]) -> set[str]:
    answer = await stage.post(START, id=8, custom_request=query)
    assert answer["error"] == 0, answer
    await stage.work()
    arrived = {one.recipient.partition("@")[0] for one in stage.mailbox.arrived}
    assert answer["total_count"] == len(arrived) + answer["skipped_count"]
    return arrived


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"email": {"$in": ["ann@example.com", "BOB@example.com", "nobody@example.com"]}}, {"ann", "bob"}),
        ({"bonus": {"$gte": 5}, "email": {"$exists": True}}, {"ann"}),
        ({"interests": "tea"}, {"ann", "bob"}),
        ({"$or": [{"vip": True}, {"bonus": {"$lt": 5}}]}, {"bob", "cy"}),
        ({"birthday": {"$gt": "1986-01-01"}}, {"ann"}),
        ({"email": "nobody@example.com"}, set()),
    ],
)
async def test_everybody_who_fits_gets_a_message(stage: Stage, people: None, query: dict[str, Any], expected: set[str]):
    assert people is None
    assert await launch(stage, query) == expected


async def test_who_fits_but_has_no_address_is_counted_as_skipped(stage: Stage, people: None):
    assert people is None
    answer = await stage.post(START, id=8, custom_request={"bonus": 10})
    assert (answer["total_count"], answer["skipped_count"]) == (2, 1)


async def test_a_query_may_come_in_xml(stage: Stage, people: None):
    assert people is None
    xml = (
        f"<xml><token>{TOKEN}</token><id>8</id><custom_request><email><_in>x</_in></email></custom_request></xml>"
    ).replace("<_in>x</_in>", "ann@example.com")
    root = await stage.post_xml(START, xml)
    assert (root.findtext("total_count"), root.findtext("skipped_count")) == ("1", "0")


async def test_an_audience_of_several_pages_gets_one_message_each(stage: Stage):
    await stage.post(
        "profiles/import_batch", db_id=1, data=[{"email": f"p{n}@example.com", "bonus": n % 2} for n in range(MANY)]
    )
    answer = await stage.post(START, id=8, custom_request={"bonus": 1})
    assert (answer["total_count"], answer["skipped_count"]) == (MANY // 2, 0)
    assert await stage.rows("SELECT count(*), count(DISTINCT profile_id) FROM messages") == [(MANY // 2, MANY // 2)]
    assert await stage.rows("SELECT count(*) FROM launches") == [(1,)]


@pytest.mark.parametrize(
    ("query", "debug"),
    [
        ({"$where": "1"}, "custom_request.$where: "),
        ({"bonus": {"$near": 1}}, "custom_request.bonus.$near: "),
        ({"bonus": {"$in": 1}}, "custom_request.bonus.$in: "),
        ({"email": {"$regex": "("}}, "custom_request.email.$regex: "),
    ],
)
async def test_a_query_that_cannot_be_answered_is_refused_by_name(stage: Stage, query: dict[str, Any], debug: str):
    before = await stage.count_rows()
    answer = await stage.post(START, id=8, custom_request=query)
    assert answer["error"] == 400
    assert answer["error_debug"].startswith(debug), answer
    assert await stage.count_rows() == before


async def test_a_query_that_is_very_deep_is_refused(stage: Stage):
    query: dict[str, Any] = {"bonus": 1}
    for _ in range(200):
        query = {"$and": [query]}
    answer = await stage.call(START, json.dumps({"token": TOKEN, "id": 8, "custom_request": query}))
    assert answer.json()["error"] == 400


BATCH = "campaigns/triggers/start_batch"
IMPORT = "campaigns/triggers/import_and_start"


def names(stage: Stage) -> list[str]:
    return sorted(one.recipient.partition("@")[0] for one in stage.mailbox.arrived)


async def run_batch(stage: Stage, method: str, **members: Any) -> dict[str, Any]:
    """The outcome of a batch; of a task, once it has ended."""
    answer = await stage.post(method, **members)
    assert answer["error"] == 0, answer
    await stage.work()
    if "task_id" in answer:
        result: dict[str, Any] = (await stage.post("tasks/status", task_id=answer["task_id"]))["data"]["result"]
        return result
    return answer


@pytest.mark.parametrize("method", [BATCH, f"{BATCH}_task"])
async def test_a_batch_may_be_everybody_who_fits_a_query(stage: Stage, people: None, method: str):
    assert people is None
    outcome = await run_batch(stage, method, trigger_id=8, custom_request={"bonus": 10})
    assert len(outcome["result"]) == 2
    assert [(one["index"], one["reason"]) for one in outcome["skipped"]] == [(0, "no_address")]
    assert names(stage) == ["ann"]


@pytest.mark.parametrize("method", [BATCH, f"{BATCH}_task"])
async def test_each_item_may_be_a_query_with_data_of_its_own(stage: Stage, people: None, method: str):
    assert people is None
    items = [
        {"custom_request": {"email": "nobody@example.com"}},
        {"custom_request": {"interests": "tea"}, "custom_data": {"k": "tea"}},
        {"custom_request": {"vip": True}},
        {"custom_request": {"phones": "+79000000001"}},
    ]
    outcome = await run_batch(stage, method, trigger_id=8, data=items)
    assert [(one["index"], one["error"]) for one in outcome["errors"]] == [(0, 404)]
    assert [(one["index"], one["reason"]) for one in outcome["skipped"]] == [(3, "no_address")]
    assert (len(outcome["result"]), names(stage)) == (4, ["ann", "bob", "cy"])
    own = await stage.rows("SELECT data->'custom_data' FROM events WHERE type = 'send' ORDER BY 1")
    assert sorted(str(row[0]) for row in own) == ["None", "{'k': 'tea'}", "{'k': 'tea'}"]


async def test_a_query_for_a_batch_may_come_in_xml(stage: Stage, people: None):
    assert people is None
    queries = "".join(
        f"<data><custom_request>{query}</custom_request></data>"
        for query in ("<email>ann@example.com</email>", '{"bonus": {"$in": [3, 4]}}')
    )
    root = await stage.post_xml(BATCH, f"<xml><token>{TOKEN}</token><trigger_id>8</trigger_id>{queries}</xml>")
    assert len(root.findall("result/profile_id")) == 2, ET.tostring(root)


@pytest.mark.parametrize("text", ['{"bonus":', '{"bonus": 1}}', '{"a":' * 100 + "1" + "}" * 100, '{"a":' * 100_000])
async def test_a_query_in_a_text_that_is_no_json_is_refused(stage: Stage, text: str):
    answer = await stage.post(START, id=8, custom_request=text)
    assert (answer["error"], answer["error_debug"].partition(":")[0]) == (400, "custom_request")
    root = await stage.post_xml(
        START, f"<xml><token>{TOKEN}</token><id>8</id><custom_request>{text}</custom_request></xml>"
    )
    assert root.findtext("error") == "400"


@pytest.mark.parametrize("method", [f"{IMPORT}_batch", f"{IMPORT}_batch_task"])
async def test_an_import_changes_everybody_who_fits(stage: Stage, people: None, method: str):
    assert people is None
    items = [
        {"data": {"_fname": "Tea"}, "custom_request": {"interests": "tea"}},
        {"data": {"_fname": "None"}, "custom_request": {"bonus": 77}},
        {"data": {"bonus": "x"}, "custom_request": {"vip": True}},
    ]
    outcome = await run_batch(stage, method, trigger_id=8, data=items)
    assert [(one["index"], one["error"]) for one in outcome["errors"]] == [(1, 404), (2, 400)]
    assert outcome["errors"][1]["error_debug"].startswith("data[2].bonus: ")
    assert names(stage) == ["ann", "bob"]
    assert (await stage.get_profile(email="bob@example.com"))["_fname"] == "Tea"


async def test_an_import_of_one_by_a_query_answers_with_it_or_with_how_many(stage: Stage, people: None):
    assert people is None
    data = {"_fname": "Anna"}
    one = await stage.post(IMPORT, trigger_id=8, custom_request={"email": "ann@example.com"}, data=data)
    assert one["profile_id"] == (await stage.get_profile(email="ann@example.com"))["id"]
    many = await stage.post(IMPORT, trigger_id=8, custom_request={"bonus": 10}, data=data)
    assert (many["total_count"], many["skipped_count"], many["error"]) == (2, 1, 0)
    none = await stage.post(IMPORT, trigger_id=8, custom_request={"bonus": 77}, data=data)
    assert (none["error"], none["error_debug"]) == (404, "no profile fits the query")


async def test_matching_comes_before_a_query(stage: Stage, people: None):
    assert people is None
    items = [{"email": "bob@example.com", "custom_request": {"vip": True}}]
    await run_batch(stage, BATCH, trigger_id=8, matching="email", custom_request={"$where": "1"}, data=items)
    assert names(stage) == ["bob"]


@pytest.mark.parametrize(
    ("members", "debug"),
    [
        ({"custom_request": {"vip": True}, "data": [{}, {}]}, "custom_request: a query at the root goes with one item"),
        ({"data": [{"custom_request": {}}, {"email": "a@example.com"}]}, "data[1]: expected `matching`, or a query"),
        ({"data": [{"custom_request": {"$where": "1"}}]}, "data[0].custom_request.$where: "),
        ({"data": [{"custom_request": {}}] * 101}, "data: expected 1 to 100 items with queries"),
        ({"data": [{"custom_request": []}]}, "data[0].custom_request: "),
    ],
)
async def test_a_batch_of_queries_that_cannot_be_is_refused(stage: Stage, members: dict[str, Any], debug: str):
    answer = await stage.post(BATCH, trigger_id=8, **members)
    assert answer["error"] == 400
    assert answer["error_debug"].startswith(debug), answer

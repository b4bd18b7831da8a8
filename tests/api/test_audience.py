"""`custom_request`: launching for everybody who fits a query."""

import json
from typing import Any

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


async def test_other_calls_say_that_they_take_no_query(stage: Stage):
    answer = await stage.post("campaigns/triggers/start_batch", trigger_id=8, custom_request={}, data=[{}])
    assert answer["error_debug"].startswith("custom_request: only campaigns/triggers/start takes a query")

"""Hostile queries: refused by name or stopped in time, in both formats, and nothing is written."""

import json
from html import escape
from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.store import profiles

START = "campaigns/triggers/start"


def nested(depth: int) -> dict[str, Any]:
    query: dict[str, Any] = {"bonus": 1}
    for _ in range(depth):
        query = {"$and": [query]}
    return query


async def refusals(stage: Stage, query: dict[str, Any]) -> list[tuple[str, str]]:
    """Error and explanation of a launch by the query: in JSON, in JSON as a text, and in XML as a text."""
    found = []
    for sent in (query, json.dumps(query)):
        answer = (await stage.call(START, json.dumps({"token": TOKEN, "id": 8, "custom_request": sent}))).json()
        found.append((str(answer["error"]), answer.get("error_debug", "")))
    text = escape(json.dumps(query))
    xml = f"<xml><token>{TOKEN}</token><id>8</id><custom_request>{text}</custom_request></xml>"
    root = await stage.post_xml(START, xml)
    return [*found, (root.findtext("error", ""), root.findtext("error_debug", ""))]


@pytest.mark.parametrize(
    ("query", "debug"),
    [
        (nested(20), "a filter may be 32 levels deep"),
        ({"bonus": {"$in": list(range(10_001))}}, "there may be 10000 operands, not 10001"),
        ({"$or": [{"bonus": number} for number in range(2000)]}, "1000 members and operands"),
        ({"$where": "sleep(1000)"}, "custom_request.$where: the operator $where is not available"),
        ({"$expr": {"$function": {"body": "x"}}}, "custom_request.$expr: the operator $expr is not available"),
        ({"bonus": {"$function": "x"}}, "custom_request.bonus.$function: the operator $function is not available"),
        ({"bonus": {"$gt": [1]}}, "custom_request.bonus.$gt: expected a number"),
        ({"bonus": {"$in": 5}}, "custom_request.bonus.$in: expected a list"),
        ({"bonus": {"$exists": "yes"}}, "custom_request.bonus.$exists: expected true or false"),
        ({"bonus": {"$size": "1"}}, "custom_request.bonus.$size: expected a whole number"),
        ({"bonus": {"$mod": [0, 1]}}, "custom_request.bonus.$mod: the divisor is 0"),
        ({"birthday": {"$gt": "soon"}}, "custom_request.birthday.$gt: expected a date"),
        ({"email": {"$regex": "(a*)*("}}, "custom_request.email.$regex: a ( is not closed"),
        ({"email": {"$regex": "(?:(?:a{99}){99}){99}"}}, "custom_request.email.$regex: the regular expression is too"),
        ({"email": {"$regex": r"(a+)\1"}}, r"custom_request.email.$regex: the escape '\1' is not available"),
        ({"_fname": "Ann\0"}, "NUL character"),
        ({"a\0b": 1}, "NUL character"),
        ({"a..b": 1}, "custom_request.a..b: a part of the field's name is empty"),
    ],
)
async def test_a_hostile_query_is_refused_in_both_formats(stage: Stage, query: dict[str, Any], debug: str):
    before = await stage.count_rows()
    for error, explained in await refusals(stage, query):
        assert error == "400"
        assert debug in explained
        assert explained.startswith("custom_request")
    assert await stage.count_rows() == before


async def test_a_query_of_depth_200_is_refused_in_both_formats(stage: Stage):
    assert [error for error, _ in await refusals(stage, nested(200))] == ["400"] * 3


async def test_names_with_quotes_and_dots_are_only_names(stage: Stage):
    await stage.add(email="ann@example.com", address={"it's": {'"zip"': "1'; DROP TABLE profiles --"}})
    for name in ('address.it\'s."zip"', "'; DROP TABLE profiles --", '"', "\\", "%s", "%(x)s", "{x}", "?"):
        found = [error for error, _ in await refusals(stage, {name: "1'; DROP TABLE profiles --"})]
        assert found == ["0"] * 3, name
    answer = await stage.post(START, id=8, custom_request={'address.it\'s."zip"': "1'; DROP TABLE profiles --"})
    assert answer["total_count"] == 1


async def test_ten_thousand_operands_are_taken_in_both_formats(stage: Stage):
    await stage.add(email="ann@example.com", bonus=7, score=7)
    for name in ("bonus", "score", "unknown", "address.city"):
        assert [error for error, _ in await refusals(stage, {name: {"$in": list(range(10_000))}})] == ["0"] * 3
    answer = await stage.post(START, id=8, custom_request={"score": {"$in": list(range(10_000))}})
    assert answer["total_count"] == 1


async def test_a_query_that_takes_too_long_is_stopped_and_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(profiles, "FILTER_SECONDS", 0.01)
    people = [{"email": f"p{number}@example.com", "note": "ab" * 2000 + str(number)} for number in range(200)]
    await stage.post("profiles/import_batch", db_id=1, data=people)
    before = await stage.count_rows()
    for error, explained in await refusals(stage, {"note": {"$regex": "(?:(?:[ab]*c)|(?:a|b|ab)*){9}(?=.*c)d$"}}):
        assert (error, explained) == ("400", "custom_request: finding the profiles took longer than 0.01 s")
    assert await stage.count_rows() == before
    monkeypatch.setattr(profiles, "FILTER_SECONDS", 30)
    answer = await stage.post(START, id=8, custom_request={"note": {"$regex": "99$"}})
    assert answer["total_count"] == 2

"""Filters select what mingo, another reading of MongoDB's manual, does: its answers are recorded in mingo/cases.json.

Where mingo is known to answer otherwise than the manual says, the model of the manual decides (DEVIATIONS).
"""

import json
from functools import cache
from pathlib import Path

import pytest
from tests.store import mongo_model
from tests.store.test_filter_sql import insert, select

RECORDED = Path(__file__).with_name("mingo") / "cases.json"
MOST_DISPUTED = 0.05

# What we and the manual say, and the rule.
DEVIATIONS = [
    ({"a.b": []}, {"a": [{"c": 1}]}, False, "a member that no element has is missing, not an empty list"),
    ({"a.b": None}, {"a": [{"c": 1}]}, True, "null matches what an object of a list does not have"),
    ({"a.0.b": None}, {"a": [5]}, False, "null matches nothing below a value that a number named"),
    ({"a": {"$mod": [4, 0]}}, {"a": False}, False, "$mod is for numbers"),
]


@cache
def recorded():
    return json.loads(RECORDED.read_text("utf-8"))["cases"]


def decided_by_the_manual(query, documents):
    return [number for number, document in enumerate(documents) if mongo_model.matches(query, document)]


async def test_a_filter_selects_what_mingo_does(stage):
    asked, disputed = 0, []
    for case in recorded():
        documents = case["documents"]
        async with stage.connection.transaction(force_rollback=True):
            await insert(stage, documents)
            for query, answer in case["queries"]:
                decided = decided_by_the_manual(query, documents)
                assert await select(stage, query) == set(decided), query
                asked += 1
                disputed += [query] if answer != decided else []
    assert asked > 500
    assert len(disputed) < MOST_DISPUTED * asked


@pytest.mark.parametrize(("query", "document", "expected", "rule"), DEVIATIONS)
async def test_the_manual_decides_where_mingo_errs(stage, query, document, expected, rule):
    await insert(stage, [document])
    assert (await select(stage, query) == {0}) is expected, rule
    answers = [
        answer
        for case in recorded()
        for asked, answer in case["queries"]
        if case["documents"] == [document] and asked == query
    ]
    assert answers == [[] if expected else [0]], "mingo has mended this"

"""profiles/list: pages that writes do not disturb, queries, fields asked for, and what is refused."""

from typing import Any

import pytest
from tests.house.test_indexes import nodes_of

from cast import READER, TOKEN, Stage
from tocsin.core import mongo
from tocsin.core.configuration import Database
from tocsin.store import queries
from tocsin.store.filter_sql import condition

ID = "0" * 24
ENDLESS = 500
FILL = """
INSERT INTO profiles (bucket, id, database_id, fields, subscriptions)
SELECT n % 256, int8send(n) || decode(lpad(to_hex(n % 256), 8, '0'), 'hex'), 1, '{"bonus": 1}', '[]'
FROM generate_series(1::bigint, 20000) AS n;
ANALYZE profiles;
"""


async def add_many(stage: Stage, count: int, **fields: Any) -> None:
    data = [{"email": f"p{n}@example.com", "bonus": n} | fields for n in range(count)]
    assert (await stage.post("profiles/import_batch", db_id=1, data=data))["error"] == 0


async def list_page(stage: Stage, **members: Any) -> dict[str, Any]:
    answer = await stage.post("profiles/list", {"db_id": 1} | members)
    assert answer["error"] == 0, answer
    return answer


async def list_all(stage: Stage, **members: Any) -> list[dict[str, Any]]:
    """Every profile of every page, until a page names no next one."""
    seen: list[dict[str, Any]] = []
    answer = await list_page(stage, **members)
    while "next_from_id" in answer and len(seen) < ENDLESS:
        seen += answer["data"]
        answer = await list_page(stage, from_id=answer["next_from_id"], **members)
    assert answer["data"] == []
    return seen


async def test_a_listed_profile_is_as_it_is_read_alone(stage: Stage):
    subscription = {"channel": "email", "resource_id": 21, "email": "ann@work.example.com"}
    await stage.add(email="ann@example.com", interests=["tea"], subscriptions=[subscription])
    (listed,) = (await list_page(stage, token=READER))["data"]
    assert listed == await stage.get_profile(email="ann@example.com")
    assert listed["subscriptions"][0]["is_delete"] is False


async def test_pages_hold_every_profile_once_in_one_order(stage: Stage):
    await add_many(stage, 57)
    await stage.add(db_id=2, email="elsewhere@example.com")
    whole = (await list_page(stage))["data"]
    assert len({one["id"] for one in whole}) == 57
    assert await list_all(stage, limit=10) == whole


async def test_profiles_that_stay_are_seen_once_whatever_comes_and_goes_between_pages(stage: Stage):
    await add_many(stage, 60)
    before = {one["id"] for one in (await list_page(stage))["data"]}
    seen: list[str] = []
    gone: set[str] = set()
    answer = await list_page(stage, limit=7)
    while "next_from_id" in answer and len(seen) < ENDLESS:
        seen += [one["id"] for one in answer["data"]]
        await stage.add(email=f"new{len(seen)}@example.com")
        gone |= {seen[-1], *sorted(before - set(seen) - gone)[:1]}
        for profile_id in gone:
            await stage.connection.execute("DELETE FROM profiles WHERE id = %s", [bytes.fromhex(profile_id)])
        await stage.connection.execute("""UPDATE profiles SET fields = fields || '{"bonus": 0}'""")
        answer = await list_page(stage, limit=7, from_id=answer["next_from_id"])
    assert len(seen) == len(set(seen))
    assert before - gone <= set(seen)


async def test_a_query_selects_page_by_page(stage: Stage):
    await add_many(stage, 40)
    found = await list_all(stage, query={"bonus": {"$lt": 25, "$mod": [2, 0]}}, limit=4)
    assert sorted(one["bonus"] for one in found) == list(range(0, 25, 2))
    (one,) = await list_all(stage, query={"email": {"$in": ["P7@example.com", "nobody@example.com"]}})
    assert one["bonus"] == 7
    assert await list_all(stage, query={"_id": one["id"]}) == [one]
    assert await list_all(stage, query={"email": "nobody@example.com"}) == []


async def test_only_the_fields_asked_for_are_answered(stage: Stage):
    profile_id = await stage.add(email="ann@example.com", bonus=5, _fname="Ann")
    answer = await list_page(stage, fields=["_id", "bonus", "_lname", "shoe_size"])
    assert answer["data"] == [{"id": profile_id, "bonus": 5}]
    assert answer["ignored_fields"] == ["shoe_size"]
    answer = await list_page(stage, fields=["subscriptions", "db_id"])
    assert answer["data"] == [{"subscriptions": [], "db_id": 1}]
    assert "ignored_fields" not in answer


async def test_a_database_that_keeps_every_field_knows_every_name(stage: Stage):
    await stage.add(db_id=2, email="ann@example.com", shoe_size=38)
    answer = await list_page(stage, db_id=2, fields=["shoe_size", "hat_size"])
    assert (answer["data"], "ignored_fields" in answer) == ([{"shoe_size": 38}], False)


async def test_lists_in_xml_are_those_in_json(stage: Stage):
    await add_many(stage, 3)
    whole = (await list_page(stage))["data"]
    xml = (
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><from_id/><limit>2</limit><fields>_id</fields>"
        "<fields>email</fields></xml>"
    )
    root = await stage.post_xml("profiles/list/", xml)
    assert [one.findtext("email") for one in root.findall("data")] == [one["email"] for one in whole[:2]]
    assert root.findtext("next_from_id") == whole[1]["id"]
    xml = f"<xml><token>{TOKEN}</token><db_id>1</db_id><query><email>P1@Example.com</email></query></xml>"
    (one,) = (await stage.post_xml("profiles/list", xml)).findall("data")
    assert one.findtext("bonus") == "1"
    xml = f"<xml><token>{TOKEN}</token><db_id>1</db_id><from_id>{'f' * 24}</from_id></xml>"
    root = await stage.post_xml("profiles/list", xml)
    assert (root.findtext("error"), root.find("data"), root.find("next_from_id")) == ("0", root.find("data"), None)


@pytest.mark.parametrize(
    ("members", "code", "debug"),
    [
        ({"db_id": 404}, 404, "there is no database 404"),
        ({"db_id": None}, 400, "db_id: "),
        ({"from_id": "1"}, 400, "from_id: expected the next_from_id"),
        ({"from_id": "z" * 24}, 400, "from_id: expected the next_from_id"),
        ({"from_id": f"{ID}.1"}, 400, "from_id: expected the next_from_id"),
        ({"from_id": {"$gt": ""}}, 400, "from_id: "),
        ({"limit": 0}, 400, "limit: "),
        ({"limit": -1}, 400, "limit: "),
        ({"limit": 10_001}, 400, "limit: "),
        ({"limit": 10**30}, 400, "limit: "),
        ({"fields": "email"}, 400, "fields: "),
        ({"fields": [{}]}, 400, "fields[0]: "),
        ({"query": "email"}, 400, "query: "),
        ({"query": []}, 400, "query: "),
        ({"query": {"$where": "1"}}, 400, "query.$where: the operator $where is not available here"),
        ({"query": {"bonus": {"$in": 1}}}, 400, "query.bonus.$in: "),
        ({"query": {"a": {"$regex": "("}}}, 400, "query.a.$regex: "),
    ],
)
async def test_what_cannot_be_listed_is_refused(stage: Stage, members: dict[str, Any], code: int, debug: str):
    answer = await stage.post("profiles/list", {"db_id": 1} | members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (code, debug)


async def test_mistakes_are_named_in_xml_too(stage: Stage):
    for xml, debug in (
        ("<db_id>1</db_id><limit>0</limit>", "limit: "),
        ("<db_id>1</db_id><from_id>x</from_id>", "from_id: "),
        ("<db_id>9</db_id>", "there is no database 9"),
    ):
        root = await stage.post_xml("profiles/list", f"<xml><token>{TOKEN}</token>{xml}</xml>")
        assert str(root.findtext("error_debug")).startswith(debug)


async def test_a_query_that_takes_too_long_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await stage.connection.execute(FILL)
    monkeypatch.setattr("tocsin.store.profiles.FILTER_SECONDS", 0.01)
    query = {"$nor": [{"bonus": {"$mod": [n + 2, n]}} for n in range(50)] + [{"bonus": 1}]}
    answer = await stage.post("profiles/list", db_id=1, query=query)
    assert (answer["error"], answer["error_debug"].partition(" took")[0]) == (400, "query: finding the profiles")
    assert (await list_page(stage, limit=1))["data"][0]["bonus"] == 1


@pytest.mark.parametrize(
    "query",
    [{}, {"bonus": 1, "vip": {"$ne": True}}, {"$or": [{"bonus": {"$gt": 0}}, {"email": {"$exists": True}}]}],
)
async def test_a_page_is_read_from_where_it_begins(stage: Stage, query: dict[str, Any]):
    await stage.connection.execute(FILL)
    wanted = condition(mongo.parse(query, Database(1, "Customers")), 1)
    before, order = queries.load("profiles")["list_after"].split("ORDER BY")
    statement = f"EXPLAIN (FORMAT JSON) {before} AND {wanted.sql.as_string()} ORDER BY {order}"
    keys = {"database_id": 1, "after_bucket": 128, "after_id": bytes(11) + b"\x80", "limit": 100}
    cursor = await stage.connection.execute(statement, keys | wanted.parameters)  # type: ignore[arg-type]  # Ours.
    ((explained,),) = await cursor.fetchall()
    (scan,) = [node for node in nodes_of(explained[0]["Plan"]) if node.get("Relation Name") == "profiles"]
    assert scan["Node Type"] == "Index Scan"
    assert "ROW(bucket, id) >" in scan["Index Cond"]

"""subscriptions/get, list and list_all: of a profile, and of a resource page by page."""

from typing import Any

import pytest
from tests.house.test_indexes import nodes_of

from cast import READER, TOKEN, Stage
from tocsin.store import queries

PHONE = "+79000000001"
ENDLESS = 500
EMAIL = {"channel": "email", "resource_id": 21, "email": "Ann@Work.example.com"}
SMS = {"channel": "sms", "resource_id": 20, "phone": PHONE}
PUSH = {"channel": "push", "resource_id": 22, "provider": "ios-apns", "subscription_id": "dev-1"}
VIBER = {"channel": "viber", "resource_id": 23, "cc_data": {"phone": PHONE}}
TELEGRAM = {"channel": "telegram_bot", "resource_id": 23, "cc_data": {"id": "5"}}
ALL = [EMAIL, SMS, PUSH, VIBER, TELEGRAM]
FILL = """
INSERT INTO profiles (bucket, id, database_id, fields, subscriptions)
SELECT n % 256, int8send(n) || decode(lpad(to_hex(n % 256), 8, '0'), 'hex'), 1, '{}',
    jsonb_build_array(jsonb_build_object('channel', 'email', 'resource_id', 21, 'email', 'a@example.com'))
FROM generate_series(1::bigint, 20000) AS n;
ANALYZE profiles;
"""


async def delete_first(stage: Stage, profile_id: str) -> None:
    answer = await stage.post("subscriptions/delete", EMAIL, db_id=1, profile_id=profile_id)
    assert answer["error"] == 0, answer


async def add_ann(stage: Stage, *subscriptions: dict[str, Any]) -> str:
    return await stage.add(email="ann@example.com", subscriptions=list(subscriptions))


async def add_many(stage: Stage, count: int) -> None:
    """People with one to three subscriptions at resource 21, and one elsewhere."""
    data = [
        {
            "email": f"p{n}@example.com",
            "subscriptions": [
                *({"channel": "email", "resource_id": 21, "email": f"s{k}.{n}@example.com"} for k in range(n % 3 + 1)),
                {"channel": "email", "resource_id": 22, "email": f"p{n}@example.com"},
            ],
        }
        for n in range(count)
    ]
    assert (await stage.post("profiles/import_batch", db_id=1, data=data))["error"] == 0


async def list_page(stage: Stage, **members: Any) -> dict[str, Any]:
    answer = await stage.post("subscriptions/list_all", {"resource_id": 21} | members)
    assert answer["error"] == 0, answer
    return answer


async def list_all(stage: Stage, **members: Any) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    answer = await list_page(stage, **members)
    while "next_from_id" in answer and len(seen) < ENDLESS:
        assert len(answer["data"]) <= members.get("limit", 1000)
        seen += answer["data"]
        answer = await list_page(stage, from_id=answer["next_from_id"], **members)
    assert answer["data"] == []
    return seen


async def test_the_subscriptions_of_a_profile_are_those_of_the_profile(stage: Stage):
    profile_id = await add_ann(stage, *ALL)
    listed = (await stage.post("subscriptions/list", db_id=1, profile_id=profile_id, token=READER))["data"]
    assert listed == (await stage.get_profile(email="ann@example.com"))["subscriptions"]
    assert [one["channel"] for one in listed] == ["email", "sms", "push", "viber", "telegram_bot"]


async def test_a_subscription_is_shown_whole(stage: Stage):
    profile_id = await add_ann(stage, EMAIL | {"cats": ["news"], "custom_fields": {"a": 1}})
    answer = await stage.post("subscriptions/get", EMAIL, db_id=1, profile_id=profile_id, token=READER)
    hash_id = answer["data"].pop("hash_id")
    assert answer["data"] == {
        "resource_id": 21,
        "channel": "email",
        "email": "Ann@work.example.com",
        "email_data": {
            "email": "Ann@work.example.com",
            "domain": "work.example.com",
            "domain_group": "work.example.com",
            "md5": "793b9311c16e0d684dc81db40acfba51",
        },
        "status": "subscribed",
        "priority": 0,
        "cats": ["news"],
        "custom_fields": {"a": 1},
        "is_delete": False,
    }
    assert hash_id.isdecimal()
    assert 10**18 <= int(hash_id) < 2**63


@pytest.mark.parametrize(
    ("said", "asked", "holder"),
    [
        (EMAIL, {"email": "ANN@work.EXAMPLE.com"}, "email_data"),
        (EMAIL, {"channel": "email", "email_data": {"email": "ann@work.example.com"}}, "email_data"),
        (SMS, {"channel": "phone", "phone": "+7 900 000-00-01"}, "phone_data"),
        (PUSH, {"channel": "push", "provider": "ios-apns", "subscription_id": "dev-1"}, "push_data"),
        (VIBER, {"channel": "viber", "phone": PHONE}, "phone_data"),
        (TELEGRAM, {"channel": "telegram_bot", "cc_data": {"id": 5}}, "cc_data"),
    ],
)
async def test_a_subscription_is_found_by_its_address(
    stage: Stage, said: dict[str, Any], asked: dict[str, Any], holder: str
):
    profile_id = await add_ann(stage, *ALL)
    members = {"db_id": 1, "profile_id": profile_id, "resource_id": said["resource_id"]}
    answer = await stage.post("subscriptions/get", members | asked)
    assert answer["data"]["channel"] == said["channel"]
    assert holder in answer["data"]


async def test_a_hash_id_names_one_subscription_of_one_profile_and_stays(stage: Stage):
    await add_many(stage, 20)
    before = await list_all(stage)
    assert len({one["hash_id"] for one in before}) == len(before)
    await stage.post("profiles/update", db_id=1, email="p0@example.com", data={"subscriptions": [
        {"channel": "email", "resource_id": 21, "email": "S0.0@EXAMPLE.com", "status": "suspended", "priority": 3}
    ]})  # fmt: skip
    after = await list_all(stage)
    assert [one["hash_id"] for one in after] == [one["hash_id"] for one in before]
    assert before != after


async def test_a_deleted_subscription_is_shown_only_when_asked_for(stage: Stage):
    profile_id = await add_ann(stage, EMAIL, SMS)
    await delete_first(stage, profile_id)
    of_ann = {"db_id": 1, "profile_id": profile_id}
    gone = await stage.post("subscriptions/get", EMAIL | of_ann)
    assert (gone["error"], gone["error_debug"]) == (404, "the profile has no such subscription")
    listed = (await stage.post("subscriptions/list", of_ann))["data"]
    assert [one["channel"] for one in listed] == ["sms"]
    listed = (await stage.post("subscriptions/list", of_ann, with_deleted=True))["data"]
    assert [(one["channel"], one["is_delete"]) for one in listed] == [("sms", False), ("email", True)]
    answer = await list_page(stage)
    assert (answer["total_count"], answer["data"]) == (0, [])


async def test_subscriptions_are_read_in_xml(stage: Stage):
    profile_id = await add_ann(stage, *ALL)
    of_ann = f"<xml><token>{TOKEN}</token><db_id>1</db_id><profile_id>{profile_id}</profile_id>"
    one = f"{of_ann}<resource_id>20</resource_id><channel>sms</channel><phone>{PHONE}</phone></xml>"
    root = await stage.post_xml("subscriptions/get/", one)
    assert (root.findtext("data/phone_data/phone"), root.findtext("data/is_delete")) == (PHONE, "false")
    one = f"{of_ann}<resource_id>23</resource_id><channel>telegram_bot</channel><cc_data><id>5</id></cc_data></xml>"
    assert (await stage.post_xml("subscriptions/get", one)).findtext("data/cc_data/id") == "5"
    root = await stage.post_xml("subscriptions/list", f"{of_ann}</xml>")
    assert [one.findtext("channel") for one in root.findall("data")] == [one["channel"] for one in ALL]
    root = await stage.post_xml(
        "subscriptions/list_all", f"<xml><token>{TOKEN}</token><resource_id>23</resource_id><limit>1</limit></xml>"
    )
    assert [one.findtext("profile_id") for one in root.findall("data")] == [profile_id]
    assert root.findtext("total_count") == "2"
    assert str(root.findtext("next_from_id")).startswith(f"{profile_id}.")


async def test_pages_hold_every_subscription_of_the_resource_once(stage: Stage):
    await add_many(stage, 30)
    whole = await list_page(stage)
    assert (len(whole["data"]), whole["total_count"]) == (60, 60)
    assert {one["resource_id"] for one in whole["data"]} == {21}
    assert len({(one["profile_id"], one["email"]) for one in whole["data"]}) == 60
    for limit in (1, 7, 60):
        assert await list_all(stage, limit=limit) == whole["data"]


async def test_what_stays_is_seen_once_whatever_comes_and_goes_between_pages(stage: Stage):
    await add_many(stage, 30)
    before = {one["hash_id"]: one["profile_id"] for one in await list_all(stage)}
    seen: list[str] = []
    gone: set[str] = set()
    answer = await list_page(stage, limit=7)
    while "next_from_id" in answer and len(seen) < ENDLESS:
        seen += [one["hash_id"] for one in answer["data"]]
        subscription = {"channel": "email", "resource_id": 21, "email": "new@example.com"}
        await stage.add(email=f"new{len(seen)}@example.com", subscriptions=[subscription])
        gone.add(answer["data"][-1]["profile_id"])
        for profile_id in gone:
            await stage.connection.execute("DELETE FROM profiles WHERE id = %s", [bytes.fromhex(profile_id)])
        answer = await list_page(stage, limit=7, from_id=answer["next_from_id"])
        assert "total_count" not in answer
    assert len(seen) == len(set(seen))
    assert {hash_id for hash_id, profile_id in before.items() if profile_id not in gone} <= set(seen)


async def test_a_page_may_end_within_a_profile_that_then_changes(stage: Stage):
    several = [EMAIL | {"email": f"{name}@example.com"} for name in ("a", "b", "c", "d")]
    profile_id = await add_ann(stage, *several)
    first = await list_page(stage, limit=2)
    gone = EMAIL | {"email": first["data"][0]["email"]}
    assert (await stage.post("subscriptions/delete", gone, db_id=1, profile_id=profile_id))["error"] == 0
    rest = await list_page(stage, from_id=first["next_from_id"])
    assert sorted(one["email"] for one in first["data"] + rest["data"]) == [one["email"] for one in several]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, {"ann", "bob", "cy", "dan"}),
        ({"channel": "email"}, {"ann", "bob", "dan"}),
        ({"channel": "phone"}, {"cy"}),
        ({"status": "unsubscribed"}, {"bob"}),
        ({"status": 1}, {"bob"}),
        ({"status": "0", "channel": "email"}, {"ann", "dan"}),
        ({"db_id": 1}, {"ann", "bob", "cy"}),
        ({"db_id": 2}, {"dan"}),
        ({"db_id": 3}, set()),
    ],
)
async def test_a_list_is_narrowed_by_what_is_given(stage: Stage, members: dict[str, Any], found: set[str]):
    names = {}
    for name, db_id, subscription in (
        ("ann", 1, {"channel": "email", "email": "ann@example.com"}),
        ("bob", 1, {"channel": "email", "email": "bob@example.com", "status": "unsubscribed"}),
        ("cy", 1, {"channel": "sms", "phone": PHONE}),
        ("dan", 2, {"channel": "email", "email": "dan@example.com"}),
    ):
        subscribed = subscription | {"resource_id": 23}
        names[await stage.add(db_id=db_id, email=f"{name}@example.com", subscriptions=[subscribed])] = name
    answer = await list_page(stage, resource_id=23, **members)
    assert {names[one["profile_id"]] for one in answer["data"]} == found
    assert answer["total_count"] == len(found)


async def test_counting_that_takes_too_long_is_left_out(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await stage.connection.execute(FILL)
    monkeypatch.setattr("tocsin.store.subscriptions.COUNT_SECONDS", 0.005)
    answer = await list_page(stage, limit=5)
    assert (len(answer["data"]), "total_count" in answer) == (5, False)
    monkeypatch.setattr("tocsin.store.subscriptions.PAGE_SECONDS", 0.005)
    answer = await stage.post("subscriptions/list_all", resource_id=21, status="suspended")
    assert (answer["error"], answer["error_debug"].partition(" took")[0]) == (400, "finding the subscriptions")


async def test_a_page_is_read_from_where_it_begins_however_dear_that_looks(stage: Stage):
    await stage.connection.execute(FILL)
    await stage.connection.execute("SET LOCAL random_page_cost = 40")
    named = queries.load("subscriptions")
    assert len((await list_page(stage, limit=5))["data"]) == 5
    asked = {"after_bucket": 0, "after_id": bytes(12), "after_mark": "", "limit": 10_000}
    wanted = {"database_ids": [1], "members": '{"resource_id": 21}', "with_deleted": False}
    cursor = await stage.connection.execute(f"EXPLAIN (FORMAT JSON) {named['list_after']}", asked | wanted)
    ((explained,),) = await cursor.fetchall()
    nodes = nodes_of(explained[0]["Plan"])
    (scan,) = [node for node in nodes if node.get("Relation Name") == "profiles"]
    assert (scan["Node Type"], "ROW(bucket, id) >=" in scan["Index Cond"]) == ("Index Scan", True)
    assert "Sort" not in {node["Node Type"] for node in nodes}
    assert await stage.rows("SELECT current_setting('statement_timeout')") == [("0",)]


@pytest.mark.parametrize(
    ("members", "code", "debug"),
    [
        ({"db_id": 404}, 404, "there is no database 404"),
        ({"resource_id": 404}, 404, "there is no resource 404"),
        ({"resource_id": None}, 400, "resource_id: "),
        ({"channel": "pigeon"}, 400, "channel: expected one of "),
        ({"channel": 7}, 400, "channel: "),
        ({"status": "asleep"}, 400, "status: expected one of "),
        ({"status": 7}, 400, "status: expected one of "),
        ({"status": [0]}, 400, "status: "),
        ({"limit": 0}, 400, "limit: "),
        ({"limit": -1}, 400, "limit: "),
        ({"limit": 10_001}, 400, "limit: "),
        ({"from_id": "0" * 24}, 400, "from_id: expected the next_from_id"),
        ({"from_id": f"{'0' * 24}.{'9' * 31}"}, 400, "from_id: expected the next_from_id"),
        ({"from_id": f"{'0' * 24}.-1"}, 400, "from_id: expected the next_from_id"),
    ],
)
async def test_what_cannot_be_listed_is_refused(stage: Stage, members: dict[str, Any], code: int, debug: str):
    answer = await stage.post("subscriptions/list_all", {"resource_id": 21} | members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (code, debug)


@pytest.mark.parametrize(
    ("members", "code", "debug"),
    [
        ({"db_id": 404}, 404, "there is no database 404"),
        ({"db_id": 2}, 404, "profile_id: there is no such profile"),
        ({"profile_id": "0" * 24}, 404, "profile_id: there is no such profile"),
        ({"profile_id": "ann"}, 400, "profile_id: expected 24 hex digits"),
        ({"profile_id": 5}, 400, "profile_id: "),
        ({"resource_id": 404}, 404, "there is no resource 404"),
        ({"resource_id": 20}, 400, "channel: resource 20 has no channel email"),
        ({"resource_id": 22}, 404, "the profile has no such subscription"),
        ({"email": "bob@example.com"}, 404, "the profile has no such subscription"),
        ({"email": "nobody"}, 400, "email: "),
        ({"email": None}, 400, "email: expected a string"),
        ({"channel": "sms", "resource_id": 22}, 400, "phone: expected a string"),
        ({"channel": "pigeon"}, 400, "channel: expected one of "),
        ({"cc_data": "x"}, 400, "cc_data: "),
    ],
)
async def test_what_is_no_subscription_is_refused(stage: Stage, members: dict[str, Any], code: int, debug: str):
    profile_id = await add_ann(stage, EMAIL)
    answer = await stage.post("subscriptions/get", {"db_id": 1, "profile_id": profile_id} | EMAIL | members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (code, debug)


async def test_mistakes_are_named_in_xml_too(stage: Stage):
    for method, xml, debug in (
        ("list", "<db_id>1</db_id><profile_id>x</profile_id>", "profile_id: expected 24"),
        ("list_all", "<resource_id>21</resource_id><from_id>x</from_id>", "from_id: "),
        ("list_all", "<resource_id/>", "resource_id: "),
        ("get", f"<db_id>1</db_id><profile_id>{'0' * 24}</profile_id><resource_id>21</resource_id>", "profile_id: "),
    ):
        root = await stage.post_xml(f"subscriptions/{method}", f"<xml><token>{TOKEN}</token>{xml}</xml>")
        assert str(root.findtext("error_debug")).startswith(debug)

"""`profiles/{add,add_batch}`: new profiles without a search, in JSON and in XML."""

from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import configuration

LISTENER = """
triggers:
  - {id: 50, name: Event, database: 1, template: 1, sender: 1, active: true, event: api_import,
     when: {occasions: [created]}}
"""
SUBSCRIPTION = {"channel": "email", "email": "ann@example.com", "resource_id": 21}


async def add(stage: Stage, data: Any, **members: Any) -> dict[str, Any]:
    return await stage.post("profiles/add", {"db_id": 1, "data": data} | members)


async def add_batch(stage: Stage, *data: Any, **members: Any) -> dict[str, Any]:
    return await stage.post("profiles/add_batch", {"db_id": 1, "data": list(data)} | members)


async def test_a_profile_is_added(stage: Stage):
    answer = await add(stage, {"email": "Ann@Example.com", "bonus": "3", "CRM_ID": "1", "shoe_size": 38})
    assert answer.keys() == {"error", "error_text", "profile_id", "ignored_fields"}
    assert answer["ignored_fields"] == ["shoe_size"]
    ann = await stage.get_profile(matching="custom", field_name="CRM_ID", field_value="1")
    assert (ann["id"], ann["email"], ann["bonus"]) == (answer["profile_id"], "Ann@example.com", 3)


async def test_a_profile_is_added_in_xml(stage: Stage):
    xml = (
        f"<xml><token>{TOKEN}</token><db_id>1</db_id>"
        "<data><email>ann@example.com</email><interests>a</interests></data></xml>"
    )
    root = await stage.post_xml("profiles/add", xml)
    ann = await stage.get_profile(email="ann@example.com")
    assert (root.findtext("error"), root.findtext("profile_id")) == ("0", ann["id"])
    assert ann["interests"] == ["a"]
    again = await stage.post_xml("profiles/add", xml)
    assert again.findtext("error") == "409"


@pytest.mark.parametrize("nothing", [{}, {"data": None}, {"data": {}}])
async def test_without_data_an_empty_profile_is_added(stage: Stage, nothing: dict[str, Any]):
    answers = [await stage.post("profiles/add", nothing, db_id=1) for _ in range(2)]
    assert answers[0]["profile_id"] != answers[1]["profile_id"]
    found = await stage.get_profile(matching="profile_id", profile_id=answers[0]["profile_id"])
    assert found == {"id": answers[0]["profile_id"], "db_id": 1, "subscriptions": []}


@pytest.mark.parametrize("nothing", ["", "<data/>"])
async def test_without_data_an_empty_profile_is_added_in_xml(stage: Stage, nothing: str):
    root = await stage.post_xml("profiles/add", f"<xml><token>{TOKEN}</token><db_id>1</db_id>{nothing}</xml>")
    assert root.findtext("error") == "0"
    assert await stage.rows("SELECT fields FROM profiles") == [({},)]


async def test_an_email_of_another_profile_is_refused_and_nothing_is_changed(stage: Stage):
    await stage.add(email="ann@example.com", bonus=1)
    before = await stage.count_rows()
    answer = await add(stage, {"email": "ANN@example.com", "bonus": 2})
    assert (answer["error"], answer["error_text"]) == (409, "Conflict")
    assert answer["error_debug"] == "data.email: another profile has this email"
    assert await stage.count_rows() == before
    assert (await stage.get_profile(email="ann@example.com"))["bonus"] == 1


async def test_an_email_of_a_subscription_or_of_another_database_is_in_nobodys_way(stage: Stage):
    await stage.add(email="bob@example.com", subscriptions=[SUBSCRIPTION])
    await stage.post("profiles/import", db_id=2, data={"email": "ann@example.com"})
    assert (await add(stage, {"email": "ann@example.com"}))["error"] == 0


async def test_a_value_of_a_unique_field_that_another_profile_has_is_refused(stage: Stage):
    await stage.add(email="ann@example.com", CRM_ID="1")
    answer = await add(stage, {"email": "bob@example.com", "CRM_ID": "1"})
    assert (answer["error"], answer["error_debug"].split(": ")[0]) == (409, "data.CRM_ID")


async def test_a_batch_answers_for_each_item_in_order(stage: Stage):
    await stage.add(email="ann@example.com")
    answer = await add_batch(
        stage,
        {"email": "bob@example.com", "CRM_ID": "1"},
        {"email": "ann@example.com"},
        {"email": "no address"},
        {},
        {"email": "Bob@example.com", "shoe_size": 38},
        {"email": "cy@example.com", "CRM_ID": "1"},
        {"phones": "+79000000001"},
    )
    assert answer["error"] == 0
    assert [one["error"] for one in answer["result"]] == [0, 409, 400, 0, 409, 409, 0]
    assert answer["result"][0].keys() == {"error", "error_text", "profile_id"}
    assert answer["result"][1] == {
        "error": 409,
        "error_text": "Conflict",
        "error_debug": "data[1].email: another profile has this email",
    }
    assert answer["result"][2]["error_debug"].startswith("data[2].email: ")
    assert answer["result"][5]["error_debug"].startswith("data[5].CRM_ID: ")
    assert answer["ignored_fields"] == ["shoe_size"]
    assert len(await stage.rows("SELECT 1 FROM profiles")) == 4
    bob = await stage.get_profile(email="bob@example.com")
    assert bob["id"] == answer["result"][0]["profile_id"]


async def test_a_batch_in_xml_has_the_fields_in_its_items(stage: Stage):
    root = await stage.post_xml(
        "profiles/add_batch",
        f"<xml><token>{TOKEN}</token><db_id>1</db_id>"
        "<data><email>ann@example.com</email></data><data><email>ann@example.com</email></data></xml>",
    )
    assert [one.findtext("error") for one in root.findall("result")] == ["0", "409"]
    assert root.findtext("result/profile_id") == (await stage.get_profile(email="ann@example.com"))["id"]


async def test_an_added_profile_is_one_that_an_import_created(stage: Stage):
    await configuration.apply(stage.context, LISTENER, "events.yaml", {})
    await add(stage, {"email": "ann@example.com"})
    await add(stage, {"email": "ann@example.com"})
    await add(stage, {"email": "dan@example.com"}, skip_triggers=True)
    await add_batch(stage, {"email": "bob@example.com"}, {"email": "bob@example.com"})
    await add_batch(stage, {"email": "eve@example.com"}, skip_triggers=True)
    await stage.work()
    assert sorted(one.recipient for one in stage.mailbox.arrived) == ["ann@example.com", "bob@example.com"]


async def test_subscriptions_that_are_wrong_can_be_left_out(stage: Stage):
    data = {"email": "ann@example.com", "subscriptions": [SUBSCRIPTION, {"channel": "email", "resource_id": 21}]}
    refused = await add(stage, data)
    assert (refused["error"], refused["error_debug"].split(": ")[0]) == (400, "data.subscriptions[1].email")
    assert (await add(stage, data, skip_invalid_subscriptions=True))["error"] == 0
    assert len((await stage.get_profile(email="ann@example.com"))["subscriptions"]) == 1


async def test_a_place_that_cannot_be_found_is_told(stage: Stage):
    answer = await add(stage, {"email": "ann@example.com", "_ip": "8.8.8.8"}, detect_geo=True)
    assert answer["warnings"] == ["detect_geo had no effect: TOCSIN_GEO_DATABASE names no file"]


@pytest.mark.parametrize("method", ["profiles/add", "profiles/add_batch"])
async def test_an_unknown_database_or_a_token_without_the_permission_is_refused(stage: Stage, method: str):
    data: Any = {"email": "ann@example.com"} if method == "profiles/add" else [{"email": "ann@example.com"}]
    assert (await stage.post(method, db_id=9, data=data))["error"] == 404
    assert (await stage.post(method, token=READER, db_id=1, data=data))["error"] == 403


@pytest.mark.parametrize(
    ("data", "debug"),
    [
        ([], "data: expected at least one item"),
        ([1], "data[0]: "),
        ({}, "data: "),
        ([{}] * 100_001, "data: expected at most 100000"),
    ],
)
async def test_a_batch_that_is_none_is_refused(stage: Stage, data: Any, debug: str):
    answer = await stage.post("profiles/add_batch", db_id=1, data=data)
    assert answer["error"] == 400
    assert answer["error_debug"].startswith(debug)

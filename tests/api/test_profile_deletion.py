"""`profiles/delete`: the profile, what it is found by, its history and its waiting messages, in JSON and in XML."""

from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.actions import configuration

LAUNCH = "campaigns/triggers/start"
TOKENS = """
tokens:
  - {name: writer, token: writer-writer-writer, permissions: [profiles.write, profiles.read]}
  - {name: deleter, token: deleter-deleter-deleter, permissions: [profiles.delete]}
"""
PROFILE = {
    "email": "ann@example.com",
    "phones": ["+79000000001"],
    "CRM_ID": "1",
    "subscriptions": [
        {"channel": "email", "email": "a@example.com", "resource_id": 21},
        {"channel": "push", "provider": "google", "subscription_id": "dev-1", "resource_id": 22},
    ],
}


async def delete(stage: Stage, **search: Any) -> dict[str, Any]:
    return await stage.post("profiles/delete", {"db_id": 1} | search)


async def traces(stage: Stage, profile_id: str) -> dict[str, int]:
    """How many rows of each table there are about a profile."""
    columns = {"profiles": "id", "identities": "profile_id", "messages": "profile_id", "events": "profile_id"}
    return {
        table: (await stage.rows(f"SELECT count(*) FROM {table} WHERE {column} = decode(%s, 'hex')", profile_id))[0][0]
        for table, column in columns.items()
    }


async def test_nothing_is_left_of_a_deleted_profile_and_all_of_the_others(stage: Stage):
    ann = await stage.add(**PROFILE)
    bob = await stage.add(email="bob@example.com")
    for email in ("ann@example.com", "bob@example.com"):
        await stage.post(LAUNCH, id=8, email=email)
        await stage.work()
        await stage.post(LAUNCH, id=8, email=email, timeout={"days": 1})
    assert await traces(stage, ann) == {"profiles": 1, "identities": 5, "messages": 1, "events": 1}
    answer = await delete(stage, email="ann@example.com")
    assert answer == {"error": 0, "error_text": "Successful operation", "data": {"profile_id": ann}}
    assert await traces(stage, ann) == dict.fromkeys(("profiles", "identities", "messages", "events"), 0)
    assert await traces(stage, bob) == {"profiles": 1, "identities": 1, "messages": 1, "events": 1}
    assert await stage.rows("SELECT total FROM event_totals WHERE trigger_id = 8") == [(2,)]
    stage.clock.advance(days=1)
    await stage.work()
    assert [one.recipient for one in stage.mailbox.arrived] == ["ann@example.com", "bob@example.com", "bob@example.com"]


@pytest.mark.parametrize(
    "search",
    [
        {"email": "A@example.com"},
        {"matching": "email_profile", "email": "ann@example.com"},
        {"matching": "email_sub", "email": "a@example.com", "resource_id": 21},
        {"matching": "phone", "phone": "+7 900 000-00-01"},
        {"matching": "push_sub", "provider": "google", "subscription_id": "dev-1"},
        {"matching": "custom", "field_name": "CRM_ID", "field_value": 1},
        {"matching": "email_phone", "email": "nobody@example.com", "phone": "+79000000001"},
    ],
)
async def test_a_profile_is_deleted_by_whatever_finds_it(stage: Stage, search: dict[str, Any]):
    ann = await stage.add(**PROFILE)
    assert (await delete(stage, **search))["data"] == {"profile_id": ann}
    assert (await delete(stage, **search))["error"] == 404
    assert await stage.rows("SELECT count(*) FROM profiles") == [(0,)]


async def test_a_profile_is_deleted_by_its_id_in_xml(stage: Stage):
    ann = await stage.add(**PROFILE)
    xml = (
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><matching>profile_id</matching>"
        f"<profile_id>{ann}</profile_id></xml>"
    )
    root = await stage.post_xml("profiles/delete", xml)
    assert (root.findtext("error"), root.findtext("data/profile_id")) == ("0", ann)
    again = await stage.post_xml("profiles/delete", xml)
    assert again.findtext("error") == "404"
    assert await traces(stage, ann) == dict.fromkeys(("profiles", "identities", "messages", "events"), 0)


async def test_of_several_that_match_none_is_deleted(stage: Stage):
    await stage.post("profiles/add", db_id=1, data={"email": "ann@example.com", "phones": "+79000000001"})
    await stage.post("profiles/add", db_id=1, data={"email": "bob@example.com", "phones": "+79000000001"})
    before = await stage.count_rows()
    answer = await delete(stage, matching="phone", phone="+79000000001")
    assert (answer["error"], answer["error_text"]) == (409, "More than one profile matches")
    assert await stage.count_rows() == before


async def test_a_deleted_email_can_be_given_to_a_new_profile(stage: Stage):
    ann = await stage.add(**PROFILE)
    await delete(stage, email="ann@example.com")
    assert await stage.add(**PROFILE) != ann


async def test_a_profile_of_another_database_is_not_found(stage: Stage):
    ann = await stage.add(**PROFILE)
    answer = await delete(stage, db_id=2, matching="profile_id", profile_id=ann)
    assert (answer["error"], (await traces(stage, ann))["profiles"]) == (404, 1)


@pytest.mark.parametrize(
    ("search", "code", "debug"),
    [
        ({}, 400, "email: expected a value to search for"),
        ({"email": "nobody@example.com"}, 404, "no profile matches email"),
        ({"email": "not one"}, 400, "email: "),
        ({"matching": "name"}, 400, "matching: expected one of"),
        ({"matching": "profile_id", "profile_id": "xyz"}, 400, "profile_id: expected 24 hex digits"),
        ({"matching": "custom", "field_name": "nothing", "field_value": 1}, 400, "field_name: "),
        ({"email": "ann@example.com", "resource_id": 999}, 404, "resource_id: there is no resource 999"),
        ({"db_id": 9, "email": "ann@example.com"}, 404, "there is no database 9"),
    ],
)
async def test_what_is_wrong_is_said_and_nobody_deleted(stage: Stage, search: dict[str, Any], code: int, debug: str):
    await stage.add(**PROFILE)
    answer = await delete(stage, **search)
    assert answer["error"] == code
    assert answer["error_debug"].startswith(debug)
    assert await stage.rows("SELECT count(*) FROM profiles") == [(1,)]


async def test_deleting_takes_a_permission_of_its_own(stage: Stage):
    await configuration.apply(stage.context, TOKENS, "tokens.yaml", {})
    ann = await stage.add(**PROFILE)
    refused = await delete(stage, token="writer-writer-writer", email="ann@example.com")
    assert (refused["error"], refused["error_debug"]) == (403, "token 'writer' lacks the permission profiles.delete")
    assert (await delete(stage, token="deleter-deleter-deleter", email="ann@example.com"))["data"]["profile_id"] == ann

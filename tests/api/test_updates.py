"""Functional updates through imports, and docs/api/updates.md: each example does what the page says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.core.configuration import Configuration
from tocsin.core.identities import Describer
from tocsin.store import profiles

BATCH = "campaigns/triggers/import_and_start_batch"
ANN = {"matching": "email", "email": "ann@example.com"}
SUBSCRIPTION = {"resource_id": 23, "channel": "email", "email": "ann@example.com"}

PAGE = (Path(__file__).parents[2] / "docs" / "api" / "updates.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(?:json|xml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
START = json.loads(BLOCKS[0])
EXAMPLES = list(zip(BLOCKS[1::3], BLOCKS[2::3], BLOCKS[3::3], strict=True))


def incr(number: Any) -> dict[str, Any]:
    return {"action": "incr", "value": number}


async def update(stage: Stage, **fields: Any) -> dict[str, Any]:
    """Ann after an import that succeeds."""
    await stage.add(**{"email": "ann@example.com"} | fields)
    return await stage.get_profile(**ANN)


async def batch(stage: Stage, *items: dict[str, Any], **members: Any) -> dict[str, Any]:
    wrapped = [{"data": item} for item in items]
    return await stage.post(BATCH, {"trigger_id": 8, "timeout": {"days": 1}} | members, data=wrapped)


async def matches(stage: Stage, name: str, value: Any) -> list[str]:
    """The emails of the profile that has the value in a custom field, none if there is none."""
    answer = await stage.post("profiles/get", db_id=1, matching="custom", field_name=name, field_value=value)
    assert answer["error"] in (0, 404), answer
    return [answer["data"]["email"]] if "data" in answer else []


async def check_identities(stage: Stage) -> None:
    """The identity table is what it would be if it were made anew."""
    configuration: Configuration = await stage.context.configuration(stage.connection)
    describer = Describer(configuration.databases[1])
    expected = {
        (kind, resource_id, value, profile.id)
        for profile in await profiles.list_after(stage.connection, 1, b"", 1000)
        for kind, resource_id, value in describer.describe(profile.fields, profile.subscriptions)
    }
    rows = await stage.rows("SELECT kind, resource_id, value, profile_id FROM identities WHERE database_id = 1")
    assert set(rows) == expected


@pytest.mark.parametrize("encoding", ["json", "xml"])
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
async def test_an_example_of_the_page_does_what_the_page_says(
    stage: Stage, example: tuple[str, str, str], encoding: str
):
    as_json, as_xml, outcome = example
    before = await update(stage, **START)
    if encoding == "json":
        after = await update(stage, **json.loads(as_json))
    else:
        data = f"<data><email>ann@example.com</email>{as_xml}</data>"
        xml = f"<xml><token>{TOKEN}</token><db_id>1</db_id>{data}</xml>"
        assert (await stage.post_xml("profiles/import", xml)).findtext("error") == "0"
        after = await stage.get_profile(**ANN)
    expected = json.loads(outcome)
    if after["subscriptions"]:
        assert after["subscriptions"][0]["custom_fields"] == expected
    else:
        assert after == {name: value for name, value in (before | expected).items() if value is not None}
    await check_identities(stage)


def test_every_block_of_the_page_belongs_to_an_example():
    assert PAGE.count("\n```") == 2 * (1 + 3 * len(EXAMPLES))
    assert len(EXAMPLES) > 8


async def test_two_items_of_a_batch_both_count(stage: Stage):
    known, new = {"email": "ann@example.com"}, {"email": "bob@example.com"}
    await update(stage, bonus=10, interests=["tea"])
    answer = await batch(
        stage,
        known | {"bonus": incr(5), "interests": {"action": "add", "value": "books"}},
        new | {"bonus": incr(1)},
        known | {"bonus": incr("-2"), "interests": {"action": "delete", "value": "tea"}},
        new | {"bonus": incr(1)},
        known | {"bonus": {"action": "set", "value": 100}},
        known | {"bonus": incr(1)},
    )
    assert "errors" not in answer
    ann, bob = [await stage.get_profile(matching="email", **one) for one in (known, new)]
    assert (ann["bonus"], ann["interests"], bob["bonus"]) == (101, ["books"], 2)
    await check_identities(stage)


async def test_a_batch_in_xml_takes_updates(stage: Stage):
    await update(stage, bonus=1, interests=["tea"])
    items = "".join(
        f"<data><email>{email}</email><bonus><action>incr</action><value>5</value></bonus>"
        "<interests><action>add</action><value array='true'>x</value></interests></data>"
        for email in ("ann@example.com", "bob@example.com", "ann@example.com")
    )
    answer = await stage.post_xml(BATCH, f"<xml><token>{TOKEN}</token><trigger_id>8</trigger_id>{items}</xml>")
    assert answer.find("errors") is None
    ann = await stage.get_profile(**ANN)
    assert (ann["bonus"], ann["interests"]) == (11, ["tea", "x"])
    assert await matches(stage, "interests", "tea, x") == ["ann@example.com"]


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("bonus", {"action": "add", "value": 1}, "bonus.action"),
        ("bonus", {"action": "bump", "value": 1}, "bonus.action"),
        ("bonus", {"action": "incr"}, "bonus.value"),
        ("bonus", {"action": "incr", "value": "x"}, "bonus.value"),
        ("bonus", {"value": 1}, "bonus"),
        ("bonus", incr(2**63 - 1), "bonus"),
        ("email", {"action": "unset"}, "email.action"),
        ("CRM_ID", {"action": "add", "value": "x"}, "CRM_ID.action"),
        ("_fname", {"action": "incr", "value": 1}, "_fname.action"),
        ("phones", {"action": "add", "value": "12"}, "phones.value"),
        ("orders", {"action": "upsert", "value": {"id": 1}}, "orders.submatch"),
        (
            "subscriptions",
            SUBSCRIPTION | {"custom_fields": {"n": incr("x")}},
            "subscriptions[0].custom_fields.n.value",
        ),
        ("subscriptions", SUBSCRIPTION | {"custom_fields": {"n": incr(2**63 - 1)}}, "subscriptions.custom_fields.n"),
    ],
)
async def test_an_update_that_cannot_be_fails_its_item_alone(stage: Stage, field: str, value: Any, path: str):
    before = await update(stage, bonus=10, subscriptions=[SUBSCRIPTION | {"custom_fields": {"n": 1}}])
    good = {"email": "bob@example.com", "bonus": incr(1)}
    bad = {"email": "ann@example.com", "vip": True, "CRM_ID": "lost"} | {field: value}
    answer = await batch(stage, good, bad, good)
    assert [(one["index"], one["error"]) for one in answer["errors"]] == [(1, 400)]
    assert answer["errors"][0]["error_debug"].startswith(f"data[1].{path}: ")
    assert len(answer["result"]) == 2
    assert await stage.get_profile(**ANN) == before
    await check_identities(stage)


async def test_a_profile_is_found_by_tags_added_and_no_more_by_tags_deleted(stage: Stage):
    await update(stage, interests=["tea"])
    await update(stage, interests={"action": "add", "value": ["books"]})
    assert await matches(stage, "interests", "tea, books") == ["ann@example.com"]
    await update(stage, interests={"action": "delete", "value": ["tea"]})
    assert await matches(stage, "interests", "tea") == []
    assert await matches(stage, "interests", "books") == ["ann@example.com"]
    await update(stage, interests={"action": "unset"})
    assert await matches(stage, "interests", "books") == []
    await check_identities(stage)


async def test_a_profile_is_found_by_a_number_that_was_increased(stage: Stage):
    await update(stage, bonus=10)
    await update(stage, bonus=incr(5))
    assert [await matches(stage, "bonus", value) for value in (10, 15)] == [[], ["ann@example.com"]]
    await stage.add(email="bob@example.com", bonus=incr(4))
    assert await matches(stage, "bonus", 4) == ["bob@example.com"]
    await check_identities(stage)


async def test_a_unique_field_set_by_an_update_is_searched_by_and_stays_unique(stage: Stage):
    await update(stage, CRM_ID={"action": "set", "value": "A-1"})
    assert await matches(stage, "CRM_ID", "A-1") == ["ann@example.com"]
    taken = {"email": "bob@example.com", "CRM_ID": {"action": "set", "value": "A-1"}}
    answer = await batch(stage, taken)
    assert [(one["error"], one["error_debug"][:15]) for one in answer["errors"]] == [(409, "data[0].CRM_ID:")]
    by_field = {"matching": "custom", "field_name": "CRM_ID"}
    answer = await batch(stage, taken | {"email": "ann@example.com", "bonus": incr(3)}, **by_field)
    assert "errors" not in answer
    assert (await stage.get_profile(**ANN))["bonus"] == 3
    await update(stage, CRM_ID={"action": "unset"})
    assert await matches(stage, "CRM_ID", "A-1") == []


async def test_later_items_of_a_batch_find_what_earlier_ones_added(stage: Stage):
    answer = await batch(
        stage,
        {"email": "ann@example.com", "phones": {"action": "add", "value": "+79000000001"}},
        {"email": "ann@example.com", "phones": {"action": "add", "value": "+79000000002"}},
    )
    assert "errors" not in answer
    answer = await batch(
        stage,
        {"phones": "+79000000002", "email": "ann@example.com", "bonus": incr(1)},
        {"phones": "+79000000002", "bonus": incr(1)},
        matching="phone",
    )
    assert len({one["profile_id"] for one in answer["result"]}) == 1
    assert (await stage.get_profile(**ANN))["bonus"] == 2
    await check_identities(stage)


async def test_the_email_can_be_set_by_an_update_when_found_by_another_value(stage: Stage):
    profile_id = await stage.add(email="ann@example.com")
    by_id = {"matching": "profile_id", "profile_id": profile_id}
    data = {"email": {"action": "set", "value": "Anna@example.com"}, "bonus": incr(1)}
    assert (await stage.post("profiles/import", db_id=1, data=data, **by_id))["error"] == 0
    assert (await stage.get_profile(**by_id))["email"] == "Anna@example.com"
    assert (await stage.post("profiles/get", db_id=1, **ANN))["error"] == 404
    await check_identities(stage)


async def test_an_object_that_only_looks_like_an_update_is_stored(stage: Stage):
    looks = {"action": "set", "value": "x", "else": 1}
    profile = await update(stage, address=looks, orders=[{"action": "unset"}])
    assert (profile["address"], profile["orders"]) == (looks, [{"action": "unset"}])
    profile = await update(stage, address={"action": "set", "value": {"action": "unset"}})
    assert profile["address"] == {"action": "unset"}


async def test_kept_fields_without_a_type_take_updates(stage: Stage):
    for _ in range(2):
        fields = {"visits": incr(1), "seen": {"action": "add", "value": ["a"]}}
        await stage.add(db_id=2, email="ann@example.com", **fields)
    profile = await stage.get_profile(db_id=2, **ANN)
    assert (profile["visits"], profile["seen"]) == (2, ["a"])


async def test_fields_of_a_subscription_are_merged_and_searched_by(stage: Stage):
    def custom(**fields: Any) -> list[dict[str, Any]]:
        return [SUBSCRIPTION | {"custom_fields": fields}]

    await update(stage, subscriptions=custom(card="C-1", visits=incr(1), shoe=41))
    await check_identities(stage)
    more = {"visits": incr("2"), "shoe": {"action": "unset"}, "card": {"action": "set", "value": "C-2"}}
    profile = await update(stage, subscriptions=custom(**more) * 2)
    assert profile["subscriptions"][0]["custom_fields"] == {"card": "C-2", "visits": 5}
    await check_identities(stage)
    answer = await batch(
        stage,
        {"subscriptions": custom(card={"action": "set", "value": "C-2"}), "bonus": incr(1)},
        matching="custom_sub",
        field_name="card",
    )
    assert "errors" not in answer
    assert (await stage.get_profile(**ANN))["bonus"] == 1


async def test_a_new_profile_has_the_value_at_the_root_before_it_is_updated(stage: Stage):
    ids = set()
    for phone in ("+79000000002", "+79000000003"):
        data = {"phones": {"action": "add", "value": phone}}
        answer = await stage.post("profiles/import", db_id=1, matching="phone", phone="+79000000001", data=data)
        assert answer["error"] == 0
        ids.add(answer["profile_id"])
    assert len(ids) == 1
    profile = await stage.get_profile(matching="phone", phone="+79000000003")
    assert profile["phones"] == ["+79000000001", "+79000000002", "+79000000003"]
    await check_identities(stage)

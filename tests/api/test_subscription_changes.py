"""subscriptions/{set, delete, undelete, suspend_all, unsuspend_all}."""

from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.actions import configuration

EMAIL = {"channel": "email", "resource_id": 21, "email": "ann@example.com"}
SMS = {"channel": "sms", "resource_id": 20, "phone": "+79000000001"}
PUSH = {"channel": "push", "resource_id": 22, "provider": "ios-apns", "subscription_id": "dev-1"}
UNKNOWN = "0" * 24


async def change(stage: Stage, verb: str, profile_id: str, *said: dict[str, Any], **members: Any) -> dict[str, Any]:
    merged = {name: value for one in said for name, value in one.items()}
    return await stage.post(f"subscriptions/{verb}", merged | members, db_id=1, profile_id=profile_id)


async def statuses(stage: Stage, profile_id: str) -> list[tuple[str, str]]:
    listed = (await stage.post("subscriptions/list", db_id=1, profile_id=profile_id))["data"]
    return [(one["channel"], one["status"]) for one in listed]


async def finds(stage: Stage, matching: str, **search: Any) -> bool:
    return (await stage.post("profiles/get", db_id=1, matching=matching, **search))["error"] == 0


@pytest.mark.parametrize("said", [EMAIL, SMS, PUSH, {"email": "ann@example.com", "resource_id": 21}])
async def test_a_subscription_is_set_and_finds_its_profile(stage: Stage, said: dict[str, Any]):
    ann = await stage.add(email="own@example.com")
    assert await change(stage, "set", ann, said) == {"error": 0, "error_text": "Successful operation"}
    ((channel, status),) = await statuses(stage, ann)
    assert (channel, status) == (said.get("channel", "email"), "subscribed")
    search = {name: said[name] for name in ("email", "phone", "provider", "subscription_id") if name in said}
    assert await finds(stage, {"email": "email_sub", "sms": "phone_sub", "push": "push_sub"}[channel], **search)


async def test_setting_it_again_changes_what_is_said_and_nothing_else(stage: Stage):
    ann = await stage.add(email="own@example.com")
    await change(stage, "set", ann, EMAIL, priority=3, cats=["news"], custom_fields={"a": 1}, date="2020-01-02")
    await change(stage, "set", ann, EMAIL, status=1, custom_fields={"b": 2}, ip="1.2.3.4", url="https://x.org/")
    (found,) = (await stage.post("subscriptions/list", db_id=1, profile_id=ann))["data"]
    shown = {name: found[name] for name in ("status", "priority", "cats", "custom_fields", "reg_info")}
    assert shown == {
        "status": "unsubscribed",
        "priority": 3,
        "cats": ["news"],
        "custom_fields": {"a": 1, "b": 2},
        "reg_info": {"ip": "1.2.3.4", "url": "https://x.org/"},
    }


async def test_a_deleted_one_is_gone_and_comes_back_as_it_was(stage: Stage):
    ann = await stage.add(email="own@example.com")
    await change(stage, "set", ann, EMAIL, status="unconfirmed", priority=7)
    assert (await change(stage, "delete", ann, EMAIL))["error"] == 0
    assert await statuses(stage, ann) == []
    assert not await finds(stage, "email_sub", email="ann@example.com")
    assert (await change(stage, "delete", ann, EMAIL))["error"] == 404
    assert (await change(stage, "undelete", ann, EMAIL))["error"] == 0
    assert await statuses(stage, ann) == [("email", "unconfirmed")]
    assert await finds(stage, "email_sub", email="ann@example.com")
    assert (await change(stage, "undelete", ann, EMAIL))["error"] == 404


async def test_nothing_is_sent_to_a_deleted_one(stage: Stage):
    ann = await stage.add(email="own@example.com", subscriptions=[EMAIL])
    await change(stage, "delete", ann, EMAIL)
    answer = await stage.post("campaigns/triggers/start", id=97, matching="profile_id", profile_id=ann)
    assert [one["reason"] for one in answer["skipped"]] == ["no_subscription"]


async def test_a_deleted_one_does_not_come_back_beside_a_new_one(stage: Stage):
    ann = await stage.add(email="own@example.com", subscriptions=[EMAIL])
    await change(stage, "delete", ann, EMAIL)
    await change(stage, "set", ann, EMAIL)
    assert (await change(stage, "undelete", ann, EMAIL))["error"] == 409
    assert await statuses(stage, ann) == [("email", "subscribed")]


async def test_a_set_subscription_is_heard_unless_triggers_are_skipped(stage: Stage):
    trigger = "{id: 50, name: E, database: 1, template: 1, sender: 1, active: true, event: %s}"
    heard = "\n".join(f"  - {trigger % event}" for event in ("subscribe", "api_import, when: {}"))
    await configuration.apply(stage.context, f"triggers:\n{heard.replace('50', '51', 1)}", "events.yaml", {})
    ann = (await stage.post("profiles/import", db_id=1, skip_triggers=True, data={"email": "own@example.com"}))[
        "profile_id"
    ]
    await change(stage, "set", ann, EMAIL, skip_triggers=True)
    await change(stage, "set", ann, EMAIL)
    assert await stage.rows("SELECT trigger_id FROM messages") == []
    await change(stage, "set", ann, EMAIL, status="suspended")
    assert await stage.rows("SELECT trigger_id FROM messages") == [(51,)]


async def test_all_subscriptions_are_suspended_and_subscribed_again(stage: Stage):
    ann = await stage.add(email="a@example.com", subscriptions=[EMAIL, SMS, PUSH | {"status": "unsubscribed"}])
    bob = await stage.add(email="b@example.com", subscriptions=[EMAIL | {"email": "b@example.com"}])
    other = await stage.add(db_id=2, email="c@example.com", subscriptions=[EMAIL | {"resource_id": 24}])
    assert (await stage.post("subscriptions/suspend_all", db_id=1, resource_id=21, channel="email"))["updated"] == 2
    assert await statuses(stage, ann) == [("email", "suspended"), ("sms", "subscribed"), ("push", "unsubscribed")]
    assert (await stage.post("subscriptions/suspend_all", db_id=1))["updated"] == 1
    assert await statuses(stage, bob) == [("email", "suspended")]
    assert (await stage.post("subscriptions/unsuspend_all", db_id=1))["updated"] == 2
    assert await statuses(stage, ann) == [("email", "subscribed"), ("sms", "subscribed"), ("push", "unsubscribed")]
    listed = (await stage.post("subscriptions/list", db_id=2, profile_id=other))["data"]
    assert [one["status"] for one in listed] == ["subscribed"]


async def test_they_are_changed_in_xml_too(stage: Stage):
    ann = await stage.add(email="own@example.com")
    of_ann = (
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><profile_id>{ann}</profile_id><resource_id>21</resource_id>"
        "<channel>email</channel><email_data><email>ann@example.com</email></email_data>"
    )
    for verb, said, expected in (
        ("set", "<status>4</status><cats>news</cats>", [("email", "unconfirmed")]),
        ("delete", "", []),
        ("undelete", "", [("email", "unconfirmed")]),
    ):
        assert (await stage.post_xml(f"subscriptions/{verb}", f"{of_ann}{said}</xml>")).findtext("error") == "0"
        assert await statuses(stage, ann) == expected
    await change(stage, "set", ann, EMAIL, status="subscribed")
    root = await stage.post_xml("subscriptions/suspend_all/", f"<xml><token>{TOKEN}</token><db_id>1</db_id></xml>")
    assert root.findtext("updated") == "1"


@pytest.mark.parametrize("verb", ["set", "delete", "undelete"])
@pytest.mark.parametrize(
    ("members", "error", "debug"),
    [
        ({"db_id": 77}, 404, "there is no database 77"),
        ({"profile_id": UNKNOWN}, 404, "profile_id: there is no such profile"),
        ({"profile_id": "x"}, 400, "profile_id: expected 24 hex digits"),
        ({"resource_id": 77}, 404, "there is no resource 77"),
        ({"resource_id": 20}, 400, "channel: resource 20 has no channel email"),
        ({"resource_id": 24}, 400, "resource_id: resource 24 does not serve database 1"),
        ({"channel": "fax"}, 400, "channel: expected one of"),
        ({"email": "nobody"}, 400, "email: 'nobody' is not an email address"),
        ({"email": None}, 400, "email: expected a string"),
    ],
)
async def test_a_mistake_changes_nothing(stage: Stage, verb: str, members: dict[str, Any], error: int, debug: str):
    ann = await stage.add(email="own@example.com", subscriptions=[EMAIL])
    answer = await stage.post(f"subscriptions/{verb}", {"db_id": 1, "profile_id": ann} | EMAIL | members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (error, debug)
    assert await statuses(stage, ann) == [("email", "subscribed")]


@pytest.mark.parametrize(
    ("members", "debug"),
    [
        ({"status": "keen"}, "status: expected"),
        ({"priority": -5}, "priority: expected 0"),
        ({"cats": ["cars"]}, "cats[0]: there is no such category"),
        ({"date": "yesterday"}, "date: "),
        ({"ip": "1.2.3"}, "ip: "),
        ({"custom_fields": {"a": {"action": "incr", "value": "x"}}}, "custom_fields.a"),
    ],
)
async def test_what_is_set_is_checked(stage: Stage, members: dict[str, Any], debug: str):
    ann = await stage.add(email="own@example.com")
    answer = await change(stage, "set", ann, EMAIL, members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (400, debug)
    assert await statuses(stage, ann) == []

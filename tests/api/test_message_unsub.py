"""`profiles/message_unsub`: from a message to the end of the subscription that it went to, in JSON and in XML."""

from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import configuration

RTOKEN = "newsletter-21-token"
EMAIL = {"channel": "email", "email": "ann.private@example.com", "resource_id": 21}
OTHERS = [
    {"channel": "email", "email": "ann.office@example.com", "resource_id": 21, "priority": 1},
    {"channel": "email", "email": "ann.private@example.com", "resource_id": 22},
]
MORE = """
resources:
  - {id: 25, name: Without categories, token: sixteen-or-more-25}
triggers:
  - {id: 50, name: Heard, database: 1, template: 1, sender: 1, active: true, event: subscribe,
     when: {occasions: [new_status], resource: 21, status: unsubscribed}}
"""


async def send(stage: Stage, trigger: int = 97, **subscription: Any) -> str:
    """Import Ann, send to her; the id that her mail has in its Message-ID."""
    said = EMAIL | {"priority": 0} | subscription
    await stage.add(email="ann@example.com", subscriptions=[said, *OTHERS])
    await stage.post("campaigns/triggers/start", id=trigger, email="ann@example.com")
    await stage.work()
    recipient = "ann@example.com" if trigger == 8 else "ann.private@example.com"
    smid: str = stage.mailbox.mails()[recipient]["Message-ID"].strip("<>").partition("@")[0]
    return smid


async def unsubscribe(stage: Stage, smid: str, /, **members: Any) -> dict[str, Any]:
    return await stage.post("profiles/message_unsub", {"rtoken": RTOKEN, "smid": smid} | members)


async def subscribed(stage: Stage) -> dict[tuple[str, int], tuple[str, list[str] | None]]:
    """Status and categories of Ann's subscriptions, by address and resource."""
    found = (await stage.get_profile(email="ann@example.com"))["subscriptions"]
    return {(one["email"], one["resource_id"]): (one["status"], one.get("cats")) for one in found}


async def test_the_subscription_that_the_message_went_to_is_ended_and_no_other(stage: Stage):
    smid = await send(stage)
    answer = await unsubscribe(stage, smid)
    ann = await stage.get_profile(email="ann@example.com")
    assert answer == {"error": 0, "error_text": "Successful operation", "profile_id": ann["id"]}
    assert await subscribed(stage) == {
        ("ann.private@example.com", 21): ("unsubscribed", None),
        ("ann.office@example.com", 21): ("subscribed", None),
        ("ann.private@example.com", 22): ("subscribed", None),
    }
    assert await unsubscribe(stage, smid) == answer


async def test_it_is_ended_in_xml(stage: Stage):
    smid = await send(stage)
    root = await stage.post_xml(
        "profiles/message_unsub",
        f"<xml><token>{TOKEN}</token><rtoken>{RTOKEN}</rtoken><smid>{smid}</smid><categories/></xml>",
    )
    assert root.findtext("profile_id") == (await stage.get_profile(email="ann@example.com"))["id"]
    assert (await subscribed(stage))["ann.private@example.com", 21] == ("unsubscribed", None)


async def test_categories_are_what_is_left(stage: Stage):
    smid = await send(stage, cats=["news", "sales"])
    await unsubscribe(stage, smid, categories=["sales", "sales"])
    assert (await subscribed(stage))["ann.private@example.com", 21] == ("subscribed", ["sales"])


async def test_one_category_in_xml_is_what_is_left(stage: Stage):
    smid = await send(stage)
    root = await stage.post_xml(
        "profiles/message_unsub",
        f"<xml><token>{TOKEN}</token><rtoken>{RTOKEN}</rtoken><smid>{smid}</smid><categories>news</categories></xml>",
    )
    assert root.findtext("error") == "0"
    assert (await subscribed(stage))["ann.private@example.com", 21] == ("subscribed", ["news"])


async def test_a_resource_without_categories_takes_any(stage: Stage):
    await configuration.apply(stage.context, MORE, "more.yaml", {})
    smid = await send(stage)
    answer = await unsubscribe(stage, smid, rtoken="sixteen-or-more-25", categories=["any"])
    assert (answer["error"], answer["error_debug"]) == (404, "smid: the recipient has no subscription at this resource")
    await stage.add(email="ann@example.com", subscriptions=[EMAIL | {"resource_id": 25}])
    await unsubscribe(stage, smid, rtoken="sixteen-or-more-25", categories=["any"])
    assert (await subscribed(stage))["ann.private@example.com", 25] == ("subscribed", ["any"])


@pytest.mark.parametrize(
    ("before", "after"),
    [("suspended", "unsubscribed"), ("hardbounced", "unsubscribed"), ("complained", "complained")],
)
async def test_a_complaint_stays_one(stage: Stage, before: str, after: str):
    smid = await send(stage)
    await stage.add(email="ann@example.com", subscriptions=[EMAIL | {"status": before}])
    assert (await unsubscribe(stage, smid))["error"] == 0
    assert (await subscribed(stage))["ann.private@example.com", 21] == (after, None)


async def test_triggers_that_listen_hear_it_once(stage: Stage):
    await configuration.apply(stage.context, MORE, "more.yaml", {})
    smid = await send(stage)
    stage.mailbox.arrived.clear()
    for _ in range(2):
        await unsubscribe(stage, smid)
        await stage.work()
    assert [one.recipient for one in stage.mailbox.arrived] == ["ann@example.com"]


async def test_a_message_to_the_profiles_own_address_counts_where_that_is_subscribed(stage: Stage):
    smid = await send(stage, trigger=8)
    assert (await unsubscribe(stage, smid))["error"] == 404
    await stage.add(email="ann@example.com", subscriptions=[EMAIL | {"email": "ANN@example.com"}])
    assert (await unsubscribe(stage, smid))["error"] == 0
    assert (await subscribed(stage))["ANN@example.com", 21] == ("unsubscribed", None)


async def test_a_message_that_was_given_up_counts_too(stage: Stage):
    stage.mailbox.answers["ann.private@example.com"] = ("refused", 550, "no")
    await stage.add(email="ann@example.com", subscriptions=[EMAIL])
    await stage.post("campaigns/triggers/start", id=97, email="ann@example.com")
    await stage.work()
    ((smid, type_),) = await stage.rows("SELECT encode(message_id, 'hex'), type FROM events")
    assert type_ == "undeliv"
    assert (await unsubscribe(stage, smid))["error"] == 0


async def test_the_message_of_a_deleted_profile_is_not_found(stage: Stage):
    smid = await send(stage)
    await stage.post("profiles/delete", db_id=1, email="ann@example.com")
    assert (await unsubscribe(stage, smid))["error"] == 404


@pytest.mark.parametrize(
    ("members", "code", "debug"),
    [
        ({"rtoken": "another-resource-token"}, 403, "rtoken: there is no resource with this token"),
        ({"rtoken": ""}, 403, "rtoken: there is no resource with this token"),
        ({"rtoken": "ключ от ресурса"}, 403, "rtoken: there is no resource with this token"),
        ({"rtoken": None}, 400, "rtoken: "),
        ({"smid": "12"}, 400, "smid: expected 24 hex digits"),
        ({"smid": "0" * 24}, 404, "smid: there is no such message"),
        ({"smid": None}, 400, "smid: "),
        ({"categories": ["news", "fish"]}, 400, "categories[1]: there is no such category at this resource"),
        ({"categories": [1]}, 400, "categories[0]: "),
        ({"token": READER}, 403, "token 'reader' lacks the permission profiles.write"),
        ({"token": ""}, 401, ""),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_ended(stage: Stage, members: dict[str, Any], code: int, debug: str):
    smid = await send(stage)
    answer = await unsubscribe(stage, smid, **members)
    assert answer["error"] == code
    assert answer.get("error_debug", "").startswith(debug)
    assert {status for status, _ in (await subscribed(stage)).values()} == {"subscribed"}

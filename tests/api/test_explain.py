"""`messages/explain`: why somebody did or did not get a message."""

from typing import Any

import pytest

from cast import Stage
from tocsin.actions import configuration, explaining
from tocsin.core.explaining import describe

TOKEN = "<token>abcdefghijklmnqrstuvwxyz</token>"
SUBSCRIPTIONS = [
    {"channel": "email", "email": "second@example.com", "resource_id": 21, "priority": 2},
    {"channel": "email", "email": "first@example.com", "resource_id": 21, "priority": 1},
    {"channel": "email", "email": "gone@example.com", "resource_id": 21, "priority": 3, "status": "unsubscribed"},
]


async def send(stage: Stage, trigger: int = 97) -> str:
    """Launch for Ann and work; the id of her message."""
    await stage.add(email="ann@example.com", subscriptions=SUBSCRIPTIONS)
    await stage.post("campaigns/triggers/start_batch", trigger_id=trigger, data=[{"email": "ann@example.com"}])
    ((message_id,),) = await stage.rows("SELECT encode(id, 'hex') FROM messages")
    await stage.work()
    return str(message_id)


async def explain(stage: Stage, **members: Any) -> dict[str, Any]:
    answer = await stage.post("messages/explain", members)
    assert answer["error"] == 0, answer
    told: dict[str, Any] = answer["data"]
    return told


async def test_a_message_that_was_sent_has_its_launch_address_attempts_and_words(stage: Stage):
    message_id = await send(stage)
    told = await explain(stage, message_id=message_id)
    assert (told["state"], told["smid"], told["address"]) == ("sent", message_id, "first@example.com")
    assert told["launch"]["source"] == "start_batch"
    assert [(one["address"], one["status"], one["is_chosen"]) for one in told["alternatives"]] == [
        ("first@example.com", "subscribed", True),
        ("second@example.com", "subscribed", False),
        ("gone@example.com", "unsubscribed", False),
    ]
    assert {one["rule"]: one["outcome"] for one in told["rules"]} == {
        "address": "passed",
        "control_group": "passed",
        "suppressed": "passed",
        "quiet_hours": "passed",
        "policy": "passed",
    }
    (event,) = told["events"]
    assert (event["type"], event["text"]) == ("send", "2.0.0 ok")


async def test_a_message_that_waits_says_how_often_it_was_tried(stage: Stage):
    stage.mailbox.answers["first@example.com"] = ("deferred", 451, "later")
    told = await explain(stage, smid=await send(stage))
    assert (told["state"], told["attempts"]) == ("waiting", 1)
    assert told["due_at"]


async def test_a_message_that_a_rule_kept_says_which(stage: Stage):
    await stage.add(email="ann@example.com", subscriptions=SUBSCRIPTIONS)
    await stage.post("campaigns/triggers/start", id=97, email="ann@example.com")
    ((message_id,),) = await stage.rows("SELECT encode(id, 'hex') FROM messages")
    await stage.post("suppresses/add", id=1, emails=["first@example.com"])
    await stage.work()
    told = await explain(stage, message_id=message_id)
    assert told["state"] == "kept"
    assert told["events"][0]["rule"] == "suppression list 1"
    assert {"rule": "suppressed", "outcome": "kept", "text": "suppression list 1"} in told["rules"]


async def test_why_a_profile_got_nothing_of_a_trigger_is_told_without_a_message(stage: Stage):
    text = "policies: [{id: 1, name: P, default: true, limits: [{messages: 1, days: 7}]}]"
    await configuration.apply(stage.context, text, "rules.yaml", {})
    await send(stage)
    ann = (await stage.get_profile(email="ann@example.com"))["id"]
    await stage.post("campaigns/triggers/start", id=8, email="ann@example.com")
    told = await explain(stage, profile_id=ann, trigger_id=8)
    assert (told["state"], "smid" in told) == ("kept", False)
    assert told["events"][0]["rule"] == "policy 1: at most 1 message in 7 days to a profile"
    assert told["rules"][-1]["outcome"] == "kept"
    sent = await explain(stage, profile_id=ann, trigger_id=97)
    assert (sent["state"], sent["address"]) == ("sent", "first@example.com")
    never = await explain(stage, profile_id=ann, trigger_id=13)
    assert (never["state"], never["events"]) == ("unknown", [])


async def test_in_xml_and_as_text_it_is_the_same(stage: Stage):
    message_id = await send(stage)
    root = await stage.post_xml("messages/explain", f"<xml>{TOKEN}<message_id>{message_id}</message_id></xml>")
    assert [root.findtext(f"data/{name}") for name in ("state", "address", "launch/source")] == [
        "sent",
        "first@example.com",
        "start_batch",
    ]
    assert root.findtext("data/events/type") == "send"
    text = describe(await explaining.explain_said(stage.context, f"<{message_id}@example.com>"))
    for said in ('trigger 97 "Newsletter"', "first@example.com subscribed, priority 1, chosen", "rule policy: passed"):
        assert said in text
    assert "send" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({}, 400, "message_id: "),
        ({"message_id": "x"}, 404, "no such message"),
        ({"message_id": "0" * 24}, 404, "no such message"),
        ({"profile_id": "0" * 24}, 400, "message_id: "),
        ({"profile_id": "0" * 24, "trigger_id": 8}, 404, "profile_id: "),
        ({"profile_id": "x", "trigger_id": 8}, 404, "profile_id: "),
        ({"profile_id": "x", "trigger_id": 7777}, 404, "trigger 7777"),
    ],
)
async def test_bad_input_is_told(stage: Stage, members: dict[str, Any], code: int, said: str):
    answer = await stage.post("messages/explain", members)
    assert answer["error"] == code
    assert said in answer["error_debug"]

"""What is known of a message, and what happened to a profile, in JSON and in XML."""

from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import bounces, message_views
from tocsin.core.bounces import Report
from tocsin.core.errors import NotFound
from tocsin.core.message_text import describe_message

HARD = Report("hbounce", 550, "5.1.1", "550 5.1.1 User unknown")


async def launch(stage: Stage, **members: Any) -> str:
    """Launch for Ann; the id of the message that waits."""
    answer = await stage.post("campaigns/triggers/start", {"id": 8, "email": "ann@example.com"} | members)
    assert answer["error"] == 0, answer
    rows = await stage.rows("SELECT encode(id, 'hex') FROM messages ORDER BY due_at DESC")
    message: str = rows[0][0]
    return message


async def get(stage: Stage, smid: str) -> dict[str, Any]:
    answer = await stage.post("messages/get", smid=smid, token=READER)
    assert answer["error"] == 0, answer
    data: dict[str, Any] = answer["data"]
    return data


def at(stage: Stage) -> str:
    return stage.clock.now.isoformat().replace("+00:00", "Z")


async def test_a_message_that_waits_says_until_when(stage: Stage):
    profile_id = await stage.add(email="ann@example.com")
    smid = await launch(stage)
    found = await get(stage, smid)
    assert (found["smid"], found["profile_id"], found["trigger_id"]) == (smid, profile_id, 8)
    assert found["address"] == "ann@example.com"
    assert found["waiting"] == {"due_at": at(stage), "attempts": 0}
    assert found["events"] == []


async def test_a_message_that_is_deferred_says_how_often_it_was_tried(stage: Stage):
    await stage.add(email="ann@example.com")
    smid = await launch(stage)
    stage.mailbox.answers["ann@example.com"] = ("deferred", 450, "4.2.0 later")
    await stage.work()
    found = await get(stage, smid)
    assert found["waiting"]["attempts"] == 1
    assert found["waiting"]["due_at"] > at(stage)


async def test_what_happened_to_a_message_is_told_in_order(stage: Stage):
    await stage.add(email="ann@example.com")
    smid = await launch(stage)
    await stage.work()
    sent_at = at(stage)
    stage.clock.advance(minutes=5)
    assert await bounces.record(stage.context, bytes.fromhex(smid), HARD)
    found = await get(stage, smid)
    assert "waiting" not in found
    sent, bounced = found["events"]
    assert (sent["type"], sent["at"], sent["code"], sent["text"]) == ("send", sent_at, 250, "2.0.0 ok")
    assert (sent["event_id"], sent["smid"], sent["launch_id"]) == (smid, smid, found["launch_id"])
    assert bounced == {
        "event_id": bounced["event_id"],
        "smid": smid,
        "type": "hbounce",
        "at": at(stage),
        "trigger_id": 8,
        "launch_id": found["launch_id"],
        "address": "ann@example.com",
        "code": 550,
        "status": "5.1.1",
        "text": "550 5.1.1 User unknown",
    }


async def test_a_message_is_told_in_xml(stage: Stage):
    await stage.add(email="ann@example.com")
    await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=8,
        db_id=1,
        matching="email",
        data=[{"data": {"email": "ann@example.com"}, "custom_data": {"a b": [1]}}],
    )
    await stage.work()
    smid = stage.mailbox.arrived[0].message_id.hex()
    root = await stage.post_xml("messages/get", f"<xml><token>{TOKEN}</token><smid>{smid}</smid></xml>")
    assert root.findtext("data/smid") == smid
    assert root.findtext("data/events/type") == "send"
    assert root.findtext("data/events/custom_data") == '{"a b":[1]}'
    assert (await get(stage, smid))["events"][0]["custom_data"] == {"a b": [1]}


@pytest.mark.parametrize("smid", ["", "x", "0" * 24, "0" * 23 + "\u0665", "0" * 5000])
async def test_a_message_that_is_not_known_is_said_to_be_not_there(stage: Stage, smid: str):
    answer = await stage.post("messages/get", smid=smid)
    assert (answer["error"], answer["error_debug"]) == (404, "smid: there is no such message")


async def test_a_message_is_found_after_its_profile_was_merged(stage: Stage):
    gone, stays = await stage.add(email="ann@example.com"), await stage.add(email="bob@example.com")
    smid = await launch(stage)
    await stage.work()
    await stage.post("profiles/merge", db_id=1, profile_ids=[gone], to=stays)
    found = await get(stage, smid)
    assert found["profile_id"] == stays
    assert [event["type"] for event in found["events"]] == ["send"]


async def send_several(stage: Stage, count: int) -> str:
    """Messages to Ann, two at each instant; her id."""
    profile_id = await stage.add(email="ann@example.com")
    for number in range(count):
        await stage.post("campaigns/triggers/start", id=8, email="ann@example.com")
        if number % 2:
            await stage.work()
            stage.clock.advance(hours=5)
    return profile_id


async def test_pages_of_a_profile_hold_every_event_once_and_the_oldest_first(stage: Stage):
    profile_id = await send_several(stage, 10)
    asked: dict[str, Any] = {"db_id": 1, "profile_id": profile_id, "limit": 3}
    seen: list[dict[str, Any]] = []
    answer = await stage.post("messages/list", asked)
    while "next_from_id" in answer and len(seen) < 50:
        seen += answer["data"]
        answer = await stage.post("messages/list", asked, from_id=answer["next_from_id"])
    assert answer["data"] == []
    assert len({event["event_id"] for event in seen}) == len(seen) == 10
    assert [event["at"] for event in seen] == sorted(event["at"] for event in seen)
    root = await stage.post_xml(
        "messages/list",
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><profile_id>{profile_id}</profile_id><limit>3</limit></xml>",
    )
    assert [one.findtext("event_id") for one in root.findall("data")] == [one["event_id"] for one in seen[:3]]
    assert root.findtext("next_from_id") == seen[2]["event_id"]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"db_id": 9}, 404),
        ({"db_id": 2}, 404),
        ({"profile_id": "x"}, 404),
        ({"profile_id": "0" * 24}, 404),
        ({"from_id": "x"}, 400),
        ({"from_id": "0" * 24}, 400),
        ({"limit": 0}, 400),
        ({"limit": 10_001}, 400),
    ],
)
async def test_a_page_that_cannot_be_is_refused(stage: Stage, members: dict[str, Any], error: int):
    profile_id = await stage.add(email="ann@example.com")
    answer = await stage.post("messages/list", {"db_id": 1, "profile_id": profile_id} | members)
    assert answer["error"] == error


async def test_a_history_is_that_of_the_days_asked_for(stage: Stage):
    profile_id = await send_several(stage, 20)
    days = sorted({str(row[0].date()) for row in await stage.rows("SELECT at AT TIME ZONE 'UTC' FROM events")})
    asked: dict[str, Any] = {"list_id": 1, "matching": "email", "email": "ann@example.com"}
    whole = (await stage.post("subscribers/history_get", asked))["data"]
    assert len(whole) == 20
    for day in days:
        answer = await stage.post("subscribers/history_get", asked, date_from=day, date_to=day)
        assert answer["data"] == [one for one in whole if one["datetime"].startswith(day)]
    assert whole[0] == {
        "profile_id": profile_id,
        "list_id": 1,
        "action": "send",
        "count": 1,
        "datetime": whole[0]["datetime"],
        "email": "ann@example.com",
        "event_id": whole[0]["smid"],
        "smid": whole[0]["smid"],
        "campaign_id": 8,
        "campaign_name": "Order received",
        "message_id": 1,
        "message_name": "Order received",
    }
    root = await stage.post_xml(
        "subscribers/history_get",
        f"<xml><token>{TOKEN}</token><list_id>1</list_id><matching>email</matching><email>ann@example.com</email>"
        f"<date_from>{days[1]}</date_from></xml>",
    )
    assert [one.findtext("smid") for one in root.findall("data")] == [
        one["smid"] for one in whole if one["datetime"] >= days[1]
    ]


@pytest.mark.parametrize(
    ("members", "error", "debug"),
    [
        ({"date_from": "yesterday"}, 400, "date_from: expected a day as 2026-11-21"),
        ({"date_to": "2026-02-30"}, 400, "date_to: expected a day as 2026-11-21"),
        ({"date_to": "2026-11-21T10:00:00Z"}, 400, "date_to: expected a day as 2026-11-21"),
        ({"date_from": "9999-12-31", "date_to": "9999-12-31"}, 0, None),
        ({"date_from": "0001-01-01", "date_to": "0001-01-01"}, 0, None),
        ({"list_id": 9}, 404, None),
        ({"email": "nobody@example.com"}, 404, None),
    ],
)
async def test_days_and_profiles_that_are_not_there_are_refused(
    stage: Stage, members: dict[str, Any], error: int, debug: str | None
):
    await stage.add(email="ann@example.com")
    asked: dict[str, Any] = {"list_id": 1, "matching": "email", "email": "ann@example.com"}
    answer = await stage.post("subscribers/history_get", asked | members)
    assert answer["error"] == error
    assert debug in (None, answer.get("error_debug"))


async def test_a_message_is_told_for_people(stage: Stage):
    profile_id = await stage.add(email="ann@example.com")
    smid = await launch(stage)
    waiting = describe_message(await message_views.get_story(stage.context, smid))
    assert f"waits, due {stage.clock.now:%Y-%m-%d %H:%M:%S}, tried 0 times" in waiting
    await stage.work()
    assert await bounces.record(stage.context, bytes.fromhex(smid), HARD)
    assert not await bounces.record(stage.context, bytes.fromhex(smid), HARD)
    told = describe_message(await message_views.get_story(stage.context, f"<{smid}@example.com>")).splitlines()
    assert told[0] == f"message {smid} to ann@example.com; times are UTC"
    assert told[1].startswith('trigger 8 "Order received", launch ')
    assert told[1].endswith(f"profile {profile_id}")
    when = f"{stage.clock.now:%Y-%m-%d %H:%M:%S}"
    assert sorted(told[2:]) == [
        f"{when}  hbounce   550 5.1.1 User unknown",
        f"{when}  send      250 2.0.0 ok",
    ]
    with pytest.raises(NotFound):
        await message_views.get_story(stage.context, "0" * 24)

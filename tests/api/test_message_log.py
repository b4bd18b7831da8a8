"""`messages/search`: the log of messages, in JSON and in XML."""

from typing import Any

import pytest

from cast import READER, TOKEN, Stage

LAUNCH = "campaigns/triggers/import_and_start_batch"


async def launch(stage: Stage, *names: str, **members: Any) -> str:
    people = [{"data": {"email": f"{name}@example.com"}} for name in names]
    answer = await stage.post(LAUNCH, {"trigger_id": 8, "data": people} | members)
    assert answer["error"] == 0, answer
    launch_id: str = answer["launch_id"]
    return launch_id


async def search(stage: Stage, **members: Any) -> list[dict[str, Any]]:
    answer = await stage.post("messages/search", {"token": READER} | members)
    assert answer["error"] == 0, answer
    data: list[dict[str, Any]] = answer["data"]
    return data


async def addresses(stage: Stage, **members: Any) -> list[str]:
    return [one["address"].partition("@")[0] for one in await search(stage, **members)]


def at(stage: Stage) -> str:
    return stage.clock.now.isoformat().replace("+00:00", "Z")


async def test_a_message_is_told_with_all_that_is_known_of_it(stage: Stage):
    launch_id = await launch(stage, "ann")
    (waiting,) = await search(stage, state="waiting")
    assert waiting == {
        "smid": waiting["smid"],
        "state": "waiting",
        "at": at(stage),
        "channel": "email",
        "db_id": 1,
        "profile_id": waiting["profile_id"],
        "trigger_id": 8,
        "launch_id": launch_id,
        "address": "ann@example.com",
        "attempts": 0,
    }
    assert await search(stage) == []
    await stage.work()
    assert await search(stage, state="waiting") == []
    del waiting["attempts"]
    assert await search(stage) == [waiting | {"state": "sent", "code": 250, "text": "2.0.0 ok"}]
    xml = f"<xml><token>{TOKEN}</token><address>ANN@example.com</address><state>sent</state></xml>"
    root = await stage.post_xml("messages/search", xml)
    (found,) = root.findall("data")
    assert {one.tag: one.text for one in found} == {
        name: str(value) for name, value in (await search(stage))[0].items()
    }


async def test_every_filter_narrows_what_is_found(stage: Stage):
    stage.mailbox.answers["bob@example.com"] = ("refused", 550, "5.7.1 no")
    first = await launch(stage, "ann", "bob")
    await stage.work()
    stage.clock.advance(hours=1)
    second = await launch(stage, "cara", trigger_id=99, db_id=2)
    await stage.work()
    ann = (await search(stage, address="ann@example.com"))[0]["profile_id"]
    assert await addresses(stage, profile_id=ann) == ["ann"]
    assert await addresses(stage, address="b*") == ["bob"]
    assert await addresses(stage, trigger_id=99) == ["cara"]
    assert sorted(await addresses(stage, launch_id=first)) == ["ann", "bob"]
    assert await addresses(stage, launch_id=second, db_id=1) == []
    assert await addresses(stage, db_id=2) == ["cara"]
    assert await addresses(stage, state="failed") == ["bob"]
    assert await addresses(stage, channel="sms") == []
    assert await addresses(stage, from_at=at(stage), channel="email") == ["cara"]
    assert sorted(await addresses(stage, until=at(stage))) == ["ann", "bob"]


async def test_what_waits_is_narrowed_by_database_and_channel_too(stage: Stage):
    await launch(stage, "ann")
    await launch(stage, "cara", trigger_id=99, db_id=2)
    assert await addresses(stage, state="waiting", db_id=2) == ["cara"]
    assert await addresses(stage, state="waiting", channel="email", trigger_id=8) == ["ann"]
    assert await addresses(stage, state="waiting", channel="sms") == []


@pytest.mark.parametrize("state", [None, "waiting"])
async def test_pages_hold_every_message_once(stage: Stage, state: str | None):
    await launch(stage, *(f"p{number}" for number in range(10)))
    if state is None:
        await stage.work()
    seen: list[str] = []
    answer = await stage.post("messages/search", state=state, limit=3)
    while "next_from_id" in answer and len(seen) < 50:
        seen += [one["smid"] for one in answer["data"]]
        answer = await stage.post("messages/search", state=state, limit=3, from_id=answer["next_from_id"])
    assert answer["data"] == []
    assert len(set(seen)) == len(seen) == 10


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"db_id": 9}, 404),
        ({"profile_id": "x"}, 400),
        ({"launch_id": "0" * 23}, 400),
        ({"state": "lost"}, 400),
        ({"channel": "smoke"}, 400),
        ({"from_at": "yesterday"}, 400),
        ({"from_id": "x"}, 400),
        ({"from_id": "-" + "0" * 24}, 400),
        ({"from_id": "2026-11-21T10:00:00Z"}, 400),
        ({"from_id": "x", "state": "waiting"}, 400),
        ({"limit": 0}, 400),
        ({"limit": 1001}, 400),
        ({"address": "\\' OR 1=1 --"}, 0),
        ({"address": "*"}, 0),
        ({"address": "%*"}, 0),
        ({"address": "+7 900 000-00-00"}, 0),
        ({"trigger_id": 2**40}, 0),
        ({"trigger_id": 2**40, "launch_id": "0" * 24}, 0),
        ({"trigger_id": 2**40, "state": "waiting"}, 0),
        ({"from_at": "0001-01-01T00:00:00+14:00"}, 400),
        ({"from_at": "9999-12-31T23:59:59Z"}, 0),
        ({"from_at": "9999-12-31T23:59:59Z", "state": "waiting"}, 0),
        ({"until": "0001-01-01T00:00:00Z", "state": "waiting"}, 0),
    ],
)
async def test_a_search_that_cannot_be_is_refused_and_a_strange_one_finds_nothing(
    stage: Stage, members: dict[str, Any], error: int
):
    await launch(stage, "ann")
    answer = await stage.post("messages/search", members)
    assert answer["error"] == error, answer
    assert answer.get("data", []) == []

"""From a call to the body that a hook gets: what it is told, in which order, and again until it takes it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.api.receiver import Receiver

from cast import TOKEN, Stage
from tocsin.actions import bounces, configuration, hooks, housekeeping
from tocsin.core.audits import Author
from tocsin.core.bounces import Report

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER = "whsec_" + "A" * 32
PAGE = Path(__file__).parents[2] / "docs" / "hooks.md"
PEOPLE = [f"person{number}@example.com" for number in range(40)]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as server:
        yield server


async def listen(stage: Stage, receiver: Receiver, *more: str, id: int = 2, **members: Any) -> None:  # noqa: A002 - the API's word
    """Configure a hook for what happens to mails, and more."""
    hook = {"id": id, "name": f"hook {id}", "url": f"{receiver.url}/events", "events": ["send", "undeliv", *more]}
    await configuration.apply(stage.context, json.dumps({"hooks": [hook | members]}), "hooks.yaml", {})


async def launch(stage: Stage, *emails: str, trigger: int = 8) -> list[str]:
    """Import and send to each; the ids of the profiles."""
    items = [{"data": {"email": email}, "custom_data": {"item": email}} for email in emails]
    answer = await stage.post(
        "campaigns/triggers/import_and_start_batch",
        id=trigger,
        matching="email",
        data=items,
        custom_data={"root": 1, "item": "of the call"},
    )
    assert answer["error"] == 0, answer
    return [one["profile_id"] for one in answer["result"]]


async def count_queued(stage: Stage) -> int:
    return int((await stage.rows("SELECT count(*) FROM hook_events"))[0][0])


async def get(stage: Stage, hook_id: int = 2) -> dict[str, Any]:
    answer = await stage.post("hooks/get", id=hook_id)
    assert answer["error"] == 0, answer
    found: dict[str, Any] = answer["data"]
    return found


async def test_a_call_ends_in_the_body_of_a_hook(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, fields=["email", "nothing"])
    (profile_id,) = await launch(stage, "ann@example.com")
    await stage.work()
    (event,) = receiver.events
    message_id = stage.mailbox.arrived[0].message_id.hex()
    launch_id = event["event_data"]["launch_id"]
    assert event == {
        "event_id": message_id,
        "event_type": "send",
        "event_date": f"{stage.clock.now:%Y-%m-%dT%H:%M:%S}.000000000Z",
        "account_id": 1,
        "is_test": False,
        "profile_id": profile_id,
        "list_id": 1,
        "event_data": event["event_data"] | {"message_id": message_id, "campaign_id": 8, "address": "ann@example.com"},
        "custom_data": {"email": "ann@example.com", "nothing": None, "root": 1, "item": "ann@example.com"},
        "subscription": [],
        "_md5": "257c57037d384ae37ea27a07e8a01665",
    }
    assert len(launch_id) == 24
    assert receiver.requests[0].headers["content-type"] == "application/json"


async def test_a_call_in_xml_ends_in_the_body_of_a_hook(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    answer = await stage.post_xml(
        "campaigns/triggers/import_and_start_batch",
        f"<xml><token>{TOKEN}</token><id>8</id><matching>email</matching><custom_data><root>1</root></custom_data>"
        "<data><email>ann@example.com</email><custom_data><item>2</item></custom_data></data></xml>",
    )
    assert answer.findtext("error") == "0"
    await stage.work()
    (event,) = receiver.events
    assert event["event_type"] == "send"
    assert event["custom_data"]["root"] == "1"


async def test_custom_data_of_a_call_comes_with_what_happens_later(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, "hbounce")
    await launch(stage, "ann@example.com")
    await stage.work()
    message_id = stage.mailbox.arrived[0].message_id
    await bounces.receive(stage.context, message_id, Report("hbounce", 550, "5.1.1", "nobody"))
    await stage.work()
    sent, bounced = receiver.events
    assert bounced["event_type"] == "hbounce"
    assert bounced["custom_data"] == sent["custom_data"] == {"root": 1, "item": "ann@example.com"}
    assert bounced["event_data"]["message_id"] == message_id.hex()
    assert bounced["event_id"] != sent["event_id"]


async def test_a_refused_mail_and_an_import_are_told(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, "import_api")
    stage.mailbox.answers["ann@example.com"] = ("refused", 550, "5.7.1 no")
    (profile_id,) = await launch(stage, "ann@example.com")
    await stage.work()
    assert [event["event_type"] for event in receiver.events] == ["import_api", "undeliv"]
    assert receiver.events[0]["profile_id"] == profile_id
    assert receiver.events[0]["event_data"] == {}
    assert receiver.events[1]["event_data"]["text"] == "5.7.1 no"


async def test_imports_are_no_events_unless_a_hook_wants_them(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, "import_api", databases=[2])
    await stage.add(email="ann@example.com")
    assert await stage.rows("SELECT * FROM events") == []


async def test_the_subscription_that_a_message_went_to_is_told(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    subscription = {"channel": "email", "resource_id": 21, "email": "ann.private@example.com"}
    await stage.add(email="ann@example.com", subscriptions=[subscription])
    await stage.post("campaigns/triggers/start", id=97, matching="email", email="ann@example.com")
    await stage.work()
    (event,) = receiver.events
    assert event["subscription"] == [{**subscription, "priority": 0, "status": "subscribed"}]
    listed = await stage.post("subscriptions/list", db_id=1, profile_id=event["profile_id"])
    assert event["subscription_hash_id"] == listed["data"][0]["hash_id"]
    assert event["event_data"]["resource_id"] == 21


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"databases": [1]}, {8, 96}),
        ({"databases": [2]}, set()),
        ({"triggers": [96]}, {96}),
        ({"resources": [21]}, {97}),
        ({"workflows": [12]}, {8}),
        ({"workflows": [13]}, set()),
        ({"triggers": [8], "resources": [21]}, set()),
    ],
)
async def test_a_hook_is_told_what_passes_all_its_filters(stage: Stage, receiver: Receiver, members, told):
    await listen(stage, receiver, **members)
    subscription = {"channel": "email", "resource_id": 21, "email": "ann@example.com"}
    await stage.add(email="ann@example.com", subscriptions=[subscription])
    for trigger in (8, 96) if "resources" not in members else (8, 97):
        if "workflows" not in members:
            await stage.post("campaigns/triggers/start", id=trigger, matching="email", email="ann@example.com")
    if "workflows" in members:
        await stage.post("workflows/start", id=12, matching="email", email="ann@example.com")
    await stage.work()
    assert {event["event_data"]["campaign_id"] for event in receiver.events} == told
    assert all(event["event_data"].get("workflow_id") == 12 for event in receiver.events if "workflows" in members)


async def test_an_inactive_hook_costs_no_row(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, active=False)
    await launch(stage, "ann@example.com")
    await stage.work()
    assert receiver.requests == []
    assert await count_queued(stage) == 0


async def test_a_receiver_that_is_down_for_an_hour_is_told_everything_in_order(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, batch_size=7)
    receiver.judge = lambda _batch: 503
    expected: list[str] = []
    for _ in range(3):
        await launch(stage, *PEOPLE)
        await stage.work()
        stage.clock.advance(minutes=20)
    view = await get(stage)
    assert (view["state"], view["waiting"]) == ("failing", 120)
    assert view["failure"] == "the server answered 503"
    receiver.judge = lambda _batch: 200
    stage.clock.advance(hours=1, minutes=12)
    await stage.work()
    expected = [event_id.hex() for (event_id,) in await stage.rows("SELECT id FROM events")]
    assert sorted(receiver.taken) == sorted(expected)
    assert await is_in_order(stage, receiver)
    view = await get(stage)
    assert (view["state"], view["waiting"]) == ("active", 0)


async def is_in_order(stage: Stage, receiver: Receiver) -> bool:
    """Whether of each profile everything was taken in the order in which it happened, whatever came twice."""
    known = [
        (profile.hex(), event.hex())
        for profile, event in await stage.rows(
            "SELECT profile_id, id FROM events WHERE type <> 'import_api' ORDER BY at"
        )
    ]
    taken = {profile_id: list(dict.fromkeys(of_one)) for profile_id, of_one in receiver.by_profile().items()}
    return taken == {profile_id: [event_id for of, event_id in known if of == profile_id] for profile_id, _ in known}


async def test_half_of_the_batches_being_refused_leaves_all_told_in_order(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, batch_size=3)
    for _ in range(3):
        await launch(stage, *PEOPLE)
        stage.clock.advance(seconds=1)
        await stage.delivery.deliver(500)
    seen = 0

    def judge(_batch: list[Any]) -> int:
        nonlocal seen
        seen += 1
        return 500 if seen % 2 else 200

    receiver.judge = judge
    for _ in range(40):
        await stage.work()
        stage.clock.advance(hours=1.3)
    assert len(receiver.taken) == 120
    assert await is_in_order(stage, receiver)
    assert any(event.get("sends_trying_num") for event in receiver.events)


async def test_a_batch_has_the_same_id_and_events_however_often_it_is_tried(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, secret=SECRET)
    receiver.judge = lambda _batch: 500
    await launch(stage, "ann@example.com")
    await stage.work()
    await launch(stage, "ann@example.com")
    await stage.delivery.deliver(500)
    stage.clock.advance(minutes=1)
    await stage.work()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    ids = [[event["event_id"] for event in json.loads(one.body)] for one in (first, second)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 1


async def test_a_worker_that_dies_before_it_records_leaves_the_batch_to_the_next(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)

    def kill(_batch: list[Any]) -> int:
        for task in stage.hook_delivery._lanes.values():  # noqa: SLF001 - who dies is not asked
            task.cancel()
        return 200

    receiver.judge = kill
    await launch(stage, "ann@example.com")
    await stage.work()
    receiver.judge = lambda _batch: 200
    await stage.work()
    assert len(receiver.requests) == 1
    stage.clock.advance(minutes=2)
    await stage.work()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert (await get(stage))["waiting"] == 0


async def test_a_hook_that_hangs_holds_up_no_other(stage: Stage, receiver: Receiver):
    async with Receiver() as hanging:
        hanging.hangs = True
        await listen(stage, hanging, timeout_seconds=0.3)
        await listen(stage, receiver, id=3)
        await launch(stage, *PEOPLE)
        await stage.delivery.deliver(500)
        await stage.hook_delivery.deliver()
        async with asyncio.timeout(5):
            while len(receiver.events) < len(PEOPLE):
                await stage.hook_delivery.deliver()
                await asyncio.sleep(0.01)
            await stage.hook_delivery.drain()
    assert "no whole answer within 0.3 s" in (await get(stage))["failure"]


async def test_after_three_days_a_hook_is_paused_and_says_so_until_it_is_resumed(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    receiver.judge = lambda _batch: 500
    await launch(stage, "ann@example.com")
    for _ in range(80):
        await stage.work()
        stage.clock.advance(hours=1.3)
    tried = len(receiver.requests)
    assert 55 < tried < 90
    view = await get(stage)
    assert (view["state"], view["failure"], view["waiting"]) == ("paused", "the server answered 500", 1)
    assert view["paused_at"] > view["failing_since"]
    await launch(stage, "ann@example.com")
    await stage.work()
    assert len(receiver.requests) == tried
    assert (await get(stage))["waiting"] == 2
    receiver.judge = lambda _batch: 200
    assert (await stage.post("hooks/resume", id=2))["data"] == {"skipped": 0}
    await stage.work()
    assert len(receiver.events) == 2
    view = await get(stage)
    assert (view["state"], view["waiting"]) == ("active", 0)
    assert "failure" not in view


async def test_a_receiver_that_is_gone_is_paused_at_once(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    receiver.judge = lambda _batch: 410
    await launch(stage, "ann@example.com")
    await stage.work()
    assert (await get(stage))["state"] == "paused"


async def test_what_a_receiver_will_never_take_can_be_skipped(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    poison = await launch(stage, "ann@example.com")
    receiver.judge = lambda batch: 400 if any(event["profile_id"] in poison for event in batch) else 200
    await stage.work()
    answer = await stage.post_xml(
        "hooks/resume", f"<xml><token>{TOKEN}</token><id>2</id><skip_failing>true</skip_failing></xml>"
    )
    assert answer.findtext("data/skipped") == "1"
    receiver.judge = lambda _batch: 200
    await launch(stage, "ann@example.com")
    await stage.work()
    assert len(receiver.events) == 1
    assert (await get(stage))["state"] == "active"


async def test_a_redirect_is_not_followed(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    receiver.judge = lambda _batch: 307
    await launch(stage, "ann@example.com")
    await stage.work()
    assert len(receiver.requests) == 1
    assert (await get(stage))["failure"] == "the server answered 307"


async def test_only_an_answer_with_the_expected_words_is_success(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, success="^taken$")
    receiver.says = b"busy"
    await launch(stage, "ann@example.com")
    await stage.work()
    assert (await get(stage))["failure"] == "the server answered 200, but not what `success` expects"
    receiver.says = b"taken"
    stage.clock.advance(minutes=1)
    await stage.work()
    assert (await get(stage))["state"] == "active"


async def test_of_a_deleted_profile_only_the_event_is_told(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    (profile_id,) = await launch(stage, "ann@example.com")
    await stage.delivery.deliver(500)
    answer = await stage.post("profiles/delete", db_id=1, matching="profile_id", profile_id=profile_id)
    assert answer["error"] == 0, answer
    await stage.work()
    (event,) = receiver.events
    assert (event["event_type"], event["profile_id"], event["event_data"]) == ("send", None, None)


async def test_of_a_merged_profile_the_one_that_is_left_is_told(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    (merged,) = await launch(stage, "ann@example.com")
    kept = await stage.add(email="bob@example.com")
    await stage.delivery.deliver(500)
    answer = await stage.post("profiles/merge", db_id=1, profile_ids=[kept, merged])
    assert answer["error"] == 0, answer
    await stage.work()
    (event,) = receiver.events
    assert (event["profile_id"], event["custom_data"]["item"]) == (kept, "ann@example.com")


async def test_custom_data_of_a_call_comes_with_what_happens_after_a_merge(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, "hbounce")
    (merged,) = await launch(stage, "ann@example.com")
    await stage.work()
    message_id = stage.mailbox.arrived[0].message_id
    known = [await stage.add(email=email) for email in PEOPLE[:9]]
    kept = next(one for one in known if one[-2:] != merged[-2:])
    answer = await stage.post("profiles/merge", db_id=1, profile_ids=[kept, merged])
    assert answer["error"] == 0, answer
    await bounces.receive(stage.context, message_id, Report("hbounce", 550, "5.1.1", "nobody"))
    await stage.work()
    bounced = receiver.events[-1]
    assert (bounced["event_type"], bounced["profile_id"]) == ("hbounce", kept)
    assert bounced["custom_data"] == {"root": 1, "item": "ann@example.com"}


async def test_a_large_batch_goes_in_pieces(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    await stage.post(
        "campaigns/triggers/import_and_start_batch",
        id=8,
        matching="email",
        data=[{"data": {"email": email}} for email in PEOPLE * 2],
        custom_data={"blob": "x" * 2_000_000},
    )
    await stage.work()
    assert sorted(receiver.taken) == sorted(set(receiver.taken))
    assert len(receiver.taken) == len(PEOPLE)
    assert max(len(one.body) for one in receiver.requests) < 6_500_000
    names = [one.headers["webhook-id"] for one in receiver.requests]
    assert len(set(names)) == len(names)


async def test_a_replay_tells_again_what_happened_and_says_that_it_is_one(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    await launch(stage, "ann@example.com")
    await stage.work()
    stage.clock.advance(minutes=1)
    begun_at = stage.clock.now
    await launch(stage, *PEOPLE)
    await stage.work()
    first = receiver.taken
    receiver.events.clear()
    stage.clock.advance(minutes=1)
    answer = await stage.post("hooks/replay", id=2, from_at=begun_at.isoformat())
    assert answer["error"] == 0, answer
    view = await get(stage)
    assert view["replay"] | {"from_at": "", "until": ""} == {"from_at": "", "until": "", "total": 0, "percent": 0}
    assert (await stage.post("hooks/replay", id=2, from_at=begun_at.isoformat()))["error"] == 409
    await stage.work()
    assert sorted(receiver.taken) == sorted(first[1:])
    assert {event["is_replay"] for event in receiver.events} == {True}
    assert receiver.events[0]["custom_data"]["root"] == 1
    assert "replay" not in await get(stage)


async def test_a_replay_can_begin_with_an_event_in_xml(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    for email in PEOPLE[:3]:
        await launch(stage, email)
        await stage.work()
        stage.clock.advance(seconds=1)
    second = receiver.taken[1]
    receiver.events.clear()
    answer = await stage.post_xml(
        "hooks/replay", f"<xml><token>{TOKEN}</token><id>2</id><from_event_id>{second}</from_event_id></xml>"
    )
    assert answer.findtext("error") == "0"
    await stage.work()
    assert len(receiver.taken) == 2


async def test_operators_resume_and_replay_by_one_line(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    receiver.judge = lambda _batch: 410
    await launch(stage, "ann@example.com")
    await stage.work()
    (_, told) = await hooks.describe_all(stage.context)
    since = f"{stage.clock.now:%Y-%m-%d %H:%M} UTC"
    assert told == f"hook 2 'hook 2': PAUSED, 1 events waiting, since {since}: the server answered 410"
    said = await hooks.change(stage.context, Author("command", "test"), 2, since="", skip_failing=True)
    assert said == "hook 2 goes on, without 1 events"
    receiver.judge = lambda _batch: 200
    stage.clock.advance(seconds=1)
    await hooks.change(stage.context, Author("command", "test"), 2, since="2026-01-01", skip_failing=False)
    await stage.work()
    assert len(receiver.events) == 1


@pytest.mark.parametrize(
    ("method", "members", "error", "where"),
    [
        ("hooks/get", {"id": 9}, 404, "there is no hook 9"),
        ("hooks/resume", {"id": 9}, 404, "there is no hook 9"),
        ("hooks/test", {"id": 9}, 404, "there is no hook 9"),
        ("hooks/get", {}, 400, "id: "),
        ("hooks/resume", {"id": 2, "skip_failing": "perhaps"}, 400, "skip_failing: "),
        ("hooks/replay", {"id": 2}, 400, "from_at: "),
        ("hooks/replay", {"id": 2, "from_at": "yesterday"}, 400, "from_at: "),
        ("hooks/replay", {"id": 2, "from_at": "0001-01-01T00:00:00+23:00"}, 400, "from_at: "),
        ("hooks/replay", {"id": 2, "from_at": "9999-01-01"}, 400, "from_at: "),
        ("hooks/replay", {"id": 2, "from_at": "2026-01-01", "until": "x"}, 400, "until: "),
        ("hooks/replay", {"id": 2, "from_event_id": "12"}, 404, "from_event_id: "),
        ("hooks/replay", {"id": 2, "from_event_id": "ab" * 12}, 404, "from_event_id: "),
        ("hooks/replay", {"id": 2, "from_at": "2026-01-01", "from_event_id": "ab" * 12}, 400, "from_at: "),
    ],
)
async def test_what_makes_no_sense_is_refused_in_both_formats(
    stage: Stage, receiver: Receiver, method, members, error, where
):
    await listen(stage, receiver)
    answer = await stage.post(method, members)
    assert (answer["error"], where in answer["error_debug"]) == (error, True), answer
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in members.items())
    told = await stage.post_xml(method, f"<xml><token>{TOKEN}</token>{inner}</xml>")
    assert (told.findtext("error"), where in (told.findtext("error_debug") or "")) == (str(error), True)


async def test_hooks_need_their_own_permission(stage: Stage):
    for method in ("hooks/list", "hooks/get", "hooks/resume", "hooks/replay", "hooks/test"):
        assert (await stage.post(method, token="reader-reader-reader", id=1))["error"] == 403


async def test_a_test_event_comes_by_the_usual_way(stage: Stage, receiver: Receiver):
    await listen(stage, receiver, secret=SECRET)
    answer = await stage.post("hooks/test", id=2)
    await stage.work()
    (event,) = receiver.events
    assert (event["event_id"], event["is_test"], event["event_type"]) == (answer["data"]["event_id"], True, "send")
    assert "webhook-signature" in receiver.requests[0].headers


async def test_a_secret_in_the_url_reaches_the_receiver_and_is_not_shown(stage: Stage, receiver: Receiver):
    hook = {"id": 2, "name": "crm", "url": receiver.url + "/in?key=${KEY}", "events": ["send"]}
    await configuration.apply(stage.context, json.dumps({"hooks": [hook]}), "hooks.yaml", {"KEY": "s3cr3t-value"})
    await launch(stage, "ann@example.com")
    await stage.work()
    assert receiver.requests[0].path == "/in?key=s3cr3t-value"
    assert (await get(stage))["url"].endswith("?key=${KEY}")


async def test_secrets_in_headers_reach_the_receiver_and_nobody_else(stage: Stage, receiver: Receiver):
    hook = {
        "id": 2,
        "name": "crm",
        "url": receiver.url,
        "events": ["send"],
        "headers": {"Authorization": "Bearer ${KEY}"},
    }
    await configuration.apply(stage.context, json.dumps({"hooks": [hook]}), "hooks.yaml", {"KEY": "s3cr3t-value"})
    await launch(stage, "ann@example.com")
    await stage.work()
    assert receiver.requests[0].headers["authorization"] == "Bearer s3cr3t-value"
    assert "s3cr3t" not in json.dumps(await stage.post("hooks/list"))


async def test_the_page_for_receivers_names_every_member_of_an_event(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    subscription = {"channel": "email", "resource_id": 21, "email": "ann@example.com"}
    await stage.add(email="ann@example.com", subscriptions=[subscription])
    await stage.post("campaigns/triggers/start", id=97, matching="email", email="ann@example.com")
    stage.clock.advance(seconds=1)
    await stage.delivery.deliver(500)
    receiver.judge = lambda _batch: 500
    await stage.work()
    receiver.judge = lambda _batch: 200
    stage.clock.advance(minutes=1)
    await stage.work()
    await stage.post("hooks/replay", id=2, from_at="2026-01-01")
    await stage.work()
    named = set(re.findall(r"^\| `([a-z_0-9]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert set().union(*receiver.events) == named


async def test_the_example_for_receivers_tells_genuine_requests_from_others(stage: Stage, receiver: Receiver):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)  # noqa: S102 - the page's own example
    await listen(stage, receiver, secret=OTHER, previous_secret=SECRET)
    await launch(stage, "ann@example.com")
    await stage.work()
    (request,) = receiver.requests
    for secret in (SECRET, OTHER):
        assert names["is_genuine"](request.headers, request.body, secret)
        assert not names["is_genuine"](request.headers, request.body + b" ", secret)
    assert not names["is_genuine"](request.headers, request.body, SECRET.replace("MDE", "MDI"))


async def test_metrics_tell_how_hooks_are(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    receiver.judge = lambda _batch: 410
    await launch(stage, "ann@example.com")
    await stage.work()
    stage.clock.advance(seconds=90)
    text = (await stage.client.get("/metrics")).text
    assert 'tocsin_hook_events_waiting{hook="hook 2"} 1.0' in text
    assert 'tocsin_hook_oldest_event_seconds{hook="hook 2"} 90.0' in text
    assert 'tocsin_hook_paused{hook="hook 2"} 1.0' in text


async def test_what_is_too_old_or_of_a_hook_that_is_gone_is_forgotten(stage: Stage, receiver: Receiver):
    await listen(stage, receiver)
    receiver.judge = lambda _batch: 410
    await launch(stage, *PEOPLE)
    await stage.work()
    assert await count_queued(stage) > 0
    await housekeeping.tidy(stage.context, timedelta(days=400))
    assert await count_queued(stage) > 0
    await configuration.apply(stage.context, "databases: []", "empty.yaml", {}, prune=True)
    await hooks.forget_old(stage.context, stage.clock.now - timedelta(days=400))
    assert await count_queued(stage) == 0
    assert await stage.rows("SELECT * FROM hook_lanes") == []


async def test_a_secret_that_was_never_filled_in_is_told_and_signs_nothing(stage: Stage, receiver: Receiver):
    hook = {"id": 2, "name": "crm", "url": f"{receiver.url}/events", "events": ["send"], "secret": "whsec_…"}
    applied = await configuration.apply(stage.context, json.dumps({"hooks": [hook]}), "hooks.yaml", {})
    assert any("hook 2 has a placeholder for its secret" in one for one in applied.warnings)
    await launch(stage, "ann@example.com")
    await stage.work()
    (asked,) = receiver.requests
    assert "webhook-signature" not in asked.headers
    assert "webhook-id" in asked.headers

"""Where a trigger pushes to the newest device alone and that is gone, the message goes on to the next newest."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.channels.push_services import Google, fcm_error, write

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.store import journal

GONE = fcm_error(404, "NOT_FOUND", "UNREGISTERED")
PUSHES = """
senders: [{{id: 30, name: app, channel: push, type: fcm, credentials_file: {file}, base_url: "{url}"}}]
templates: [{{id: 30, name: Order, push: {{title: Your order}}}}]
triggers:
  - {{id: 300, name: Newest, database: 1, channel: push, resource: 22, template: 30, sender: 30, active: true,
     push_sending_mode: last}}
  - {{id: 301, name: All, database: 1, channel: push, resource: 22, template: 30, sender: 30, active: true}}
workflows:
  - id: 30
    name: Order
    database: 1
    active: true
    nodes:
      - {{id: start, type: start, next: push}}
      - {{id: push, type: campaign, trigger: 300, next: sent}}
      - {{id: sent, type: feedback, events: [send_push], within: {{hours: 1}}, next: note, otherwise: done}}
      - {{id: note, type: update, set: {{note: sent}}, next: done}}
      - {{id: done, type: end}}
"""


@pytest.fixture
async def google(stage: Stage, tmp_path: Path) -> AsyncIterator[Google]:
    async with Google(now=time.time() + 30) as server:
        write(tmp_path, "account.json", server.credentials())
        text = PUSHES.format(file=tmp_path / "account.json", url=server.url)
        await configuration.apply(stage.context, text, "push.yaml", {})
        yield server
        await stage.delivery.close()


async def add(stage: Stage, *devices: str) -> None:
    subscriptions = [
        {"channel": "push", "resource_id": 22, "provider": "android-firebase", "subscription_id": one}
        for one in devices
    ]
    await stage.add(email="ann@example.com", subscriptions=subscriptions)


async def start(stage: Stage, trigger_id: int = 300, **members: Any) -> None:
    answer = await stage.post("campaigns/triggers/start", id=trigger_id, email="ann@example.com", **members)
    assert answer["error"] == 0, answer


async def work(stage: Stage) -> None:
    """Everything that is due, and what is due a moment later."""
    for _ in range(4):
        await stage.work()
        stage.clock.advance(minutes=2)


async def events(stage: Stage) -> list[tuple[str, str]]:
    rows = await stage.rows("SELECT type, data->>'address' FROM events ORDER BY at, id")
    return [(type_, address) for type_, address in rows]


async def statuses(stage: Stage) -> list[str]:
    return [one["status"] for one in (await stage.get_profile(email="ann@example.com"))["subscriptions"]]


def arrived(google: Google) -> list[str]:
    """The devices that each message that was taken is of."""
    return [one["token"] for one in google.messages if one["token"] not in google.treatments]


async def test_the_next_newest_device_that_is_there_gets_the_message(stage: Stage, google: Google):
    google.treatments = {"new": GONE, "newest": GONE}
    await add(stage, "oldest", "old", "new", "newest")
    await start(stage)
    ((message_id,),) = await stage.rows("SELECT id FROM messages")
    await work(stage)
    assert arrived(google) == ["old"]
    assert await events(stage) == [("send_push", "android-firebase.old")]
    assert await stage.rows("SELECT message_id, data->'attempts' FROM events") == [(message_id, 3)]
    assert await statuses(stage) == ["subscribed", "subscribed", "invalid", "invalid"]
    assert await stage.rows("SELECT count(*) FROM messages") == [(0,)]
    totals = await stage.rows("SELECT outcome, sum(total)::int FROM outcome_totals GROUP BY 1 ORDER BY 1")
    assert totals == [("deferred", 2), ("sent", 1)]


async def test_a_call_in_xml_goes_on_too(stage: Stage, google: Google):
    google.treatments = {"new": GONE}
    await add(stage, "old", "new")
    answer = await stage.post_xml(
        "campaigns/triggers/start", f"<xml><token>{TOKEN}</token><id>300</id><email>ann@example.com</email></xml>"
    )
    assert answer.findtext("error") == "0"
    await work(stage)
    assert arrived(google) == ["old"]


async def test_when_all_devices_are_gone_the_message_has_failed(stage: Stage, google: Google):
    google.treatments = {"old": GONE, "new": GONE}
    await add(stage, "old", "new")
    await start(stage)
    await work(stage)
    assert await events(stage) == [("undeliv_push", "android-firebase.old")]
    assert await statuses(stage) == ["invalid", "invalid"]


async def test_a_device_on_a_suppression_list_is_passed_over(stage: Stage, google: Google):
    google.treatments = {"new": GONE}
    await add(stage, "oldest", "old", "new")
    await stage.post("suppresses/add", id=1, emails=["android-firebase:old"])
    await start(stage)
    await work(stage)
    assert arrived(google) == ["oldest"]


async def test_a_message_to_all_devices_goes_on_to_none(stage: Stage, google: Google):
    google.treatments = {"new": GONE}
    await add(stage, "old", "new")
    await start(stage, 301)
    await work(stage)
    assert arrived(google) == ["old"]
    assert sorted(await events(stage)) == [
        ("send_push", "android-firebase.old"),
        ("undeliv_push", "android-firebase.new"),
    ]


async def test_a_device_that_the_call_names_is_the_only_one(stage: Stage, google: Google):
    google.treatments = {"new": GONE}
    await add(stage, "old", "new")
    await start(stage, subscription_filter={"provider": "android-firebase", "subscription_id": "new"})
    await work(stage)
    assert await events(stage) == [("undeliv_push", "android-firebase.new")]


async def test_another_mistake_ends_the_message(stage: Stage, google: Google):
    google.treatments = {"new": fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")}
    await add(stage, "old", "new")
    await start(stage)
    await work(stage)
    assert arrived(google) == []
    assert [type_ for type_, _ in await events(stage)] == ["undeliv_push"]


async def test_a_workflow_goes_on_with_the_message_that_arrived_elsewhere(stage: Stage, google: Google):
    google.treatments = {"new": GONE}
    await add(stage, "old", "new")
    await stage.post("workflows/start", id=30, matching="email", email="ann@example.com")
    await work(stage)
    assert (await stage.get_profile(email="ann@example.com"))["note"] == "sent"


@pytest.mark.parametrize("is_recorded", [False, True], ids=["before", "after"])
async def test_a_worker_that_is_killed_around_the_recording_sends_to_no_device_twice(
    stage: Stage, google: Google, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
):
    google.treatments = {"new": GONE}
    await add(stage, "oldest", "old", "new")
    await start(stage)

    async def kill(*_: Any) -> None:
        raise RuntimeError("killed")

    begin = journal.Journal.begin
    with monkeypatch.context() as patched:
        if is_recorded:
            begun: list[journal.Journal] = []

            def begin_once(pages: journal.Journal) -> None:
                if pages in begun:
                    raise RuntimeError("killed")
                begun.append(pages)
                begin(pages)

            patched.setattr(journal.Journal, "begin", begin_once)
        else:
            patched.setattr(type(stage.delivery), "_record", kill)
        with pytest.raises(RuntimeError, match="killed"):
            await stage.delivery.deliver(100)
    rows = await stage.rows("SELECT address FROM messages")
    assert rows == [("android-firebase.old" if is_recorded else "android-firebase.new",)]
    await work(stage)
    assert arrived(google) == ["old"]
    assert [one["token"] for one in google.messages].count("new") <= 1
    assert await events(stage) == [("send_push", "android-firebase.old")]
    assert await statuses(stage) == ["subscribed", "subscribed", "invalid"]


async def test_who_was_late_changes_nothing_of_a_message_that_went_on(stage: Stage, google: Google):
    """Two workers had the message, since the lease of one had ended."""
    google.treatments = {"new": GONE}
    await add(stage, "old", "new")
    await start(stage)

    record = type(stage.delivery)._record  # noqa: SLF001 - what a worker that was late would do
    kept: list[Any] = []

    async def record_twice(delivery: Any, results: Any) -> None:
        await record(delivery, results)
        if not kept:
            kept.extend(results)
            await record(delivery, results)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(stage.delivery), "_record", record_twice)
        await stage.delivery.deliver(100)
        assert await stage.rows("SELECT address FROM messages") == [("android-firebase.old",)]
        await work(stage)
    assert arrived(google) == ["old"]
    assert await events(stage) == [("send_push", "android-firebase.old")]

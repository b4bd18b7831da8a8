"""Looking at launches, pausing, resuming and cancelling them, sending them again; how old messages may become."""

from datetime import timedelta
from typing import Any

import pytest

from cast import CONFIGURATION, READER, TOKEN, Stage
from tocsin.actions import bounces, configuration, housekeeping
from tocsin.core.bounces import Report

ANN, BOB, CARA = "ann@example.com", "bob@example.com", "cara@example.com"
LATER = ("deferred", 451, "4.7.1 later")
REFUSED = ("refused", 554, "5.7.1 not today")
SOFT = Report("sbounce", 552, "5.2.2", "full")
DELIVERED = Report("deliv", 0, "2.0.0", "delivered to mailbox")
PATHS = ["get", "pause", "resume", "cancel", "retry"]


async def launch(stage: Stage, *emails: str, **members: Any) -> str:
    """Import and launch for these; the id of the launch."""
    data = [{"data": {"email": email}, "custom_data": {"for": email}} for email in emails]
    body = {"trigger_id": 8, "matching": "email", "data": data, "content": {"page": "spring"}} | members
    answer = await stage.post("campaigns/triggers/import_and_start_batch", body)
    assert answer["error"] == 0, answer
    launch_id: str = answer["launch_id"]
    return launch_id


async def ask(stage: Stage, method: str, launch_id: str) -> Any:
    answer = await stage.post(f"launches/{method}", id=launch_id)
    assert answer["error"] == 0, answer
    return answer["data"]


async def numbers(stage: Stage, launch_id: str) -> dict[str, Any]:
    """The state and the numbers that are not 0."""
    found = await ask(stage, "get", launch_id)
    return {name: found[name] for name in found if name == "state" or (found[name] and isinstance(found[name], int))}


def arrived(stage: Stage) -> list[str]:
    return [one.recipient for one in stage.mailbox.arrived]


async def happened(stage: Stage) -> list[tuple[str, str, str]]:
    """Types of events, with address and text, in order."""
    return [
        (type_, data["address"], data.get("text", ""))
        for type_, data in await stage.rows("SELECT type, data FROM events ORDER BY at, data->>'address', type")
    ]


async def test_a_launching_call_names_the_launch_that_it_made(stage: Stage):
    launch_id = await launch(stage, ANN)
    assert await stage.rows("SELECT encode(id, 'hex'), source FROM launches") == [(launch_id, "import_and_start_batch")]
    root = await stage.post_xml(
        "campaigns/triggers/start", f"<xml><token>{TOKEN}</token><id>8</id><email>{ANN}</email></xml>"
    )
    found = await stage.rows("SELECT encode(id, 'hex') FROM launches WHERE source = 'start'")
    assert [(root.findtext("launch_id"),)] == found


async def test_a_call_that_launches_nothing_names_no_launch(stage: Stage):
    await stage.add(email=ANN)
    answer = await stage.post("campaigns/triggers/start", id=97, matching="email", email=ANN)
    assert answer["error"] == 0
    assert "launch_id" not in answer
    assert answer["skipped"]


async def test_the_launch_of_a_task_is_in_its_result(stage: Stage):
    task = await stage.post(
        "campaigns/triggers/import_and_start_batch_task", trigger_id=8, data=[{"data": {"email": ANN}}]
    )
    await stage.work()
    result = (await stage.post("tasks/status", task_id=task["task_id"]))["data"]["result"]
    found = await ask(stage, "get", result["launch_id"])
    assert (found["source"], found["size"], found["sent"]) == ("import_and_start_batch_task", 1, 1)


async def test_a_launch_for_an_audience_counts_all_its_pages(stage: Stage):
    for email in (ANN, BOB, "nobody@example.com"):
        await stage.add(email=email, bonus=7)
    await stage.post("profiles/add", db_id=1, data={"CRM_ID": "C-1", "bonus": 7})
    answer = await stage.post("campaigns/triggers/start", id=8, custom_request={"bonus": 7})
    assert (answer["error"], answer["total_count"], answer["skipped_count"]) == (0, 4, 1)
    assert await numbers(stage, answer["launch_id"]) == {
        "state": "running",
        "trigger_id": 8,
        "size": 3,
        "skipped": 1,
        "waiting": 3,
    }


async def test_a_launch_says_what_became_of_its_messages(stage: Stage):
    stage.mailbox.answers |= {BOB: REFUSED, CARA: LATER}
    launch_id = await launch(stage, ANN, BOB, CARA)
    assert await numbers(stage, launch_id) == {"state": "running", "trigger_id": 8, "size": 3, "waiting": 3}
    await stage.work()
    sent = {"trigger_id": 8, "size": 3, "sent": 1, "undelivered": 1}
    assert await numbers(stage, launch_id) == {"state": "running", "waiting": 1} | sent
    del stage.mailbox.answers[CARA]
    stage.clock.advance(minutes=2)
    await stage.work()
    assert await numbers(stage, launch_id) == {"state": "done"} | sent | {"sent": 2}
    found = await ask(stage, "get", launch_id)
    assert found["totals"] == [{"type": "send", "total": 2}, {"type": "undeliv", "total": 1}]


async def test_what_comes_back_is_counted_for_the_launch(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    await stage.work()
    assert await bounces.record(stage.context, stage.mailbox.arrived[0].message_id, SOFT)
    assert (await numbers(stage, launch_id))["bounced"] == 1


async def test_a_launch_in_xml_is_the_same(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    root = await stage.post_xml("launches/get", f"<xml><token>{TOKEN}</token><id>{launch_id}</id></xml>")
    data = root.find("data")
    assert data is not None
    assert (data.findtext("id"), data.findtext("state"), data.findtext("waiting")) == (launch_id, "running", "2")


async def test_launches_are_listed_page_by_page_the_newest_first(stage: Stage):
    made = []
    for trigger_id in (8, 13, 8, 8, 13):
        made.append(await launch(stage, ANN, trigger_id=trigger_id))
        stage.clock.advance(seconds=1)
    first = await stage.post("launches/list", limit=2)
    assert [one["id"] for one in first["data"]] == [made[4], made[3]]
    rest = await stage.post("launches/list", from_id=first["next_from_id"])
    assert [one["id"] for one in rest["data"]] == [made[2], made[1], made[0]]
    last = await stage.post("launches/list", from_id=rest["next_from_id"])
    assert (last["data"], "next_from_id" in last) == ([], False)
    of_one = await stage.post("launches/list", trigger_id=13)
    assert [one["id"] for one in of_one["data"]] == [made[4], made[1]]
    assert (await stage.post("launches/list", workflow_id=12))["data"] == []


async def test_a_paused_launch_sends_nothing_and_another_does(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    assert await ask(stage, "pause", launch_id) is None
    await launch(stage, CARA)
    await stage.work()
    stage.clock.advance(hours=30)
    await stage.work()
    assert arrived(stage) == [CARA]
    found = await numbers(stage, launch_id)
    assert (found["state"], found["waiting"]) == ("paused", 2)


async def test_a_resumed_launch_sends_what_was_held_back_once(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    await ask(stage, "pause", launch_id)
    await stage.work()
    await ask(stage, "resume", launch_id)
    await stage.work()
    await stage.work()
    assert sorted(arrived(stage)) == [ANN, BOB]
    assert [data["attempts"] for (data,) in await stage.rows("SELECT data FROM events")] == [1, 1]
    assert (await numbers(stage, launch_id))["state"] == "done"


async def test_pausing_holds_for_retries_and_for_what_is_scheduled(stage: Stage):
    stage.mailbox.answers[ANN] = LATER
    deferred = await launch(stage, ANN)
    scheduled = await launch(stage, BOB, timeout={"hours": 1})
    await stage.work()
    await ask(stage, "pause", deferred)
    await ask(stage, "pause", scheduled)
    stage.mailbox.answers.clear()
    stage.clock.advance(hours=2)
    await stage.work()
    assert arrived(stage) == []
    await ask(stage, "resume", scheduled)
    await stage.work()
    assert arrived(stage) == [BOB]


async def test_a_launch_that_is_resumed_before_its_time_waits_for_it(stage: Stage):
    launch_id = await launch(stage, ANN, timeout={"hours": 1})
    await ask(stage, "pause", launch_id)
    await stage.work()
    await ask(stage, "resume", launch_id)
    await stage.work()
    assert arrived(stage) == []
    stage.clock.advance(hours=1)
    await stage.work()
    assert arrived(stage) == [ANN]


async def test_a_cancelled_launch_takes_its_messages_out_of_the_queue(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    kept = await launch(stage, CARA)
    assert await ask(stage, "cancel", launch_id) == {"waiting": 2, "in_hand": 0}
    await stage.work()
    assert arrived(stage) == [CARA]
    assert await happened(stage) == [
        ("cancel", ANN, "the launch was cancelled"),
        ("cancel", BOB, "the launch was cancelled"),
        ("send", CARA, "2.0.0 ok"),
    ]
    assert await numbers(stage, launch_id) == {"state": "cancelled", "trigger_id": 8, "size": 2, "cancelled": 2}
    assert (await numbers(stage, kept))["state"] == "done"
    assert await ask(stage, "cancel", launch_id) == {"waiting": 0, "in_hand": 0}


async def test_what_a_worker_may_have_is_cancelled_when_it_is_due_again(stage: Stage):
    stage.mailbox.answers[ANN] = LATER
    launch_id = await launch(stage, ANN, BOB)
    await stage.work()
    assert await ask(stage, "cancel", launch_id) == {"waiting": 1, "in_hand": 1}
    await stage.work()
    assert (await numbers(stage, launch_id))["waiting"] == 1
    stage.mailbox.answers.clear()
    stage.clock.advance(minutes=1)
    await stage.work()
    assert arrived(stage) == [BOB]
    ((data,),) = await stage.rows("SELECT data FROM events WHERE type = 'cancel'")
    assert (data["address"], data["attempts"], data["custom_data"]) == (ANN, 1, {"for": ANN})


async def test_a_paused_launch_can_be_cancelled_and_not_resumed_then(stage: Stage):
    launch_id = await launch(stage, ANN)
    await ask(stage, "pause", launch_id)
    await stage.work()
    await ask(stage, "cancel", launch_id)
    for method in ("pause", "resume"):
        answer = await stage.post(f"launches/{method}", id=launch_id)
        assert (answer["error"], answer["error_debug"]) == (409, "id: the launch is cancelled")
    await stage.work()
    assert (await numbers(stage, launch_id))["cancelled"] == 1


async def test_a_cancelled_message_says_so_in_its_history(stage: Stage):
    launch_id = await launch(stage, ANN)
    ((smid,),) = await stage.rows("SELECT encode(id, 'hex') FROM messages")
    await ask(stage, "cancel", launch_id)
    await stage.work()
    found = (await stage.post("messages/get", smid=smid))["data"]
    assert [(one["type"], one["text"]) for one in found["events"]] == [("cancel", "the launch was cancelled")]


async def test_cancelling_the_launch_of_a_workflow_takes_its_profiles_out(stage: Stage):
    calls = [
        await stage.post("workflows/import_and_start", workflow_id=12, data={"email": email}) for email in (ANN, BOB)
    ]
    await stage.work()
    assert await numbers(stage, calls[0]["launch_id"]) == {
        "state": "running",
        "workflow_id": 12,
        "size": 1,
        "inside": 1,
        "sent": 1,
    }
    await ask(stage, "cancel", calls[0]["launch_id"])
    stage.clock.advance(hours=3)
    await stage.work()
    assert sorted(arrived(stage)) == [ANN, BOB, BOB]
    assert (await numbers(stage, calls[0]["launch_id"]))["state"] == "cancelled"
    assert (await numbers(stage, calls[1]["launch_id"]))["state"] == "done"


async def test_a_retry_reaches_those_whom_the_launch_did_not_and_nobody_else(stage: Stage):
    stage.mailbox.answers |= {BOB: REFUSED}
    launch_id = await launch(stage, ANN, BOB)
    await stage.work()
    assert await ask(stage, "retry", launch_id) == {"retried": 1, "skipped": 0}
    assert await ask(stage, "retry", launch_id) == {"retried": 0, "skipped": 0}
    stage.mailbox.answers.clear()
    await stage.work()
    assert arrived(stage) == [ANN, BOB]
    mails = stage.mailbox.mails()
    assert "page spring" in mails[BOB].as_string()
    assert mails[ANN]["Message-ID"] != mails[BOB]["Message-ID"]
    assert await ask(stage, "retry", launch_id) == {"retried": 0, "skipped": 0}
    assert await numbers(stage, launch_id) == {
        "state": "done",
        "trigger_id": 8,
        "size": 3,
        "sent": 2,
        "undelivered": 1,
        "retried": 1,
    }
    sent = await stage.rows("SELECT data->'custom_data'->>'for' FROM events WHERE type = 'send' ORDER BY at")
    assert sent == [(ANN,), (BOB,)]


async def test_what_fails_again_can_be_sent_again(stage: Stage):
    stage.mailbox.answers[ANN] = REFUSED
    launch_id = await launch(stage, ANN)
    for _ in range(3):
        await stage.work()
        stage.clock.advance(seconds=1)
        assert (await ask(stage, "retry", launch_id))["retried"] == 1
    stage.mailbox.answers.clear()
    await stage.work()
    assert arrived(stage) == [ANN]


async def test_a_cancelled_launch_can_be_sent_after_all(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    await ask(stage, "cancel", launch_id)
    too_soon = await stage.post("launches/retry", id=launch_id)
    assert (too_soon["error"], too_soon["error_text"]) == (409, "Conflict")
    await stage.work()
    assert await ask(stage, "retry", launch_id) == {"retried": 2, "skipped": 0}
    await stage.work()
    assert sorted(arrived(stage)) == [ANN, BOB]


async def test_only_what_came_back_for_now_is_sent_again(stage: Stage):
    launch_id = await launch(stage, ANN, BOB, CARA)
    await stage.work()
    by_email = {one.recipient: one.message_id for one in stage.mailbox.arrived}
    await bounces.record(stage.context, by_email[ANN], SOFT)
    await bounces.record(stage.context, by_email[BOB], SOFT)
    stage.clock.advance(seconds=1)
    await bounces.record(stage.context, by_email[BOB], Report("complain", 0, "", ""))
    await bounces.record(stage.context, by_email[CARA], Report("hbounce", 550, "5.1.1", "nobody"))
    assert await ask(stage, "retry", launch_id) == {"retried": 1, "skipped": 0}
    await stage.work()
    assert arrived(stage)[3:] == [ANN]


async def test_what_came_back_after_its_acceptance_counted_as_delivery_is_sent_again(stage: Stage):
    launch_id = await launch(stage, ANN, BOB)
    await stage.work()
    ann, bob = (one.message_id for one in stage.mailbox.arrived)
    for message_id, reports in ((ann, (DELIVERED, SOFT)), (bob, (SOFT, DELIVERED))):
        for report in reports:
            stage.clock.advance(seconds=1)
            await bounces.record(stage.context, message_id, report)
    assert await ask(stage, "retry", launch_id) == {"retried": 1, "skipped": 0}
    await stage.work()
    assert arrived(stage)[2:] == [ANN]


async def test_a_retry_goes_to_the_address_of_now(stage: Stage):
    stage.mailbox.answers |= {ANN: REFUSED, BOB: REFUSED, CARA: REFUSED}
    launch_id = await launch(stage, ANN, BOB, CARA)
    await stage.work()
    ann = await stage.get_profile(matching="email", email=ANN)
    await stage.post("profiles/update", db_id=1, matching="profile_id", profile_id=ann["id"], data={"email": "a@x.org"})
    await stage.post("profiles/update", db_id=1, email=BOB, data={"_status": "unsubscribed"})
    await stage.post("profiles/delete", db_id=1, matching="email", email=CARA)
    assert await ask(stage, "retry", launch_id) == {"retried": 1, "skipped": 1}
    await stage.work()
    assert arrived(stage) == ["a@x.org"]


async def test_a_launch_that_is_paused_or_of_a_workflow_is_not_sent_again(stage: Stage):
    launch_id = await launch(stage, ANN)
    await ask(stage, "pause", launch_id)
    paused = await stage.post("launches/retry", id=launch_id)
    assert (paused["error"], paused["error_debug"]) == (409, "id: the launch is paused")
    entered = await stage.post("workflows/import_and_start", workflow_id=12, data={"email": ANN})
    answer = await stage.post("launches/retry", id=entered["launch_id"])
    assert answer["error"] == 409
    assert "workflow" in answer["error_debug"]


@pytest.mark.parametrize("method", PATHS)
@pytest.mark.parametrize("said", ["", "x" * 24, "00" * 12, "6b00", "00" * 500, "é" * 24])
async def test_a_launch_that_is_not_there_is_error_404(stage: Stage, method, said):
    answer = await stage.post(f"launches/{method}", id=said)
    assert (answer["error"], answer["error_debug"]) == (404, "id: there is no such launch")
    root = await stage.post_xml(f"launches/{method}", f"<xml><token>{TOKEN}</token><id>{said}</id></xml>")
    assert root.findtext("error") == "404"


@pytest.mark.parametrize("members", [{"limit": 0}, {"limit": 1001}, {"from_id": "page 2"}, {"trigger_id": "x"}])
async def test_a_page_that_cannot_be_is_error_400(stage: Stage, members):
    assert (await stage.post("launches/list", members))["error"] == 400


@pytest.mark.parametrize("method", [*PATHS, "list"])
async def test_a_token_needs_the_permission(stage: Stage, method):
    assert (await stage.post(f"launches/{method}", id="00" * 12, token=READER))["error"] == 403


async def test_a_cancelled_task_applies_no_more_and_launches_nothing(stage: Stage):
    data = [{"data": {"email": f"{number}@example.com"}} for number in range(600)]
    task = await stage.post("campaigns/triggers/import_and_start_batch_task", trigger_id=8, data=data)
    root = await stage.post_xml(
        "tasks/cancel", f"<xml><token>{TOKEN}</token><task_id>{task['task_id']}</task_id></xml>"
    )
    assert root.findtext("error") == "0"
    await stage.work()
    status = (await stage.post("tasks/status", task_id=task["task_id"]))["data"]
    assert status == {
        "status": "failed",
        "progress": 0,
        "result": {"error": 409, "error_text": "Conflict", "error_debug": "the task was cancelled"},
    }
    assert (await stage.count_rows())["messages"] == 0
    again = await stage.post("tasks/cancel", task_id=task["task_id"])
    assert (again["error"], again["error_debug"]) == (409, "task_id: the task has ended")


@pytest.mark.parametrize("said", ["", "nothing", "00000000-0000-0000-0000-000000000000"])
async def test_a_task_that_is_not_there_cannot_be_cancelled(stage: Stage, said):
    assert (await stage.post("tasks/cancel", task_id=said))["error"] == 404


async def configure(stage: Stage, trigger: str, sender: str = "") -> None:
    """The cast's configuration with more members for trigger 8 and sender 1."""
    relay = "{id: 1, name: relay, "
    changed = CONFIGURATION.replace("{id: 8, ", "{id: 8, " + trigger).replace(relay, relay + sender)
    await configuration.apply(stage.context, changed, "cast.yaml", {})


async def test_a_message_is_tried_until_it_is_too_old_and_its_event_says_how_often(stage: Stage):
    await configure(stage, "give_up_after: {hours: 1}, ")
    stage.mailbox.answers[ANN] = LATER
    await launch(stage, ANN)
    began = stage.clock.now
    while (await stage.count_rows())["messages"]:
        await stage.work()
        stage.clock.advance(seconds=10)
    ((at, data),) = await stage.rows("SELECT at, data FROM events")
    assert timedelta(minutes=58) < at - began < timedelta(hours=1)
    assert data["text"] == f"4.7.1 later (given up: tried {data['attempts']} times in 59 minutes)"
    assert data["attempts"] == 8


async def test_a_message_may_be_as_old_as_its_sender_says_or_72_hours(stage: Stage):
    await configure(stage, "", "give_up_after: {hours: 2}, ")
    stage.mailbox.answers[ANN] = LATER
    await launch(stage, ANN)
    await launch(stage, ANN, trigger_id=13, timeout={"hours": 100})
    for hours in (1, 1):
        await stage.work()
        stage.clock.advance(hours=hours)
    await stage.work()
    ((data,),) = await stage.rows("SELECT data FROM events")
    assert data["text"] == "given up: too old after 2 hours, tried 2 times"
    stage.mailbox.answers.clear()
    stage.clock.advance(hours=98)
    await stage.work()
    assert arrived(stage) == [ANN]


async def test_a_message_that_became_too_old_while_it_was_paused_is_given_up_unsent(stage: Stage):
    launch_id = await launch(stage, ANN)
    await ask(stage, "pause", launch_id)
    await stage.work()
    stage.clock.advance(hours=72)
    await ask(stage, "resume", launch_id)
    await stage.work()
    assert arrived(stage) == []
    ((data,),) = await stage.rows("SELECT data FROM events")
    assert data["text"] == "given up: too old after 72 hours, never tried"
    assert "attempts" not in data


async def test_old_launches_and_files_are_forgotten_when_nothing_needs_them(stage: Stage):
    keep = timedelta(days=30)
    attached = [{"name": "a.txt", "data": "data:text/plain,hello"}]
    await launch(stage, ANN, attach=attached)
    await stage.work()
    waiting = await launch(stage, BOB, attach=attached, timeout={"days": 60})
    inside = await stage.post("workflows/import_and_start", workflow_id=12, data={"email": CARA})
    await stage.work()
    await stage.post("workflows/deactivate", id=12)
    stage.clock.advance(days=31)
    await housekeeping.tidy(stage.context, keep)
    left = await stage.rows("SELECT encode(id, 'hex') FROM launches ORDER BY id")
    assert {launch_id for (launch_id,) in left} == {waiting, inside["launch_id"]}
    assert (await stage.count_rows())["files"] == 1
    assert {one for (one,) in await stage.rows("SELECT encode(launch_id, 'hex') FROM launch_totals")} == {
        inside["launch_id"]
    }


async def test_files_are_kept_while_a_task_may_name_them(stage: Stage):
    uploaded = await stage.post("file_upload", header="a.txt", data="data:text/plain,hello")
    stage.clock.advance(days=31)
    members = {"trigger_id": 8, "data": [{"data": {"email": ANN}}], "attach": [{"file_key": uploaded["data"]["file"]}]}
    assert (await stage.post("campaigns/triggers/import_and_start_batch_task", members))["error"] == 0
    await housekeeping.tidy(stage.context, timedelta(days=30))
    await stage.work()
    assert [part.get_filename() for part in stage.mailbox.mails()[ANN].iter_attachments()] == ["a.txt"]


async def test_what_calls_change_stands_in_the_audit_log_with_the_name_of_their_token(stage: Stage):
    profile_id = await stage.add(email="ann@example.com")
    launched = await stage.post("campaigns/triggers/start", id=8, email="ann@example.com")
    await stage.post("launches/pause", id=launched["launch_id"])
    await stage.post("launches/cancel", id=launched["launch_id"])
    await stage.post("suppresses/add", name="Asked us", emails=["ann@example.com"])
    await stage.post("profiles/delete", db_id=1, matching="profile_id", profile_id=profile_id)
    deeds = await stage.rows("SELECT author_kind, author, action, section FROM audits WHERE author_kind = 'token'")
    assert {(author, action, section) for _, author, action, section in deeds} == {
        ("shop", "paused", "launches"),
        ("shop", "cancelled", "launches"),
        ("shop", "created", "suppression_lists"),
        ("shop", "suppressed", "suppressions"),
        ("shop", "removed", "profiles"),
    }

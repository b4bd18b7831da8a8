"""Whom a trigger sends to, who is skipped and why, and what becomes of a message that a server does not take."""

from collections.abc import Sequence
from typing import Any

import pytest

from cast import CONFIGURATION, Stage
from tocsin.actions import configuration
from tocsin.core import retry
from tocsin.core.configuration_templates import EmailTemplate, Template
from tocsin.store import configuration as stored_configuration
from tocsin.store.configuration import ObjectChange

START = "campaigns/triggers/start"
IMPORT = "campaigns/triggers/import_and_start"
IMPORT_BATCH = "campaigns/triggers/import_and_start_batch"
NEWSLETTER = 97


def at(resource_id: int, email: str, **more: Any) -> dict[str, Any]:
    return {"channel": "email", "email": email, "resource_id": resource_id} | more


async def import_ann(stage: Stage, *subscriptions: dict[str, Any], trigger_id: int, **fields: Any) -> dict[str, Any]:
    """Ann is imported and the trigger launched; everything is sent."""
    data = {"email": "ann@example.com", "subscriptions": list(subscriptions)} | fields
    answer = await stage.post(IMPORT, trigger_id=trigger_id, data=data)
    assert answer["error"] == 0, answer
    await stage.work()
    return answer


def recipients(stage: Stage) -> list[str]:
    return [envelope.recipient for envelope in stage.mailbox.arrived]


@pytest.mark.parametrize(
    ("subscriptions", "chosen"),
    [
        ([at(21, "a@example.com")], "a@example.com"),
        ([at(22, "a@example.com"), at(21, "b@example.com")], "b@example.com"),
        ([at(21, "a@example.com", status=1), at(21, "b@example.com")], "b@example.com"),
        ([at(21, "a@example.com", priority=3), at(21, "b@example.com", priority=2)], "b@example.com"),
        ([at(21, "a@example.com", priority=1), at(21, "b@example.com", priority=2)], "a@example.com"),
        ([at(21, "a@example.com", priority=1), at(21, "b@example.com")], "b@example.com"),
        ([at(21, "a@example.com", status=1), at(21, "b@example.com", priority=9)], "b@example.com"),
    ],
)
async def test_a_trigger_of_a_resource_sends_to_the_subscribed_address_of_the_lowest_priority_number(
    stage: Stage, subscriptions: Sequence[dict[str, Any]], chosen: str
):
    answer = await import_ann(stage, *subscriptions, trigger_id=NEWSLETTER)
    assert "skipped" not in answer
    assert recipients(stage) == [chosen]


async def test_a_trigger_of_a_resource_knows_the_subscription_in_its_template(stage: Stage):
    data = {"email": "ann@example.com", "subscriptions": [at(21, "work@example.com")]}
    await stage.post(IMPORT, trigger_id=NEWSLETTER, data=data, content={"H1": "Storm <1>", "H2": "stay in"})
    await stage.work()
    mail = stage.mailbox.mails()["work@example.com"]
    text = mail.get_body(("plain",))
    assert mail["subject"] == "Storm <1>"
    assert text is not None
    assert text.get_content().strip() == "For work@example.com: stay in"


async def test_a_trigger_without_a_resource_sends_to_the_own_address(stage: Stage):
    await import_ann(stage, at(21, "a@example.com"), trigger_id=8)
    assert recipients(stage) == ["ann@example.com"]


@pytest.mark.parametrize(
    ("trigger_id", "subscriptions", "fields", "reason"),
    [
        (NEWSLETTER, [], {}, "no_subscription"),
        (NEWSLETTER, [at(22, "a@example.com")], {}, "no_subscription"),
        (NEWSLETTER, [at(21, "a@example.com", status=1)], {}, "not_subscribed"),
        (NEWSLETTER, [at(21, "a@example.com", status="unconfirmed")], {}, "not_subscribed"),
        (8, [], {"_status": "unsubscribed"}, "not_subscribed"),
        (8, [], {"_status": 3}, "not_subscribed"),
    ],
)
async def test_a_profile_that_cannot_be_sent_to_is_imported_and_skipped(
    stage: Stage, trigger_id: int, subscriptions: list[dict[str, Any]], fields: dict[str, Any], reason: str
):
    answer = await import_ann(stage, *subscriptions, trigger_id=trigger_id, **fields)
    assert answer["skipped"] == [{"index": 0, "profile_id": answer["profile_id"], "reason": reason}]
    assert recipients(stage) == []
    counts = await stage.count_rows()
    assert (counts["profiles"], counts["launches"], counts["messages"]) == (1, 1, 0)


async def test_a_profile_without_an_email_is_skipped(stage: Stage):
    answer = await stage.post(
        IMPORT, trigger_id=8, matching="phone", data={"phones": "+79000000001", "_fname": "Nobody"}
    )
    assert [one["reason"] for one in answer["skipped"]] == ["no_address"]


@pytest.mark.parametrize("suffix", ["", "_task"])
async def test_the_skipped_of_a_batch_are_listed_with_their_place(stage: Stage, suffix: str):
    answer = await stage.post(
        f"campaigns/triggers/import_and_start_batch{suffix}",
        trigger_id=NEWSLETTER,
        data=[
            {"data": {"email": "bad"}},
            {"data": {"email": "ann@example.com"}},
            {"data": {"email": "bob@example.com", "subscriptions": [at(21, "bob@example.com")]}},
            {"data": {"email": "cas@example.com", "subscriptions": [at(21, "cas@example.com", status=2)]}},
        ],
    )
    await stage.work()
    if suffix:
        answer = (await stage.post("tasks/status", task_id=answer["task_id"]))["data"]["result"]
    assert [one["index"] for one in answer["errors"]] == [0]
    assert [(one["index"], one["reason"]) for one in answer["skipped"]] == [
        (1, "no_subscription"),
        (3, "not_subscribed"),
    ]
    assert [one["profile_id"] for one in answer["skipped"]] == [
        answer["result"][place]["profile_id"] for place in (0, 2)
    ]
    assert recipients(stage) == ["bob@example.com"]


# The subscription that the call wants.

WANTED: list[tuple[int, dict[str, Any], str]] = [
    (8, {"email": "work@example.com"}, "work@example.com"),
    (8, {"email": "WORK@example.com"}, "work@example.com"),
    (8, {"email": "sister@example.com"}, "sister@example.com"),
    (NEWSLETTER, {"email": "work@example.com"}, "work@example.com"),
    (NEWSLETTER, {"email": "sister@example.com", "not_strict": True}, "home@example.com"),
    (NEWSLETTER, {"email": "gone@example.com", "not_strict": "true"}, "home@example.com"),
    (NEWSLETTER, {"email": "жук@почта.рф", "not_strict": 1}, "home@example.com"),
    (8, {"email": "nix@example.com", "not_strict": True}, "ann@example.com"),
    (8, {}, "ann@example.com"),
    (NEWSLETTER, {"email": "sister@example.com"}, "no_subscription"),
    (NEWSLETTER, {"email": "gone@example.com"}, "not_subscribed"),
    (8, {"email": "nix@example.com", "not_strict": False}, "no_subscription"),
]


@pytest.mark.parametrize(("trigger_id", "wanted", "expected"), WANTED)
async def test_a_subscription_filter_chooses_the_address(
    stage: Stage, trigger_id: int, wanted: dict[str, Any], expected: str
):
    await stage.add(
        email="ann@example.com",
        subscriptions=[
            at(21, "home@example.com", priority=0),
            at(21, "work@example.com", priority=5),
            at(21, "gone@example.com", status="unsubscribed"),
            at(22, "sister@example.com"),
        ],
    )
    answer = await stage.post(START, id=trigger_id, email="ann@example.com", subscription_filter=wanted)
    assert answer["error"] == 0, answer
    await stage.work()
    assert [*recipients(stage), *(one["reason"] for one in answer.get("skipped", ()))] == [expected]


@pytest.mark.parametrize("email", ["@", "ж@@ж", "ж@ж..ж", "x@ж ж", "a@b@ж", "ж" * 300 + "@ж.рф"])
async def test_a_subscription_filter_with_a_text_that_is_no_address_is_refused(stage: Stage, email: str):
    await stage.add(email="ann@example.com", subscriptions=[at(21, "home@example.com")])
    answer = await stage.post(START, id=8, email="ann@example.com", subscription_filter={"email": email})
    assert (answer["error"], answer["error_text"]) == (400, "Invalid request")
    assert answer["error_debug"].startswith("subscription_filter.email: ")
    await stage.work()
    assert recipients(stage) == []


# What becomes of messages.


async def events(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    rows = await stage.rows("SELECT type, data FROM events ORDER BY at, data->>'address'")
    return [(type_, data) for type_, data in rows]


async def test_a_message_that_was_taken_is_an_event_and_no_longer_queued(stage: Stage):
    answer = await import_ann(stage, trigger_id=8)
    rows = await stage.rows("SELECT type, encode(profile_id, 'hex'), trigger_id, database_id, data FROM events")
    data = {"address": "ann@example.com", "attempts": 1, "code": 250, "text": "2.0.0 ok"}
    (row,) = rows
    assert row[:4] == ("send", answer["profile_id"], 8, 1)
    assert row[4].items() >= data.items()
    assert (await stage.count_rows())["messages"] == 0


async def test_a_deferred_message_is_tried_again_later_and_sent_once(stage: Stage):
    stage.mailbox.answers["ann@example.com"] = ("deferred", 451, "4.7.1 later")
    await import_ann(stage, trigger_id=8)
    assert await events(stage) == []
    ((attempts, due_at),) = await stage.rows("SELECT attempts, due_at FROM messages")
    wait = (due_at - stage.clock.now).total_seconds()
    assert attempts == 1
    assert retry.FIRST_DELAY_SECONDS <= wait <= retry.FIRST_DELAY_SECONDS * 1.2
    stage.mailbox.answers.clear()
    await stage.work()
    assert recipients(stage) == []
    stage.clock.advance(seconds=wait)
    await stage.work()
    assert recipients(stage) == ["ann@example.com"]
    ((type_, data),) = await events(stage)
    assert (type_, data["attempts"], data["code"]) == ("send", 2, 250)


async def test_a_refused_message_is_given_up_at_once_and_the_others_are_sent(stage: Stage):
    stage.mailbox.answers["ann@example.com"] = ("refused", 550, "5.1.1 no such user")
    data = [{"data": {"email": f"{name}@example.com"}} for name in ("ann", "bob")]
    await stage.post(IMPORT_BATCH, trigger_id=8, data=data)
    await stage.work()
    stage.clock.advance(days=2)
    await stage.work()
    assert recipients(stage) == ["bob@example.com"]
    assert [(type_, data["address"], data["code"], data["text"]) for type_, data in await events(stage)] == [
        ("undeliv", "ann@example.com", 550, "5.1.1 no such user"),
        ("send", "bob@example.com", 250, "2.0.0 ok"),
    ]


async def test_a_message_that_is_deferred_for_ever_is_given_up_in_the_end(stage: Stage):
    stage.mailbox.answers["ann@example.com"] = ("deferred", 451, "4.7.1 later")
    await import_ann(stage, trigger_id=8)
    for _ in range(15):
        await stage.work()
        stage.clock.advance(hours=5)
    await stage.work()
    ((type_, data),) = await events(stage)
    assert (type_, data["attempts"], data["text"]) == (
        "undeliv",
        15,
        "given up: too old after 75 hours, tried 15 times",
    )
    assert (await stage.count_rows())["messages"] == 0


async def configure(stage: Stage, *, without: Sequence[str] = (), replacing: tuple[str, str] = ("", "")) -> None:
    """The cast's configuration without the lines that begin so, or with a piece replaced."""
    lines = [line for line in CONFIGURATION.splitlines() if not line.strip().startswith(tuple(without) or ("\0",))]
    await configuration.apply(stage.context, "\n".join(lines).replace(*replacing), "cast.yaml", {}, prune=True)


async def test_a_message_of_a_trigger_that_was_removed_is_given_up(stage: Stage):
    await stage.post(IMPORT, trigger_id=13, data={"email": "ann@example.com"})
    await configure(stage, without=["- {id: 13, name: Registration"])
    await stage.work()
    assert recipients(stage) == []
    ((type_, data),) = await events(stage)
    assert (type_, data["text"]) == ("undeliv", "the trigger was removed")


async def test_a_message_says_what_the_template_says_when_it_is_sent(stage: Stage):
    await stage.post(IMPORT, trigger_id=8, data={"email": "ann@example.com", "_fname": "Ann"}, timeout={"minutes": 5})
    await configure(stage, replacing=("Thank you, {lead._fname}", "Dear {lead._fname}"))
    stage.clock.advance(minutes=5)
    await stage.work()
    assert stage.mailbox.mails()["ann@example.com"]["subject"] == "Dear Ann"


async def test_a_message_goes_by_the_sender_of_its_trigger(stage: Stage):
    await stage.post(IMPORT, trigger_id=100, data={"email": "ann@example.com"})
    await stage.work()
    assert [sender.id for sender in stage.mailbox.opened] == [2]


async def test_a_message_says_what_is_known_of_the_profile_when_it_is_sent(stage: Stage):
    await stage.post(IMPORT, trigger_id=8, data={"email": "ann@example.com", "_fname": "Ann"}, timeout={"minutes": 5})
    await stage.add(email="ann@example.com", _fname="Anna")
    stage.clock.advance(minutes=5)
    await stage.work()
    assert stage.mailbox.mails()["ann@example.com"]["subject"] == "Thank you, Anna"


async def test_a_task_whose_trigger_sleeps_by_then_fails_and_says_why(stage: Stage):
    accepted = await stage.post(
        "campaigns/triggers/import_and_start_batch_task", trigger_id=8, data=[{"data": {"email": "ann@example.com"}}]
    )
    await configure(
        stage,
        replacing=(
            "{id: 8, name: Order received, database: 1, template: 1, sender: 1, active: true}",
            "{id: 8, name: Order received, database: 1, template: 1, sender: 1}",
        ),
    )
    await stage.work()
    answer = await stage.post("tasks/status", task_id=accepted["task_id"])
    assert answer["error"] == 0
    assert answer["data"]["status"] == "failed"
    assert answer["data"]["result"] == {
        "error": 400,
        "error_text": "Invalid request",
        "error_debug": "trigger_id: trigger 8 is not active",
    }
    assert recipients(stage) == []


async def test_a_message_that_cannot_be_composed_waits_and_holds_no_other_up(stage: Stage):
    """A template that an older version took and this one does not, say."""
    broken = Template(id=2, name="Broken", email=EmailTemplate("news@example.com", "Hi", html="{laed.x}"))
    await stored_configuration.write(
        stage.connection, [ObjectChange("templates", "2", broken)], stage.clock.now, "test"
    )
    await stage.add(email="ann@example.com", subscriptions=[at(21, "ann@example.com")])
    await stage.post(START, id=97, email="ann@example.com")
    await stage.post(START, id=8, email="ann@example.com")
    await stage.work()
    assert recipients(stage) == ["ann@example.com"]
    waiting = await stage.rows("SELECT trigger_id, attempts, due_at > %s FROM messages", stage.clock.now)
    assert waiting == [(97, 1, True)]

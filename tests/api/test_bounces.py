"""What comes back about messages: events, statuses, and who hears of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiosmtplib
import pytest
from tests.core.bounce_mails import delivered, failed, feedback, plain

from cast import Stage
from tocsin.actions import bounces, configuration
from tocsin.channels.bounce_server import BounceServer
from tocsin.channels.contract import Envelope, Outcome, Record
from tocsin.core.bounces import Report
from tocsin.core.return_paths import ReturnPaths

PATHS = ReturnPaths("bounces.example.com", "sixteen-or-more-characters")
NOBODY, FULL, LATE = (
    failed("5.1.1", "550 5.1.1 User unknown"),
    failed("5.2.2", "552 5.2.2 Mailbox full"),
    failed("4.4.1", "Connection timed out").replace("Action: failed", "Action: delayed"),
)
EMAIL = {"channel": "email", "email": "ann.private@example.com", "resource_id": 21}
OTHERS = [
    {"channel": "email", "email": "ann.office@example.com", "resource_id": 21, "priority": 1},
    {"channel": "email", "email": "Ann.Private@example.com", "resource_id": 22},
    {"channel": "sms", "phone": "+14155550123", "resource_id": 20},
]
HEARD = """
triggers:
  - {id: 50, name: Heard, database: 1, template: 1, sender: 1, active: true, event: subscribe,
     when: {occasions: [new_status], resource: 21, status: hardbounced}}
"""
AWAITED = """
workflows:
  - id: 50
    name: Awaited
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 97, next: reacted}
      - {id: reacted, type: feedback, events: [hbounce], within: {days: 2}, next: lost, otherwise: done}
      - {id: lost, type: update, set: {note: lost}, next: done}
      - {id: done, type: end}
"""

Back = Callable[..., Awaitable[str]]


@pytest.fixture
async def back(stage: Stage) -> AsyncIterator[Back]:
    """Sends a mail to the return path of a message, over SMTP; the reply."""

    async def take(message_id: bytes, report: Report | None) -> None:
        await bounces.receive(stage.context, message_id, report)

    server = BounceServer(PATHS, take)
    port = await server.start("127.0.0.1", 0)

    async def send(mail: str, message_id: str, recipient: str = "", sender: str = "") -> str:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=20) as client:
            recipients = [recipient or PATHS.make(bytes.fromhex(message_id))]
            return (await client.sendmail(sender, recipients, mail))[1]

    yield send
    await server.close()


async def send(stage: Stage, trigger: int = 97) -> str:
    """Import Ann, send to her; the id of the message."""
    await stage.add(email="ann@example.com", subscriptions=[{**EMAIL, "priority": 0}, *OTHERS])
    await stage.post("campaigns/triggers/start", id=trigger, email="ann@example.com")
    await stage.work()
    return stage.mailbox.arrived[-1].message_id.hex()


async def statuses(stage: Stage) -> dict[tuple[str, int], str]:
    """Of Ann and her subscriptions, by address and resource."""
    ann = await stage.get_profile(email="ann@example.com")
    found = {(one.get("email", ""), one["resource_id"]): one["status"] for one in ann["subscriptions"]}
    return found | {("ann@example.com", 0): ann.get("_status")}


SUBSCRIBED: dict[tuple[str, int], Any] = {
    ("ann.private@example.com", 21): "subscribed",
    ("ann.office@example.com", 21): "subscribed",
    ("Ann.Private@example.com", 22): "subscribed",
    ("", 20): "subscribed",
    ("ann@example.com", 0): None,
}


async def events(stage: Stage) -> list[tuple[Any, ...]]:
    return await stage.rows("SELECT type, data FROM events ORDER BY at, type")


async def test_an_address_that_leads_to_nobody_is_hardbounced_at_every_resource(stage: Stage, back: Back):
    message = await send(stage)
    stage.clock.advance(minutes=1)
    assert await back(NOBODY, message) == "2.0.0 Ok"
    assert await statuses(stage) == SUBSCRIBED | {
        ("ann.private@example.com", 21): "hardbounced",
        ("Ann.Private@example.com", 22): "hardbounced",
    }
    assert (await events(stage))[-1] == (
        "hbounce",
        {"address": "ann.private@example.com", "code": 550, "status": "5.1.1", "text": "550 5.1.1 User unknown"},
    )
    answer = await stage.post("campaigns/triggers/start_batch", id=97, data=[{"email": "ann@example.com"}])
    assert "errors" not in answer
    await stage.work()
    assert stage.mailbox.arrived[-1].recipient == "ann.office@example.com"


async def test_the_profiles_own_address_loses_its_status(stage: Stage, back: Back):
    message = await send(stage, trigger=8)
    await back(NOBODY, message)
    assert await statuses(stage) == SUBSCRIBED | {("ann@example.com", 0): 3}
    answer = await stage.post("campaigns/triggers/start_batch", id=8, data=[{"email": "ann@example.com"}])
    assert answer["skipped"][0]["reason"] == "not_subscribed"


@pytest.mark.parametrize("mail", [FULL, LATE], ids=["full", "late"])
async def test_what_came_back_for_another_reason_changes_no_status(stage: Stage, back: Back, mail: str):
    message = await send(stage)
    await back(mail, message)
    assert await statuses(stage) == SUBSCRIBED
    assert [type_ for type_, _ in await events(stage)] == ["sbounce", "send"]


async def test_a_complaint_ends_what_comes_from_that_resource(stage: Stage, back: Back):
    message = await send(stage)
    path = PATHS.make(bytes.fromhex(message))
    assert await back(feedback(path=path), message, "feedback@bounces.example.com") == "2.0.0 Ok"
    assert await statuses(stage) == SUBSCRIBED | {("ann.private@example.com", 21): "complained"}
    assert [type_ for type_, _ in await events(stage)] == ["complain", "send"]


async def test_a_complaint_about_mail_to_the_own_address_ends_what_goes_there(stage: Stage, back: Back):
    message = await send(stage, trigger=8)
    await back(feedback(), message)
    assert await statuses(stage) == SUBSCRIBED | {("ann@example.com", 0): 2}


async def test_a_status_that_forbids_more_stays(stage: Stage, back: Back):
    message = await send(stage)
    await back(feedback(), message)
    await back(NOBODY, message)
    assert (await statuses(stage))["ann.private@example.com", 21] == "complained"


async def test_a_bounce_that_comes_again_is_one_event(stage: Stage, back: Back):
    message = await send(stage)
    for mail in (LATE, FULL, NOBODY, NOBODY, NOBODY):
        assert await back(mail, message) == "2.0.0 Ok"
    assert [type_ for type_, _ in await events(stage)] == ["hbounce", "sbounce", "send"]
    totals = await stage.rows("SELECT type, total FROM event_totals WHERE trigger_id = 97 ORDER BY type")
    assert totals == [("hbounce", 1), ("sbounce", 1), ("send", 1)]


async def test_bounces_at_the_same_moment_are_one_event(stage: Stage, back: Back):
    message = await send(stage)
    await asyncio.gather(*(back(NOBODY, message) for _ in range(5)))
    assert [type_ for type_, _ in await events(stage)] == ["hbounce", "send"]


async def test_automatic_answers_change_nothing(stage: Stage, back: Back):
    message = await send(stage)
    assert await back(plain("I am away.", "Subject: Away", "Auto-Submitted: auto-replied"), message) == "2.0.0 Ok"
    assert await statuses(stage) == SUBSCRIBED
    assert [type_ for type_, _ in await events(stage)] == ["send"]


async def test_a_report_of_delivery_is_an_event_and_changes_no_status(stage: Stage, back: Back):
    message = await send(stage)
    stage.clock.advance(minutes=1)
    for action in ("relayed", "expanded", "delivered", "delivered"):
        assert await back(delivered(action), message) == "2.0.0 Ok"
    assert await statuses(stage) == SUBSCRIBED
    data = {"address": "ann.private@example.com", "status": "2.1.5", "text": "250 2.1.5 delivered to mailbox"}
    assert (await events(stage))[1:] == [("deliv", data)]


async def test_a_bounce_may_come_before_its_message_is_recorded_as_sent(
    stage: Stage, back: Back, monkeypatch: pytest.MonkeyPatch
):
    taken = stage.mailbox.send

    async def send_and_bounce(envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        outcomes = await taken(envelopes, record)
        await back(NOBODY, envelopes[0].message_id.hex())
        return outcomes

    monkeypatch.setattr(stage.mailbox, "send", send_and_bounce)
    await send(stage)
    assert (await statuses(stage))["ann.private@example.com", 21] == "hardbounced"
    assert [type_ for type_, _ in await events(stage)] == ["hbounce", "send"]


async def test_a_bounce_of_a_profile_that_is_gone_changes_nothing(stage: Stage, back: Back):
    message = await send(stage)
    await stage.post("profiles/delete", db_id=1, matching="email", email="ann@example.com")
    assert await back(NOBODY, message) == "2.0.0 Ok"
    assert await events(stage) == []


async def test_a_bounce_finds_its_profile_after_a_merge(stage: Stage, back: Back):
    message = await send(stage)
    ann = await stage.get_profile(email="ann@example.com")
    other = await stage.add(email="ann.other@example.com")
    answer = await stage.post("profiles/merge", db_id=1, profile_ids=[ann["id"]], to=other)
    assert answer["error"] == 0, answer
    await back(NOBODY, message)
    merged = await stage.get_profile(email="ann.other@example.com")
    assert merged["subscriptions"][0]["status"] == "hardbounced"
    assert await back(NOBODY, message) == "2.0.0 Ok"
    assert [type_ for type_, _ in await events(stage)] == ["hbounce", "send"]


async def test_an_address_that_the_profile_has_no_longer_changes_nothing_else(stage: Stage, back: Back):
    message = await send(stage, trigger=8)
    ann = await stage.get_profile(email="ann@example.com")
    await stage.add(matching="profile_id", id=ann["id"], email="ann.new@example.com")
    await back(NOBODY, message)
    assert "_status" not in await stage.get_profile(email="ann.new@example.com")
    assert [type_ for type_, _ in await events(stage)] == ["hbounce", "send"]


async def test_triggers_that_listen_hear_it_once(stage: Stage, back: Back):
    await configuration.apply(stage.context, HEARD, "heard.yaml", {})
    message = await send(stage)
    stage.mailbox.arrived.clear()
    for _ in range(2):
        await back(NOBODY, message)
        await stage.work()
    assert [one.recipient for one in stage.mailbox.arrived] == ["ann@example.com"]


async def test_a_workflow_that_waits_for_a_bounce_goes_on_at_once(stage: Stage, back: Back):
    await configuration.apply(stage.context, AWAITED, "awaited.yaml", {})
    await stage.add(email="ann@example.com", subscriptions=[{**EMAIL, "priority": 0}])
    answer = await stage.post("workflows/start", id=50, email="ann@example.com")
    assert answer["error"] == 0, answer
    await stage.work()
    await back(NOBODY, stage.mailbox.arrived[-1].message_id.hex())
    await stage.work()
    assert (await stage.get_profile(email="ann@example.com"))["note"] == "lost"


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, "5.1.1 User unknown", "hardbounced"),
        (550, "No such user here", "hardbounced"),
        (552, "5.2.2 Mailbox full", "subscribed"),
        (550, "5.7.1 Spam", "subscribed"),
        (0, "unknown user", "subscribed"),
    ],
)
async def test_a_refusal_at_sending_counts_like_a_bounce(stage: Stage, code: int, text: str, status: str):
    for address in ("ann.private@example.com", "ann.office@example.com"):
        stage.mailbox.answers[address] = ("refused", code, text)
    await stage.add(email="ann@example.com", subscriptions=[{**EMAIL, "priority": 0}, *OTHERS])
    chosen = [{"email": "ann@example.com", "subscription_filter": {"email": one}} for one in stage.mailbox.answers]
    for item in chosen:
        answer = await stage.post("campaigns/triggers/start", item, id=97)
        assert answer["error"] == 0, answer
    await stage.work()
    assert [type_ for type_, _ in await events(stage)] == ["undeliv", "undeliv"]
    assert await statuses(stage) == SUBSCRIBED | {
        ("ann.private@example.com", 21): status,
        ("ann.office@example.com", 21): status,
        ("Ann.Private@example.com", 22): status,
    }


async def test_a_status_that_cannot_be_written_undoes_no_event(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    stage.mailbox.answers["ann.private@example.com"] = ("refused", 550, "5.1.1 User unknown")
    await stage.add(email="ann@example.com", subscriptions=[{**EMAIL, "priority": 0}])
    await stage.post("campaigns/triggers/start", id=97, email="ann@example.com")
    monkeypatch.setattr(bounces.profiles, "revise", fail)
    await stage.work()
    assert [type_ for type_, _ in await events(stage)] == ["undeliv"]

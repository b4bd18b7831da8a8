"""Sending policies, quiet hours and control groups: at the launch, and again when a message is to leave."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cast import Stage
from tocsin.actions import configuration
from tocsin.store import partitions

ONCE_A_WEEK = """
policies:
  - {id: 1, name: Once a week, default: true, limits: [{messages: 1, days: 7}]}
triggers:
  - {id: 13, name: Receipt, database: 1, template: 1, sender: 1, active: true, ignore_policies: true}
"""
THE_LIMIT = "policy 1: at most 1 message in 7 days to a profile"
NIGHT = """
triggers:
  - {id: 8, name: Order received, database: 1, template: 1, sender: 1, active: true,
     quiet_hours: {from: "22:00", to: "08:00", then: THEN}}
"""
EVENING = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
WORKFLOW = """
workflows:
  - id: 50
    name: Twice
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: first}
      - {id: first, type: campaign, trigger: 8, next: second}
      - {id: second, type: campaign, trigger: 96, next: done, skipped: lost}
      - {id: lost, type: update, set: {note: skipped}, next: done}
      - {id: done, type: end}
"""


async def apply(stage: Stage, *texts: str) -> None:
    for text in texts:
        await configuration.apply(stage.context, text, "rules.yaml", {})


async def start(stage: Stage, *emails: str, trigger_id: int = 8, **fields: Any) -> dict[str, Any]:
    data = [{"data": {"email": email, **fields}} for email in emails]
    answer = await stage.post("campaigns/triggers/import_and_start_batch", trigger_id=trigger_id, data=data)
    assert answer["error"] == 0, answer
    return answer


def reasons(answer: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(one["index"], one["reason"], one.get("rule", "")) for one in answer.get("skipped", [])]


async def events(stage: Stage) -> list[tuple[Any, ...]]:
    return await stage.rows("SELECT type, trigger_id, data->>'reason' FROM events ORDER BY at, type, trigger_id")


async def test_what_is_over_the_limit_is_skipped_and_later_goes_again(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    assert reasons(await start(stage, "ann@example.com")) == []
    await stage.work()
    again = await start(stage, "ann@example.com", "bob@example.com", trigger_id=96)
    assert reasons(again) == [(0, "policy", THE_LIMIT)]
    await stage.work()
    assert await events(stage) == [("send", 8, None), ("send", 96, None), ("skip", 96, "policy")]
    stage.clock.advance(days=7)
    assert reasons(await start(stage, "ann@example.com", trigger_id=96)) == []


async def test_a_message_that_waits_is_promised(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    await start(stage, "ann@example.com")
    assert reasons(await start(stage, "ann@example.com", trigger_id=96)) == [(0, "policy", THE_LIMIT)]


async def test_a_launch_for_later_counts_from_then(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    await start(stage, "ann@example.com")
    await stage.work()
    later = await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=96,
        timeout={"days": 8},
        data=[{"data": {"email": "ann@example.com"}}],
    )
    assert reasons(later) == []


async def test_a_trigger_that_ignores_policies_is_neither_kept_nor_counted(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    for _ in range(2):
        assert reasons(await start(stage, "ann@example.com", trigger_id=13)) == []
    await stage.work()
    assert reasons(await start(stage, "ann@example.com")) == []
    assert reasons(await start(stage, "ann@example.com", trigger_id=13)) == []


async def test_messages_launched_before_the_policy_was_made_keep_to_it_when_they_leave(stage: Stage):
    await start(stage, "ann@example.com", "bob@example.com")
    await start(stage, "ann@example.com", trigger_id=96)
    await apply(stage, ONCE_A_WEEK)
    await stage.work()
    assert sorted(type_ for type_, *_ in await events(stage)) == ["send", "send", "skip"]
    assert sorted(one.recipient for one in stage.mailbox.arrived) == ["ann@example.com", "bob@example.com"]
    assert await stage.rows("SELECT count(*) FROM messages") == [(0,)]


async def test_a_message_that_is_tried_again_does_not_stand_in_its_own_way(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    stage.mailbox.answers["ann@example.com"] = ("deferred", 451, "later")
    await start(stage, "ann@example.com")
    await stage.work()
    del stage.mailbox.answers["ann@example.com"]
    stage.clock.advance(hours=1)
    await stage.work()
    assert [type_ for type_, *_ in await events(stage)] == ["send"]


async def test_what_could_not_be_sent_gives_its_place_back(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    stage.mailbox.answers["ann@example.com"] = ("refused", 554, "no")
    await start(stage, "ann@example.com")
    await stage.work()
    assert reasons(await start(stage, "ann@example.com", trigger_id=96)) == []


async def test_the_limit_of_a_resource_counts_what_that_resource_sends(stage: Stage):
    await apply(
        stage,
        "policies: [{id: 1, name: P, limits: [{messages: 1, days: 1, per: resource}]}]",
        "resources: [{id: 21, name: Newsletter, token: newsletter-21-token, policy: 1}]",
    )
    subscriptions = [{"channel": "email", "email": "ann@example.com", "resource_id": 21}]
    assert reasons(await start(stage, "ann@example.com", subscriptions=subscriptions)) == []
    for expected in ([], [(0, "policy", "policy 1: at most 1 message in a day of a resource")]):
        assert reasons(await start(stage, "ann@example.com", trigger_id=97)) == expected
    assert reasons(await start(stage, "ann@example.com", trigger_id=96)) == []


async def test_a_workflow_goes_the_way_of_the_skipped(stage: Stage):
    await apply(stage, ONCE_A_WEEK, WORKFLOW)
    await stage.add(email="ann@example.com")
    await stage.post("workflows/start", id=50, email="ann@example.com")
    await stage.work()
    assert [(type_, trigger) for type_, trigger, _ in await events(stage)] == [("send", 8), ("skip", 96)]
    assert (await stage.get_profile(email="ann@example.com"))["note"] == "skipped"


async def wait_for_evening(stage: Stage) -> None:
    """It is long ago, so history has no place for it yet."""
    stage.clock.now = EVENING
    for table in partitions.TABLES:
        await partitions.add(stage.connection, table, EVENING.date(), days_ahead=1)


async def test_a_message_waits_until_the_quiet_hours_of_its_profile_are_over(stage: Stage):
    await apply(stage, NIGHT.replace("THEN", "postpone"))
    await wait_for_evening(stage)
    await start(stage, "ann@example.com")
    await start(stage, "bob@example.com", _tz="Europe/Riga")
    await stage.work()
    assert set(stage.mailbox.mails()) == {"ann@example.com"}
    ((due_at, attempts),) = await stage.rows("SELECT due_at, attempts FROM messages")
    assert datetime(2026, 11, 22, 6, tzinfo=UTC) <= due_at <= datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
    assert attempts == 0
    stage.clock.now = due_at
    await stage.work()
    assert set(stage.mailbox.mails()) == {"ann@example.com", "bob@example.com"}


async def test_quiet_hours_may_drop_what_falls_in_them(stage: Stage):
    await apply(stage, NIGHT.replace("THEN", "drop"))
    await wait_for_evening(stage)
    answer = await start(stage, "bob@example.com", _tz="Europe/Riga")
    assert reasons(answer) == [(0, "quiet_hours", "quiet from 22:00 to 08:00")]
    await start(stage, "ann@example.com")
    stage.clock.advance(hours=1)
    await stage.work()
    assert [(type_, reason) for type_, _, reason in await events(stage)] == [("skip", "quiet_hours")] * 2
    assert stage.mailbox.arrived == []


async def test_whoever_is_in_the_control_group_gets_nothing_by_any_trigger_but_those_excepted(stage: Stage):
    await apply(
        stage,
        "databases: [{id: 3, name: Refusers, control_group_percent: 100}]",
        "triggers: [{id: 101, name: T, database: 3, template: 1, sender: 1, active: true, ignore_control_group: true}]",
    )
    answer = await start(stage, "ann@example.com", trigger_id=100)
    assert reasons(answer) == [(0, "control_group", "control group of database 3, 100 %")]
    assert reasons(await start(stage, "ann@example.com", trigger_id=101)) == []


async def test_who_unsubscribes_while_a_message_waits_does_not_get_it(stage: Stage):
    subscriptions = [{"channel": "email", "email": "ann@example.com", "resource_id": 21}]
    await start(stage, "ann@example.com", trigger_id=97, subscriptions=subscriptions)
    gone = [{**subscriptions[0], "status": "unsubscribed"}]
    await stage.add(email="ann@example.com", subscriptions=gone)
    await stage.work()
    assert await events(stage) == [("skip", 97, "not_subscribed")]
    assert stage.mailbox.arrived == []


async def test_skips_of_single_calls_and_tasks_are_in_the_history_too(stage: Stage):
    await apply(stage, ONCE_A_WEEK)
    await start(stage, "ann@example.com")
    single = await stage.post_xml(
        "campaigns/triggers/start",
        "<xml><token>abcdefghijklmnqrstuvwxyz</token><id>96</id><email>ann@example.com</email></xml>",
    )
    assert [single.findtext(f"skipped/{name}") for name in ("reason", "rule")] == ["policy", THE_LIMIT]
    task = await stage.post("campaigns/triggers/start_batch_task", trigger_id=96, data=[{"email": "ann@example.com"}])
    await stage.work()
    told = await stage.post("tasks/status", task_id=task["task_id"])
    assert told["data"]["result"]["skipped"][0]["rule"] == THE_LIMIT
    history = await stage.post("subscribers/history_get", list_id=1, email="ann@example.com")
    assert sorted(one["action"] for one in history["data"]) == ["send", "skip", "skip"]


async def test_a_thousand_profiles_take_no_more_statements_than_ten(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await apply(stage, ONCE_A_WEEK, "suppression_lists: [{id: 1, name: G, addresses: ['@gone.example.com']}]")
    statements: list[object] = []
    cursor = type(stage.connection.cursor())
    execute = cursor.execute

    async def note(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        statements.append(query)
        return await execute(self, query, *rest, **named)

    monkeypatch.setattr(cursor, "execute", note)
    counts = []
    for size in (1, 10, 1000):
        statements.clear()
        await start(stage, *(f"{place}.{size}@example.com" for place in range(size)))
        counts.append(len(statements))
    assert counts[1] == counts[2] < 15

"""Who may enter a workflow again, and what becomes of those inside when it stops, goes on or changes."""

import asyncio
from typing import Any

import pytest
from workflow_story import (
    START,
    ask,
    change,
    define,
    delay,
    describe,
    enter,
    jump,
    open_context,
    pass_time,
    place,
    reasons,
    received,
    send,
    start,
    visited,
)

from cast import Stage, open_call_stage
from tocsin.actions import configuration

EMAIL = "ann@example.com"
MODES = ("once_ever", "while_inside_ignored", "restart", "separate")


@pytest.mark.parametrize(
    ("mode", "inside", "after"),
    [
        ("once_ever", ["inside", ["pause"]], ["entered_before", []]),
        ("while_inside_ignored", ["inside", ["pause"]], ["", ["pause"]]),
        ("restart", ["", ["pause"]], ["", ["pause"]]),
        ("separate", ["", ["pause", "pause"]], ["", ["pause"]]),
    ],
)
async def test_a_profile_that_is_to_enter_again(stage: Stage, mode: str, inside: list[Any], after: list[Any]):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", days=1), reentry=mode)
    await enter(stage)
    assert [skipped(await enter(stage)), await place(stage, ann)] == inside
    await pass_time(stage, days=1)
    assert await place(stage, ann) == []
    assert [skipped(await enter(stage)), await place(stage, ann)] == after


def skipped(answer: dict[str, Any]) -> str:
    return "".join(one["reason"] for one in answer.get("skipped", []))


@pytest.mark.parametrize(("mode", "expected"), list(zip(MODES, (1, 1, 1, 3), strict=True)))
async def test_the_same_holds_for_events(stage: Stage, mode: str, expected: int):
    ann = await stage.add(email=EMAIL, bonus=0)
    events = [{"event": "update", "when": {"fields": ["bonus"]}}]
    await define(stage, start("pause", events=events), delay("pause", days=1), reentry=mode)
    for bonus in (1, 2, 3):
        await stage.add(email=EMAIL, bonus=bonus)
        await stage.work()
    assert await place(stage, ann) == ["pause"] * expected


async def test_a_restart_begins_the_wait_anew(stage: Stage):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", "hi", days=2), send("hi"), reentry="restart")
    await enter(stage)
    await pass_time(stage, days=1)
    await enter(stage)
    await pass_time(stage, days=1)
    assert (await place(stage, ann), received(stage)) == (["pause"], [])
    await pass_time(stage, days=1)
    assert (await place(stage, ann), len(received(stage))) == ([], 1)


@pytest.mark.parametrize("encoding", ["json", "xml"])
async def test_a_batch_says_of_each_that_is_skipped_why(stage: Stage, encoding: str):
    await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", days=1))
    await enter(stage)
    method = "workflows/import_and_start_batch"
    if encoding == "json":
        people = [{"data": {"email": email}} for email in ("new@example.com", EMAIL)]
        answer = await stage.post(method, workflow_id=40, matching="email", data=people)
        (one,) = answer["skipped"]
        told = (answer["error"], one["index"], one["reason"], len(answer["result"]))
    else:
        root = await stage.post_xml(
            method,
            "<xml><token>abcdefghijklmnqrstuvwxyz</token><workflow_id>40</workflow_id><matching>email</matching>"
            f"<data><email>new@example.com</email></data><data><email>{EMAIL}</email></data></xml>",
        )
        found = [int(root.findtext(name, "-1")) for name in ("error", "skipped/index")]
        told = (*found, root.findtext("skipped/reason"), len(root.findall("result/profile_id")))
    assert told == (0, 1, "inside", 2)


@pytest.mark.parametrize(("mode", "expected"), list(zip(MODES, (1, 1, 1, 12), strict=True)))
async def test_calls_at_once_let_a_profile_in_as_its_mode_says(server: str, mode: str, expected: int):
    """Twelve connections, each with its own call, all committed."""
    async with open_context(server, f"story_reentry_{mode}") as context:
        async with open_call_stage(context) as post:
            scenario = describe(start("pause"), delay("pause", days=1), reentry=mode)
            assert (await post("workflows/add", **scenario))["error"] == 0
            await post("profiles/import", db_id=1, matching="email", data={"email": EMAIL})
            answers = await asyncio.gather(*(post(START, id=40, email=EMAIL) for _ in range(12)))
        async with context.database.transaction() as transaction:
            ((inside,),) = await (await transaction.execute("SELECT count(*) FROM passages")).fetchall()
    assert [answer["error"] for answer in answers] == [0] * 12
    ignored = 0 if mode in ("restart", "separate") else 11
    assert (inside, [skipped(answer) for answer in answers].count("inside")) == (expected, ignored)


async def test_a_workflow_that_is_switched_off_stops_at_the_next_step_and_goes_on_later(stage: Stage):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", "hi", days=1), send("hi"))
    await enter(stage)
    await stage.post("workflows/deactivate", id=40)
    await pass_time(stage, days=3)
    assert (await place(stage, ann), received(stage)) == (["pause"], [])
    refused = await stage.post(START, id=40, email=EMAIL)
    assert (refused["error"], "not active" in refused["error_debug"]) == (400, True)
    await stage.post("workflows/activate", id=40)
    await stage.work()
    assert (await place(stage, ann), len(received(stage))) == ([], 1)


async def test_what_was_asked_or_updated_before_the_switch_waits_too(stage: Stage):
    """Each lane stops: nothing is asked and nothing updated in a workflow that is switched off."""
    await stage.add(email=EMAIL, bonus=1)
    await stage.add(email="bob@example.com", bonus=1)
    await define(stage, start("count"), change("count", bonus={"action": "incr", "value": 1}))
    await define(stage, start("ask"), ask("ask", "http://127.0.0.1:9/"), workflow=41)
    await stage.post(START, id=40, email=EMAIL)
    await stage.post(START, id=41, email="bob@example.com")
    for number in (40, 41):
        await stage.post("workflows/deactivate", id=number)
    await stage.work()
    assert await stage.rows("SELECT DISTINCT node FROM passages") == [("start",)]
    assert (await stage.get_profile(matching="email", email=EMAIL))["bonus"] == 1


async def test_those_inside_can_be_left_out_when_it_is_switched_on_again(stage: Stage):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", "hi", days=1), send("hi"))
    await enter(stage)
    await stage.post("workflows/deactivate", id=40)
    await stage.post("workflows/activate", id=40, skip_profiles=True)
    await pass_time(stage, days=1)
    assert (await place(stage, ann), received(stage)) == ([], [])


async def test_a_changed_graph_keeps_those_whose_node_is_still_there(stage: Stage):
    ann, bob = [await stage.add(email=f"{name}@example.com") for name in ("ann", "bob")]
    await define(
        stage,
        start("which"),
        {"id": "which", "type": "condition", "query": {"email": EMAIL}, "yes": "short", "no": "long"},
        delay("short", days=1),
        delay("long", days=2),
    )
    await enter(stage)
    await enter(stage, "bob@example.com")
    changed = describe(start("short"), delay("short", "hi", hours=1), send("hi"))["nodes"]
    answer = await stage.post("workflows/update", id=40, nodes=changed)
    assert answer["error"] == 0, answer
    assert [await place(stage, one) for one in (ann, bob)] == [["short"], []]
    await pass_time(stage, hours=1)
    assert received(stage) == received(stage, EMAIL)
    assert len(received(stage)) == 1


async def test_workflows_that_bring_profiles_into_each_other_end_in_the_tenth(stage: Stage):
    """Each update is the event that the other one waits for."""
    await stage.add(email=EMAIL, bonus=0, score=0.0)
    for number, heard, changed in ((40, "bonus", "score"), (41, "score", "bonus")):
        events = [{"event": "update", "when": {"fields": [heard]}}]
        count = change("count", **{changed: {"action": "incr", "value": 1}})
        await define(stage, start("count", events=events), count, workflow=number, reentry="separate")
    await enter(stage)
    assert await stage.rows("SELECT count(*) FROM passages") == [(0,)]
    profile = await stage.get_profile(matching="email", email=EMAIL)
    assert profile["bonus"] + profile["score"] == 11
    assert len(await stage.rows("SELECT 1 FROM launches")) == 11


async def test_a_circle_of_jumps_with_waits_ends_in_the_tenth_too(stage: Stage):
    ann = await stage.add(email=EMAIL)
    await define(stage, start("pause"), delay("pause", seconds=1), workflow=41, reentry="separate")
    await define(stage, start("pause"), delay("pause", "over", seconds=1), jump("over", 41), reentry="separate")
    await define(
        stage, start("pause"), delay("pause", "over", seconds=1), jump("over", 40), workflow=41, reentry="separate"
    )
    await enter(stage)
    for _ in range(15):
        await pass_time(stage, seconds=1)
    assert await place(stage, ann) == []
    assert (await reasons(stage, ann))[-1] == "too_deep"
    assert (await visited(stage, ann)).count("start") == 11


async def test_an_update_in_a_workflow_launches_the_triggers_that_listen(stage: Stage):
    await stage.add(email=EMAIL, _fname="Ann", bonus=0)
    listening = """
triggers:
  - {id: 120, name: Bonus, database: 1, template: 1, sender: 1, event: update, when: {fields: [bonus]}, active: true}
  - {id: 121, name: Import, database: 1, template: 1, sender: 1, event: api_import, active: true}
"""
    await configuration.apply(stage.context, listening, "listening.yaml", {})
    await define(stage, start("count"), change("count", bonus={"action": "incr", "value": 1}))
    await enter(stage)
    assert received(stage) == ["Thank you, Ann"]
    assert await stage.rows("SELECT DISTINCT trigger_id FROM events") == [(120,)]

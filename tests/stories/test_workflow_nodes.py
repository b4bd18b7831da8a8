"""What each kind of node does with a profile, on a clock that the test moves."""

from collections import Counter
from datetime import UTC
from typing import Any

import pytest
from tests.channels.web_server import WebServer, page
from workflow_story import (
    START,
    ask,
    change,
    condition,
    define,
    delay,
    enter,
    jump,
    pass_time,
    place,
    reasons,
    received,
    send,
    start,
    until,
    visited,
    way,
)

from cast import Stage

IMPORT = "workflows/import_and_start_batch"
NEWSLETTER = [{"channel": "email", "email": "ann@example.com", "resource_id": 21}]


@pytest.fixture
async def ann(stage: Stage) -> str:
    return await stage.add(email="ann@example.com", _fname="Ann", bonus=5, _tz="Asia/Tokyo", birthday="1990-05-01")


async def test_a_campaign_sends_its_triggers_message_with_the_content_of_the_call(stage: Stage, ann: str):
    await define(stage, start("hello"), send("hello"))
    await enter(stage, content={"page": "cart"}, custom_data={"order": 7})
    (mail,) = stage.mailbox.mails().values()
    assert "page cart" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # It has a text part.
    assert await way(stage, ann) == [("start", "hello", "entered"), ("hello", "done", "sent"), ("done", None, "end")]
    assert await place(stage, ann) == []


async def test_whoever_cannot_be_sent_to_takes_the_other_way(stage: Stage, ann: str):
    await define(stage, start("news"), send("news", 97, skipped="instead"), send("instead"))
    await enter(stage)
    assert await reasons(stage, ann) == ["entered", "no_subscription", "sent", "end"]
    assert received(stage) == ["Thank you, Ann"]


async def test_a_campaign_sends_to_the_subscription_that_the_call_asks_for(stage: Stage):
    addresses = ("first@example.org", "second@example.org")
    one = [{"channel": "email", "email": address, "resource_id": 21} for address in addresses]
    await stage.add(email="ann@example.com", subscriptions=one)
    await define(stage, start("news"), send("news", 97))
    await enter(stage, subscription_filter={"email": "second@example.org"}, content={"H1": "News"})
    assert (received(stage, "second@example.org"), received(stage, "first@example.org")) == (["News"], [])


async def test_a_campaign_whose_trigger_was_switched_off_sends_nothing_and_says_so(stage: Stage, ann: str):
    await define(stage, start("asleep"), send("asleep", 98))
    await enter(stage)
    assert (await reasons(stage, ann), received(stage)) == (["entered", "trigger 98 is not active", "end"], [])


async def test_a_delay_waits_for_so_long(stage: Stage, ann: str):
    await define(stage, start("pause"), delay("pause", "hi", hours=2), send("hi"))
    await enter(stage)
    await pass_time(stage, hours=1, minutes=59)
    assert (await place(stage, ann), received(stage)) == (["pause"], [])
    await pass_time(stage, minutes=1)
    assert (await place(stage, ann), received(stage)) == ([], ["Thank you, Ann"])


async def test_a_delay_until_a_time_is_in_the_profiles_zone(stage: Stage, ann: str):
    await define(stage, start("nine"), until("nine", "hi", time="09:00"), send("hi"))
    stage.clock.now = stage.clock.now.replace(hour=1, minute=0)
    await enter(stage)
    ((due_at,),) = await stage.rows("SELECT due_at FROM passages")
    assert (due_at.astimezone(UTC).hour, await place(stage, ann)) == (0, ["nine"])
    await pass_time(stage, hours=23)
    assert received(stage) == ["Thank you, Ann"]


async def test_a_delay_until_weekdays_takes_the_first_that_comes(stage: Stage, ann: str):
    await define(stage, start("monday"), until("monday", time="10:00", weekdays=["mon"]))
    await enter(stage)
    ((due_at,),) = await stage.rows("SELECT due_at FROM passages")
    assert (due_at.astimezone(UTC).weekday(), due_at.astimezone(UTC).hour) == (0, 1)
    await pass_time(stage, days=7)
    assert await reasons(stage, ann) == ["entered", "delay is over", "end"]


async def test_a_delay_until_a_date_field_can_be_days_before_and_every_year(stage: Stage, ann: str):
    """The birthday of a profile in Tokyo begins at 15:00 UTC of the day before."""
    await define(stage, start("soon"), until("soon", field="birthday", yearly=True, offset_days=-2))
    await enter(stage)
    ((due_at,),) = await stage.rows("SELECT due_at FROM passages")
    due_at = due_at.astimezone(UTC)
    assert (due_at.month, due_at.day, due_at.hour) == (4, 28, 15)
    assert 0 < (due_at - stage.clock.now).days <= 366
    assert await place(stage, ann) == ["soon"]


async def test_whoever_has_no_date_to_wait_for_goes_another_way(stage: Stage, ann: str):
    await define(stage, start("visit"), until("visit", otherwise="hi", field="last_order_at"), send("hi"))
    await enter(stage)
    assert (await way(stage, ann))[1] == ("visit", "hi", "no date to wait for")
    assert received(stage) == ["Thank you, Ann"]


async def test_a_condition_asks_the_database(stage: Stage, ann: str):
    bob = await stage.add(email="bob@example.com", bonus=50)
    await define(stage, start("rich"), condition("rich", {"bonus": {"$gt": 10}}, "hi", "done"), send("hi"))
    answer = await stage.post(START, id=40, custom_request={"bonus": {"$exists": True}})
    await stage.work()
    assert (answer["total_count"], list(stage.mailbox.mails())) == (2, ["bob@example.com"])
    assert [(await way(stage, one))[1][2] for one in (ann, bob)] == ["does not fit", "fits"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"page": "cart"}, "cart"),
        ({"page": "other"}, "rest"),
        ({}, "rest"),
        ({"total": 120}, "big"),
        ({"total": "120"}, "big"),
        ({"total": None, "page": {"cart": 1}}, "rest"),
    ],
)
async def test_a_content_filter_looks_at_the_content(stage: Stage, ann: str, content: dict[str, Any], expected: str):
    which = {
        "id": "which",
        "type": "content_filter",
        "branches": [{"when": {"page": "cart"}, "next": "cart"}, {"when": {"total": {"$gte": 100}}, "next": "big"}],
        "otherwise": "rest",
    }
    await define(stage, start("which"), which, send("cart"), send("big"), send("rest"))
    await enter(stage, content=content)
    assert (await way(stage, ann))[1][1] == expected


async def test_an_api_request_keeps_the_answer_for_later_nodes_and_templates(stage: Stage, ann: str):
    async with WebServer({"/quote": page(b'{"price": 120, "currency": "EUR"}')}) as server:
        question = ask(
            "quote",
            f"{server.url}/quote?for={{lead.email}}",
            "which",
            method="POST",
            headers={"X-Bonus": "{lead.bonus}"},
            json={"page": "{apicontent.page}", "fixed": [1, True]},
            save_as="H2",
        )
        which = {
            "id": "which",
            "type": "content_filter",
            "branches": [{"when": {"H2.price": {"$gt": 100}}, "next": "again"}],
            "otherwise": "done",
        }
        again = ask("again", f"{server.url}/second?price={{apicontent.H2.price}}", "news")
        await stage.add(email="ann@example.com", subscriptions=NEWSLETTER)
        await define(stage, start("quote"), question, which, again, send("news", 97))
        await enter(stage, content={"page": "cart", "H1": "Quote"})
    first, second = server.requests
    assert (first.method, first.path, first.body) == (
        "POST",
        "/quote?for=ann%40example.com",
        b'{"page": "cart", "fixed": [1, true]}',
    )
    assert (first.headers["x-bonus"], first.headers["content-type"]) == ("5", "application/json")
    assert second.path == "/second?price=120"
    assert await visited(stage, ann) == ["start", "quote", "which", "again", "news", "done"]
    (mail,) = stage.mailbox.mails().values()
    assert "EUR" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # It has a text part.


async def test_an_update_sets_adds_and_counts_and_changes_subscriptions(stage: Stage, ann: str):
    changes = change(
        "tag",
        bonus={"action": "incr", "value": 10},
        interests={"action": "add", "value": ["buyer"]},
        New_field_1="{lead._fname} saw {apicontent.page}",
        plan="pro",
    ) | {"subscriptions": [{"channel": "email", "email": "{lead.email}", "resource_id": 21}]}
    await define(stage, start("tag"), changes)
    await enter(stage, content={"page": "cart"})
    profile = await stage.get_profile(matching="email", email="ann@example.com")
    assert (profile["bonus"], profile["interests"], profile["plan"]) == (15, ["buyer"], "pro")
    assert profile["New_field_1"] == "Ann saw cart"
    ((subscriptions,),) = await stage.rows("SELECT subscriptions FROM profiles")
    assert [(one["resource_id"], one["email"]) for one in subscriptions] == [(21, "ann@example.com")]
    assert await reasons(stage, ann) == ["entered", "updated", "end"]


async def test_an_update_that_cannot_be_made_says_why_and_the_profile_goes_on(stage: Stage, ann: str):
    await define(stage, start("tag"), change("tag", "hi", bonus="{lead._fname}"), send("hi"))
    await enter(stage)
    assert "bonus" in (await reasons(stage, ann))[1]
    assert (await stage.get_profile(matching="email", email="ann@example.com"))["bonus"] == 5
    assert received(stage) == ["Thank you, Ann"]


async def test_a_split_divides_profiles_and_each_goes_the_same_way_again(stage: Stage):
    shares = [{"percent": 25, "next": "few"}, {"percent": 75, "next": "many"}]
    halves = {"id": "halves", "type": "split", "branches": shares}
    await define(stage, start("halves"), halves, delay("few", seconds=1), delay("many", seconds=1))
    people = [{"data": {"email": f"p{number}@example.com"}} for number in range(400)]
    for _ in range(2):
        assert (await stage.post(IMPORT, workflow_id=40, matching="email", data=people))["error"] == 0
        await stage.work()
        await pass_time(stage, seconds=1)
    ways = await stage.rows("SELECT profile_id, array_agg(target) FROM steps WHERE node = 'halves' GROUP BY 1")
    assert all(len(taken) == 2 and taken[0] == taken[1] for _, taken in ways)
    shared = Counter(taken[0] for _, taken in ways)
    assert 65 < shared["few"] < 135
    assert shared.total() == 400


async def test_feedback_goes_on_with_the_event_of_the_message(stage: Stage, ann: str):
    await define(stage, start("hello"), send("hello", then="heard"), feedback("heard", ["send"]), send("thanks", 96))
    await enter(stage)
    assert (await way(stage, ann))[2:] == [
        ("heard", "thanks", "send"),
        ("thanks", "done", "sent"),
        ("done", None, "end"),
    ]
    assert received(stage) == ["Thank you, Ann"] * 2


async def test_feedback_on_a_message_that_failed_is_over_in_time(stage: Stage, ann: str):
    stage.mailbox.answers["ann@example.com"] = ("refused", 550, "5.1.1 no such user")
    await define(stage, start("hello"), send("hello", then="heard"), feedback("heard", ["send"]), send("thanks", 96))
    await enter(stage)
    await pass_time(stage, hours=23, minutes=59)
    assert await place(stage, ann) == ["heard"]
    await pass_time(stage, minutes=1)
    assert (await way(stage, ann))[2:] == [("heard", "done", "time is over"), ("done", None, "end")]


async def test_feedback_may_wait_for_an_earlier_message(stage: Stage, ann: str):
    earlier = feedback("heard", ["send"], of="first", then="done")
    await define(stage, start("first"), send("first", then="second"), send("second", 97, "heard"), earlier)
    await enter(stage)
    assert await reasons(stage, ann) == ["entered", "sent", "no_subscription", "send", "end"]


async def test_a_message_that_is_sent_only_later_wakes_whoever_waits_for_it(stage: Stage, ann: str):
    """A deferred message leaves half an hour after, and nobody has looked at the passage meanwhile."""
    stage.mailbox.answers["ann@example.com"] = ("deferred", 450, "4.2.0 try again")
    await define(stage, start("hello"), send("hello", then="heard"), feedback("heard", ["send"]), send("thanks", 96))
    await enter(stage)
    await pass_time(stage, seconds=6)
    assert await place(stage, ann) == ["heard"]
    del stage.mailbox.answers["ann@example.com"]
    await pass_time(stage, minutes=30)
    assert await visited(stage, ann) == ["start", "hello", "heard", "thanks", "done"]


async def test_a_jump_enters_the_other_workflow_with_what_was_gathered(stage: Stage, ann: str):
    async with WebServer({"/quote": page(b'"from the server"')}) as server:
        await define(stage, start("hello"), send("hello"), workflow=41)
        quote = ask("quote", f"{server.url}/quote", "over", save_as="page")
        await define(stage, start("quote"), quote, jump("over", 41))
        await enter(stage, content={"page": "cart"})
    (mail,) = stage.mailbox.mails().values()
    assert "page from the server" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # As above.
    assert sorted(await reasons(stage, ann)) == sorted(
        ["entered", "answered", "went to workflow 41", "entered", "sent", "end"]
    )


async def test_a_jump_that_is_refused_says_why(stage: Stage, ann: str):
    await define(stage, start("pause"), delay("pause", days=1), workflow=41)
    await enter(stage, workflow=41)
    await define(stage, start("over"), jump("over", 41))
    await enter(stage)
    assert "inside" in await reasons(stage, ann)
    assert await place(stage, ann) == ["pause"]


async def test_events_of_profiles_bring_them_in(stage: Stage, ann: str):
    events = [
        {"event": "update", "when": {"fields": ["bonus"], "query": {"bonus": {"$gte": 10}}}},
        {"event": "subscribe", "when": {"resource": 21}},
    ]
    await define(stage, start("pause", events=events), delay("pause", days=1), reentry="separate")
    await stage.add(email="ann@example.com", bonus=9)
    assert await place(stage, ann) == []
    await stage.add(email="ann@example.com", bonus=10)
    await stage.add(email="ann@example.com", bonus=10, _lname="Other")
    await stage.work()
    assert await place(stage, ann) == ["pause"]
    await stage.add(email="ann@example.com", subscriptions=NEWSLETTER)
    await stage.work()
    assert await place(stage, ann) == ["pause", "pause"]


async def test_a_loop_that_waits_goes_round_until_its_condition_fits(stage: Stage, ann: str):
    """Weekly reminders for three weeks, then a purchase."""
    rich = condition("bought", {"bonus": {"$gt": 10}}, "done", "remind")
    await define(stage, start("week"), delay("week", "bought", days=7), rich, send("remind", then="week"))
    await enter(stage)
    for _ in range(3):
        await pass_time(stage, days=7)
    assert (await place(stage, ann), len(received(stage))) == (["week"], 3)
    await stage.add(email="ann@example.com", bonus=100)
    await pass_time(stage, days=7)
    assert (await place(stage, ann), len(received(stage))) == ([], 3)
    assert Counter(await visited(stage, ann)) == {"start": 1, "week": 4, "bought": 4, "remind": 3, "done": 1}


async def test_a_timeout_of_the_call_lets_profiles_in_later(stage: Stage, ann: str):
    await define(stage, start("hello"), send("hello"))
    await enter(stage, timeout={"hours": 3})
    assert (await place(stage, ann), received(stage)) == (["start"], [])
    await pass_time(stage, hours=3)
    assert received(stage) == ["Thank you, Ann"]


async def test_a_profile_that_was_deleted_meanwhile_leaves(stage: Stage, ann: str):
    await define(stage, start("pause"), delay("pause", "hi", days=1), send("hi"))
    await enter(stage)
    assert (await stage.post("profiles/delete", db_id=1, matching="email", email="ann@example.com"))["error"] == 0
    await pass_time(stage, days=1)
    assert (await stage.rows("SELECT count(*) FROM passages"), received(stage)) == ([(0,)], [])
    assert await reasons(stage, ann) == []


def feedback(node: str, events: list[str], then: str = "thanks", **members: Any) -> dict[str, Any]:
    waits = {"id": node, "type": "feedback", "events": events, "within": {"days": 1}}
    return waits | {"next": then, "otherwise": "done"} | members

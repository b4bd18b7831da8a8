from datetime import UTC, datetime, timedelta

import pytest
from tests.core.graphs import END, graph, graph_of, start

from tocsin.core.workflows.step import MOST_STEPS, PAUSE, Ask, Facts, Finish, Go, Wait, draw, may_enter, step

PROFILE = bytes.fromhex("65a1b2c3d4e5f60718293a4b")
CAME = datetime(2026, 11, 21, 12, tzinfo=UTC)


def take(of, after=timedelta(0), at="it", **facts):
    return step(of, at, Facts(profile_id=PROFILE, arrived_at=CAME, **facts), CAME + after)


def test_the_start_leads_on_and_the_end_ends():
    of = graph(start("done"), END)
    assert take(of, at="start") == Go("done", "entered")
    assert take(of, at="done") == Finish("end")


def test_a_campaign_sends_or_skips():
    of = graph_of("campaign", trigger=8, next="a", skipped="b")
    assert take(of) == Go("a", "sent")
    assert take(of, trouble="no_address") == Go("b", "no_address", done=False)
    of = graph_of("campaign", trigger=8, next="a")
    assert take(of, trouble="no_address") == Go("a", "no_address", done=False)


def test_a_delay_is_over_when_its_time_is():
    of = graph_of("delay", next="a", **{"for": {"days": 1, "hours": 2, "minutes": 3, "seconds": 4}})
    length = timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert take(of) == take(of, length - timedelta(microseconds=1)) == Wait(CAME + length, "delay")
    assert take(of, length) == Go("a", "delay is over")


def test_a_delay_of_nothing_is_over_at_once():
    assert take(graph_of("delay", next="a", **{"for": {"hours": 0}})) == Go("a", "delay is over")


@pytest.mark.parametrize(
    ("fields", "hour"),
    [({}, 8), ({"_tz": "UTC"}, 10), ({"_tz": "-05:00"}, 15), ({"_tz": "nowhere"}, 8), ({"_tz": 5}, 8)],
)
def test_a_time_of_day_is_one_of_the_profile_or_else_of_the_database(fields, hour):
    of = graph_of("delay", next="a", until={"time": "10:00", "weekdays": ["mon"]})
    monday = datetime(2026, 11, 23, hour, tzinfo=UTC)
    assert take(of, fields=fields) == Wait(monday, "delay")
    assert take(of, monday - CAME, fields=fields) == Go("a", "delay is over")


def test_a_date_of_a_field_is_waited_for():
    of = graph_of("delay", next="a", otherwise="b", until={"field": "visit", "offset_days": -1, "time": "18:00"})
    fields = {"visit": "2026-12-01T10:00:00Z"}
    evening = datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert take(of, fields=fields) == Wait(evening, "delay")
    assert take(of, evening - CAME, fields=fields) == Go("a", "delay is over")
    for nothing in ({}, {"visit": None}, {"visit": "x"}, {"visit": "2026-11-20T10:00:00Z"}):
        assert take(of, fields=nothing) == Go("b", "no date to wait for")
    of = graph_of("delay", next="a", until={"field": "visit"})
    assert take(of) == Go("a", "no date to wait for")


def test_a_birthday_is_waited_for_every_year():
    of = graph_of("delay", next="a", until={"field": "_bdate", "yearly": True, "time": "09:00"})
    assert take(of, fields={"_bdate": "1990-11-21"}) == Wait(datetime(2027, 11, 21, 7, tzinfo=UTC), "delay")


def test_a_condition_has_two_ways():
    of = graph_of("condition", query={"bonus": {"$gt": 0}}, yes="a", no="b")
    assert take(of, fits=True) == Go("a", "fits")
    assert take(of) == Go("b", "does not fit")


def test_the_first_branch_that_fits_is_taken():
    branches = [{"when": {"page": "cart"}, "next": "a"}, {"when": {"total": {"$gt": 10}}, "next": "b"}]
    of = graph_of("content_filter", branches=branches, otherwise="c")
    assert take(of, content={"page": "cart", "total": 20}) == Go("a", "branch 1")
    assert take(of, content={"page": "home", "total": "20"}) == Go("b", "branch 2")
    assert take(of, content={}) == Go("c", "no branch fits")


def test_a_request_is_asked_and_asked_again_and_given_up():
    of = graph_of("api_request", method="GET", url="https://a.b/", next="a", failed="b", retries=2)
    assert take(of) == Ask()
    assert take(of, attempts=1, is_answered=True) == Go("a", "answered")
    reason = "asks again after: time-out"
    assert take(of, attempts=1, trouble="time-out") == Wait(CAME + timedelta(seconds=10), reason)
    assert take(of, attempts=1) == Ask()
    assert take(of, attempts=2, trouble="time-out") == Wait(CAME + timedelta(seconds=40), reason)
    assert take(of, attempts=3, trouble="time-out") == Go("b", "time-out", done=False)
    assert take(of, attempts=1, trouble="404", may_retry=False) == Go("b", "404", done=False)


def test_an_update_goes_on_even_where_it_cannot_be_done():
    of = graph_of("update", set={"bonus": 5}, next="a")
    assert take(of) == Go("a", "updated")
    assert take(of, trouble="conflict") == Go("a", "conflict", done=False)


def test_feedback_is_an_event_or_the_end_of_time():
    of = graph_of("feedback", events=["open", "click"], within={"days": 3}, next="a", otherwise="b")
    limit = timedelta(days=3)
    assert take(of, happened=frozenset({"send"})) == Wait(CAME + limit, "waits for open, click")
    assert take(of, happened=frozenset({"send", "click"})) == Go("a", "click")
    assert take(of, limit, happened=frozenset({"send", "open"})) == Go("a", "open")
    assert take(of, limit) == Go("b", "time is over")


def test_a_jump_ends_here():
    of = graph_of("workflow_jump", workflow=13)
    assert take(of) == Finish("went to workflow 13")
    assert take(of, trouble="workflow 13 is not active") == Finish("workflow 13 is not active", done=False)


def test_a_node_that_was_removed_ends_the_passage():
    assert take(graph(start("done"), END), at="gone") == Finish("the node was removed", done=False)


def test_nobody_goes_round_without_end():
    of = graph_of("campaign", trigger=8, next="it")
    assert take(of, steps=MOST_STEPS - 1) == Go("it", "sent")
    assert take(of, steps=MOST_STEPS) == Wait(CAME + PAUSE, "100 steps at once")


def test_shares_are_kept_and_stable():
    of = graph_of(
        "split", branches=[{"percent": 0.5, "next": "a"}, {"percent": 29.5, "next": "b"}, {"percent": 70, "next": "c"}]
    )
    profiles = [number.to_bytes(12) for number in range(20_000)]

    def way(profile):
        return step(of, "it", Facts(profile_id=profile, arrived_at=CAME), CAME).node

    ways = [way(profile) for profile in profiles]
    assert ways == [way(profile) for profile in profiles]
    shares = {end: 100 * ways.count(end) / len(ways) for end in "abc"}
    assert shares == pytest.approx({"a": 0.5, "b": 29.5, "c": 70}, abs=1)
    assert take(of).reason in {"0.5%", "29.5%", "70%"}


def test_splits_are_independent_of_each_other():
    profiles = [number.to_bytes(12) for number in range(10_000)]
    halves = [(draw(1, "a", one) < 50, draw(1, "b", one) < 50, draw(2, "a", one) < 50) for one in profiles]
    for combination in {(a, b, c) for a in (True, False) for b in (True, False) for c in (True, False)}:
        assert halves.count(combination) == pytest.approx(1250, abs=150)


def test_rounding_leaves_nobody_without_a_way():
    of = graph_of("split", branches=[{"percent": 1e-9, "next": "a"}, {"percent": 1e-9, "next": "b"}])
    assert take(of).node == "b"


@pytest.mark.parametrize(
    ("reentry", "first", "back", "inside"),
    [
        ("once_ever", "enter", "ignore", "ignore"),
        ("while_inside_ignored", "enter", "enter", "ignore"),
        ("restart", "enter", "enter", "restart"),
        ("separate", "enter", "enter", "enter"),
    ],
)
def test_who_may_enter_again(reentry, first, back, inside):
    assert may_enter(reentry, has_entered_before=False, is_inside=False) == first
    assert may_enter(reentry, has_entered_before=True, is_inside=False) == back
    assert may_enter(reentry, has_entered_before=True, is_inside=True) == inside

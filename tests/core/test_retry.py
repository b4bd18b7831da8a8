"""When a message is tried again, and until when."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tocsin.core import retry

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tries(age: timedelta, fraction: float) -> list[timedelta]:
    """How long after the first try each try is."""
    at, found = NOW, [timedelta()]
    while due_at := retry.next_attempt(len(found), at, NOW + age, fraction):
        at = due_at
        found.append(at - NOW)
    return found


def test_the_wait_doubles_from_half_a_minute_to_four_hours():
    waits = [later - sooner for sooner, later in pairwise(tries(72 * HOUR, 0))]
    assert waits[:4] == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 240)]
    assert set(waits[10:-1]) == {4 * HOUR}


@pytest.mark.parametrize("fraction", [0, 0.5, 1])
@pytest.mark.parametrize("minutes", [1, 2, 10, 60, 72 * 60, 30 * 24 * 60])
def test_the_last_try_is_shortly_before_the_end(minutes, fraction):
    age = timedelta(minutes=minutes)
    found = tries(age, fraction)
    assert age - timedelta(seconds=70) <= found[-1] < age
    assert all(later - sooner >= timedelta(seconds=30) for sooner, later in pairwise(found))


def test_nothing_is_tried_again_when_it_is_too_old():
    assert retry.next_attempt(1, NOW, NOW, 0.5) is None
    assert retry.next_attempt(3, NOW, NOW - HOUR, 0.5) is None
    assert retry.next_attempt(10**4, NOW, NOW + 72 * HOUR, 1) is not None


@pytest.mark.parametrize(
    ("attempts", "age", "told"),
    [
        (1, timedelta(seconds=30), "4.7.1 later (given up: tried once in 30 seconds)"),
        (9, timedelta(minutes=90), "4.7.1 later (given up: tried 9 times in 90 minutes)"),
        (30, timedelta(hours=72), "4.7.1 later (given up: tried 30 times in 72 hours)"),
    ],
)
def test_what_is_given_up_says_how_often_it_was_tried_and_for_how_long(attempts, age, told):
    assert retry.describe_given_up("4.7.1 later", attempts, age) == told

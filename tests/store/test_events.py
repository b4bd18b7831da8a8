"""What happened: kept in a partition a month, counted beside."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from tocsin.core.messages import ClaimedMessage, Event
from tocsin.store import events, partitions

AT = datetime.now(UTC)
NASTY = {"text": "5.1.1 \\N \\\\ 'no'\ttab\nline \u2028 😀", "": None, "n": [1.5, True]}


def make(n, *, type_="send", trigger_id=8, at=AT, data=None):
    bucket = bytes([n % 256])
    message = ClaimedMessage(
        id=n.to_bytes(11) + bucket,
        launch_id=bytes(12),
        profile_id=(1000 + n).to_bytes(11) + bucket,
        trigger_id=trigger_id,
        attempts=1,
        address=f"{n}@x.org",
        custom_data=None,
    )
    return Event((2000 + n).to_bytes(11) + bucket, at, type_, 1, message, data or {})


async def totals(stage, trigger_id=8):
    return {
        type_: total for trigger, type_, total in await events.list_totals(stage.connection) if trigger == trigger_id
    }


async def list_partitions(stage):
    rows = await stage.rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass")
    return sorted(name for (name,) in rows)


async def test_events_are_kept_as_they_happened(stage):
    happened = make(300, type_="undeliv", data=NASTY)
    await events.insert(stage.connection, [happened, make(2)])
    rows = await stage.rows("SELECT * FROM events WHERE id = %s", happened.id)
    message = happened.message
    assert rows == [
        (44, happened.id, AT, "undeliv", 1, message.profile_id, message.id, message.launch_id, 8, NASTY),
    ]


async def test_totals_grow_with_the_events_of_each_trigger_and_type(stage):
    await events.insert(stage.connection, [make(1), make(2), make(3, type_="undeliv"), make(4, trigger_id=13)])
    assert (await totals(stage), await totals(stage, 13)) == ({"send": 2, "undeliv": 1}, {"send": 1})
    await events.insert(stage.connection, [make(5), make(6, type_="undeliv")])
    assert (await totals(stage), await totals(stage, 13)) == ({"send": 3, "undeliv": 2}, {"send": 1})


async def test_totals_are_undone_with_their_events(stage):
    async with stage.connection.transaction() as undone:
        await events.insert(stage.connection, [make(1)])
        raise psycopg.Rollback(undone)
    assert await totals(stage) == {}


async def test_partitions_are_added_for_this_month_and_the_next_ones(stage):
    before = await list_partitions(stage)
    await partitions.add(stage.connection, "events", date(2031, 11, 30))
    added = sorted(set(await list_partitions(stage)) - set(before))
    assert added == ["events_2031_11", "events_2031_12", "events_2032_01"]
    await partitions.add(stage.connection, "events", date(2031, 12, 1), days_ahead=31)
    assert sorted(set(await list_partitions(stage)) - set(before)) == added


async def test_a_month_begins_and_ends_at_midnight_utc_whatever_the_session_says(stage):
    await stage.connection.execute("SET LOCAL TimeZone = 'Pacific/Kiritimati'")
    await partitions.add(stage.connection, "events", date(2031, 12, 15), days_ahead=0)
    first, last = datetime(2031, 12, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    await events.insert(stage.connection, [make(1, at=first), make(2, at=last)])
    assert await stage.rows("SELECT count(*) FROM events_2031_12") == [(2,)]
    with pytest.raises(psycopg.errors.CheckViolation):
        async with stage.connection.transaction():
            await events.insert(stage.connection, [make(3, at=last + timedelta(microseconds=1))])


async def test_months_that_ended_are_dropped_with_their_events(stage):
    kept = await list_partitions(stage)
    await partitions.add(stage.connection, "events", date(2019, 11, 1), days_ahead=92)
    await events.insert(stage.connection, [make(1, at=datetime(2019, 12, 31, tzinfo=UTC))])
    await events.insert(stage.connection, [make(2, at=datetime(2020, 1, 1, tzinfo=UTC))])
    assert await partitions.drop(stage.connection, "events", date(2020, 1, 31)) == ["events_2019_11", "events_2019_12"]
    assert await list_partitions(stage) == sorted(["events_2020_01", "events_2020_02", *kept])
    assert await stage.rows("SELECT id FROM events") == [(make(2).id,)]
    assert await totals(stage) == {"send": 2}


async def test_copies_have_a_partition_for_each_week_of_the_next_two_months(stage):
    before = await stage.rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'copies'::regclass")
    await partitions.add(stage.connection, "copies", date(2031, 12, 31))
    after = await stage.rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'copies'::regclass")
    added = sorted(name for (name,) in set(after) - set(before))
    assert (added[0], added[1], added[-1], len(added)) == (
        "copies_2031_12_29", "copies_2032_01_05", "copies_2032_03_01", 10,
    )  # fmt: skip
    assert set(await partitions.drop(stage.connection, "copies", date(2032, 1, 11))) == {
        "copies_2031_12_29", *(name for (name,) in before)
    }  # fmt: skip


async def test_no_event_is_lost_because_its_partition_is_missing(stage):
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        async with stage.connection.transaction():
            await events.insert(stage.connection, [make(1, at=datetime(2019, 1, 1, tzinfo=UTC))])
    assert await totals(stage) == {}

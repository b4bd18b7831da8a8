"""What is counted for charts: by minute and channel, by day and trigger, and of senders lately."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.store.test_events import make

from cast import Stage
from tocsin.actions import housekeeping, overview
from tocsin.core import statistics as words
from tocsin.core.messages import Event, Subject
from tocsin.core.outcomes import Attempt
from tocsin.core.traffic import Count, Series, fill
from tocsin.store import events, outcomes, statistics, traffic
from tocsin.store.database import Database

LAUNCH = "campaigns/triggers/import_and_start_batch"
MINUTE = timedelta(minutes=1)
KEEP = timedelta(days=400)


async def launch(stage: Stage, *names: str, trigger_id: int = 8) -> bytes:
    people = [{"data": {"email": f"{name}@example.com"}} for name in names]
    answer = await stage.post(LAUNCH, trigger_id=trigger_id, data=people)
    return bytes.fromhex(answer["launch_id"])


async def counts(stage: Stage, back: timedelta = timedelta(days=3)):
    now = stage.clock.now
    found = await traffic.list_counts(stage.connection, now - back, now + MINUTE)
    return [(one.at, one.channel, one.outcome, one.total) for one in found]


async def test_outcomes_are_counted_by_the_minute_channel_and_outcome(stage: Stage):
    stage.clock.now = stage.clock.now.replace(second=30)
    stage.mailbox.answers["no@example.com"] = ("refused", 550, "5.7.1 no")
    stage.mailbox.answers["later@example.com"] = ("deferred", 451, "4.7.1 later")
    await launch(stage, "ann", "bob", "no", "later")
    await stage.work()
    first = stage.clock.now.replace(second=0)
    stage.clock.advance(minutes=1)
    stage.mailbox.answers["later@example.com"] = ("sent", 250, "ok")
    await launch(stage, "cara")
    await stage.work()
    assert await counts(stage) == [
        (first, "email", "deferred", 1),
        (first, "email", "failed", 1),
        (first, "email", "sent", 2),
        (first + MINUTE, "email", "sent", 2),
    ]


async def test_what_a_program_did_is_not_counted_nor_what_is_no_outcome(stage: Stage):
    at = stage.clock.now
    await events.insert(
        stage.connection,
        [
            make(1, type_="uopen", at=at),
            make(2, type_="open", at=at, data={"is_bot": True}),
            make(3, type_="skip", at=at),
            make(4, type_="send_sms", at=at),
            make(5, type_="import_api", at=at, trigger_id=0),
        ],
    )
    assert [one[1:] for one in await counts(stage)] == [
        ("", "skipped", 1),
        ("email", "opened", 1),
        ("sms", "sent", 1),
    ]


async def test_a_trigger_has_its_totals_by_day(stage: Stage):
    today = stage.clock.now.date()
    await launch(stage, "ann", "bob")
    await launch(stage, "cara", trigger_id=13)
    await stage.work()
    await events.insert(stage.connection, [make(1, at=stage.clock.now, type_="open", data={"is_bot": True})])
    days = await traffic.list_days(stage.connection, [8, 13], today, today + timedelta(days=1))
    assert days == [(8, today, "open_bot", 1), (8, today, "send", 2), (13, today, "send", 1)]
    assert await traffic.list_days(stage.connection, [8], today - timedelta(days=9), today) == []


async def test_minutes_become_hours_and_connections_one_and_no_total_changes(stage: Stage):
    stage.clock.now = stage.clock.now.replace(minute=20, second=0)
    await stage.rows(
        "INSERT INTO traffic SELECT %s::timestamptz - n * interval '1 minute', 1 + n %% 3, 'email',"
        " 'sent', n FROM generate_series(0, 99) AS n RETURNING 1",
        stage.clock.now,
    )
    await stage.rows("UPDATE traffic SET connection = 7 WHERE total = 50 RETURNING 1")
    before = await counts(stage)
    await housekeeping.tidy(stage.context, KEEP)
    assert await counts(stage) == before
    apart = "SELECT count(*) FROM traffic WHERE connection <> 0"
    assert await stage.rows(apart) == [(11,)]
    stage.clock.advance(days=3)
    await housekeeping.tidy(stage.context, KEEP)
    hours = await counts(stage, timedelta(days=4))
    assert [(at.minute, at.second) for at, *_ in hours] == [(0, 0)] * 3
    assert sum(total for *_, total in hours) == sum(range(100))
    assert await stage.rows("SELECT count(*) FROM traffic") == [(3,)]
    stage.clock.advance(days=400)
    await housekeeping.tidy(stage.context, KEEP)
    assert await stage.rows("SELECT count(*) FROM traffic") == [(0,)]


async def test_days_are_added_up_and_forgotten_after_a_year(stage: Stage):
    day = stage.clock.now.date()
    await stage.rows(
        "INSERT INTO trigger_days SELECT 8, %s::date, n, 'send', 10 FROM generate_series(1, 3) AS n RETURNING 1", day
    )
    stage.clock.advance(days=4)
    for _ in range(2):
        await housekeeping.tidy(stage.context, KEEP)
        assert await stage.rows("SELECT connection, total FROM trigger_days") == [(0, 30)]
    stage.clock.advance(days=366)
    await housekeeping.tidy(stage.context, KEEP)
    assert await stage.rows("SELECT * FROM trigger_days") == []


def of_a_profile(number: int, at: datetime) -> Event:
    """An event of no trigger and no launch, whose totals two connections do wait for."""
    key = bytes(11) + bytes([number])
    return Event(key, at, "unsub_sms", 1, Subject(key), {})


async def test_no_two_connections_wait_for_each_other(database: Database):
    """Two transactions count the same minute, and the first ends last."""
    at = datetime.now(UTC)
    async with asyncio.timeout(10), database.transaction() as first:
        await events.insert(first, [of_a_profile(1, at)])
        async with database.transaction() as second:
            await events.insert(second, [of_a_profile(2, at)])
    async with database.transaction() as transaction:
        (count,) = await traffic.list_counts(transaction, at - MINUTE, at + MINUTE)
        assert count.total == 2
        await traffic.fold(transaction, minutes_before=at + MINUTE, hours_before=at - timedelta(days=1))
        assert await traffic.list_counts(transaction, at - MINUTE, at + MINUTE) == [count]


def test_a_chart_has_a_total_for_every_step():
    noon = datetime(2031, 5, 4, 12, tzinfo=UTC)
    counted = [
        Count(noon, "email", "sent", 3),
        Count(noon + MINUTE, "email", "sent", 4),
        Count(noon + 7 * MINUTE, "", "skipped", 1),
        Count(noon - MINUTE, "sms", "sent", 9),
        Count(noon + 11 * MINUTE, "email", "sent", 9),
    ]
    assert fill(counted, noon, noon + 11 * MINUTE, 5 * MINUTE) == [
        Series("", "skipped", [0, 1, 0]),
        Series("email", "sent", [7, 0, 0]),
    ]
    assert fill([], noon, noon + MINUTE, MINUTE) == []


async def test_a_sender_that_mostly_fails_is_told_with_its_last_words(stage: Stage):
    stage.mailbox.answers |= {f"no{n}@example.com": ("deferred", 451, f"4.7.1 greylisted {n}") for n in range(4)}
    known = await stage.context.configuration(stage.connection)
    await launch(stage, "no0", "no1", "ann")
    await stage.work()
    assert await overview.list_failing_senders(stage.connection, known, stage.clock.now) == []
    stage.clock.advance(seconds=5)
    await launch(stage, "no2")
    await stage.work()
    ((name, lately),) = await overview.list_failing_senders(stage.connection, known, stage.clock.now)
    assert (name, lately.sent, lately.failed, lately.failed_at) == ("relay", 1, 3, stage.clock.now)
    assert lately.text == "4.7.1 greylisted 2"
    later = stage.clock.now + timedelta(minutes=17)
    assert await overview.list_failing_senders(stage.connection, known, later) == []
    stage.clock.advance(days=2)
    await housekeeping.tidy(stage.context, KEEP)
    assert await stage.rows("SELECT * FROM sender_minutes") == []


async def test_a_removed_sender_that_fails_is_called_by_its_number_and_none_is_not_told(stage: Stage):
    known = await stage.context.configuration(stage.connection)
    failed = [Attempt(4711, "email", "refused", "no"), Attempt(0, "email", "refused", "no template")] * 3
    await outcomes.add(stage.connection, stage.delivery.worker_id, failed, stage.clock.now)
    assert [one.name for one in await overview.list_failing_senders(stage.connection, known, stage.clock.now)] == [
        "4711"
    ]


async def test_the_queue_is_told_by_channel(stage: Stage):
    known = await stage.context.configuration(stage.connection)
    assert await overview.list_backlogs(stage.connection, known, stage.clock.now) == {"email": (0, 0, None)}
    await launch(stage, "ann")
    due_at = stage.clock.now
    stage.clock.advance(minutes=3)
    await launch(stage, "bob", trigger_id=13)
    await launch(stage, "cara", trigger_id=96)
    await stage.rows("UPDATE messages SET trigger_id = 4711 WHERE trigger_id = 96 RETURNING 1")
    assert await overview.list_backlogs(stage.connection, known, stage.clock.now) == {
        "email": (2, 2, due_at),
        "": (1, 1, stage.clock.now),
    }


async def test_the_totals_of_a_trigger_are_told_in_words(stage: Stage):
    kinds = ["send", "send", "undeliv", "uopen", "open", "open", "uclick", "hbounce", "unsub", "skip", "suppress"]
    await events.insert(stage.connection, [make(n, type_=one, at=stage.clock.now) for n, one in enumerate(kinds)])
    totals = await statistics.list_totals(stage.connection, [8, 13])
    told = words.describe(totals[8])
    assert (told.sent, told.failed, told.opened, told.opens, told.clicked) == (2, 1, 1, 2, 1)
    assert (told.bounced, told.unsubscribed, told.skipped, told.delivered) == (1, 1, 2, 0)
    assert totals[13] == {}


async def test_reasons_of_skips_are_told_of_a_trigger_and_of_a_launch(stage: Stage):
    for name in ("ann", "bob"):
        await stage.add(email=f"{name}@example.com")
    await stage.rows('UPDATE profiles SET fields = fields || \'{"_status": "unsubscribed"}\' RETURNING 1')
    await stage.post("campaigns/triggers/start", id=8, email="ann@example.com")
    await stage.add(email="cara@example.com")
    people = [{"email": f"{name}@example.com"} for name in ("bob", "cara")]
    answer = await stage.post("campaigns/triggers/start_batch", id=8, data=people)
    assert await statistics.list_reasons_of_trigger(stage.connection, 8) == {"not_subscribed": 2}
    launch_id = bytes.fromhex(answer["launch_id"])
    assert await statistics.list_reasons_of_launch(stage.connection, launch_id) == {"not_subscribed": 1}
    assert await statistics.list_reasons_of_trigger(stage.connection, 13) == {}

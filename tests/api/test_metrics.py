"""What became of attempts to send, by sender, as any process tells it; and which workers live."""

from uuid import UUID

from tocsin.actions import workers
from tocsin.core.retry import GIVE_UP_AFTER

LAUNCH = "campaigns/triggers/import_and_start_batch"
COUNTED = "SELECT sender_id, outcome, total FROM outcome_totals ORDER BY 1, 2"
OTHER = UUID(int=7)


async def launch(stage, *names):
    people = [{"data": {"email": f"{name}@example.com"}} for name in names]
    assert (await stage.post(LAUNCH, trigger_id=8, data=people))["error"] == 0


async def shown(stage, name):
    response = await stage.client.get("/metrics")
    lines = (line.rpartition(" ") for line in response.text.splitlines() if line.startswith(name))
    return {metric.removeprefix(name): float(value) for metric, _, value in lines}


async def test_outcomes_are_counted_by_sender(stage):
    stage.mailbox.answers["no@example.com"] = ("refused", 550, "5.7.1 no")
    stage.mailbox.answers["later@example.com"] = ("deferred", 451, "4.7.1 later")
    await launch(stage, "ann", "bob", "no", "later")
    await stage.work()
    assert await shown(stage, "tocsin_messages_total") == {
        '{outcome="deferred",sender="relay"}': 1,
        '{outcome="refused",sender="relay"}': 1,
        '{outcome="sent",sender="relay"}': 2,
    }


async def test_a_message_that_is_given_up_is_no_longer_counted_as_deferred(stage):
    stage.mailbox.answers["later@example.com"] = ("deferred", 451, "4.7.1 later")
    await launch(stage, "later")
    await stage.work()
    stage.clock.advance(seconds=GIVE_UP_AFTER.total_seconds() - 1)
    await stage.work()
    assert await stage.rows(COUNTED) == [(1, "deferred", 1), (1, "gave_up", 1)]


async def test_a_message_that_cannot_be_composed_has_no_sender(stage):
    await launch(stage, "ann")
    await stage.rows("UPDATE messages SET trigger_id = 4711 RETURNING 1")
    assert await shown(stage, "tocsin_messages_due") == {
        '{sender=""}': 1,
        '{sender="relay"}': 0,
        '{sender="second"}': 0,
    }
    await stage.work()
    assert await shown(stage, "tocsin_messages_total") == {'{outcome="refused",sender=""}': 1}


async def test_what_a_dead_worker_has_sent_is_counted_by_whoever_records_it(stage):
    await launch(stage, "ann", "bob")
    send = stage.mailbox.send

    async def broken(envelopes, record=None):
        await send(envelopes[:1], record)
        raise RuntimeError("killed")

    stage.mailbox.send = broken
    try:
        await stage.delivery.deliver(100)
    except RuntimeError:
        stage.mailbox.send = send
    await stage.work()
    assert await stage.rows(COUNTED) == [(1, "sent", 1)]


async def test_counts_outlive_the_worker_that_counted(stage):
    await launch(stage, "ann", "bob")
    await stage.work()
    mine = stage.delivery.worker_id
    await workers.beat(stage.context, mine)
    assert await shown(stage, "tocsin_workers") == {"": 1}
    stage.clock.advance(seconds=workers.BEAT_SECONDS)
    await workers.beat(stage.context, OTHER)
    assert await shown(stage, "tocsin_workers") == {"": 2}
    assert await stage.rows("SELECT worker_id, total FROM outcome_totals") == [(mine, 2)]
    stage.clock.advance(seconds=workers.GONE_AFTER.total_seconds() - 1)
    await workers.beat(stage.context, OTHER)
    assert await shown(stage, "tocsin_workers") == {"": 1}
    assert await stage.rows("SELECT worker_id, total FROM outcome_totals") == [(UUID(int=0), 2)]
    assert await shown(stage, "tocsin_messages_total") == {'{outcome="sent",sender="relay"}': 2}


async def test_a_worker_that_ends_or_comes_back_loses_no_count(stage):
    await launch(stage, "ann")
    await stage.work()
    for _ in range(2):
        await workers.leave(stage.context, stage.delivery.worker_id)
    await launch(stage, "bob", "eve")
    await stage.work()
    assert await stage.rows("SELECT total FROM outcome_totals ORDER BY 1") == [(1,), (2,)]
    await workers.leave(stage.context, stage.delivery.worker_id)
    assert await stage.rows("SELECT total FROM outcome_totals") == [(3,)]
    assert await shown(stage, "tocsin_workers") == {"": 0}


async def test_a_removed_sender_is_called_by_its_id(stage):
    await launch(stage, "ann")
    await stage.work()
    await stage.rows("UPDATE outcome_totals SET sender_id = 99 RETURNING 1")
    assert await shown(stage, "tocsin_messages_total") == {'{outcome="sent",sender="99"}': 1}

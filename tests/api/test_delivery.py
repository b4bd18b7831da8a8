"""Sending with a journal: nothing is sent that cannot be noted, and what a dead worker had noted is recorded."""

import asyncio
import errno
import os

import pytest

from cast import TOKEN
from tocsin.actions import configuration
from tocsin.core.errors import NotReady
from tocsin.store import journal

LAUNCH = "campaigns/triggers/import_and_start_batch"
ALL = [f"person{number}@example.com" for number in range(5)]

AWAITED = """
workflows:
  - id: 50
    name: Awaited
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 8, next: arrived}
      - {id: arrived, type: feedback, events: [deliv], within: {days: 2}, next: there, otherwise: done}
      - {id: there, type: update, set: {note: there}, next: done}
      - {id: done, type: end}
"""


async def launch(stage, addresses, trigger_id=8, **members):
    people = [{"data": {"email": address}} for address in addresses]
    answer = await stage.post(LAUNCH, trigger_id=trigger_id, data=people, **members)
    assert answer["error"] == 0


async def sent(stage):
    return [address for (address,) in await stage.rows("SELECT data->>'address' FROM events ORDER BY 1")]


async def waiting(stage):
    return (await stage.rows("SELECT count(*), coalesce(max(attempts), 0) FROM messages"))[0]


def arrived(stage):
    return sorted(one.recipient for one in stage.mailbox.arrived)


def die_at(stage, address):
    """A channel that breaks instead of sending to an address; what it sent before has been noted."""
    send = stage.mailbox.send

    async def broken(envelopes, record=None):
        before = [one.recipient for one in envelopes].index(address)
        await send(envelopes[:before], record)
        raise RuntimeError("killed")

    stage.mailbox.send = broken
    return lambda: setattr(stage.mailbox, "send", send)


async def test_what_was_noted_when_sending_broke_off_is_recorded_and_not_sent_again(stage):
    await launch(stage, ALL, custom_data={"order": 7})
    mend = die_at(stage, ALL[3])
    with pytest.raises(RuntimeError, match="killed"):
        await stage.delivery.deliver(100)
    assert arrived(stage) == ALL[:3]
    assert await waiting(stage) == (5, 1)
    mend()
    await stage.work()
    assert await sent(stage) == ALL[:3]
    assert await waiting(stage) == (2, 1)
    stage.clock.advance(minutes=2)
    await stage.work()
    assert await sent(stage) == arrived(stage) == ALL
    assert await waiting(stage) == (0, 0)


async def test_what_was_accepted_and_counts_as_delivered_is_told_of_in_order(stage):
    stage.mailbox.counts_acceptance = True
    stage.mailbox.answers[ALL[0]] = ("refused", 554, "5.7.1 not today")
    await launch(stage, ALL, custom_data={"order": 7})
    await stage.work()
    counted = "SELECT type, total FROM event_totals WHERE trigger_id = 8 ORDER BY type"
    assert await stage.rows(counted) == [("deliv", 4), ("send", 4), ("undeliv", 1)]
    smid = stage.mailbox.arrived[0].message_id.hex()
    events = (await stage.post("messages/get", smid=smid))["data"]["events"]
    assert [event["type"] for event in events] == ["send", "deliv"]
    assert events[1]["address"] == stage.mailbox.arrived[0].recipient
    assert len({event["event_id"] for event in events}) == 2
    xml = await stage.post_xml("messages/get", f"<xml><token>{TOKEN}</token><smid>{smid}</smid></xml>")
    assert [event.findtext("type") for event in xml.iter("events")] == ["send", "deliv"]


async def test_what_a_dead_worker_had_delivered_is_recorded_as_such(stage):
    stage.mailbox.counts_acceptance = True
    await launch(stage, ALL)
    mend = die_at(stage, ALL[3])
    with pytest.raises(RuntimeError, match="killed"):
        await stage.delivery.deliver(100)
    mend()
    stage.mailbox.counts_acceptance = False
    stage.clock.advance(minutes=2)
    await stage.work()
    kinds = await stage.rows("SELECT type, count(*) FROM events GROUP BY type ORDER BY type")
    assert kinds == [("deliv", 3), ("send", 5)]


async def test_a_workflow_that_waits_for_delivery_goes_on(stage):
    await configuration.apply(stage.context, AWAITED, "awaited.yaml", {})
    await stage.add(email=ALL[0])
    for counts, note in ((False, None), (True, "there")):
        stage.mailbox.counts_acceptance = counts
        answer = await stage.post("workflows/start", id=50, email=ALL[0])
        assert answer["error"] == 0, answer
        await stage.work()
        assert (await stage.get_profile(email=ALL[0])).get("note") == note
        stage.clock.advance(days=3)
        await stage.work()


async def test_replaying_twice_or_after_all_was_recorded_changes_nothing(stage, monkeypatch):
    """As when a worker is killed after the commit and before the file is begun anew."""
    await launch(stage, ALL)
    begin = journal.Journal.begin
    begun = []

    def begin_once(pages):
        if pages in begun:
            raise RuntimeError("killed")
        begun.append(pages)
        begin(pages)

    monkeypatch.setattr(journal.Journal, "begin", begin_once)
    with pytest.raises(RuntimeError, match="killed"):
        await stage.delivery.deliver(100)
    assert await sent(stage) == ALL
    monkeypatch.setattr(journal.Journal, "begin", begin)
    stage.clock.advance(minutes=2)
    await stage.work()
    assert await sent(stage) == arrived(stage) == ALL
    assert await stage.rows("SELECT total FROM event_totals WHERE trigger_id = 8 AND type = 'send'") == [(5,)]


async def test_while_the_disk_is_full_nothing_is_claimed_or_sent_and_then_it_goes_on(stage, monkeypatch):
    await launch(stage, ALL)
    write = os.pwrite

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal.os, "pwrite", refuse)
    for _ in range(2):
        with pytest.raises(NotReady, match="No space left on device"):
            await stage.delivery.deliver(100)
    assert stage.mailbox.arrived == []
    assert await waiting(stage) == (5, 0)
    monkeypatch.setattr(journal.os, "pwrite", write)
    await stage.work()
    assert await sent(stage) == arrived(stage) == ALL


async def test_the_journal_holds_no_address_and_no_data_of_a_customer(stage, monkeypatch):
    await launch(stage, ["secret.person@example.com"], custom_data={"pin": "4711-secret"})
    monkeypatch.setattr(journal.Journal, "remove", journal.Journal.abandon)
    await stage.work()
    await stage.delivery.close()
    contents = b"".join(path.read_bytes() for path in journal.list_all(stage.delivery.journals))
    assert b"2.0.0 ok" in contents
    assert b"secret" not in contents


async def test_a_small_launch_is_sent_before_the_rest_of_a_large_one(stage):
    await launch(stage, [f"bulk{number}@example.com" for number in range(300)])
    stage.clock.advance(seconds=1)
    await launch(stage, ["ann@example.com"])
    await stage.delivery.deliver(50)
    assert "ann@example.com" in arrived(stage)
    assert len(arrived(stage)) < 100


async def test_of_two_large_launches_the_one_that_has_sent_less_goes_on(stage):
    await launch(stage, [f"old{number}@example.com" for number in range(400)])
    while len(arrived(stage)) < 200:
        await stage.delivery.deliver(50)
    stage.clock.advance(seconds=1)
    await launch(stage, [f"new{number}@example.com" for number in range(400)])
    before = len(arrived(stage))
    await stage.delivery.deliver(100)
    newly = [one.recipient for one in stage.mailbox.arrived[before:]]
    assert [address for address in newly if address.startswith("old")] == []


async def test_now_and_then_the_last_turns_are_served_first_so_that_nobody_starves(stage):
    await launch(stage, [f"bulk{number}@example.com" for number in range(400)])
    last = {address for (address,) in await stage.rows("SELECT address FROM messages WHERE turn = 6")}
    assert last
    for number in range(8):
        await launch(stage, [f"small{number}-{place}@example.com" for place in range(40)])
        await stage.delivery.deliver(20)
    assert last & set(arrived(stage))
    assert await waiting(stage) != (0, 0)


async def test_a_server_that_does_not_answer_holds_up_nobody_else(stage, monkeypatch):
    answers = asyncio.Event()

    class Silent:
        async def send(self, envelopes, record=None):
            await answers.wait()
            return await stage.mailbox.send(envelopes, record)

        async def close(self):
            pass

    ways_out = stage.delivery.ways_out
    monkeypatch.setattr(ways_out, "_open_channel", lambda sender: Silent() if sender.id == 1 else stage.mailbox)
    silent, others = [[f"{name}{number}@example.com" for number in range(100)] for name in ("silent", "other")]
    await launch(stage, silent)
    stage.clock.advance(seconds=1)
    await launch(stage, others, trigger_id=100)
    async with asyncio.timeout(30):
        while len(arrived(stage)) < len(others):
            await stage.delivery.feed(stage.delivery.first, 10)
            await stage.delivery.feed(stage.delivery.rest, 10)
    assert arrived(stage) == sorted(others)
    answers.set()
    await stage.work()
    assert await sent(stage) == arrived(stage) == sorted(silent + others)


async def test_what_another_worker_has_recorded_meanwhile_is_not_recorded_again(stage, monkeypatch):
    await launch(stage, ALL)
    send = stage.mailbox.send

    async def send_slowly(envelopes, record=None):
        await stage.connection.execute("DELETE FROM messages")
        return await send(envelopes, record)

    monkeypatch.setattr(stage.mailbox, "send", send_slowly)
    await stage.work()
    assert (len(arrived(stage)), await sent(stage)) == (5, [])

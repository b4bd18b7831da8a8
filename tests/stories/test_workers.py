"""Several workers of one server: all drain at a signal, and when one is killed the others go on."""

import os
import signal
from collections import Counter
from pathlib import Path

from counting_server import CountingServer
from product import own_database, product, wait_until
from test_delivery_crash import CONNECTIONS, LAUNCH, configure, people, repeated, waiting

OUTCOMES = "SELECT outcome, sum(total)::integer, count(*) FROM outcome_totals GROUP BY 1"


def test_at_a_signal_three_workers_record_what_they_have_sent_and_leave_nothing_behind(server: str, tmp_path: Path):
    count = 3000
    with (
        CountingServer(delay_seconds=0.004) as mail,
        own_database(server, "story_drain") as conninfo,
        product(tmp_path, conninfo, TOCSIN_WORKERS="3", TOCSIN_WORKER_BATCH="50") as shop,
    ):
        configure(shop, mail)
        shop.serve()
        assert len(set(shop.workers())) == 3
        shop.post(LAUNCH, trigger_id=8, data=people(count))
        senders = "SELECT count(DISTINCT worker_id) FROM outcome_totals"
        wait_until(lambda: shop.rows(senders) == [(3,)], "all three to have sent")
        assert shop.rows("SELECT count(*) FROM workers") == [(3,)]
        assert shop.stop() == 0
        sent = len(mail.accepted)
        print(f"{sent} of {count} were sent before the signal was obeyed")
        assert 0 < sent < count
        assert Counter(mail.accepted.values()) == {1: sent}
        assert shop.rows("SELECT type, count(*) FROM events GROUP BY 1") == [("send", sent)]
        assert shop.rows("SELECT count(*) FROM messages") == [(count - sent,)]
        assert shop.rows(OUTCOMES) == [("sent", sent, 1)]
        assert shop.rows("SELECT count(*) FROM workers") == [(0,)]
        assert list((tmp_path / "data" / "journal").iterdir()) == []


def test_of_two_workers_one_is_killed_while_it_sends_and_the_other_goes_on(server: str, tmp_path: Path):
    count = 2000
    with (
        CountingServer(delay_seconds=0.004) as mail,
        own_database(server, "story_other") as conninfo,
        product(tmp_path, conninfo, TOCSIN_WORKERS="2", TOCSIN_LEASE_SECONDS="3") as shop,
    ):
        configure(shop, mail)
        shop.serve()
        killed, other = shop.workers()
        shop.post(LAUNCH, trigger_id=8, data=people(count))
        wait_until(lambda: len(mail.accepted) > count // 20, "the sending")
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: waiting(shop) == 0, "an empty queue")
        wait_until(lambda: len(shop.workers()) == 2, "a worker in the place of the dead one")
        print(f"{count} messages: lost {count - len(mail.accepted)}, sent twice {repeated(mail)}")
        assert other in shop.workers()
        assert killed not in shop.workers()
        assert len(mail.accepted) == count
        assert repeated(mail) <= CONNECTIONS
        assert shop.rows("SELECT type, count(*), count(DISTINCT message_id) FROM events GROUP BY 1") == [
            ("send", count, count)
        ]
        assert shop.rows("SELECT sum(total) FROM outcome_totals WHERE outcome = 'sent'") == [(count,)]
        assert shop.stop() == 0

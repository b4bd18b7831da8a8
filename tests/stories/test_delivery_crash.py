"""What arrives when whoever takes part in sending is killed at any moment: everything, and hardly anything twice."""

import os
import random
import re
import signal
import time
import urllib.request
from collections import Counter
from pathlib import Path

from counting_server import CountingServer
from product import Product, own_database, product, wait_until

from cast import CONFIGURATION

LAUNCH = "campaigns/triggers/import_and_start_batch"
CONNECTIONS = 5
# What is deferred is due now, without the wait; what is claimed has a lease of an hour.
HURRY = """
UPDATE messages SET due_at = now() WHERE due_at > now() AND due_at < now() + interval '10 minutes' RETURNING 1
"""


def people(count: int, name: str = "person") -> list[dict[str, dict[str, str]]]:
    return [{"data": {"email": f"{name}{number}@example.com"}} for number in range(count)]


def configure(shop: Product, server: CountingServer) -> None:
    """The cast's configuration, but its mail goes to the counting server."""
    sender = f"port: {server.port}, connections: {CONNECTIONS}, timeout_seconds: 2, "
    shop.configure(re.sub(r"port: 252[56], ", sender, CONFIGURATION))


def waiting(shop: Product) -> int:
    with urllib.request.urlopen(f"{shop.url}/metrics", timeout=10) as answer:
        found = re.search(r"^tocsin_messages_waiting (\S+)$", answer.read().decode(), re.MULTILINE)
    return int(float(found[1])) if found else -1


def repeated(server: CountingServer) -> int:
    return sum(server.accepted.values()) - len(server.accepted)


def test_a_worker_killed_again_and_again_loses_nothing_and_repeats_at_most_what_was_on_the_wire(
    server: str, tmp_path: Path
):
    chance = random.Random(7)
    kills, count = 4, 3000
    with (
        CountingServer(delay_seconds=0.004) as mail,
        own_database(server, "story_crash") as conninfo,
        product(tmp_path, conninfo, TOCSIN_LEASE_SECONDS="4") as shop,
    ):
        configure(shop, mail)
        shop.serve()
        shop.post(LAUNCH, trigger_id=8, data=people(count))
        for _ in range(kills):
            before = len(mail.accepted)
            wait_until(lambda before=before: len(mail.accepted) > before, "the sending to go on")
            time.sleep(chance.uniform(0.05, 0.4))
            shop.kill_worker()
            assert len(mail.accepted) < count, "too late to kill"
        wait_until(lambda: waiting(shop) == 0, "an empty queue")
        print(f"{count} messages, {kills} kills: lost {count - len(mail.accepted)}, sent twice {repeated(mail)}")
        assert len(mail.recipients) == len(mail.accepted) == count
        assert repeated(mail) <= kills * CONNECTIONS
        assert max(mail.accepted.values()) <= 1 + kills
        assert shop.rows("SELECT type, count(*), count(DISTINCT message_id) FROM events GROUP BY 1") == [
            ("send", count, count)
        ]
        assert shop.stop() == 0
        assert list((tmp_path / "data" / "journal").iterdir()) == []


def test_postgresql_killed_while_mail_is_sent_loses_nothing_and_repeats_nothing(tmp_path: Path):
    count = 1500
    with CountingServer(delay_seconds=0.004) as mail, product(tmp_path, None) as shop:
        configure(shop, mail)
        shop.serve()
        shop.post(LAUNCH, trigger_id=8, data=people(count))
        wait_until(lambda: len(mail.accepted) > count // 10, "the sending")
        pid_file = tmp_path / "data" / "postgresql" / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        wait_until(lambda: len(mail.accepted) == count, "everything")
        wait_until(lambda: waiting(shop) == 0, "an empty queue")
        assert Counter(mail.accepted.values()) == {1: count}
        assert shop.stop() == 0


def test_a_mail_server_killed_in_the_middle_of_data_gets_the_rest_when_it_is_back(server: str, tmp_path: Path):
    count = 1500
    with (
        CountingServer(delay_seconds=0.004) as mail,
        own_database(server, "story_dead_server") as conninfo,
        product(tmp_path, conninfo, TOCSIN_LEASE_SECONDS="3600") as shop,
    ):
        configure(shop, mail)
        shop.serve()
        shop.post(LAUNCH, trigger_id=8, data=people(count))
        wait_until(lambda: len(mail.accepted) > count // 10, "the sending")
        mail.die()
        wait_until(lambda: shop.rows("SELECT count(*) > 0 FROM messages WHERE attempts > 0") == [(True,)], "trouble")
        mail.start()
        wait_until(lambda: not shop.rows(HURRY) and waiting(shop) == 0, "an empty queue")
        print(f"{count} messages, sent twice {repeated(mail)}")
        assert len(mail.accepted) == count
        assert repeated(mail) <= CONNECTIONS


def test_a_message_that_the_server_never_answers_is_deferred_and_holds_no_other_up(server: str, tmp_path: Path):
    with (
        CountingServer() as mail,
        own_database(server, "story_silent") as conninfo,
        product(tmp_path, conninfo) as shop,
    ):
        configure(shop, mail)
        shop.serve()
        silent, others = people(2, "silent"), people(500)
        started = time.monotonic()
        shop.post(LAUNCH, trigger_id=8, data=[*silent, *others])
        wait_until(lambda: len(mail.accepted) == len(others), "the others")
        print(f"the others arrived within {time.monotonic() - started:.2f} s")
        deferred = "SELECT address, attempts FROM messages WHERE due_at > now() + interval '20 s' ORDER BY 1"
        wait_until(lambda: len(shop.rows("SELECT 1 FROM messages")) == len(silent), "the others to be recorded")
        wait_until(lambda: len(shop.rows(deferred)) == len(silent), "the silence to be noticed")
        assert shop.rows(deferred) == [("silent0@example.com", 1), ("silent1@example.com", 1)]
        assert shop.rows("SELECT type, count(*) FROM events GROUP BY 1") == [("send", len(others))]

"""From a call to a server process to the mail in an inbox, and what survives the death of processes."""

import os
import signal
import time
import urllib.error
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from product import Product, own_database, product, wait_until

LAUNCH = "campaigns/triggers/"


def people(count: int, prefix: str = "person") -> list[dict[str, dict[str, str]]]:
    return [{"data": {"email": f"{prefix}{number}@example.com", "_fname": f"N{number}"}} for number in range(count)]


def recipients(shop: Product) -> Counter[str]:
    return Counter(address for received in shop.inbox.messages for address in received.recipients)


def finish(shop: Product, task_id: str) -> dict:
    def ended() -> bool:
        return shop.post("tasks/status", task_id=task_id)["data"]["status"] in ("completed", "failed")

    wait_until(ended, "the task's end")
    return shop.post("tasks/status", task_id=task_id)["data"]


def test_with_a_database_of_its_own_a_call_becomes_mail_and_a_signal_ends_the_server_with_0(tmp_path: Path):
    with product(tmp_path / "a folder with spaces", None) as shop:
        shop.configure()
        shop.serve()
        answer = shop.post(LAUNCH + "import_and_start", trigger_id=8, data={"email": "ann@example.com"})
        answered = time.monotonic()
        assert answer["error"] == 0
        wait_until(lambda: len(shop.inbox.messages) == 1, "the mail")
        print(f"the message arrived {time.monotonic() - answered:.3f} s after the answer")
        assert shop.stop() == 0


def test_a_task_of_a_killed_server_goes_on_after_a_restart(server: str, tmp_path: Path):
    """Each item applied once, the result in the order of the request, one message each."""
    with (
        own_database(server, "story_killed") as conninfo,
        product(tmp_path, conninfo, TOCSIN_LEASE_SECONDS="2") as shop,
    ):
        shop.configure()
        shop.serve()
        task_id = shop.post(LAUNCH + "import_and_start_batch_task", trigger_id=8, data=people(1500))["task_id"]
        wait_until(lambda: shop.rows("SELECT done > 0 FROM tasks") == [(True,)], "the first chunk")
        shop.kill()
        ((done,),) = shop.rows("SELECT done FROM tasks")
        ((status,),) = shop.rows("SELECT status::text FROM tasks")
        shop.serve()
        ended = finish(shop, task_id)
        print(f"killed after {done} of 1500 items, {status}")
        assert (ended["status"], ended["progress"]) == ("completed", 100)
        stored = {
            email: profile_id.hex() for email, profile_id in shop.rows("SELECT fields->>'email', id FROM profiles")
        }
        expected = [stored[f"person{number}@example.com"] for number in range(1500)]
        assert [item["profile_id"] for item in ended["result"]["result"]] == expected
        wait_until(lambda: shop.rows("SELECT count(*) FROM messages") == [(0,)], "an empty queue")
        assert shop.rows("SELECT count(*), count(DISTINCT message_id) FROM events WHERE type = 'send'") == [
            (1500, 1500)
        ]
        assert len(recipients(shop)) == 1500
        assert set(recipients(shop).values()) == {1}


def test_a_database_of_our_own_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path: Path):
    with product(tmp_path, None) as shop:
        shop.configure()
        shop.serve()
        first = shop.post(LAUNCH + "import_and_start", trigger_id=8, data={"email": "ann@example.com"})
        wait_until(lambda: len(shop.inbox.messages) == 1, "the mail")
        pid_file = tmp_path / "data" / "postgresql" / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

        def answers() -> bool:
            try:
                return shop.post("profiles/get", db_id=1, email="ann@example.com")["error"] == 0
            except urllib.error.HTTPError as refused:
                refused.close()
                return False

        wait_until(answers, "the database")
        again = shop.post(LAUNCH + "import_and_start", trigger_id=8, data={"email": "ann@example.com"})
        assert again["profile_id"] == first["profile_id"]
        wait_until(lambda: len(shop.inbox.messages) == 2, "the second mail")
        assert shop.stop() == 0


def test_a_worker_that_dies_is_replaced(server: str, tmp_path: Path):
    with own_database(server, "story_worker") as conninfo, product(tmp_path, conninfo) as shop:
        shop.configure()
        shop.serve()
        killed = shop.kill_worker()
        shop.post(LAUNCH + "import_and_start", trigger_id=8, data={"email": "ann@example.com"})
        wait_until(lambda: len(shop.inbox.messages) == 1, "the mail, from a new worker")
        assert shop.worker() != killed


def test_a_worker_ends_when_its_server_is_killed(server: str, tmp_path: Path):
    with own_database(server, "story_orphan") as conninfo, product(tmp_path, conninfo) as shop:
        shop.configure()
        shop.serve()
        worker = shop.worker()
        shop.kill_server_only()
        wait_until(lambda: not Path(f"/proc/{worker}").exists(), "the worker's end")


def test_the_first_message_leaves_while_a_large_batch_is_imported(server: str, tmp_path: Path):
    with own_database(server, "story_first") as conninfo, product(tmp_path, conninfo) as shop:
        shop.configure()
        shop.serve()
        shop.post(LAUNCH + "import_and_start", trigger_id=8, data={"email": "ann@example.com"})
        wait_until(lambda: len(shop.inbox.messages) == 1, "the worker to be awake")
        with ThreadPoolExecutor() as threads:
            large = threads.submit(
                shop.post, LAUNCH + "import_and_start_batch", trigger_id=8, timeout={"days": 1}, data=people(10_000)
            )
            answers = []
            while not large.done():
                answer = shop.post(LAUNCH + "start", id=8, email="ann@example.com")
                answers.append((answer["error"], time.monotonic()))
                expected = 1 + len(answers)
                wait_until(lambda expected=expected: len(shop.inbox.messages) == expected, "the mail")
                print(f"{time.monotonic() - answers[-1][1]:.3f} s from the answer to the mail")
            assert len(large.result()["result"]) == 10_000
        assert {error for error, _ in answers} == {0}
        assert len(answers) > 1


# What was deferred is due now, without the wait; what a worker has is due after its lease of an hour.
HURRY = """
UPDATE messages SET due_at = now() WHERE due_at > now() AND due_at < now() + interval '30 minutes' RETURNING 1
"""


def test_messages_wait_for_a_mail_server_that_is_away(server: str, tmp_path: Path):
    with (
        own_database(server, "story_away") as conninfo,
        product(tmp_path, conninfo, TOCSIN_LEASE_SECONDS="3600") as shop,
    ):
        shop.configure()
        shop.inbox.stop()
        shop.serve()
        shop.post(LAUNCH + "import_and_start_batch", trigger_id=8, data=people(20))
        wait_until(lambda: bool(shop.rows(HURRY)), "the first attempts")
        shop.open_another_inbox()
        wait_until(lambda: not shop.rows(HURRY) and len(recipients(shop)) == 20, "the mails")
        assert set(recipients(shop).values()) == {1}


@pytest.mark.parametrize("repeats", [12])
def test_equal_requests_at_once_are_done_once(server: str, tmp_path: Path, repeats: int):
    with own_database(server, "story_equal") as conninfo, product(tmp_path, conninfo) as shop:
        shop.configure()
        shop.serve()

        def call(_: int) -> dict:
            return shop.post(
                LAUNCH + "import_and_start_batch", {"Request-ID": "the same"}, trigger_id=8, data=people(50)
            )

        with ThreadPoolExecutor(repeats) as threads:
            answers = list(threads.map(call, range(repeats)))
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["error"] == 0
        assert shop.rows("SELECT count(*) FROM launches") == [(1,)]
        wait_until(lambda: sum(recipients(shop).values()) == 50, "the mails")
        assert set(recipients(shop).values()) == {1}


def test_a_request_that_was_killed_is_done_when_it_is_repeated(server: str, tmp_path: Path):
    with own_database(server, "story_repeat") as conninfo, product(tmp_path, conninfo) as shop:
        shop.configure()
        shop.serve()
        key = {"Idempotency-Key": "k-1"}
        with ThreadPoolExecutor(1) as threads:
            cut = threads.submit(
                shop.post, LAUNCH + "import_and_start_batch", key, trigger_id=8, timeout={"days": 1}, data=people(8000)
            )
            wait_until(
                lambda: (
                    bool(shop.rows("SELECT 1 FROM pg_stat_progress_copy WHERE relid = 'profiles'::regclass"))
                    or bool(shop.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
                    or cut.done()
                ),
                "the request to be under way",
            )
            shop.kill()
            assert cut.exception() is not None
        shop.serve()
        answer = shop.post(LAUNCH + "import_and_start_batch", key, trigger_id=8, timeout={"days": 1}, data=people(8000))
        assert len(answer["result"]) == 8000
        assert shop.rows("SELECT count(*) FROM profiles") == [(8000,)]
        assert shop.rows("SELECT count(*) FROM messages") == [(8000,)]

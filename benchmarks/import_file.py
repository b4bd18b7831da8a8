"""`tocsin import` of a CSV file into a real server, against the floor of COPYing the same rows into the same tables.

Prints rows/s, and the memory of client and server after a tenth, half and all of the file, with which it must not grow.
ROWS in the environment sets the size, a million by default; AT_ONCE and BATCH are options of the import.
"""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from floor import TOKEN
from memory import memory, serving

ROWS = int(os.environ.get("ROWS", "1000000"))
AT_ONCE = os.environ.get("AT_ONCE", "1")
BATCH = os.environ.get("BATCH", "1000")
SHARES = (0.1, 0.5, 1.0)
TABLES = ("profiles", "identities")
PAUSE_SECONDS = 0.05


def write_file(path: Path) -> None:
    """Every row a profile with two subscriptions."""
    with path.open("w") as file:
        file.write("email,_fname,_lname,phones,subscription:21:email,subscription:20:sms\n")
        file.writelines(
            f"person{n}@example.com,Victoria,Beckham,+7900{n:07},private{n}@example.org,+7901{n:07}\n"
            for n in range(ROWS)
        )


def settled(journal: Path) -> int:
    """Rows that the journal has."""
    with suppress(OSError):
        return max(journal.read_bytes().count(b"\n") - 1, 0) * int(BATCH)
    return 0


def run(file: Path, url: str, server: int) -> float:
    """Seconds that the import took; prints memory on the way."""
    words = ["import", str(file), "--database", "1", "--matching", "email", "--url", url]
    started = time.perf_counter()
    client = subprocess.Popen(
        [sys.executable, "-m", "tocsin", *words, "--batch", BATCH, "--at-once", AT_ONCE],
        env=os.environ | {"TOCSIN_TOKEN": TOKEN},
        stderr=subprocess.DEVNULL,
    )
    shares = list(SHARES)
    last = ""
    while client.poll() is None:
        with suppress(OSError, KeyError):
            (ours, our_peak), (theirs, their_peak) = memory(client.pid), memory(server)
            last = f"client {ours:.0f} MB (peak {our_peak:.0f}), server {theirs:.0f} MB (peak {their_peak:.0f})"
        if len(shares) > 1 and settled(Path(f"{file}.progress")) >= shares[0] * ROWS:
            print(f"memory at {shares.pop(0):.0%}: {last}", flush=True)
        time.sleep(PAUSE_SECONDS)
    assert client.returncode == 0
    print(f"memory at {SHARES[-1]:.0%}: {last}")
    return time.perf_counter() - started


async def floor(conninfo: str) -> float:
    """Seconds to COPY the rows that the import made into the same tables, made empty."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        rows = {}
        for table in TABLES:
            async with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                rows[table] = [bytes(piece) async for piece in copy]
        counted = await (await connection.execute("SELECT count(*) FROM profiles")).fetchone()
        assert counted == (ROWS,)
        await connection.execute(f"TRUNCATE {', '.join(TABLES)}")
        await connection.execute("CHECKPOINT")
        started = time.perf_counter()
        async with connection.transaction():
            for table, pieces in rows.items():
                async with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    for piece in pieces:
                        await copy.write(piece)
        return time.perf_counter() - started


def main() -> None:
    with TemporaryDirectory() as name, serving(Path(name)) as (server, url):
        file = Path(name) / "people.csv"
        write_file(file)
        seconds = run(file, url, server)
        least = asyncio.run(floor(f"host={name}/data/postgresql/socket user=tocsin dbname=tocsin"))
        print(
            f"import of a file of {ROWS:,} rows, {file.stat().st_size / 1e6:.0f} MB: {seconds:.1f} s,"
            f" {ROWS / seconds:,.0f} rows/s, {seconds / least:.1f} x the floor of {least:.1f} s"
        )


if __name__ == "__main__":
    main()

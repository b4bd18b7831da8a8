"""Twenty thousand messages while workers and the database are killed at random moments: what is lost, what twice.

TOCSIN_WORKERS says how many workers there are.
"""

import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from counting import CountingServer, launch, serving, wait_for
from delivery import SESSIONS

MESSAGES = 20_000
KILLS = 20


def kill_worker(server: int, chance: random.Random) -> None:
    """SIGKILL for one of the children that work."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    if children:
        os.kill(int(chance.choice(children)), signal.SIGKILL)


def kill_database(folder: Path) -> None:
    """SIGKILL for the embedded PostgreSQL, when it runs."""
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        pid_file = folder / "data" / "postgresql" / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


def main(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, to be had again by the seed
    kills = {"worker": 0, "database": 0}
    with (
        TemporaryDirectory() as name,
        CountingServer(delay_seconds=0.02) as mail,
        serving(Path(name), mail.port) as (process, client),
    ):
        launch(client, MESSAGES)
        for _ in range(KILLS):
            before = len(mail.accepted)
            while len(mail.accepted) == before and len(mail.accepted) < MESSAGES:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.5))
            if len(mail.accepted) == MESSAGES:
                break
            if chance.random() < 0.7:
                kills["worker"] += 1
                kill_worker(process.pid, chance)
            else:
                kills["database"] += 1
                kill_database(Path(name))
        wait_for(mail, MESSAGES)
        # What would come twice comes once the leases are over.
        time.sleep(10)
        twice = sum(mail.accepted.values()) - len(mail.accepted)
        most = SESSIONS * kills["worker"]
        lost = MESSAGES - len(mail.recipients)
        print(
            f"crash    {MESSAGES:,} messages, {kills['worker']} kills of the worker, {kills['database']} of the "
            f"database (seed {seed}): lost {lost}, sent twice {twice} (at most {most} allowed)"
        )
        if lost or twice > most:
            raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else time.time_ns() % 1_000_000)

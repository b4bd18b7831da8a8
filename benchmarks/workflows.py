"""Ten thousand profiles through start, content filter, delay 0, campaign and end: what the engine adds to the database.

The floor claims and moves the same rows with one statement for each node and copies the same messages and steps.
"""

import gc
import statistics
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import LiteralString, NamedTuple

import uvloop
import yaml
from floor import CONFIGURATION, ITEMS, configured, postgres, timed

from tocsin import settings
from tocsin.actions import passage_steps, profiles, workflows
from tocsin.actions.context import Context
from tocsin.actions.passages import Graphs
from tocsin.core.launches import ImportItem, Launch
from tocsin.core.matching import check_matching
from tocsin.core.workflows.passages import Memory
from tocsin.store import launches
from tocsin.store.database import Transaction, copy, id_columns

ROUNDS = 3
TARGET = 2.0

WORKFLOW = {
    "id": 12,
    "name": "Benchmark",
    "database": 1,
    "reentry": "separate",
    "active": True,
    "nodes": [
        {"id": "start", "type": "start", "next": "which"},
        {
            "id": "which",
            "type": "content_filter",
            "branches": [{"when": {"page": "cart"}, "next": "pause"}],
            "otherwise": "done",
        },
        {"id": "pause", "type": "delay", "for": {"seconds": 0}, "next": "hello"},
        {"id": "hello", "type": "campaign", "trigger": 96, "next": "done"},
        {"id": "done", "type": "end"},
    ],
}
EMPTY = "TRUNCATE passages, steps, messages, workflow_entries, step_totals"
CLAIM_ALL = """
UPDATE passages SET due_at = now() + interval '1 minute'
WHERE workflow_id = 12 AND lane = 'steps' AND due_at <= now() AND node = %(node)s
RETURNING id, profile_id, launch_id
"""
CLAIM = """
WITH due AS (
    SELECT bucket, id FROM passages
    WHERE workflow_id = 12 AND lane = 'steps' AND due_at <= now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE passages SET due_at = now() + interval '1 minute' FROM due
WHERE passages.bucket = due.bucket AND passages.id = due.id
RETURNING passages.id, profile_id, launch_id
"""
MOVE = """
UPDATE passages SET node = %(target)s, arrived_at = now(), due_at = now(), steps = steps + 1
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS moved (bucket, id)
WHERE passages.bucket = moved.bucket AND passages.id = moved.id
"""
END = """
DELETE FROM passages USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS ended (bucket, id)
WHERE passages.bucket = ended.bucket AND passages.id = ended.id
"""
STEP_COLUMNS = ("bucket", "profile_id", "passage_id", "number", "at", "workflow_id", "node", "target", "reason")
MESSAGE_COLUMNS = ("bucket", "id", "due_at", "trigger_id", "launch_id", "profile_id", "address")


class Way(NamedTuple):
    """From node to node."""

    node: str
    target: str | None


WAYS = (Way("start", "which"), Way("which", "pause"), Way("pause", "hello"), Way("hello", "done"), Way("done", None))
NOW = datetime.now(UTC).isoformat()


class Claimed(NamedTuple):
    """A row that the floor moves."""

    id: bytes
    profile_id: bytes
    launch_id: bytes


async def add_profiles(context: Context) -> list[bytes]:
    """As many as the benchmark moves."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        database = configuration.get_database(1)
        job = profiles.Import(configuration, database, check_matching("email", database))
        items = [ImportItem({"email": f"person{number}@example.com"}) for number in range(ITEMS)]
        found = await profiles.import_items(context, transaction, job, items)
        return [outcome for outcome in found.outcomes if isinstance(outcome, bytes)]


async def enter(context: Context, profile_ids: Sequence[bytes]) -> None:
    """All at the start, nothing moved yet."""
    async with context.database.transaction() as transaction:
        await transaction.execute(EMPTY)
        configuration = await context.configuration(transaction)
        launched = Launch(next(context.new_ids()), None, {"page": "cart"}, {}, workflow_id=12)
        await launches.insert(transaction, launched, context.clock())
        entering = {profile_id: Memory() for profile_id in profile_ids}
        workflow = configuration.get_workflow(12)
        await workflows.enter(context, transaction, workflow, launched.id, context.clock(), entering, is_locked=False)
    async with context.database.transaction() as transaction:
        await transaction.execute("ANALYZE passages")
    gc.collect()


async def engine(context: Context, batch: int) -> None:
    """What a worker does until nobody is left."""
    graphs = Graphs()
    while await passage_steps.move(context, graphs, timedelta(seconds=60), batch):
        pass


async def floor(context: Context) -> None:
    """The same rows written, a statement for each node, and nothing thought."""
    for number, (node, target) in enumerate(WAYS, 1):
        async with context.database.transaction() as transaction:
            claimed = await claim(transaction, CLAIM_ALL, node=node)
            moved = id_columns([one.id for one in claimed])
            await transaction.execute(MOVE if target else END, {**moved, "target": target})
            await copy_steps(transaction, [step_line(one, number) for one in claimed])
            if node == "hello":
                await copy_messages(context, transaction, claimed)


async def least(context: Context, batch: int) -> None:
    """The same rows written as the engine writes them: of all that a batch goes through, only the end is a row."""
    while True:
        async with context.database.transaction() as transaction:
            claimed = await claim(transaction, CLAIM, limit=batch)
        if not claimed:
            return
        async with context.database.transaction() as transaction:
            await transaction.execute(END, id_columns([one.id for one in claimed]))
            numbers = range(1, len(WAYS) + 1)
            await copy_steps(transaction, [step_line(one, number) for number in numbers for one in claimed])
            await copy_messages(context, transaction, claimed)


async def claim(transaction: Transaction, query: LiteralString, **parameters: str | int) -> list[Claimed]:
    """Those at a node, or so many."""
    cursor = transaction.cursor(binary=True)
    await cursor.execute(query, parameters)
    return [Claimed(*row) for row in await cursor.fetchall()]


def step_line(one: Claimed, number: int) -> str:
    """A line of history."""
    node, target = WAYS[number - 1]
    return (
        f"{one.id[-1]}\t\\\\x{one.profile_id.hex()}\t\\\\x{one.id.hex()}\t{number}\t{NOW}"
        f"\t12\t{node}\t{target or chr(92) + 'N'}\tmoved\n"
    )


async def copy_steps(transaction: Transaction, lines: Sequence[str]) -> None:
    """History, by COPY."""
    await copy(transaction, "steps", STEP_COLUMNS, lines)


async def copy_messages(context: Context, transaction: Transaction, claimed: Sequence[Claimed]) -> None:
    """A message for each."""
    ids = context.new_ids_beside([one.profile_id for one in claimed])
    shared = f"{context.clock().isoformat()}\t96\t"
    lines = (
        f"{message_id[-1]}\t\\\\x{message_id.hex()}\t{shared}\\\\x{one.launch_id.hex()}"
        f"\t\\\\x{one.profile_id.hex()}\tperson@example.com\n"
        for message_id, one in zip(ids, claimed, strict=True)
    )
    await copy(transaction, "messages", MESSAGE_COLUMNS, lines)


async def check(context: Context) -> None:
    """Nobody inside, a message for each, every step noted."""
    query = """
    SELECT (SELECT count(*) FROM passages), (SELECT count(*) FROM messages), (SELECT count(*) FROM steps)
    """
    async with context.database.transaction() as transaction:
        rows = await (await transaction.execute(query)).fetchall()
    if rows != [(0, ITEMS, ITEMS * len(WAYS))]:
        raise SystemExit(f"passages, messages, steps: {rows}")


async def measure(conninfo: str) -> None:
    """Both by turns, in the same run."""
    text = CONFIGURATION + yaml.safe_dump({"workflows": [WORKFLOW]})
    batch = settings.load({}).worker_batch
    works: dict[str, Callable[[Context], Awaitable[None]]] = {
        "engine": lambda context: engine(context, batch),
        "floor": floor,
        "least": lambda context: least(context, batch),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    async with configured(conninfo, text) as context:
        profile_ids = await add_profiles(context)
        for _ in range(ROUNDS):
            for name, work in works.items():
                await enter(context, profile_ids)
                seconds, _ = await timed(partial(work, context))
                await check(context)
                times[name].append(seconds)
    taken = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in taken.items():
        print(f"{name:<8} {seconds:6.2f} s  {ITEMS * len(WAYS) / seconds:9,.0f} steps/s")
    print(
        f"ratio    {taken['engine'] / taken['floor']:6.2f}  against a statement for each node (aim: {TARGET} or less)"
    )
    print(f"         {taken['engine'] / taken['least']:6.2f}  against the least that must be written")


if __name__ == "__main__":
    with postgres() as conninfo:
        uvloop.run(measure(conninfo))

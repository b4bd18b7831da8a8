"""Ten thousand profiles through start, content filter, delay 0, campaign and end: what the engine adds to the database.

The floor claims and moves the same rows with one statement for each node and copies the same messages and steps.
"""

import gc
import statistics
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

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
WAY = ("start", "which", "pause", "hello", "done")
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
CLAIM = """
UPDATE passages SET due_at = now() + interval '1 minute'
WHERE workflow_id = 12 AND lane = 'steps' AND due_at <= now() AND node = %(node)s
RETURNING id, profile_id, launch_id
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
        await workflows.enter(context, transaction, workflow, launched.id, context.clock(), entering)
    async with context.database.transaction() as transaction:
        await transaction.execute("ANALYZE passages")
    gc.collect()


async def engine(context: Context, batch: int) -> None:
    """What a worker does until nobody is left."""
    graphs = Graphs()
    while await passage_steps.move(context, graphs, timedelta(seconds=60), batch):
        pass


async def floor(context: Context) -> None:
    """The same rows written, and nothing thought."""
    for number, (node, target) in enumerate(zip(WAY, (*WAY[1:], None), strict=True), 1):
        async with context.database.transaction() as transaction:
            claimed = [Claimed(*row) for row in await (await claim(transaction, node)).fetchall()]
            moved = id_columns([one.id for one in claimed])
            await transaction.execute(MOVE if target else END, {**moved, "target": target})
            await copy_steps(
                context, transaction, claimed, f"{number}", f"12\t{node}\t{target or chr(92) + 'N'}\tmoved"
            )
            if node == "hello":
                await copy_messages(context, transaction, claimed)


async def claim(transaction: Transaction, node: str):
    """Everybody at a node."""
    return await transaction.cursor(binary=True).execute(CLAIM, {"node": node})


async def copy_steps(
    context: Context, transaction: Transaction, claimed: Sequence[Claimed], number: str, rest: str
) -> None:
    """A line of history for each."""
    shared = f"{number}\t{context.clock().isoformat()}\t{rest}\n"
    lines = (f"{one.id[-1]}\t\\\\x{one.profile_id.hex()}\t\\\\x{one.id.hex()}\t{shared}" for one in claimed)
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
    if rows != [(0, ITEMS, ITEMS * len(WAY))]:
        raise SystemExit(f"passages, messages, steps: {rows}")


async def measure(conninfo: str) -> None:
    """Both by turns, in the same run."""
    text = CONFIGURATION + yaml.safe_dump({"workflows": [WORKFLOW]})
    batch = settings.load({}).worker_batch
    ours, bare = [], []
    async with configured(conninfo, text) as context:
        profile_ids = await add_profiles(context)
        for _ in range(ROUNDS):
            for times, work in ((bare, lambda: floor(context)), (ours, lambda: engine(context, batch))):
                await enter(context, profile_ids)
                seconds, _ = await timed(work)
                await check(context)
                times.append(seconds)
    taken, least = statistics.median(ours), statistics.median(bare)
    steps = ITEMS * len(WAY)
    print(f"engine   {taken:6.2f} s  {steps / taken:9,.0f} steps/s")
    print(f"floor    {least:6.2f} s  {steps / least:9,.0f} steps/s")
    print(f"ratio    {taken / least:6.2f}  (aim: {TARGET} or less)")


if __name__ == "__main__":
    with postgres() as conninfo:
        uvloop.run(measure(conninfo))

"""Passages of profiles through workflows: short-lived rows claimed with a lease, and the history of their steps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from tocsin.core import ids
from tocsin.core.workflows.passages import Lane, Memory, Passage, Step
from tocsin.store import planner, queries
from tocsin.store.database import (
    LOCK_GRAPHS,
    Row,
    Transaction,
    bytea_column,
    copy,
    copy_json,
    copy_text,
    fetch,
    id_columns,
    integer_column,
    smallint_column,
    text_column,
)

_SQL = queries.load("passages")
_COLUMNS = (
    "bucket", "id", "profile_id", "workflow_id", "launch_id", "node", "arrived_at", "due_at", "lane", "memory"
)  # fmt: skip
_STEP_COLUMNS = (
    "bucket", "profile_id", "passage_id", "number", "at", "workflow_id", "node", "target", "reason"
)  # fmt: skip

_encode = msgspec.json.Encoder().encode
_decode_memory = msgspec.json.Decoder(Memory).decode


_ROOM_OF_STEP = 100
_MOST_STEPS_READ = 200_000
_MOST_REASONS = 20


class Reason(NamedTuple):
    """Why so many passages left a node; `target` None: they ended there."""

    target: str | None
    reason: str
    times: int


class Reasons(NamedTuple):
    """The most frequent reasons; `is_sample`: of some of the profiles, chosen by chance."""

    listed: list[Reason]
    is_sample: bool


class TakenStep(NamedTuple):
    """A step of the history."""

    passage_id: bytes
    number: int
    at: datetime
    node: str
    target: str | None
    reason: str


async def keep_graphs(transaction: Transaction) -> None:
    """Until the transaction ends no graph changes. Taken after the locks of profiles."""
    await transaction.execute(_SQL["keep_graphs"], {"kind": LOCK_GRAPHS})


async def lock_graphs(transaction: Transaction) -> None:
    """Until the transaction ends nobody enters any workflow. Taken after the locks of profiles."""
    await transaction.execute(_SQL["lock_graphs"], {"kind": LOCK_GRAPHS})


async def list_inside(transaction: Transaction, workflow_id: int, profile_ids: Sequence[bytes]) -> set[bytes]:
    """Those of the profiles that are in the workflow."""
    rows = await fetch(transaction, _SQL["list_inside"], workflow_id=workflow_id, **id_columns(profile_ids))
    return {profile_id for (profile_id,) in rows}


async def list_entered(transaction: Transaction, workflow_id: int, profile_ids: Sequence[bytes]) -> set[bytes]:
    """Those of the profiles that have ever entered the workflow."""
    rows = await fetch(transaction, _SQL["list_entered"], workflow_id=workflow_id, **id_columns(profile_ids))
    return {profile_id for (profile_id,) in rows}


async def insert(transaction: Transaction, passages: Sequence[Passage], lane: Lane, now: datetime) -> None:
    """New passages of one workflow, by COPY, and the memory that their profiles have entered it."""
    lines = (
        f"{one.id[-1]}\t\\\\x{one.id.hex()}\t\\\\x{one.profile_id.hex()}\t{one.workflow_id}\t\\\\x{one.launch_id.hex()}"
        f"\t{copy_text(one.node)}\t{one.arrived_at.isoformat()}\t{one.due_at.isoformat()}\t{lane}"
        f"\t{copy_json(_encode(one.memory))}\n"
        for one in passages
    )
    await copy(transaction, "passages", _COLUMNS, lines)
    entered = id_columns([one.profile_id for one in passages])
    await transaction.execute(_SQL["insert_entries"], {**entered, "workflow_id": passages[0].workflow_id, "now": now})


async def delete_of_profiles(transaction: Transaction, workflow_id: int, profile_ids: Sequence[bytes]) -> int:
    """End the passages of profiles through a workflow; how many these were."""
    cursor = await transaction.execute(
        _SQL["delete_of_profiles"], {**id_columns(profile_ids), "workflow_id": workflow_id}
    )
    return cursor.rowcount


async def delete_of_workflow(transaction: Transaction, workflow_id: int, nodes: Sequence[str] | None = None) -> int:
    """End all passages through a workflow, or those at some nodes; how many these were."""
    cursor = await transaction.execute(
        _SQL["delete_of_workflow"], {"workflow_id": workflow_id, "nodes": None if nodes is None else list(nodes)}
    )
    return cursor.rowcount


async def revise(transaction: Transaction, workflow_id: int, lane: Lane, nodes: Sequence[str], now: datetime) -> None:
    """Let passages at nodes that have changed look again; the caller has the locks of all buckets."""
    revised = {"workflow_id": workflow_id, "lane": lane, "nodes": list(nodes), "now": now}
    await transaction.execute(_SQL["revise"], revised)


async def claim(
    transaction: Transaction,
    rooms: Mapping[int, int],
    lane: Lane,
    *,
    now: datetime,
    leased_until: datetime,
    buckets: range,
    limit: int,
) -> list[Passage]:
    """Up to `limit` due passages: of workflows in the order of `rooms`, so many of each, those that wait longest."""
    due = await fetch(
        transaction,
        _SQL["lock_due"],
        workflow_ids=integer_column(list(rooms)),
        rooms=integer_column(list(rooms.values())),
        lane=lane,
        now=now,
        first_bucket=buckets[0],
        last_bucket=buckets[-1],
        limit=limit,
    )
    if not due:
        return []
    keys = id_columns([passage_id for _, passage_id in due])
    await planner.prefer_keys(transaction)
    return [_passage(row) for row in await fetch(transaction, _SQL["claim"], leased_until=leased_until, **keys)]


async def lock(transaction: Transaction, claimed: Sequence[Passage]) -> list[Passage]:
    """Those that are still ours, until the transaction ends; the caller has the locks of their profiles' buckets."""
    if not claimed:
        return []
    keys = id_columns([one.id for one in claimed])
    await planner.prefer_keys(transaction)
    rows = await fetch(transaction, _SQL["lock"], leased_until=claimed[0].due_at, **keys)
    kept = {passage_id for (passage_id,) in rows}
    return [one for one in claimed if one.id in kept]


async def keep(transaction: Transaction, claimed: Sequence[Passage], leased_until: datetime) -> None:
    """Hold claimed passages for longer."""
    keys = id_columns([one.id for one in claimed])
    times = {"leased_before": claimed[0].due_at, "leased_until": leased_until}
    await planner.prefer_keys(transaction)
    await transaction.execute(_SQL["keep"], {**keys, **times})


async def update(transaction: Transaction, moved: Sequence[tuple[Passage, Lane]]) -> None:
    """Where locked passages are from now on."""
    passages = [one for one, _ in moved]
    await planner.prefer_keys(transaction)
    await transaction.execute(
        _SQL["update"],
        {
            **id_columns([one.id for one in passages]),
            "nodes": text_column([one.node.encode() for one in passages]),
            "arrived_at": [one.arrived_at for one in passages],
            "due_at": [one.due_at for one in passages],
            "lanes": text_column([lane.encode() for _, lane in moved]),
            "attempts": smallint_column([one.attempts for one in passages]),
            "steps": integer_column([one.steps for one in passages]),
            "awaits": [one.awaits for one in passages],
            "memories": text_column([_encode(one.memory) for one in passages]),
        },
    )


async def delete(transaction: Transaction, passage_ids: Sequence[bytes]) -> None:
    """Passages that have ended."""
    await planner.prefer_keys(transaction)
    await transaction.execute(_SQL["delete"], id_columns(passage_ids))


async def wake(transaction: Transaction, message_ids: Sequence[bytes], now: datetime) -> None:
    """Whoever waits for events of these messages is due."""
    await planner.prefer_keys(transaction)
    await transaction.execute(_SQL["wake"], {**id_columns(message_ids), "now": now})


async def list_happened(
    transaction: Transaction, awaited: Sequence[tuple[bytes, bytes]]
) -> dict[bytes, frozenset[str]]:
    """Types of events so far, by message; asked for by profile and message."""
    profiles = id_columns([profile_id for profile_id, _ in awaited])
    message_ids = bytea_column([message_id for _, message_id in awaited])
    found: dict[bytes, set[str]] = {}
    for message_id, type_ in await fetch(transaction, _SQL["list_happened"], message_ids=message_ids, **profiles):
        found.setdefault(message_id, set()).add(type_)
    return {message_id: frozenset(types) for message_id, types in found.items()}


async def delete_of_launch(transaction: Transaction, launch_id: bytes, buckets: range, limit: int) -> int:
    """End passages that a launch began, but those that a worker writes at this moment; how many, `limit` at most."""
    rows = await fetch(
        transaction,
        _SQL["delete_of_launch"],
        launch_id=launch_id,
        first_bucket=buckets[0],
        last_bucket=buckets[-1],
        limit=limit,
    )
    return len(rows)


async def count_of_launches(transaction: Transaction, launch_ids: Sequence[bytes]) -> dict[bytes, int]:
    """How many passages of each launch go on, of those that have any; all passages are read through."""
    return dict(await fetch(transaction, _SQL["count_of_launches"], launch_ids=bytea_column(launch_ids)))


async def insert_steps(transaction: Transaction, steps: Sequence[Step]) -> None:
    """History by COPY, and the totals of each way."""
    instants = {at: at.isoformat() for at in {one.at for one in steps}}
    await copy(transaction, "steps", _STEP_COLUMNS, (_step_line(one, instants[one.at]) for one in steps))
    totals = Counter((one.passage.workflow_id, one.node, one.target or "") for one in steps)
    ways = sorted(totals)
    await transaction.execute(
        _SQL["add_totals"],
        {
            "workflow_ids": integer_column([workflow_id for workflow_id, _, _ in ways]),
            "nodes": text_column([node.encode() for _, node, _ in ways]),
            "targets": text_column([target.encode() for _, _, target in ways]),
            "totals": [totals[way] for way in ways],
        },
    )


async def list_totals(transaction: Transaction, workflow_id: int) -> dict[tuple[str, str], int]:
    """How often each way, from node to node, was taken; to an empty one where passages ended."""
    rows = await fetch(transaction, _SQL["list_totals"], workflow_id=workflow_id)
    return {(node, target): total for node, target, total in rows}


async def count_by_node(transaction: Transaction, workflow_id: int) -> dict[str, int]:
    """How many passages are at each node."""
    return dict(await fetch(transaction, _SQL["count_by_node"], workflow_id=workflow_id))


async def list_at_node(
    transaction: Transaction, workflow_id: int, node: str, after: bytes, limit: int
) -> list[Passage]:
    """Those at a node, in the order in which they entered, from behind a given one."""
    rows = await fetch(transaction, _SQL["list_at_node"], workflow_id=workflow_id, node=node, after=after, limit=limit)
    return [_passage(row) for row in rows]


async def count_by_workflow(transaction: Transaction) -> dict[int, int]:
    """How many passages are in each workflow."""
    return dict(await fetch(transaction, _SQL["count_by_workflow"]))


async def sum_totals(transaction: Transaction) -> dict[tuple[int, str], tuple[int, int]]:
    """By workflow and node, how often passages have left it, and how often they have ended there."""
    rows = await fetch(transaction, _SQL["sum_totals"])
    return {(workflow_id, node): (left, ended) for workflow_id, node, left, ended in rows}


async def list_reasons(transaction: Transaction, workflow_id: int, node: str) -> Reasons:
    """Why passages left a node, as far as history is kept; of a long one a share of the profiles is read."""
    size = (await fetch(transaction, _SQL["measure_steps"]))[0][0] // _ROOM_OF_STEP
    buckets = max(1, min(ids.BUCKETS, ids.BUCKETS * _MOST_STEPS_READ // max(size, 1)))
    rows = await fetch(
        transaction,
        _SQL["list_reasons"],
        workflow_id=workflow_id,
        node=node,
        last_bucket=buckets - 1,
        most_read=_MOST_STEPS_READ,
        limit=_MOST_REASONS,
    )
    return Reasons([Reason(*row) for row in rows], is_sample=buckets < ids.BUCKETS)


async def list_steps(transaction: Transaction, workflow_id: int, profile_id: bytes) -> list[TakenStep]:
    """What happened to a profile in a workflow, in order."""
    rows = await fetch(
        transaction, _SQL["list_steps"], bucket=profile_id[-1], profile_id=profile_id, workflow_id=workflow_id
    )
    return [TakenStep(*row) for row in rows]


async def list_of_profile(transaction: Transaction, workflow_id: int, profile_id: bytes) -> list[Passage]:
    """The passages of a profile through a workflow."""
    rows = await fetch(
        transaction, _SQL["list_of_profile"], bucket=profile_id[-1], profile_id=profile_id, workflow_id=workflow_id
    )
    return [_passage(row) for row in rows]


async def list_everywhere(transaction: Transaction, profile_id: bytes, limit: int) -> list[Passage]:
    """The passages of a profile through any workflow, those that moved last first."""
    rows = await fetch(transaction, _SQL["list_everywhere"], bucket=profile_id[-1], profile_id=profile_id, limit=limit)
    return [_passage(row) for row in rows]


async def move_all(transaction: Transaction, profile_ids: Sequence[bytes], to: bytes) -> None:
    """Give the passages, entries and steps of profiles to another; the caller holds the locks of them all."""
    moved = {**id_columns(profile_ids), "new_bucket": to[-1], "new_profile_id": to}
    for query in (_SQL["move_passages"], _SQL["move_entries"], _SQL["move_steps"]):
        await transaction.execute(query, moved)
    await delete_all(transaction, profile_ids)


async def delete_all(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """Passages, entries and steps of profiles that are no more; the caller holds their locks."""
    for query in (_SQL["delete_all_passages"], _SQL["delete_all_entries"], _SQL["delete_all_steps"]):
        await transaction.execute(query, id_columns(profile_ids))


def _passage(row: Row) -> Passage:
    found = Passage(*row)
    found.memory = _decode_memory(row[-1])
    return found


def _step_line(step: Step, at: str) -> str:
    passage = step.passage
    target = r"\N" if step.target is None else copy_text(step.target)
    return (
        f"{passage.profile_id[-1]}\t\\\\x{passage.profile_id.hex()}\t\\\\x{passage.id.hex()}\t{step.number}"
        f"\t{at}\t{passage.workflow_id}\t{copy_text(step.node)}\t{target}\t{copy_text(step.reason)}\n"
    )

"""Passages at nodes that update profiles: an import for all at the node, and their next place, in one transaction."""

from collections.abc import Sequence
from datetime import timedelta

from tocsin.actions import passages, profiles
from tocsin.actions.context import Context
from tocsin.actions.passages import ALL_BUCKETS, GONE, Graphs, Ledger, Traveller
from tocsin.actions.profiles import Import
from tocsin.core.errors import Invalid
from tocsin.core.launches import ImportItem, ItemError
from tocsin.core.matching import check_matching
from tocsin.core.workflows.passages import Passage
from tocsin.core.workflows.step import Facts, step
from tocsin.store import passages as stored_passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction


class _Lost(Exception):
    """Some of the passages are no longer ours: what was done for them must not count."""


async def update(context: Context, graphs: Graphs, lease: timedelta, limit: int, buckets: range = ALL_BUCKETS) -> int:
    """Update the profiles of due passages, those at each node in a transaction of their own; how many were claimed."""
    claimed = await passages.claim(context, "updates", lease, limit, buckets)
    places: dict[tuple[int, str], list[Passage]] = {}
    for one in claimed:
        places.setdefault((one.workflow_id, one.node), []).append(one)
    for left in places.values():
        await _update_one_place(context, graphs, left)
    return len(claimed)


async def _update_one_place(context: Context, graphs: Graphs, left: Sequence[Passage]) -> None:
    while left:
        try:
            await _update(context, graphs, left)
            left = ()
        except _Lost:
            left = await _still_ours(context, left)


async def _still_ours(context: Context, claimed: Sequence[Passage]) -> list[Passage]:
    async with context.database.transaction() as transaction:
        await stored_profiles.prefer_indexes(transaction)
        return await stored_passages.lock(transaction, claimed)


async def _update(context: Context, graphs: Graphs, claimed: Sequence[Passage]) -> None:
    """The import takes its locks before the passages are locked, as every import does; hence the look back. It is the
    only one of the transaction: a second would take locks of values after the first's locks of buckets.
    """
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        travellers = await passages.read(transaction, graphs, configuration, claimed)
        troubles = await _update_group(context, transaction, travellers) if travellers else {}
        ours = [one.passage for one in travellers]
        if len(await stored_passages.lock(transaction, ours)) < len(ours):
            raise _Lost
        ledger = Ledger(context.clock())
        for one in travellers:
            _take(context, ledger, one, troubles.get(one.passage.id, ""))
        await ledger.write(transaction)


async def _update_group(context: Context, transaction: Transaction, group: Sequence[Traveller]) -> dict[bytes, str]:
    """Update the profiles; why that cannot be done for some of the passages."""
    troubles: dict[bytes, str] = {}
    items: list[tuple[Traveller, ImportItem]] = []
    for one in group:
        try:
            items.append((one, _item(one)))
        except Invalid as mistake:
            troubles[one.passage.id] = mistake.describe()
    if items:
        job = await _job(context, transaction, group)
        found = await profiles.import_items(context, transaction, job, [item for _, item in items])
        for (one, _), outcome in zip(items, found.outcomes, strict=True):
            if isinstance(outcome, ItemError):
                troubles[one.passage.id] = outcome.error_debug or outcome.error_text
    return troubles


def _take(context: Context, ledger: Ledger, one: Traveller, trouble: str) -> None:
    passage = one.passage
    facts = Facts(profile_id=passage.profile_id, arrived_at=passage.arrived_at, trouble=trouble)
    ledger.take(one, step(one.graph, passage.node, facts, context.clock()) if one.profile else GONE)


def _item(one: Traveller) -> ImportItem:
    template = one.graph.updates.get(one.passage.node)
    said = template.render(one.context()) if template else {}
    return ImportItem({**said, "profile_id": one.passage.profile_id.hex()})


async def _job(context: Context, transaction: Transaction, group: Sequence[Traveller]) -> Import:
    """An update by id that is no import to those who listen."""
    configuration = await context.configuration(transaction)
    database = configuration.get_database(group[0].graph.workflow.database)
    return Import(
        configuration,
        database,
        check_matching("profile_id", database),
        is_single=True,
        may_create=False,
        source=None,
        depth=1 + max(one.passage.memory.depth for one in group),
    )

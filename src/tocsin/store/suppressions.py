"""Suppression lists as stored: a row for each address, list and source."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core.suppression import Suppression
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, integer_column, text_column

_SQL = queries.load("suppressions")


class Match(NamedTuple):
    """A value that is on a list; `resource_id`: the only resource for which that holds, 0 for all.

    `written`: what is on the list, the value itself or a hash of it.
    """

    list_id: int
    resource_id: int
    written: str


async def list_matching(transaction: Transaction, values: Collection[str]) -> dict[str, list[Match]]:
    """On which lists these values are, themselves or their hashes; those that are on none are left out."""
    found: dict[str, list[Match]] = {}
    for value, *match in await fetch(transaction, _SQL["list_matching"], values=_texts(values)):
        found.setdefault(value, []).append(Match(*match))
    return found


async def list_entries(transaction: Transaction, values: Collection[str]) -> list[Suppression]:
    """Everything known of these values, in their order, the oldest first."""
    return [Suppression(*row) for row in await fetch(transaction, _SQL["list_entries"], values=_texts(values))]


async def list_of_list(transaction: Transaction, list_id: int, after: str, limit: int) -> list[Suppression]:
    """A page of a list in the order of its values, from after that one."""
    rows = await fetch(transaction, _SQL["list_of_list"], list_id=list_id, after=after, limit=limit)
    return [Suppression(*row) for row in rows]


async def upsert(transaction: Transaction, suppressions: Sequence[Suppression]) -> int:
    """Put values on lists, no two the same; how many were not there yet."""
    ordered = sorted(suppressions, key=lambda one: (one.value, one.list_id, one.source, one.resource_id))
    rows = await fetch(
        transaction,
        _SQL["upsert"],
        values=_texts([one.value for one in ordered]),
        list_ids=integer_column([one.list_id for one in ordered]),
        sources=_texts([one.source for one in ordered]),
        resource_ids=integer_column([one.resource_id for one in ordered]),
        at=[one.at for one in ordered],
        reasons=_texts([one.reason for one in ordered]),
        message_ids=[one.message_id for one in ordered],
    )
    return sum(is_new for (is_new,) in rows)


async def delete(transaction: Transaction, list_id: int, values: Collection[str]) -> set[str]:
    """Take values from a list, but what the file names; those that were on it."""
    rows = await fetch(transaction, _SQL["delete"], list_id=list_id, values=_texts(sorted(values)))
    return {value for (value,) in rows}


async def replace_of_file(transaction: Transaction, list_id: int, values: Collection[str], at: datetime) -> None:
    """Make what the file has put on a list equal to these values."""
    named = _texts(sorted(values))
    await transaction.execute(_SQL["delete_not_in_file"], {"list_id": list_id, "values": named})
    await transaction.execute(_SQL["insert_of_file"], {"list_id": list_id, "values": named, "at": at})


async def count(transaction: Transaction, list_ids: Sequence[int]) -> dict[int, int]:
    """How many values are on each list."""
    return dict(await fetch(transaction, _SQL["count"], list_ids=integer_column(list_ids)))


def _texts(values: Iterable[str]) -> object:
    return text_column([value.encode() for value in values])

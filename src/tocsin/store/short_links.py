"""Where the short links in SMS lead; forgotten with the events."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tocsin.core import ids
from tocsin.core.short_links import Place, ShortLink, spell
from tocsin.store import planner, queries
from tocsin.store.database import (
    Transaction,
    bytea_column,
    fetch,
    id_columns,
    smallint_column,
    text_column,
)

_SQL = queries.load("short_links")


async def insert(transaction: Transaction, links: Collection[ShortLink]) -> set[Place]:
    """Keep links, those that are there already too; answers the places that another link has."""
    await planner.prefer_keys(transaction)
    # In one order, so that nobody waits in a circle.
    ordered = sorted(links, key=lambda link: link.place)
    rows = await fetch(
        transaction,
        _SQL["insert"],
        **_columns(ordered),
        numbers=smallint_column([link.number for link in ordered]),
        links=smallint_column([link.links for link in ordered]),
    )
    new = {Place(*row) for row in rows}
    known = [link for link in ordered if link.place not in new]
    if not known:
        return set()
    return {Place(*row) for row in await fetch(transaction, _SQL["list_taken"], **_columns(known))}


def _columns(links: Sequence[ShortLink]) -> dict[str, Any]:
    return {
        "buckets": smallint_column([link.place.bucket for link in links]),
        "codes": [link.code for link in links],
        "message_ids": bytea_column([link.message_id for link in links]),
        "urls": text_column([link.url.encode() for link in links]),
    }


async def find(transaction: Transaction, place: Place) -> ShortLink | None:
    """The link at a place."""
    rows = await fetch(transaction, _SQL["find"], bucket=place.bucket, code=place.code)
    if not rows:
        return None
    message_id, number, links, url = rows[0]
    return ShortLink(message_id, place.code, number, links, url)


async def list_of_message(transaction: Transaction, message_id: bytes) -> dict[str, str]:
    """Where the links of a message lead, by their codes as the message spells them."""
    bucket = ids.bucket(message_id)
    rows = await fetch(transaction, _SQL["list_of_message"], bucket=bucket, message_id=message_id)
    return {spell(Place(bucket, code)): url for code, url in rows}


async def delete_of_profiles(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """Forget the links in messages to profiles, whose history is still there."""
    rows = await fetch(transaction, _SQL["list_messages"], **id_columns(profile_ids))
    if rows:
        await transaction.execute(_SQL["delete"], id_columns([message_id for (message_id,) in rows]))


async def delete_old(transaction: Transaction, before: datetime) -> None:
    """Forget the links of messages made before a time."""
    await transaction.execute(
        _SQL["delete_old"],
        {"buckets": smallint_column(range(ids.BUCKETS)), "before": ids.first_of(int(before.timestamp()))},
    )

"""The log of who changed what: append-only."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.core.audits import Audit, Author, Deed
from tocsin.store import queries
from tocsin.store.database import Row, Transaction, bytea_column, fetch

_SQL = queries.load("audits")
_decode = msgspec.json.Decoder(dict).decode

# After every id of this age of the world: a page from the newest on.
LATEST = b"\xff" * 12


async def insert(
    transaction: Transaction, ids: Sequence[bytes], at: datetime, author: Author, deeds: Sequence[Deed]
) -> None:
    """What somebody did, an id for each deed."""
    await transaction.execute(
        _SQL["insert"],
        {
            "ids": bytea_column(ids),
            "at": at,
            "author_kind": author.kind,
            "author": author.name,
            "ip": author.ip,
            "actions": [deed.action for deed in deeds],
            "sections": [deed.section for deed in deeds],
            "keys": [deed.key for deed in deeds],
            "names": [deed.name for deed in deeds],
            "details": [msgspec.json.encode(deed.details).decode() for deed in deeds],
        },
    )


async def list_latest(
    transaction: Transaction, *, before: bytes = LATEST, author: str = "", section: str = "", limit: int
) -> list[Audit]:
    """A page of what was done, the latest first; empty texts stand for any."""
    rows = await fetch(transaction, _SQL["list"], before=before, author=author, section=section, limit=limit)
    return [_audit(row) for row in rows]


async def list_of_object(transaction: Transaction, section: str, key: str, limit: int) -> list[Audit]:
    """What was done to one object, the latest first."""
    rows = await fetch(transaction, _SQL["list_of_object"], section=section, key=key, limit=limit)
    return [_audit(row) for row in rows]


async def count(transaction: Transaction, author: str, action: str, since: datetime) -> int:
    """How often somebody has done something since then."""
    first = int(since.timestamp() * 1_000_000).to_bytes(8)
    ((number,),) = await fetch(transaction, _SQL["count"], author=author, action=action, first=first)
    return int(number)


def _audit(row: Row) -> Audit:
    identifier, at, author_kind, author, ip, action, section, key, name, details = row
    return Audit(identifier, at, Author(author_kind, author, ip), Deed(action, section, key, name, _decode(details)))

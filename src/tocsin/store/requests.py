"""First answers by idempotency key, so that a repeat gets the same one."""

from datetime import datetime
from typing import NamedTuple

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("requests")


class StoredAnswer(NamedTuple):
    """An answer already given. `fingerprint`: SHA-256 of the request that it answered."""

    fingerprint: bytes
    answer: bytes
    content_type: str


async def claim(
    transaction: Transaction, key: bytes, fingerprint: bytes, *, now: datetime, forgotten_before: datetime
) -> bool:
    """Whether this is the first request with the key. Waits for another one that is under way."""
    rows = await fetch(
        transaction,
        _SQL["claim"],
        key=key,
        fingerprint=fingerprint,
        now=now,
        forgotten_before=forgotten_before,
    )
    return bool(rows)


async def get(transaction: Transaction, key: bytes) -> StoredAnswer:
    """The first answer to this key, which must be there."""
    return StoredAnswer(*(await fetch(transaction, _SQL["get"], key=key))[0])


async def record_answer(transaction: Transaction, key: bytes, answer: bytes, content_type: str) -> None:
    """Keep the answer in the transaction that did what it says."""
    await transaction.execute(_SQL["record_answer"], {"key": key, "answer": answer, "content_type": content_type})


async def delete_old(transaction: Transaction, before: datetime) -> None:
    """Forget answers given before an instant."""
    await transaction.execute(_SQL["delete_old"], {"before": before})

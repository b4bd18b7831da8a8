"""Browsers that are logged in to the console, and failures to log in."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("sessions")


class Session(NamedTuple):
    """A session that may be used; `is_half`: only to enter the one-time code."""

    user_id: UUID
    is_half: bool
    seen_at: datetime


class SessionPlace(NamedTuple):
    """Where somebody is logged in. `token` is the SHA-256 of the cookie."""

    token: bytes
    created_at: datetime
    seen_at: datetime
    ip: str
    user_agent: str


class NewSession(NamedTuple):
    """A session that begins now."""

    token: bytes
    user_id: UUID
    is_half: bool
    now: datetime
    ip: str
    user_agent: str


async def insert(transaction: Transaction, session: NewSession) -> None:
    """A browser that has just logged in."""
    await transaction.execute(_SQL["insert"], session._asdict())


async def find(
    transaction: Transaction, token: bytes, *, created_after: datetime, seen_after: datetime
) -> Session | None:
    """A session that was neither begun nor used too long ago."""
    rows = await fetch(transaction, _SQL["find"], token=token, created_after=created_after, seen_after=seen_after)
    return Session(*rows[0]) if rows else None


async def list_of_user(transaction: Transaction, user_id: UUID) -> list[SessionPlace]:
    """Where a user is logged in, the latest first."""
    return [SessionPlace(*row) for row in await fetch(transaction, _SQL["list_of_user"], user_id=user_id)]


async def mark_seen(transaction: Transaction, token: bytes, at: datetime) -> None:
    """When a session was last used."""
    await transaction.execute(_SQL["mark_seen"], {"token": token, "at": at})


async def delete(transaction: Transaction, token: bytes) -> None:
    """A session that is over."""
    await transaction.execute(_SQL["delete"], {"token": token})


async def delete_others(transaction: Transaction, user_id: UUID, kept: bytes = b"") -> None:
    """Every session of a user but one."""
    await transaction.execute(_SQL["delete_others"], {"user_id": user_id, "kept": kept})


async def delete_old(transaction: Transaction, created_before: datetime, seen_before: datetime) -> None:
    """Sessions that nobody can use any more."""
    await transaction.execute(_SQL["delete_old"], {"created_before": created_before, "seen_before": seen_before})


async def count_failures(transaction: Transaction, subjects: Sequence[str], since: datetime) -> dict[str, int]:
    """How often each subject has failed since then; those that have not are left out."""
    rows = await fetch(transaction, _SQL["count_failures"], subjects=list(subjects), since=since)
    return dict(rows)


async def insert_failures(transaction: Transaction, subjects: Sequence[str], at: datetime) -> None:
    """A failure, counted against each of its subjects."""
    await transaction.execute(_SQL["insert_failures"], {"subjects": list(subjects), "at": at})


async def delete_old_failures(transaction: Transaction, before: datetime) -> None:
    """Failures that count no more."""
    await transaction.execute(_SQL["delete_old_failures"], {"before": before})

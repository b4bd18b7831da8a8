"""Users of the console, what they prove who they are with, and the links that let them choose it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tocsin.core.users import Role, User
from tocsin.store import queries
from tocsin.store.database import LOCK_USERS, Transaction, fetch

_SQL = queries.load("users")


class Secrets(NamedTuple):
    """What an account is proved with; None where there is nothing yet."""

    id: UUID
    password_hash: str | None
    code_secret: str | None
    code_step: int
    is_disabled: bool


class Link(NamedTuple):
    """A link that still works; `user_id` None makes the first owner."""

    user_id: UUID | None


async def count(transaction: Transaction) -> int:
    """How many there are."""
    rows = await fetch(transaction, _SQL["count"])
    return int(rows[0][0])


async def list_all(transaction: Transaction) -> list[User]:
    """Every user, by email; they are few."""
    return [User(*row) for row in await fetch(transaction, _SQL["list"])]


async def find(transaction: Transaction, user_id: UUID) -> User | None:
    """The user with this id."""
    rows = await fetch(transaction, _SQL["find"], id=user_id)
    return User(*rows[0]) if rows else None


async def find_secrets(
    transaction: Transaction, *, email: str | None = None, user_id: UUID | None = None
) -> Secrets | None:
    """What the user with this email or id proves who it is with."""
    rows = await fetch(transaction, _SQL["find_secrets"], email=email, id=user_id)
    return Secrets(*rows[0]) if rows else None


async def lock(transaction: Transaction) -> None:
    """Be the only one to change users until the transaction ends."""
    await transaction.execute(_SQL["lock"], {"lock": LOCK_USERS})


async def insert(
    transaction: Transaction, user_id: UUID, email: str, name: str, role: Role, created_at: datetime
) -> None:
    """A new user, without a password."""
    await transaction.execute(
        _SQL["insert"], {"id": user_id, "email": email, "name": name, "role": role, "created_at": created_at}
    )


async def update(transaction: Transaction, user: User) -> None:
    """Keep what may be changed of a user."""
    await transaction.execute(
        _SQL["update"],
        {
            "id": user.id,
            "name": user.name,
            "role": user.role,
            "language": user.language,
            "timezone": user.timezone,
            "is_disabled": user.is_disabled,
        },
    )


async def set_password(transaction: Transaction, user_id: UUID, password_hash: str) -> None:
    """Prove who you are with this from now on."""
    await transaction.execute(_SQL["set_password"], {"id": user_id, "password_hash": password_hash})


async def set_codes(transaction: Transaction, user_id: UUID, code_secret: str | None) -> None:
    """Ask for one-time codes of this secret, or for none."""
    await transaction.execute(_SQL["set_codes"], {"id": user_id, "code_secret": code_secret})


async def take_step(transaction: Transaction, user_id: UUID, step: int) -> bool:
    """Take the code of a step; False when that or a later one was taken before."""
    return bool(await fetch(transaction, _SQL["take_step"], id=user_id, step=step))


async def mark_seen(transaction: Transaction, user_id: UUID, at: datetime) -> None:
    """When a user was last there."""
    await transaction.execute(_SQL["mark_seen"], {"id": user_id, "at": at})


async def delete(transaction: Transaction, user_id: UUID) -> None:
    """A user that is no more, with its links."""
    await transaction.execute(_SQL["delete_links"], {"user_id": user_id})
    await transaction.execute(_SQL["delete"], {"id": user_id})


async def insert_link(transaction: Transaction, token: bytes, user_id: UUID | None, expires_at: datetime) -> None:
    """A link that works once, known by its SHA-256; None: for the first owner."""
    await transaction.execute(_SQL["insert_link"], {"token": token, "user_id": user_id, "expires_at": expires_at})


async def find_link(transaction: Transaction, token: bytes, now: datetime) -> Link | None:
    """A link that still works."""
    rows = await fetch(transaction, _SQL["find_link"], token=token, now=now)
    return Link(rows[0][0]) if rows else None


async def delete_link(transaction: Transaction, token: bytes, now: datetime) -> None:
    """A link that was used, and those that have run out."""
    await transaction.execute(_SQL["delete_link"], {"token": token, "now": now})


async def delete_first_links(transaction: Transaction) -> None:
    """Every link for the first owner: there is one now."""
    await transaction.execute(_SQL["delete_links"], {"user_id": None})

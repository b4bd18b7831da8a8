"""Accounts of the console: the first owner, invitations, passwords, one-time codes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import structs

from tocsin.actions import audits
from tocsin.actions.context import Context
from tocsin.core import one_time_codes
from tocsin.core.audits import Author, Deed
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.users import Role, User, check_password, parse_email, parse_name
from tocsin.store import sessions, users
from tocsin.store.database import Transaction

LINK_BYTES = 24
LINK_WORKS_FOR = timedelta(hours=24)

# Parameters of RFC 9106's second choice: 64 MiB and three passes. Two at once bound the memory.
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
_threads = ThreadPoolExecutor(2, "passwords")


async def hash_password(password: str) -> str:
    """What is kept of a password: argon2id."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def verify(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; without one to compare with it takes as long and is not."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password_hash, password)


def _verify(password_hash: str | None, password: str) -> bool:
    if password_hash is None:
        _hasher.hash(password)
        return False
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


async def open_first_link(context: Context) -> str | None:
    """The text of a link by which somebody becomes the first owner; None when there are users."""
    async with context.database.transaction() as transaction:
        if await users.count(transaction):
            return None
        return await _make_link(context, transaction, None)


async def find_link(context: Context, transaction: Transaction, text: str) -> User | None:
    """Whose link this is, None: the first owner's. NotFound when it works no more."""
    link = await users.find_link(transaction, _digest(text), context.clock())
    if link is None:
        raise NotFound("this link does not work any more; ask for another one")
    if link.user_id is None:
        return None
    user = await users.find(transaction, link.user_id)
    if user is None or user.is_disabled:
        raise NotFound("this account is closed")
    return user


async def become_owner(context: Context, link: str, email: str, name: str, password: str, ip: str) -> UUID:
    """Make the first owner by the link that was printed at the start. NotFound, Invalid, or Conflict: there is one."""
    address, called = parse_email(email), parse_name(name)
    check_password(password, address)
    password_hash = await hash_password(password)
    async with context.database.transaction() as transaction:
        await users.lock(transaction)
        if await find_link(context, transaction, link) is not None:
            raise NotFound("this link is for an account that is there already")
        if await users.count(transaction):
            raise Conflict("there is an owner already; log in, or ask for an invitation")
        user_id = _new_id(context)
        await users.insert(transaction, user_id, address, called, "owner", context.clock())
        await users.set_password(transaction, user_id, password_hash)
        await users.delete_first_links(transaction)
        deed = Deed("created", "users", str(user_id), address, {"role": "owner"})
        await audits.record(context, transaction, Author("user", address, ip), [deed])
    return user_id


async def choose_password(context: Context, link: str, password: str, ip: str) -> UUID:
    """Set the password of the account that a link was made for; its sessions end. NotFound or Invalid."""
    async with context.database.transaction() as transaction:
        user = await find_link(context, transaction, link)
    if user is None:
        raise NotFound("this link makes the first owner")
    check_password(password, user.email)
    password_hash = await hash_password(password)
    async with context.database.transaction() as transaction:
        await find_link(context, transaction, link)
        await users.delete_link(transaction, _digest(link), context.clock())
        await _set_password(context, transaction, user, password_hash, Author("user", user.email, ip))
    return user.id


async def change_password(context: Context, user: User, old: str, new: str, kept_session: bytes, ip: str) -> None:
    """Another password for who knows the present one; all other sessions end. Invalid."""
    async with context.database.transaction() as transaction:
        secrets = await users.find_secrets(transaction, user_id=user.id)
    if secrets is None or not await verify(secrets.password_hash, old):
        raise Invalid("this is not your present password", path="old")
    check_password(new, user.email)
    password_hash = await hash_password(new)
    async with context.database.transaction() as transaction:
        await _set_password(context, transaction, user, password_hash, Author("user", user.email, ip), kept_session)


async def _set_password(
    context: Context, transaction: Transaction, user: User, password_hash: str, author: Author, kept: bytes = b""
) -> None:
    await users.set_password(transaction, user.id, password_hash)
    await sessions.delete_others(transaction, user.id, kept)
    await audits.record(
        context, transaction, author, [Deed("changed", "users", str(user.id), user.email, {"members": ["password"]})]
    )


async def invite(context: Context, author: Author, email: str, name: str, role: Role) -> tuple[User, str]:
    """A new account and the text of the link by which its user chooses a password. Invalid or Conflict."""
    address, called = parse_email(email), parse_name(name)
    async with context.database.transaction() as transaction:
        await users.lock(transaction)
        if await users.find_secrets(transaction, email=address):
            raise Conflict("there is a user with this address already", path="email")
        user_id = _new_id(context)
        await users.insert(transaction, user_id, address, called, role, context.clock())
        deed = Deed("created", "users", str(user_id), address, {"role": role})
        await audits.record(context, transaction, author, [deed])
        return await get(transaction, user_id), await _make_link(context, transaction, user_id)


async def make_link(context: Context, author: Author, user_id: UUID) -> str:
    """The text of a link by which a user chooses another password; older ones are void. NotFound."""
    async with context.database.transaction() as transaction:
        user = await get(transaction, user_id)
        deed = Deed("linked", "users", str(user.id), user.email)
        await audits.record(context, transaction, author, [deed])
        return await _make_link(context, transaction, user.id)


async def link_again(context: Context, author: Author, email: str, *, without_codes: bool) -> str:
    """The same for who is known by an address, and perhaps no more one-time codes. NotFound."""
    async with context.database.transaction() as transaction:
        user = await find_by_email(transaction, email)
    if without_codes:
        await end_codes(context, author, user.id)
    return await make_link(context, author, user.id)


async def list_all(context: Context) -> list[User]:
    """Every user, by email."""
    async with context.database.transaction() as transaction:
        return await users.list_all(transaction)


async def get(transaction: Transaction, user_id: UUID) -> User:
    """The user with this id, or NotFound."""
    user = await users.find(transaction, user_id)
    if user is None:
        raise NotFound("there is no such user")
    return user


async def find_by_email(transaction: Transaction, email: str) -> User:
    """The user with this address, or NotFound."""
    secrets = await users.find_secrets(transaction, email=parse_email(email))
    if secrets is None:
        raise NotFound(f"there is no user {email}")
    return await get(transaction, secrets.id)


async def revise(context: Context, author: Author, user_id: UUID, change: Callable[[User], User]) -> User:
    """Change name, role, language, time zone or whether somebody may log in; sessions end where rights do.

    NotFound, or Conflict when nobody would be an owner.
    """
    async with context.database.transaction() as transaction:
        await users.lock(transaction)
        before = await get(transaction, user_id)
        after = change(before)
        members = [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
        if not members:
            return before
        await _check_owner_stays(transaction, after)
        await users.update(transaction, after)
        if after.is_disabled or after.role != before.role:
            await sessions.delete_others(transaction, user_id)
        deed = Deed("changed", "users", str(user_id), after.email, {"members": members, "role": after.role})
        await audits.record(context, transaction, author, [deed])
    return after


async def delete(context: Context, author: Author, user_id: UUID) -> None:
    """Remove an account and its sessions. NotFound, or Conflict when nobody would be an owner."""
    async with context.database.transaction() as transaction:
        await users.lock(transaction)
        user = await get(transaction, user_id)
        await _check_owner_stays(transaction, structs.replace(user, is_disabled=True))
        await sessions.delete_others(transaction, user_id)
        await users.delete(transaction, user_id)
        await audits.record(context, transaction, author, [Deed("removed", "users", str(user_id), user.email)])


async def _check_owner_stays(transaction: Transaction, changed: User) -> None:
    others = [user for user in await users.list_all(transaction) if user.id != changed.id]
    if not any(user.role == "owner" and not user.is_disabled for user in [*others, changed]):
        raise Conflict("somebody must stay an owner")


def make_code_secret(context: Context) -> str:
    """A secret for an app that makes one-time codes, not yet in use."""
    return one_time_codes.make_secret(context.random(one_time_codes.SECRET_BYTES))


async def begin_codes(context: Context, user: User, secret: str, code: str, ip: str) -> None:
    """Ask for one-time codes from now on, once the app has shown that it makes them. Invalid."""
    step = one_time_codes.matching_step(secret, code, context.clock().timestamp(), 0)
    if step is None:
        raise Invalid("this code is not right; is the clock of the telephone?", path="code")
    async with context.database.transaction() as transaction:
        await users.set_codes(transaction, user.id, secret)
        await users.take_step(transaction, user.id, step)
        await _note_codes(context, transaction, Author("user", user.email, ip), user)


async def end_codes(context: Context, author: Author, user_id: UUID) -> None:
    """Ask for no more one-time codes. NotFound."""
    async with context.database.transaction() as transaction:
        user = await get(transaction, user_id)
        await users.set_codes(transaction, user_id, None)
        await _note_codes(context, transaction, author, user)


async def _note_codes(context: Context, transaction: Transaction, author: Author, user: User) -> None:
    deed = Deed("changed", "users", str(user.id), user.email, {"members": ["one-time codes"]})
    await audits.record(context, transaction, author, [deed])


async def _make_link(context: Context, transaction: Transaction, user_id: UUID | None) -> str:
    text = context.random(LINK_BYTES).hex()
    await users.insert_link(transaction, _digest(text), user_id, context.clock() + LINK_WORKS_FOR)
    return text


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _new_id(context: Context) -> UUID:
    return UUID(bytes=context.random(16), version=4)

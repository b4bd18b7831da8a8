"""Logging in to the console and out of it, slowly for who guesses."""

from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from tocsin.actions import audits, users
from tocsin.actions.context import Context
from tocsin.core import one_time_codes
from tocsin.core.audits import Author, Deed
from tocsin.core.errors import Invalid, TocsinError
from tocsin.core.users import User
from tocsin.store import sessions
from tocsin.store import users as stored_users
from tocsin.store.database import Transaction
from tocsin.store.sessions import NewSession

COOKIE_BYTES = 32
LASTS = timedelta(days=14)
IDLES = timedelta(hours=12)

_MARKED_EVERY = timedelta(minutes=1)
_FAILURES_COUNT_FOR = timedelta(minutes=15)
# Wrong passwords in that time: for one account from one address, for one account, from one address.
_MOST_OF_BOTH, _MOST_OF_ACCOUNT, _MOST_OF_ADDRESS = 5, 50, 50
_LONGEST_USER_AGENT = 300


class TooMany(TocsinError):
    """Too many wrong passwords."""

    code = 429
    text = "Too many attempts"


class Browser(NamedTuple):
    """Who asks: the address, and what it says of itself."""

    ip: str
    user_agent: str


class Entered(NamedTuple):
    """A session: the user, and whether a one-time code is still to come. `token`: the SHA-256 of the cookie."""

    user: User
    is_half: bool
    token: bytes


async def log_in(context: Context, email: str, password: str, browser: Browser) -> str:
    """The cookie of a new session, which is half when the account has one-time codes. Invalid or TooMany."""
    subjects = _subjects(email.strip().lower(), browser.ip)
    async with context.database.transaction() as transaction:
        await _check_failures(context, transaction, subjects)
        secrets = await stored_users.find_secrets(transaction, email=email.strip().lower())
    is_right = await users.verify(secrets.password_hash if secrets else None, password)
    if secrets is None or not is_right or secrets.is_disabled:
        await _fail(context, subjects)
        raise Invalid("this address and this password do not go together")
    async with context.database.transaction() as transaction:
        cookie = await begin(context, transaction, secrets.id, browser, is_half=secrets.code_secret is not None)
        user = await users.get(transaction, secrets.id)
        if secrets.code_secret is None:
            await _note(context, transaction, user, browser)
    return cookie


async def enter_code(context: Context, entered: Entered, code: str, browser: Browser) -> str:
    """The cookie of a whole session in place of a half one. Invalid or TooMany."""
    subjects = _subjects(f"codes of {entered.user.email}", browser.ip)
    async with context.database.transaction() as transaction:
        await _check_failures(context, transaction, subjects)
        secrets = await stored_users.find_secrets(transaction, user_id=entered.user.id)
        now = context.clock().timestamp()
        step = (
            one_time_codes.matching_step(secrets.code_secret, code, now, secrets.code_step)
            if secrets and secrets.code_secret
            else None
        )
        if step is not None and await stored_users.take_step(transaction, entered.user.id, step):
            await sessions.delete(transaction, entered.token)
            await _note(context, transaction, entered.user, browser)
            return await begin(context, transaction, entered.user.id, browser, is_half=False)
    await _fail(context, subjects)
    raise Invalid("this code is not right, or was used before", path="code")


async def begin(context: Context, transaction: Transaction, user_id: UUID, browser: Browser, *, is_half: bool) -> str:
    """A session of a user who has proved to be one; the text of its cookie, of which only the SHA-256 is kept."""
    cookie = context.random(COOKIE_BYTES).hex()
    made = NewSession(
        _digest(cookie), user_id, is_half, context.clock(), browser.ip, browser.user_agent[:_LONGEST_USER_AGENT]
    )
    await sessions.insert(transaction, made)
    return cookie


async def find(context: Context, cookie: str) -> Entered | None:
    """Who has this cookie, if the session still lasts and its user may log in."""
    now, token = context.clock(), _digest(cookie)
    async with context.database.transaction() as transaction:
        session = await sessions.find(transaction, token, created_after=now - LASTS, seen_after=now - IDLES)
        user = await stored_users.find(transaction, session.user_id) if session else None
        if session is None or user is None or user.is_disabled:
            return None
        if now - session.seen_at > _MARKED_EVERY:
            await sessions.mark_seen(transaction, token, now)
            await stored_users.mark_seen(transaction, user.id, now)
    return Entered(user, session.is_half, token)


async def log_out(context: Context, entered: Entered) -> None:
    """End a session."""
    async with context.database.transaction() as transaction:
        await sessions.delete(transaction, entered.token)


async def log_out_others(context: Context, entered: Entered) -> None:
    """End every other session of a user."""
    async with context.database.transaction() as transaction:
        await sessions.delete_others(transaction, entered.user.id, entered.token)


async def forget_old(context: Context) -> None:
    """Delete sessions that nobody can use, and failures that count no more."""
    now = context.clock()
    async with context.database.transaction() as transaction:
        await sessions.delete_old(transaction, now - LASTS, now - IDLES)
        await sessions.delete_old_failures(transaction, now - _FAILURES_COUNT_FOR)


def _subjects(account: str, ip: str) -> dict[str, int]:
    """What a failure counts against, and how many each may have."""
    return {
        f"{account} {ip}": _MOST_OF_BOTH,
        f"account {account}": _MOST_OF_ACCOUNT,
        f"address {ip}": _MOST_OF_ADDRESS,
    }


async def _check_failures(context: Context, transaction: Transaction, subjects: dict[str, int]) -> None:
    counted = await sessions.count_failures(transaction, list(subjects), context.clock() - _FAILURES_COUNT_FOR)
    if any(counted.get(subject, 0) >= most for subject, most in subjects.items()):
        raise TooMany("there were too many wrong attempts; wait a quarter of an hour, or use a new link")


async def _fail(context: Context, subjects: dict[str, int]) -> None:
    async with context.database.transaction() as transaction:
        await sessions.insert_failures(transaction, list(subjects), context.clock())


async def _note(context: Context, transaction: Transaction, user: User, browser: Browser) -> None:
    deed = Deed("logged_in", "users", str(user.id), user.email)
    await audits.record(context, transaction, Author("user", user.email, browser.ip), [deed])


def _digest(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()

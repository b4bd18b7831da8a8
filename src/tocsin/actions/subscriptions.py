"""Changing the subscriptions of profiles: one of a profile, or all of a database at once."""

from collections.abc import Callable, Sequence
from typing import Any

from tocsin.actions import profiles
from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core import subscriptions as core
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.identities import Describer
from tocsin.core.profiles import Profile, Revision
from tocsin.core.subscriptions import Subscription
from tocsin.store import identities as stored_identities
from tocsin.store import profiles as stored_profiles
from tocsin.store import subscriptions as stored_subscriptions
from tocsin.store.database import Transaction
from tocsin.store.subscriptions import Selection

# Buckets whose profiles one statement changes.
_BUCKETS_AT_ONCE = 32

_Split = tuple[list[Subscription], list[Subscription]]


async def set_one(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    profile_id: bytes,
    said: Subscription,
    *,
    skip_triggers: bool,
) -> None:
    """Add a subscription, or change the one with this address; or NotFound, Invalid."""
    await _lock_values(transaction, database, said)
    before = await _get(transaction, database, profile_id)
    after = Profile(before.id, before.fields, core.merge(before.subscriptions, [said]))
    await profiles.revise(
        context, transaction, configuration, database, [Revision(before, after)], skip_triggers=skip_triggers
    )


async def delete(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    profile_id: bytes,
    said: Subscription,
) -> None:
    """Put a subscription away: nothing is sent to it, nobody is found by it, and it can be brought back."""

    def split(present: list[Subscription], deleted: list[Subscription]) -> _Split:
        gone, rest = _apart(present, said, "the profile has no such subscription")
        return rest, [*(one for one in deleted if core.identity(one) != core.identity(gone)), gone]

    await _move(context, transaction, configuration, database, profile_id, split)


async def undelete(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    profile_id: bytes,
    said: Subscription,
) -> None:
    """Bring a deleted subscription back as it was; Conflict when the profile has this address there again."""
    await _lock_values(transaction, database, said)

    def split(present: list[Subscription], deleted: list[Subscription]) -> _Split:
        found, rest = _apart(deleted, said, "the profile has no such deleted subscription")
        if any(core.identity(one) == core.identity(found) for one in present):
            raise Conflict("the profile has this subscription again")
        return [*present, found], rest

    await _move(context, transaction, configuration, database, profile_id, split)


async def change_all(transaction: Transaction, selection: Selection, status: str) -> int:
    """Give every selected subscription a status, some buckets at a time; the number of profiles that this changed."""
    await stored_profiles.lock_all(transaction)
    return sum(
        [
            await stored_subscriptions.update_status(
                transaction, selection, status, range(first, first + _BUCKETS_AT_ONCE)
            )
            for first in range(0, ids.BUCKETS, _BUCKETS_AT_ONCE)
        ]
    )


async def _move(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    profile_id: bytes,
    split: Callable[[list[Subscription], list[Subscription]], _Split],
) -> None:
    """Write what `split` makes of the profile's subscriptions, those it has and those deleted. No trigger hears it."""
    before = await _get(transaction, database, profile_id)
    deleted = (await stored_subscriptions.get_deleted(transaction, [profile_id]))[profile_id]
    present, deleted = split(before.subscriptions, deleted)
    await stored_subscriptions.update_deleted(transaction, {profile_id: deleted})
    revision = Revision(before, Profile(before.id, before.fields, present))
    await profiles.revise(context, transaction, configuration, database, [revision], skip_triggers=True)


def _apart(
    listed: Sequence[Subscription], said: Subscription, otherwise: str
) -> tuple[Subscription, list[Subscription]]:
    """The subscription that is meant, and the others; NotFound when it is not there."""
    wanted = core.identity(said)
    found = [one for one in listed if core.identity(one) == wanted]
    if not found:
        raise NotFound(otherwise)
    return found[-1], [one for one in listed if core.identity(one) != wanted]


async def _get(transaction: Transaction, database: Database, profile_id: bytes) -> Profile:
    found = await profiles.get_locked(transaction, database, [profile_id])
    if not found:
        raise NotFound("there is no such profile", path="profile_id")
    return found[profile_id]


async def _lock_values(transaction: Transaction, database: Database, said: dict[str, Any]) -> None:
    """What is to be found by the subscription, so that no import makes a profile of it meanwhile."""
    values = [value for _, _, value in Describer(database).describe({}, [said])]
    await stored_identities.lock(transaction, values)

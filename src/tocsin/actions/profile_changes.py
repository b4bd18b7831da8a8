"""Changing profiles otherwise than by an import: deleting one, merging several, ending a recipient's subscription."""

from collections.abc import Iterable, Mapping, Sequence

from tocsin.actions import profiles
from tocsin.actions.context import Context
from tocsin.core import merging, unsubscribing
from tocsin.core.configuration import Configuration, Database, Resource
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.identities import Describer
from tocsin.core.matching import Matching, Search
from tocsin.core.profiles import Profile, Revision
from tocsin.store import copies, events, messages, passages
from tocsin.store import identities as stored_identities
from tocsin.store import profiles as stored_profiles
from tocsin.store import subscriptions as stored_subscriptions
from tocsin.store.database import Transaction


async def delete(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    matching: Matching,
    search: Search,
) -> bytes:
    """Delete the one profile that matches, with its history and its waiting messages; its id.

    NotFound, Ambiguous or Invalid as `get_one`. A message that a worker has claimed already may still be sent.
    """
    found = await profiles.get_one(transaction, database, matching, search)
    await profiles.get_locked(transaction, database, [found.id])
    before = await profiles.get_one(transaction, database, matching, search)
    if before.id != found.id:
        raise _changed_meanwhile()
    await profiles.revise(context, transaction, configuration, database, [Revision(before, None)], skip_triggers=True)
    await messages.delete_of_profiles(transaction, [before.id])
    await copies.delete_of_profiles(transaction, [before.id])
    await events.delete(transaction, [before.id])
    await passages.delete_all(transaction, [before.id])
    return before.id


async def merge(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    named: Mapping[bytes, str],
    to: bytes | None,
) -> bytes:
    """Make one profile of several: `to`, or a new one when it is None; its id. No trigger hears of it.

    `named`: the profiles in their order, each with the member that names it. NotFound when one is not there, Conflict
    when the result could not be stored. Messages that a worker has or has had stay those of a profile that is gone.
    """
    before = await _get_locked(transaction, database, named)
    known = before.pop(to) if to else None
    gone = [before[profile_id] for profile_id in named if profile_id in before]
    after = merging.merge(database, known or Profile(next(context.new_ids()), {}, []), gone)
    deleted = await stored_subscriptions.get_deleted(transaction, list(named))
    await profiles.revise(
        context,
        transaction,
        configuration,
        database,
        [Revision(known, after), *(Revision(one, None) for one in gone)],
        skip_triggers=True,
    )
    gone_ids = [one.id for one in gone]
    if any(deleted.values()):
        united = merging.unite(*(deleted.get(one, []) for one in (after.id, *gone_ids)))
        await stored_subscriptions.update_deleted(transaction, {after.id: united})
    await messages.move(transaction, gone_ids, after.id)
    await events.move(transaction, gone_ids, after.id)
    await passages.move_all(transaction, gone_ids, after.id)
    return after.id


async def unsubscribe(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    resource: Resource,
    message_id: bytes,
    categories: Sequence[str],
) -> bytes:
    """End the subscription that a message went to, or leave only some categories of it; the id of its profile.

    NotFound when there is no such message, or its address has no subscription at the resource; Invalid for a category
    that the resource does not have.
    """
    unsubscribing.check_categories(resource, categories)
    await stored_profiles.prefer_indexes(transaction)
    sent = await events.find_addressee(transaction, message_id)
    database = configuration.databases.get(sent.database_id) if sent else None
    if sent is None or database is None:
        raise NotFound("there is no such message", path="smid")
    before = (await profiles.get_locked(transaction, database, [sent.profile_id])).get(sent.profile_id)
    if before is None or not unsubscribing.is_subscriber(before.subscriptions, resource.id, sent.address):
        raise NotFound("the recipient has no subscription at this resource", path="smid")
    left = unsubscribing.unsubscribe(before.subscriptions, resource.id, sent.address, categories)
    after = Profile(before.id, before.fields, left)
    await profiles.revise(context, transaction, configuration, database, [Revision(before, after)])
    return before.id


async def _get_locked(transaction: Transaction, database: Database, named: Mapping[bytes, str]) -> dict[bytes, Profile]:
    """Profiles that nobody else writes, and none of whose values an import takes for nobody's, until the end."""
    await stored_profiles.prefer_indexes(transaction)
    seen = await stored_profiles.get(transaction, database.id, list(named))
    values = _values(database, seen.values())
    await stored_identities.lock(transaction, list(values))
    locked = await profiles.get_locked(transaction, database, list(named))
    for profile_id, path in named.items():
        if profile_id not in locked:
            raise NotFound("there is no such profile", path=path)
    if not values.issuperset(_values(database, locked.values())):
        raise _changed_meanwhile()
    return locked


def _values(database: Database, listed: Iterable[Profile]) -> set[str]:
    describer = Describer(database)
    return {value for one in listed for _, _, value in describer.describe(one.fields, one.subscriptions)}


def _changed_meanwhile() -> Conflict:
    return Conflict("the profile was changed at the same moment; ask again")

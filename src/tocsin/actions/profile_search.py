"""Finding profiles for people: by whatever was typed, by a matching mode, by a filter; pages, the newest first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tocsin.core import emails, fields, ids, mongo, phones
from tocsin.core.configuration import Configuration, Database, Field
from tocsin.core.identities import Kind, custom_value
from tocsin.core.matching import Matching, Search, keys_of
from tocsin.core.profiles import Profile
from tocsin.store import identities
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.profiles import Place

PAGE = 50

_EMAILS = (Kind.PROFILE_EMAIL, Kind.SUBSCRIPTION_EMAIL)
_PHONES = (Kind.PROFILE_PHONE, Kind.SUBSCRIPTION_PHONE)


class Found(NamedTuple):
    """A page of profiles, each with the number of its database. `next`: what the next page is from before, if any."""

    profiles: Sequence[tuple[int, Profile]]
    next: Place | None = None


async def find_by_text(transaction: Transaction, configuration: Configuration, text: str, before: Place) -> Found:
    """Profiles of any database whose id, address, phone number or value of a field this is."""
    profile_id = ids.parse(text)
    record = await stored_profiles.find_record(transaction, profile_id) if profile_id else None
    if record:
        return Found([(record.database_id, record.profile)])
    sought = list(dict.fromkeys(_meanings(configuration, text)))
    owners = await identities.list_newest_owners(transaction, sought, before=before.id, limit=PAGE + 1)
    return await _page(transaction, owners)


async def find_by_matching(
    transaction: Transaction, database: Database, matching: Matching, search: Search, before: Place
) -> Found:
    """Profiles that a matching mode finds, however many; or Invalid with the member in `path`."""
    return await _page(transaction, await _list_owners(transaction, database, matching, search, before, PAGE + 1))


async def list_ids(
    transaction: Transaction, database: Database, matching: Matching, search: Search, limit: int
) -> list[bytes]:
    """The ids of up to `limit` profiles that a matching mode finds; or Invalid."""
    return [one for _, one in await _list_owners(transaction, database, matching, search, Place(), limit)]


async def _list_owners(
    transaction: Transaction, database: Database, matching: Matching, search: Search, before: Place, limit: int
) -> list[tuple[int, bytes]]:
    keys = keys_of(matching, search)
    if matching.is_by_id:
        return [(database.id, bytes.fromhex(key)) for (key,) in keys]
    return await identities.list_newest_owners(
        transaction,
        [(value, kind) for key in keys for value in key for kind in matching.mode.kinds],
        database_id=database.id,
        resource_id=matching.resource_id,
        at_least=min(len(key) for key in keys),
        before=before.id,
        limit=limit,
    )


def check_filter(database: Database, query: Mapping[str, Any]) -> None:
    """Invalid unless profiles of the database can be asked so."""
    mongo.parse(query, database, "filter")


async def find_by_filter(
    transaction: Transaction, database: Database, query: Mapping[str, Any], before: Place
) -> Found:
    """Profiles of a database that fit a query, all by an empty one; or Invalid."""
    wanted = mongo.parse(query, database, "filter")
    found = await stored_profiles.list_newest(transaction, database.id, wanted, before, PAGE + 1)
    more = found[PAGE - 1][0] if len(found) > PAGE else None
    return Found([(database.id, profile) for _, profile in found[:PAGE]], more)


def _meanings(configuration: Configuration, text: str) -> Iterator[tuple[str, int]]:
    """Everything that a text could identify a profile by: values with their kinds."""
    with suppress(ValueError):
        yield from ((emails.key(emails.parse(text)), kind) for kind in _EMAILS)
    with suppress(ValueError):
        yield from ((phones.parse(text), kind) for kind in _PHONES)
    for database in configuration.databases.values():
        for name, field in database.custom_fields().items():
            if field.is_matchable and field.type != "tags":
                yield from ((custom_value(name, one), Kind.CUSTOM_FIELD) for one in _field_texts(field, text))


def _field_texts(field: Field, text: str) -> list[str]:
    try:
        return fields.match_query(field, text)
    except ValueError:
        return []


async def _page(transaction: Transaction, owners: Sequence[tuple[int, bytes]]) -> Found:
    shown = owners[:PAGE]
    known: dict[bytes, Profile] = {}
    for database_id in {database_id for database_id, _ in shown}:
        wanted = [profile_id for one, profile_id in shown if one == database_id]
        known |= await stored_profiles.get(transaction, database_id, wanted)
    more = Place(id=shown[-1][1]) if len(owners) > PAGE else None
    return Found([(database_id, known[one]) for database_id, one in shown if one in known], more)

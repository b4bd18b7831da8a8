"""Profiles as stored: one row each, with fields and subscriptions as documents."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import LiteralString, NamedTuple

import msgspec
from psycopg import sql

from tocsin.core import ids
from tocsin.core.errors import TooSlow
from tocsin.core.message_log import END
from tocsin.core.mongo_tree import Filter
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import Subscription
from tocsin.store import queries
from tocsin.store.database import (
    LOCK_BUCKETS,
    SEARCH_SECONDS,
    Row,
    Transaction,
    bucket_columns,
    copy,
    copy_json,
    fetch,
    id_columns,
    lock_stripes,
    text_column,
    time_limit,
)
from tocsin.store.filter_sql import Condition, condition

FILTER_SECONDS = 30

_SQL = queries.load("profiles")
_COLUMNS = ("bucket", "id", "database_id", "fields", "subscriptions")

_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(dict).decode
_decode_subscriptions = msgspec.json.Decoder(list[dict]).decode  # type: ignore[type-arg]  # Values of any type.


class Place(NamedTuple):
    """Where a profile stands among those of its database by age."""

    at: datetime = END
    id: bytes = ids.LAST


class Record(NamedTuple):
    """Everything that is stored of a profile."""

    database_id: int
    profile: Profile
    deleted: list[Subscription]
    created_at: datetime
    updated_at: datetime


async def prefer_indexes(transaction: Transaction) -> None:
    """For the rest of the transaction look rows up by key, however many, and wait at most 30 s for a lock."""
    await transaction.execute(_SQL["prefer_indexes"])


async def lock(transaction: Transaction, profile_ids: Iterable[bytes]) -> None:
    """Be the only writer of these profiles (of their buckets) until the transaction ends."""
    await lock_stripes(transaction, LOCK_BUCKETS, map(ids.bucket, profile_ids))


async def lock_all(transaction: Transaction) -> None:
    """Be the only writer of any profile until the transaction ends."""
    await lock_stripes(transaction, LOCK_BUCKETS, range(ids.BUCKETS))


async def get(transaction: Transaction, database_id: int, profile_ids: Sequence[bytes]) -> dict[bytes, Profile]:
    """Profiles of one database by id; those that are not there are left out."""
    rows = await fetch(transaction, _SQL["get"], database_id=database_id, **id_columns(profile_ids))
    return _profiles(rows)


async def find(transaction: Transaction, database_id: int, profile_ids: Sequence[bytes]) -> set[bytes]:
    """Those of the ids that are profiles of one database."""
    return {
        found for (found,) in await fetch(transaction, _SQL["find"], database_id=database_id, **id_columns(profile_ids))
    }


async def get_anywhere(transaction: Transaction, profile_ids: Sequence[bytes]) -> dict[bytes, Profile]:
    """Profiles of any database by id."""
    return _profiles(await fetch(transaction, _SQL["get_anywhere"], **id_columns(profile_ids)))


async def get_subscriptions_anywhere(
    transaction: Transaction, profile_ids: Sequence[bytes]
) -> dict[bytes, list[Subscription]]:
    """The subscriptions of profiles of any database by id, without their fields, which may be large."""
    rows = await fetch(transaction, _SQL["get_subscriptions_anywhere"], **bucket_columns(profile_ids))
    return {identifier: _decode_subscriptions(known) for identifier, known in rows}


async def find_record(transaction: Transaction, profile_id: bytes) -> Record | None:
    """A profile of any database, None when there is none."""
    rows = await fetch(transaction, _SQL["get_record"], bucket=ids.bucket(profile_id), id=profile_id)
    if not rows:
        return None
    database_id, fields, subscriptions, deleted, created_at, updated_at = rows[0]
    profile = Profile(profile_id, _decode_fields(fields), _decode_subscriptions(subscriptions))
    return Record(database_id, profile, _decode_subscriptions(deleted), created_at, updated_at)


async def insert(transaction: Transaction, database_id: int, profiles: Sequence[Profile]) -> None:
    """New profiles, by COPY."""
    lines = (
        f"{profile.id[-1]}\t\\\\x{profile.id.hex()}\t{database_id}"
        f"\t{copy_json(_encode(profile.fields))}\t{copy_json(_encode(profile.subscriptions))}\n"
        for profile in profiles
    )
    await copy(transaction, "profiles", _COLUMNS, lines)


async def update(transaction: Transaction, profiles: Sequence[Profile]) -> None:
    """Whole documents of known profiles; the caller holds their locks."""
    await transaction.execute(
        _SQL["update"],
        {
            **id_columns([profile.id for profile in profiles]),
            "fields": text_column([_encode(profile.fields) for profile in profiles]),
            "subscriptions": text_column([_encode(profile.subscriptions) for profile in profiles]),
        },
    )


def _profiles(rows: Sequence[Row]) -> dict[bytes, Profile]:
    return {
        identifier: Profile(identifier, _decode_fields(fields), _decode_subscriptions(subscriptions))
        for identifier, fields, subscriptions in rows
    }


async def list_after(transaction: Transaction, database_id: int, after: bytes, limit: int) -> list[Profile]:
    """Up to `limit` profiles of a database in the order of bucket and id, from after that one; b"" begins."""
    rows = await fetch(
        transaction,
        _SQL["list_after"],
        database_id=database_id,
        after_bucket=after[-1] if after else -1,
        after_id=after,
        limit=limit,
    )
    return list(_profiles(rows).values())


async def list_matching(
    transaction: Transaction, database_id: int, condition: Condition, after: bytes, limit: int
) -> list[Profile]:
    """As `list_after`, of the profiles that fulfil a condition. Invalid when that takes longer than FILTER_SECONDS."""
    keys = {"database_id": database_id, "after_bucket": after[-1] if after else -1, "after_id": after, "limit": limit}
    rows = await _fetch_matching(transaction, _SQL["list_after"], condition, keys, FILTER_SECONDS)
    return list(_profiles(rows).values())


async def list_newest(
    transaction: Transaction, database_id: int, wanted: Filter, before: Place, limit: int
) -> list[tuple[Place, Profile]]:
    """Up to `limit` profiles that pass a checked filter, the newest first, from before one; Place() begins.

    TooSlow when that takes longer than SEARCH_SECONDS.
    """
    keys = {"database_id": database_id, "before_at": before.at, "before_id": before.id, "limit": limit}
    found = condition(wanted, database_id)
    rows = await _fetch_matching(transaction, _SQL["list_newest"], found, keys, SEARCH_SECONDS)
    listed = _profiles([row[:3] for row in rows])
    return [(Place(created_at, identifier), listed[identifier]) for identifier, *_, created_at in rows]


@asynccontextmanager
async def selecting(
    transaction: Transaction, database_id: int, condition: Condition
) -> AsyncIterator[Callable[[int], Awaitable[list[Profile]]]]:
    """A function that reads the next profiles that fulfil a condition, so many at most; none when all were read.

    The table is gone through once, as it is now, whatever the transaction writes meanwhile. Invalid as `list_matching`.
    """
    query = sql.SQL("{} AND {}").format(sql.SQL(_SQL["list_all"].rstrip("; \n")), condition.sql)
    await transaction.execute(_SQL["plan_for_all"])
    async with transaction.cursor("selected_profiles", binary=True) as cursor:
        await cursor.execute(query, {"database_id": database_id, **condition.parameters})

        async def read(limit: int) -> list[Profile]:
            async with _limited(transaction, FILTER_SECONDS):
                return list(_profiles(await cursor.fetchmany(limit)).values())

        yield read


async def list_page(
    transaction: Transaction, database_id: int, wanted: Filter, after: bytes, limit: int
) -> list[Profile]:
    """As `list_matching`, of the profiles that pass a checked filter."""
    return await list_matching(transaction, database_id, condition(wanted, database_id), after, limit)


async def list_ids(transaction: Transaction, database_id: int, condition: Condition, limit: int) -> list[bytes]:
    """The ids of up to `limit` profiles that fulfil a condition. Invalid as `list_matching`."""
    rows = await _fetch_matching(
        transaction, _SQL["list_ids"], condition, {"database_id": database_id, "limit": limit}, FILTER_SECONDS
    )
    return [identifier for (identifier,) in rows]


async def list_fitting(
    transaction: Transaction, database_id: int, condition: Condition, profile_ids: Sequence[bytes]
) -> set[bytes]:
    """Those of the profiles that fulfil a condition. Invalid as `list_matching`."""
    keys = {"database_id": database_id, **id_columns(profile_ids)}
    return {
        identifier
        for (identifier,) in await _fetch_matching(transaction, _SQL["list_among"], condition, keys, FILTER_SECONDS)
    }


async def _fetch_matching(
    transaction: Transaction,
    named: LiteralString,
    condition: Condition,
    parameters: Mapping[str, object],
    seconds: int,
) -> list[Row]:
    """The rows of a query, its WHERE narrowed by a condition, within the time that a query may take."""
    before, order = named.split("ORDER BY")
    query = sql.SQL("{} AND {} ORDER BY {}").format(sql.SQL(before), condition.sql, sql.SQL(order))
    async with _limited(transaction, seconds):
        cursor = await transaction.cursor(binary=True).execute(query, {**parameters, **condition.parameters})
        return await cursor.fetchall()


@asynccontextmanager
async def _limited(transaction: Transaction, seconds: int) -> AsyncIterator[None]:
    """TooSlow when a statement of the block takes longer than so many seconds; the transaction may go on."""
    try:
        async with time_limit(transaction, seconds):
            yield
    except TimeoutError:
        raise TooSlow(f"finding the profiles took longer than {seconds} s", path="custom_request") from None


async def delete(transaction: Transaction, profile_ids: Sequence[bytes]) -> None:
    """Profiles for good; the caller holds their locks and deletes their identities."""
    await transaction.execute(_SQL["delete"], id_columns(profile_ids))

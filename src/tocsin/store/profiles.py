"""Profiles as stored: one row each, with fields and subscriptions as documents."""

from collections.abc import Iterable, Sequence

import msgspec
from psycopg import sql
from psycopg.errors import QueryCanceled

from tocsin.core import ids
from tocsin.core.errors import Invalid
from tocsin.core.profiles import Profile
from tocsin.store import queries
from tocsin.store.database import (
    LOCK_BUCKETS,
    Row,
    Transaction,
    bytea_column,
    copy,
    copy_json,
    fetch,
    lock_stripes,
    smallint_column,
    text_column,
)
from tocsin.store.filter_sql import Condition

FILTER_SECONDS = 30

_SQL = queries.load("profiles")
_COLUMNS = ("bucket", "id", "database_id", "fields", "subscriptions")

_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(dict).decode
_decode_subscriptions = msgspec.json.Decoder(list[dict]).decode  # type: ignore[type-arg]  # Values of any type.


async def prefer_indexes(transaction: Transaction) -> None:
    """For the rest of the transaction look rows up by key, however many, and wait at most 30 s for a lock."""
    await transaction.execute(_SQL["prefer_indexes"])


async def lock(transaction: Transaction, profile_ids: Iterable[bytes]) -> None:
    """Be the only writer of these profiles (of their buckets) until the transaction ends."""
    await lock_stripes(transaction, LOCK_BUCKETS, map(ids.bucket, profile_ids))


async def get(transaction: Transaction, database_id: int, profile_ids: Sequence[bytes]) -> dict[bytes, Profile]:
    """Profiles of one database by id; those that are not there are left out."""
    rows = await fetch(transaction, _SQL["get"], database_id=database_id, **_keys(profile_ids))
    return _profiles(rows)


async def get_anywhere(transaction: Transaction, profile_ids: Sequence[bytes]) -> dict[bytes, Profile]:
    """Profiles of any database by id."""
    return _profiles(await fetch(transaction, _SQL["get_anywhere"], **_keys(profile_ids)))


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
            **_keys([profile.id for profile in profiles]),
            "fields": text_column([_encode(profile.fields) for profile in profiles]),
            "subscriptions": text_column([_encode(profile.subscriptions) for profile in profiles]),
        },
    )


def _keys(profile_ids: Sequence[bytes]) -> dict[str, object]:
    return {
        "buckets": smallint_column([identifier[-1] for identifier in profile_ids]),
        "ids": bytea_column(profile_ids),
    }


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
    before, order = _SQL["list_after"].split("ORDER BY")
    query = sql.SQL("{} AND {} ORDER BY {}").format(sql.SQL(before), condition.sql, sql.SQL(order))
    keys = {"database_id": database_id, "after_bucket": after[-1] if after else -1, "after_id": after, "limit": limit}
    try:
        async with transaction.transaction():
            await transaction.execute(_SQL["limit_time"], {"limit": f"{FILTER_SECONDS}s"})
            cursor = await transaction.cursor(binary=True).execute(query, keys | condition.parameters)
            rows = await cursor.fetchall()
            await transaction.execute(_SQL["limit_time"], {"limit": "0"})
    except QueryCanceled:
        raise Invalid(f"finding the profiles took longer than {FILTER_SECONDS} s", path="custom_request") from None
    return list(_profiles(rows).values())

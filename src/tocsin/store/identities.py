"""Which profile an address or key belongs to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from zlib import crc32

from tocsin.core.errors import TooSlow
from tocsin.core.identities import Identity, Kind, custom_value
from tocsin.core.matching import Key
from tocsin.store import queries
from tocsin.store.database import (
    LOCK_KEYS,
    SEARCH_SECONDS,
    Transaction,
    bytea_column,
    copy,
    copy_text,
    fetch,
    integer_column,
    lock_stripes,
    smallint_column,
    text_column,
    time_limit,
)

_SQL = queries.load("identities")
_COLUMNS = ("value", "database_id", "resource_id", "kind", "profile_id")
_STRIPES = 256
_ADDRESSES = smallint_column([Kind.PROFILE_EMAIL, Kind.PROFILE_PHONE, Kind.SUBSCRIPTION_EMAIL, Kind.SUBSCRIPTION_PHONE])
_MOST_ADDRESSEES = 1000
_MOST_BY_PREFIX = 200


async def lock(transaction: Transaction, values: Sequence[str]) -> None:
    """Be the only one to create profiles with any of these values until the transaction ends."""
    many = len(values) > 4 * _STRIPES
    stripes: Iterable[int] = range(_STRIPES) if many else (crc32(value.encode()) % _STRIPES for value in values)
    await lock_stripes(transaction, LOCK_KEYS, stripes)


async def find(
    transaction: Transaction, database_id: int, keys: Iterable[Key], kinds: Sequence[int], resource_id: int | None
) -> dict[Key, list[bytes]]:
    """The owners of each key, two at most; every key is in the answer. Keys of several values are of one kind alone."""
    owners: dict[Key, list[bytes]] = {key: [] for key in keys}
    single = [key[0] for key in owners if len(key) == 1]
    if single:
        rows = await fetch(
            transaction,
            _SQL["find"],
            values=text_column([value.encode() for value in single]),
            database_id=database_id,
            kinds=smallint_column(kinds),
            resource_id=resource_id,
        )
        for value, profile_id in rows:
            owners[(value,)].append(profile_id)
    await _find_combinations(transaction, database_id, owners, kinds)
    return owners


async def list_owners(transaction: Transaction, values: Sequence[str], kind: int) -> list[tuple[int, bytes, str]]:
    """Database, profile and value of everybody who has one of the values, at any resource; 10,000 at most."""
    column = text_column([value.encode() for value in values])
    return [(row[0], row[1], row[2]) for row in await fetch(transaction, _SQL["list_owners"], values=column, kind=kind)]


async def list_newest_owners(
    transaction: Transaction,
    sought: Sequence[tuple[str, int]],
    *,
    database_id: int | None = None,
    resource_id: int | None = None,
    at_least: int = 1,
    before: bytes,
    limit: int,
) -> list[tuple[int, bytes]]:
    """Database and profile of those who have `at_least` so many of the values, each with its kind, the newest first.

    None for any database, any resource. TooSlow when that takes longer than SEARCH_SECONDS.
    """
    try:
        async with time_limit(transaction, SEARCH_SECONDS):
            rows = await fetch(
                transaction,
                _SQL["list_newest_owners"],
                values=text_column([value.encode() for value, _ in sought]),
                kinds=smallint_column([kind for _, kind in sought]),
                database_id=database_id,
                resource_id=resource_id,
                at_least=at_least,
                before=before,
                limit=limit,
            )
    except TimeoutError:
        raise TooSlow(f"finding the profiles took longer than {SEARCH_SECONDS} s") from None
    return [(found, profile_id) for found, profile_id in rows]


async def list_addressees(transaction: Transaction, addresses: Sequence[str]) -> list[bytes]:
    """The profiles that have one of these addresses or phone numbers, or as a subscription; 1000 at most."""
    rows = await fetch(
        transaction, _SQL["list_addressees"], values=list(addresses), kinds=_ADDRESSES, limit=_MOST_ADDRESSEES
    )
    return [profile_id for (profile_id,) in rows]


async def list_addressees_by_prefix(transaction: Transaction, beginning: str) -> list[bytes]:
    """The profiles that have one of the first 200 addresses or phone numbers that begin so."""
    rows = await fetch(
        transaction,
        _SQL["list_addressees_by_prefix"],
        beginning=beginning,
        end=beginning + "\U0010ffff",
        kinds=_ADDRESSES,
        limit=_MOST_BY_PREFIX,
    )
    return [profile_id for (profile_id,) in rows]


async def _find_combinations(
    transaction: Transaction, database_id: int, owners: Mapping[Key, list[bytes]], kinds: Sequence[int]
) -> None:
    combinations = [key for key in owners if len(key) > 1]
    if not combinations:
        return
    (kind,) = kinds
    numbered = [(number, value) for number, key in enumerate(combinations) for value in key]
    rows = await fetch(
        transaction,
        _SQL["find_owners_of_all"],
        combinations=integer_column([number for number, _ in numbered]),
        values=text_column([value.encode() for _, value in numbered]),
        database_id=database_id,
        kind=kind,
    )
    for number, profile_id in rows:
        owners[combinations[number]].append(profile_id)


async def insert(
    transaction: Transaction, database_id: int, gained: Sequence[tuple[bytes, Iterable[Identity]]]
) -> None:
    """Identities that profiles have from now on, by COPY."""
    await copy(transaction, "identities", _COLUMNS, _lines(database_id, gained))


def _lines(database_id: int, gained: Sequence[tuple[bytes, Iterable[Identity]]]) -> Iterator[str]:
    """All lines of a profile at once. Emails and phones hold nothing that COPY's text format gives a meaning to."""
    plain = Kind.SUBSCRIPTION_PHONE
    for profile_id, found in gained:
        end = f"\t\\\\x{profile_id.hex()}\n"
        yield "".join(
            [
                f"{value if kind <= plain else copy_text(value)}\t{database_id}\t{resource_id}\t{kind}{end}"
                for kind, resource_id, value in found
            ]
        )


async def delete(transaction: Transaction, database_id: int, lost: Sequence[tuple[bytes, Iterable[Identity]]]) -> None:
    """Identities that profiles have no longer."""
    rows = [(profile_id, identity) for profile_id, found in lost for identity in found]
    await transaction.execute(
        _SQL["delete"],
        {
            "database_id": database_id,
            "values": text_column([value.encode() for _, (_, _, value) in rows]),
            "kinds": smallint_column([kind for _, (kind, _, _) in rows]),
            "resource_ids": integer_column([resource_id for _, (_, resource_id, _) in rows]),
            "profile_ids": bytea_column([profile_id for profile_id, _ in rows]),
        },
    )


async def lock_all(transaction: Transaction) -> None:
    """Nobody imports into any database until the transaction ends."""
    await lock_stripes(transaction, LOCK_KEYS, range(_STRIPES))


async def delete_fields(transaction: Transaction, database_id: int, names: Sequence[str]) -> None:
    """Every value of some custom fields of a database."""
    await transaction.execute(
        _SQL["delete_fields"],
        {
            "database_id": database_id,
            "kind": int(Kind.CUSTOM_FIELD),
            "prefixes": [custom_value(name, "") for name in names],
        },
    )


async def count_shared(transaction: Transaction, database_id: int, name: str) -> int:
    """How many values of a custom field several profiles of a database have."""
    ((shared,),) = await fetch(
        transaction,
        _SQL["count_shared"],
        database_id=database_id,
        kind=int(Kind.CUSTOM_FIELD),
        prefix=custom_value(name, ""),
    )
    return int(shared)

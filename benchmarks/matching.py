"""10,000 items matched by each mode against a million profiles, against the bare join of the same values, same run.

The floor asks for every owner of a value at once; ours says which key belongs to whom and stops at two owners.
"""

from collections.abc import Callable, Sequence
from typing import Any, LiteralString, NamedTuple

import population
import uvloop
from floor import ITEMS, configured, postgres, timed
from population import DATABASE_ID, profile_id, shop, token

from tocsin.actions.profiles import find_owners
from tocsin.core import configuration
from tocsin.core.matching import Key, Matching, Search, check_matching, keys_of
from tocsin.main import collect_garbage_less_often
from tocsin.store import profiles
from tocsin.store.database import Database, bytea_column, fetch, smallint_column, text_column

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 7

_JOIN: LiteralString = """
SELECT sought.value, identities.profile_id
FROM unnest(%(values)s::text[]) AS sought (value)
JOIN identities ON identities.value = sought.value COLLATE "C"
    AND identities.database_id = %(database_id)s AND identities.kind = ANY(%(kinds)s::smallint[])
"""
_JOIN_PAIRS: LiteralString = """
SELECT sought.value, identities.profile_id
FROM unnest(%(values)s::text[], %(others)s::text[]) AS sought (value, other)
JOIN identities ON identities.value = sought.value COLLATE "C"
    AND identities.database_id = %(database_id)s AND identities.kind = ANY(%(kinds)s::smallint[])
CROSS JOIN LATERAL (
    SELECT FROM identities AS others
    WHERE others.value = sought.other COLLATE "C" AND others.database_id = identities.database_id
        AND others.kind = identities.kind AND others.resource_id = 0 AND others.profile_id = identities.profile_id
    LIMIT 1
) AS other
"""
_JOIN_IDS: LiteralString = """
SELECT profiles.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id
    AND profiles.database_id = %(database_id)s
"""


class Asked(NamedTuple):
    """A mode as calls ask it: with which field, and by which values of a profile's number."""

    mode: str
    search: Callable[[int], Search]
    field_name: str = ""


ASKED = [
    Asked("email", lambda number: Search(email=f"person{number}@example.com")),
    Asked("email_profile", lambda number: Search(email=f"person{number}@example.com")),
    Asked("email_sub", lambda number: Search(email=f"private{number}@example.org")),
    Asked("phone", lambda number: Search(phone=f"+7900{number:07}")),
    Asked("phone_sub", lambda number: Search(phone=f"+7901{number:07}")),
    Asked("profile_id", lambda number: Search(profile_id=profile_id(number).hex())),
    Asked("push_sub", lambda number: Search(provider="android-firebase", subscription_id=token(number))),
    Asked("custom", lambda number: Search(field_value=f"C{number:08}"), "CRM_ID"),
    Asked("custom", lambda number: Search(field_value=f"{shop(number)}, card {number}"), "cards"),
    Asked("custom_sub", lambda number: Search(field_value=f"M{number}"), "member"),
    Asked("email_phone", lambda number: Search(email=f"person{number}@example.com", phone=f"+7900{number:07}")),
    Asked("email_phone_sub", lambda number: Search(email=f"private{number}@example.org", phone=f"+7901{number:07}")),
]


def _floor(matching: Matching, keys: Sequence[Key]) -> tuple[LiteralString, dict[str, Any]]:
    """The bare join for these keys; of combinations, by their rarer value first."""
    kinds = {"database_id": DATABASE_ID, "kinds": smallint_column(matching.mode.kinds)}
    if matching.is_by_id:
        found = [bytes.fromhex(key[0]) for key in keys]
        return _JOIN_IDS, kinds | {"ids": bytea_column(found), "buckets": smallint_column([one[-1] for one in found])}
    values = kinds | {"values": text_column([key[-1].encode() for key in keys])}
    if len(keys[0]) == 1:
        return _JOIN, values
    return _JOIN_PAIRS, values | {"others": text_column([key[0].encode() for key in keys])}


async def measure(database: Database, described: configuration.Database, asked: Asked, size: int) -> None:
    """Tell the best of several rounds: ours, and how it stands to the floor's."""
    matching = check_matching(asked.mode, described, field_name=asked.field_name)
    keys = [key for number in range(0, size, size // ITEMS) for key in keys_of(matching, asked.search(number))]
    query, parameters = _floor(matching, keys)
    ours, floor = [], []
    async with database.transaction() as transaction:
        await profiles.prefer_indexes(transaction)
        for _ in range(ROUNDS):
            seconds, owners = await timed(lambda: find_owners(transaction, DATABASE_ID, matching, keys))
            ours.append(seconds)
            seconds, rows = await timed(lambda: fetch(transaction, query, **parameters))
            floor.append(seconds)
            assert sum(map(len, owners.values())) == len(rows) >= ITEMS // 5
    print(
        f"matching by {asked.mode} {asked.field_name}".rstrip() + f", {size:,} profiles: {min(ours) * 1000:.0f} ms, "
        f"{min(ours) / min(floor):.2f} x the join of {min(floor) * 1000:.0f} ms",
        flush=True,
    )


async def main() -> None:
    collect_garbage_less_often()
    with postgres() as conninfo:
        async with configured(conninfo, population.CONFIGURATION) as context:
            async with context.database.transaction() as transaction:
                known = await context.configuration(transaction)
            for size, smaller in zip(SIZES, (0, *SIZES), strict=False):
                await population.add(context.database, known, smaller, size)
                for asked in ASKED:
                    await measure(context.database, known.databases[DATABASE_ID], asked, size)


if __name__ == "__main__":
    uvloop.run(main())

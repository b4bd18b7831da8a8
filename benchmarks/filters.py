"""Ten typical filters over a million profiles, against the best SQL written by hand for the same question, same run.

What is written by hand knows the types of the fields and that they hold no lists; a filter may not. Both are read
through a cursor, ids alone. At last a launch for everybody says how much memory it takes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import population
import uvloop
from floor import configured, postgres, timed
from population import DATABASE_ID
from psycopg import sql

from tocsin.actions.context import Context
from tocsin.actions.launches import run_for_audience
from tocsin.core import configuration, mongo
from tocsin.core.launches import StartCall
from tocsin.main import collect_garbage_less_often
from tocsin.store import filter_sql
from tocsin.store.database import Database

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 5
PAGE = 5000
TRIGGER_ID = 8
EMAILS = [f"person{number}@example.com" for number in range(0, 10_000, 20)]
KEYS = [f"C{number:08}" for number in range(0, 10_000, 20)]
NAMES = [f"Person {number}" for number in range(0, 9973, 19)][:500]
CITIES = ["City 3", "City 77", "City 401"]

_OWNED: LiteralString = """(profiles.bucket, profiles.id) IN (
    SELECT get_byte(profile_id, 11)::smallint, profile_id FROM identities
    WHERE value = ANY(%(values)s::text[] COLLATE "C") AND database_id = 1 AND kind = """


class Asked(NamedTuple):
    """A filter, and the condition that says the same by hand."""

    name: str
    query: dict[str, Any]
    by_hand: LiteralString
    values: Sequence[str] = ()


ASKED = [
    Asked("500 emails", {"email": {"$in": EMAILS}}, _OWNED + "1)", EMAILS),
    Asked(
        "500 keys of a unique field",
        {"CRM_ID": {"$in": KEYS}},
        _OWNED + "5)",
        [f"CRM_ID.{key}" for key in KEYS],
    ),
    Asked(
        "500 names without an index",
        {"_lname": {"$in": NAMES}},
        "fields ->> '_lname' = ANY(%(values)s::text[])",
        NAMES,
    ),
    Asked(
        "a plan, and a number at least",
        {"plan": "pro", "bonus": {"$gte": 900}},
        "fields ->> 'plan' = 'pro' AND (fields ->> 'bonus')::integer >= 900",
    ),
    Asked(
        "dates of a year",
        {"birthday": {"$gte": "1990-01-01", "$lt": "1991-01-01"}},
        """fields ->> 'birthday' COLLATE "C" >= '1990-01-01' AND fields ->> 'birthday' COLLATE "C" < '1991-01-01'""",
    ),
    Asked(
        "a tag, and no date",
        {"interests": "tea", "birthday": {"$exists": False}},
        "fields -> 'interests' ? 'tea' AND NOT fields ? 'birthday'",
    ),
    Asked(
        "a subscription of a resource in a state",
        {"subscriptions": {"$elemMatch": {"resource_id": 21, "status": "unsubscribed"}}},
        """subscriptions @> '[{"resource_id": 21, "status": "unsubscribed"}]'""",
    ),
    Asked(
        "three cities of a nested object",
        {"address.city": {"$in": CITIES}},
        "fields -> 'address' ->> 'city' = ANY(%(values)s::text[])",
        CITIES,
    ),
    Asked(
        "one of two, and not a name",
        {"$or": [{"last_order_at": {"$gt": "2026-10-01"}}, {"score": {"$gt": 99}}], "_fname": {"$ne": "Ann"}},
        """(fields ->> 'last_order_at' COLLATE "C" > '2026-10-01T00:00:00Z' OR (fields ->> 'score')::numeric > 99)
            AND fields ->> '_fname' IS DISTINCT FROM 'Ann'""",
    ),
    Asked(
        "a regular expression",
        {"email": {"$regex": r"7\d@example\.com$"}},
        r"fields ->> 'email' ~ '7\d@example\.com$'",
    ),
]


async def count(database: Database, condition: sql.Composable, parameters: dict[str, Any]) -> int:
    """How many profiles fulfil a condition, read through a cursor as a launch reads them."""
    query = sql.SQL("SELECT id FROM profiles WHERE database_id = 1 AND ({})").format(condition)
    found = 0
    async with database.transaction() as transaction:
        await transaction.execute("SET LOCAL cursor_tuple_fraction = 1")
        async with transaction.cursor("selected", binary=True) as cursor:
            await cursor.execute(query, parameters)
            while rows := await cursor.fetchmany(PAGE):
                found += len(rows)
    return found


async def measure(database: Database, described: configuration.Database, asked: Asked, size: int) -> None:
    """The best of several rounds, of the filter and of what is written by hand."""
    compiled = filter_sql.condition(mongo.parse(asked.query, described), DATABASE_ID)
    by_hand = sql.SQL(asked.by_hand)
    values = {"values": list(asked.values)} if asked.values else {}
    ours, floor = [], []
    for _ in range(ROUNDS):
        seconds, found = await timed(lambda: count(database, compiled.sql, compiled.parameters))
        ours.append(seconds)
        seconds, expected = await timed(lambda: count(database, by_hand, values))
        floor.append(seconds)
        assert found == expected > 0, (asked.name, found, expected)
    print(
        f"filter by {asked.name}, {size:,} profiles, {found:,} found: {min(ours) * 1000:.0f} ms, "
        f"{min(ours) / min(floor):.2f} x the {min(floor) * 1000:.0f} ms by hand",
        flush=True,
    )


def forget_peak() -> None:
    """Count the most memory from here on."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(name: str) -> float:
    """Megabytes of this process: `VmRSS` now, `VmHWM` at the most."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


async def launch_for_all(context: Context) -> None:
    """A message for everybody who has an address."""
    forget_peak()
    before = memory("VmRSS")
    async with context.database.transaction() as transaction:
        known = await context.configuration(transaction)
        call = StartCall(trigger_id=TRIGGER_ID, items=[], matching="", audience={})
        seconds, outcome = await timed(lambda: run_for_audience(context, transaction, known, call, {}))
    print(
        f"launch for {outcome.found:,} by a filter: {seconds:.1f} s, {outcome.found / seconds:,.0f} profiles/s, "
        f"memory {before:.0f} MB before, {memory('VmHWM'):.0f} MB at the most"
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
            await launch_for_all(context)


if __name__ == "__main__":
    uvloop.run(main())

"""The statements on which speed hangs look rows up by their key, in tables that hold more than is asked for."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.store import profiles, queries
from tocsin.store.database import bytea_column, integer_column, smallint_column, text_column

ROWS = 20_000
BATCH = 10_000
CLAIMED = 500
NOW = datetime.now(UTC)

ID = "int8send(n) || decode(lpad(to_hex(n % 256), 8, '0'), 'hex')"
FILL = (
    f"""INSERT INTO profiles (bucket, id, database_id, fields, subscriptions)
    SELECT n % 256, {ID}, 1, jsonb_build_object('email', n || '@example.com'), '[]' FROM numbers""",
    f"""INSERT INTO identities (value, database_id, resource_id, kind, profile_id)
    SELECT n || '@example.com', 1, 0, 1, {ID} FROM numbers""",
    f"""INSERT INTO messages (bucket, id, due_at, launch_id, profile_id, trigger_id, address)
    SELECT n % 256, {ID}, now() - n * interval '1 second', '', {ID}, 1, n || '@example.com' FROM numbers""",
    """INSERT INTO tasks (id, kind, status, total, due_at, created_at, finished_at)
    SELECT gen_random_uuid(), '', CASE WHEN n % 50 = 0 THEN 'queued' ELSE 'failed' END::task_status, 1, now(), now(),
        CASE WHEN n % 50 = 0 THEN NULL ELSE now() END FROM numbers""",
    "ANALYZE profiles, identities, messages, tasks",
)


def keys(count):
    identifiers = [n.to_bytes(8, "big") + bytes([0, 0, 0, n % 256]) for n in range(1, count + 1)]
    return {"buckets": smallint_column([one[-1] for one in identifiers]), "ids": bytea_column(identifiers)}


def values(count):
    return text_column([b"%d@example.com" % n for n in range(1, count + 1)])


def sought(count):
    return {"values": values(count), "database_id": 1, "kinds": smallint_column([1, 3]), "resource_id": None}


def documents(count):
    return {name: text_column([b"{}"] * count) for name in ("fields", "subscriptions")}


def lost(count):
    return {
        "values": values(count),
        "database_id": 1,
        "kinds": smallint_column([1] * count),
        "resource_ids": integer_column([0] * count),
        "profile_ids": keys(count)["ids"],
    }


# An import asks for thousands of rows, after prefer_indexes.
OF_AN_IMPORT = {
    "identities.find": (sought(BATCH), {"value"}),
    "identities.delete": (lost(BATCH), {"value"}),
    "profiles.get": (keys(BATCH) | {"database_id": 1}, {"bucket", "id"}),
    "profiles.update": (keys(BATCH) | documents(BATCH), {"bucket", "id"}),
}
# Everything else asks for what a worker takes at once, or for one, as the planner sees fit.
OF_OTHERS = {
    "identities.find": (sought(1), {"value"}),
    "profiles.get": (keys(1) | {"database_id": 1}, {"bucket", "id"}),
    "profiles.get_anywhere": (keys(CLAIMED), {"bucket", "id"}),
    "messages.claim": (
        {
            "now": NOW,
            "leased_until": NOW + timedelta(minutes=1),
            "first_bucket": 0,
            "last_bucket": 255,
            "limit": CLAIMED,
        },
        {"due_at", "bucket", "id"},
    ),
    "messages.delete": (keys(CLAIMED), {"bucket", "id"}),
    "messages.postpone": (keys(CLAIMED) | {"due_at": [NOW] * CLAIMED}, {"bucket", "id"}),
    "tasks.claim": ({"now": NOW, "leased_until": NOW}, {"due_at", "id"}),
}


@pytest.fixture
async def full(stage):
    """A connection to tables with rows enough that reading them through would be dear."""
    for statement in FILL:
        numbers = f"WITH numbers AS (SELECT n FROM generate_series(1::bigint, {ROWS}) AS n) "
        await stage.connection.execute((numbers if statement.startswith("INSERT") else "") + statement)
    return stage.connection


async def find_mistakes(connection, asked):
    """By query, what is wrong with the plan that the planner chooses."""
    found = {}
    for query, (parameters, columns) in asked.items():
        noun, name = query.split(".")
        cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {queries.load(noun)[name]}", parameters)
        ((explained,),) = await cursor.fetchall()
        found[query] = describe(explained[0]["Plan"], noun, columns)
    return {query: mistakes for query, mistakes in found.items() if mistakes}


def describe(plan, table, columns):
    """What is wrong with a plan: a table read through, or a column that no index looks up."""
    readers = [node for node in nodes_of(plan) if node.get("Relation Name") == table and "Scan" in node["Node Type"]]
    through = [node["Node Type"] for node in readers if not node["Node Type"].startswith("Index")]
    conditions = " ".join(node.get("Index Cond", "") for node in readers)
    ignored = [column for column in columns if not re.search(rf"\b{column} [=<]", conditions)]
    return through + [f"{column} is not looked up" for column in ignored]


def nodes_of(plan):
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes_of(part))]


async def test_statements_of_many_rows_use_their_index(full):
    assert await find_mistakes(full, OF_OTHERS) == {}
    await profiles.prefer_indexes(full)
    assert await find_mistakes(full, OF_AN_IMPORT) == {}

"""The statements on which speed hangs look rows up by their key, in tables that hold more than is asked for."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.store import profiles, queries
from tocsin.store.database import bytea_column, integer_column, smallint_column, text_column

BATCH = 10_000
CLAIMED = 500
NOW = datetime.now(UTC)

FILL = """
CREATE TEMPORARY TABLE numbers ON COMMIT DROP AS
SELECT n, (n % 256)::smallint AS bucket, n || '@example.com' AS email, now() - n * interval '1 second' AS due_at,
    int8send(n) || decode(lpad(to_hex(n % 256), 8, '0'), 'hex') AS id
FROM generate_series(1::bigint, 20000) AS n;

INSERT INTO profiles (bucket, id, database_id, fields, subscriptions)
SELECT bucket, id, 1, jsonb_build_object('email', email), '[]' FROM numbers;

INSERT INTO identities (value, database_id, resource_id, kind, profile_id)
SELECT email, 1, 0, 1, id FROM numbers;

INSERT INTO messages (bucket, id, due_at, launch_id, profile_id, trigger_id, address)
SELECT bucket, id, due_at, '', id, 1, email FROM numbers;

INSERT INTO tasks (id, kind, total, due_at, created_at) SELECT gen_random_uuid(), '', 1, due_at, due_at FROM numbers;
UPDATE tasks SET status = 'failed', finished_at = due_at WHERE random() < 0.95;

ANALYZE profiles, identities, messages, tasks;
"""


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
    await stage.connection.execute(FILL)
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

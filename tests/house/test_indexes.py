"""The statements on which speed hangs look rows up by their key, in tables that hold more than is asked for."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.core.messages import LAST_TURN
from tocsin.store import planner, profiles, queries
from tocsin.store.database import bucket_columns, bytea_column, integer_column, smallint_column, text_column

BATCH = 10_000
CLAIMED = 500
NOW = datetime.now(UTC)

FILL = """
CREATE TEMPORARY TABLE numbers ON COMMIT DROP AS
SELECT n, (n % 256)::smallint AS bucket, n || '@example.com' AS email, now() - n * interval '1 second' AS due_at,
    int8send(n) || decode(lpad(to_hex(n % 256), 8, '0'), 'hex') AS id
FROM generate_series(1::bigint, 20000) AS n;

INSERT INTO profiles (bucket, id, database_id, fields, subscriptions, created_at)
SELECT bucket, id, 1, jsonb_build_object('email', email), '[]', due_at FROM numbers;

INSERT INTO identities (value, database_id, resource_id, kind, profile_id)
SELECT email, 1, 0, 1, id FROM numbers;

INSERT INTO messages (bucket, id, turn, due_at, launch_id, profile_id, trigger_id, address)
SELECT bucket, id, n % 15, due_at, '', id, 1, email FROM numbers;

INSERT INTO events (bucket, id, at, type, database_id, profile_id, message_id, launch_id, trigger_id, data)
SELECT bucket, id, now() + n * interval '1 second', (ARRAY['send', 'undeliv', 'uopen', 'skip'])[1 + n % 4], 1 + n % 3,
    id, id, int8send(n / 5000), n % 3, jsonb_build_object('address', email)
FROM numbers;

INSERT INTO copies (bucket, id, at, content) SELECT bucket, id, now(), '' FROM numbers;

INSERT INTO tasks (id, kind, total, due_at, created_at) SELECT gen_random_uuid(), '', 1, due_at, due_at FROM numbers;
UPDATE tasks SET status = 'failed', finished_at = due_at WHERE random() < 0.95;

INSERT INTO passages (bucket, id, profile_id, workflow_id, launch_id, node, arrived_at, due_at, lane, awaits, memory)
SELECT bucket, id, id, n % 10, '', 'pause', due_at, due_at, CASE WHEN n % 7 = 0 THEN 'updates' ELSE 'steps' END,
    CASE WHEN n % 3 = 0 THEN id END, '{}'
FROM numbers;

INSERT INTO workflow_entries (bucket, profile_id, workflow_id, first_entered_at)
SELECT bucket, id, n % 10, due_at FROM numbers;

INSERT INTO steps (bucket, profile_id, passage_id, number, at, workflow_id, node, reason)
SELECT bucket, id, id, 1, now(), n % 10, 'start', 'entered' FROM numbers;

INSERT INTO suppressions (value, list_id, source, at)
SELECT email, 1, 'api', due_at FROM numbers
UNION ALL SELECT 'md5:' || md5(email), 2, 'api', due_at FROM numbers;

INSERT INTO short_links (bucket, code, message_id, number, links, url)
SELECT bucket, n, id, 0, 1, 'https://example.com/' FROM numbers;

INSERT INTO hook_events (bucket, hook_id, place, event_id, at, total, event_ids, times, types)
SELECT bucket / 16 * 16, 1, n, id, due_at, 1, id, '{1}', '{send}' FROM numbers;

ANALYZE hook_events, profiles, identities, messages, events, copies, tasks, passages, workflow_entries, steps,
    suppressions, short_links;
"""


def keys(count):
    identifiers = [n.to_bytes(8, "big") + bytes([0, 0, 0, n % 256]) for n in range(1, count + 1)]
    return {"buckets": smallint_column([one[-1] for one in identifiers]), "ids": bytea_column(identifiers)}


def values(count):
    return text_column([b"%d@example.com" % n for n in range(1, count + 1)])


def sought(count):
    return {"values": values(count), "database_id": 1, "kinds": smallint_column([1, 3]), "resource_id": None}


def combinations(count):
    numbers = integer_column([number for number in range(count) for _ in "ab"])
    both = text_column([b"%s%d@example.com" % (more, n) for n in range(1, count + 1) for more in (b"", b"x")])
    return {"combinations": numbers, "values": both, "database_id": 1, "kind": 5}


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


def happened(count):
    return keys(count) | {"message_ids": keys(count)["ids"]}


def short(count):
    codes = keys(count)
    return {"buckets": codes["buckets"], "codes": list(range(1, count + 1)), "message_ids": codes["ids"]} | {
        "urls": text_column([b"https://example.com/"] * count)
    }


def moved(count):
    return keys(count) | {
        "nodes": text_column([b"hello"] * count),
        "lanes": text_column([b"steps"] * count),
        "memories": text_column([b"{}"] * count),
        "arrived_at": [NOW] * count,
        "due_at": [NOW] * count,
        "attempts": smallint_column([0] * count),
        "steps": integer_column([1] * count),
        "awaits": [None] * count,
    }


OF_ONE_WORKFLOW = {"workflow_id": 1}
OF_ONE_PROFILE = {"bucket": 1, "profile_id": bytes(11) + b"\x01", "workflow_id": 1}
LEASE = {"leased_until": NOW + timedelta(minutes=1)}
CLAIM = LEASE | {"now": NOW, "first_bucket": 0, "last_bucket": 255, "limit": CLAIMED}
TURNS = {"turns": smallint_column(range(1, LAST_TURN + 1)), "passed_over": integer_column([5, 6])}
ACTIVE = {"workflow_ids": integer_column([1, 2, 3]), "rooms": integer_column([CLAIMED] * 3)}

OF_A_HISTORY = {"bucket": 1, "profile_id": bytes(11) + b"\x01", "message_id": bytes(12), "event_id": bytes(12)}
DAY = timedelta(days=1)
PAGE = {"from_at": NOW - DAY, "until": NOW + DAY, "after_at": NOW - DAY, "after_id": b"", "limit": 100}
ANYWHERE = {"buckets": smallint_column(range(256)), "message_id": bytes(12)}
NEW_OWNER = {"new_bucket": 1, "new_profile_id": bytes(11) + b"\x01"}

# A page of the log of messages.
LOGGED = {
    "types": ["send", "undeliv", "skip"],
    "narrowed_types": ["skip"],
    "triggers": integer_column([1, 2]),
    "only_ends": True,
    "before_at": NOW + DAY,
    "before_id": b"",
    "from_at": NOW - DAY,
    "until": NOW + DAY,
    "database_id": None,
    "trigger_id": None,
    "launch_id": None,
    "limit": 50,
}
OF_OWNERS = {"any_address": False, "with_skips": True, "spellings": [], "beginning": "1"}
PROGRESS = {"since": [NOW - DAY] * 50, "message_ids": keys(50)["ids"], "types": ["send", "uopen"]}
QUEUED = {
    "buckets": smallint_column(range(256)),
    "before": b"\xff" * 13,
    "from_id": b"",
    "until_id": b"\xff" * 4,
    "profile_ids": None,
    "addresses": None,
    "beginning": None,
    "triggers": [1],
    "launch_id": None,
    "limit": 50,
}
PREFIX = {"beginning": "1", "end": "1\U0010ffff", "kinds": smallint_column([1, 3]), "limit": 200}
OF_AGE = {"database_id": 1, "before_at": NOW + DAY, "before_id": b"", "limit": 50}
NEWEST = {"before": b"\xff" * 13, "at_least": 1, "limit": 50}
SKIPS = {"types": ["skip", "suppress"], "limit": 100}
A_TRIGGER, A_LAUNCH = {"trigger_id": 2}, {"launch_id": (1).to_bytes(8, "big")}

# An import asks for thousands of rows, after prefer_indexes.
OF_AN_IMPORT = {
    "identities.find": (sought(BATCH), {"value"}),
    "identities.find_owners_of_all": (combinations(BATCH), {"value"}),
    "identities.delete": (lost(BATCH), {"value"}),
    "identities.list_owners": ({"values": values(100), "kind": 4}, {"value"}),
    "provider_ids.find": ({"provider_ids": ["a", "b"], "sender_id": 1}, {"provider_id", "sender_id"}),
    "profiles.get": (keys(BATCH) | {"database_id": 1}, {"bucket", "id"}),
    "profiles.find": (keys(BATCH) | {"database_id": 1}, {"bucket", "id"}),
    "profiles.update": (keys(BATCH) | documents(BATCH), {"bucket", "id"}),
    "messages.delete_of_profiles": (keys(100), {"bucket"}),
    "messages.move": (keys(100) | NEW_OWNER, {"bucket"}),
    "events.find_addressee": (ANYWHERE, {"bucket", "id"}),
    "events.delete": (keys(100), {"bucket", "profile_id"}),
    "events.move": (keys(100) | NEW_OWNER, {"bucket", "profile_id"}),
    "copies.delete": (keys(100), {"bucket", "id"}),
    "suppressions.list_matching": ({"values": values(BATCH)}, {"value"}),
    "passages.list_inside": (keys(BATCH) | OF_ONE_WORKFLOW, {"bucket", "profile_id", "workflow_id"}),
    "passages.delete_of_profiles": (keys(100) | OF_ONE_WORKFLOW, {"bucket", "profile_id", "workflow_id"}),
    "passages.lock": (keys(CLAIMED) | LEASE, {"bucket", "id"}),
    "passages.update": (moved(CLAIMED), {"bucket", "id"}),
    "passages.keep": (keys(CLAIMED) | LEASE | {"leased_before": NOW}, {"bucket", "id"}),
    "passages.delete": (keys(CLAIMED), {"bucket", "id"}),
    "passages.wake": (keys(CLAIMED) | {"now": NOW}, {"bucket", "awaits"}),
}
# Of which other tables are read.
OF_OTHER_TABLES = {
    "passages.list_entered": ("workflow_entries", keys(BATCH) | OF_ONE_WORKFLOW, {"bucket", "profile_id"}),
    "history.find": ("events", ANYWHERE, {"bucket", "id"}),
    "history.find_all": ("events", keys(100), {"bucket", "id"}),
    "history.find_place": ("events", OF_A_HISTORY, {"bucket"}),
    "history.list_of_message": ("events", OF_A_HISTORY, {"bucket", "profile_id"}),
    "history.list_of_profile": ("events", OF_A_HISTORY | PAGE, {"bucket", "profile_id", "at"}),
    "message_log.list_progress": ("events", PROGRESS | keys(50), {"bucket", "profile_id", "at"}),
    "timeline.list_of_profile": (
        "(?:events|steps)",
        {"bucket": 1, "profile_id": bytes(11) + b"\x01", "before_at": NOW + DAY, "before_key": b""}
        | {"types": None, "with_steps": True, "limit": 50},
        {"bucket", "profile_id", "at"},
    ),
    "copies.find": ("copies", {"bucket": 1, "id": bytes(12), "since": NOW - DAY}, {"bucket", "id"}),
    "copies.list_ids_of_profiles": ("events", keys(100), {"bucket", "profile_id"}),
    "passages.list_happened": ("events", happened(CLAIMED), {"bucket", "profile_id"}),
    "passages.list_steps": ("steps", OF_ONE_PROFILE, {"bucket", "profile_id"}),
}
# What people look at, of tables that hold everything that ever happened.
OF_THE_CONSOLE = {
    "message_log.list_databases": ("events", {}, set()),
    "message_log.list_of_databases": (
        "events",
        LOGGED | {"databases": integer_column([1, 2])},
        {"database_id", "type", "at"},
    ),
    "message_log.list_of_triggers": ("events", LOGGED | {"wanted_triggers": [1, 2]}, {"trigger_id", "type", "at"}),
    "message_log.list_of_launch": ("events", LOGGED | A_LAUNCH, {"launch_id", "type", "at"}),
    "message_log.list_of_addresses": ("events", LOGGED | {"addresses": ["7@example.com"]}, {"at"}),
    "message_log.list_of_profiles": ("events", LOGGED | OF_OWNERS | keys(50), {"bucket", "profile_id", "at"}),
    "message_log.list_waiting": ("messages", QUEUED, {"bucket", "id"}),
    "identities.list_addressees": (
        "identities",
        {"values": ["7@example.com"], "kinds": smallint_column([1, 3]), "limit": 100},
        {"value"},
    ),
    "identities.list_addressees_by_prefix": ("identities", PREFIX, {"value"}),
    "identities.list_newest_owners": ("identities", NEWEST | sought(2), {"value"}),
    "profiles.list_newest": ("profiles", OF_AGE, {"database_id", "created_at"}),
    "profiles.get_record": ("profiles", {"bucket": 1, "id": bytes(11) + b"\x01"}, {"bucket", "id"}),
    "passages.list_everywhere": ("passages", OF_ONE_PROFILE | {"limit": 50}, {"bucket", "profile_id"}),
    "statistics.list_reasons_of_trigger": ("events", SKIPS | A_TRIGGER, {"trigger_id", "type"}),
    "statistics.list_reasons_of_launch": ("events", SKIPS | A_LAUNCH, {"launch_id", "type"}),
    "tasks.list_finished": ("tasks", {"limit": 50}, set()),
}
# Everything else asks for what a worker takes at once, or for one, as the planner sees fit.
OF_OTHERS = {
    "identities.find": (sought(1), {"value"}),
    "profiles.get": (keys(1) | {"database_id": 1}, {"bucket", "id"}),
    "profiles.get_anywhere": (keys(CLAIMED), {"bucket", "id"}),
    "messages.lock_due": (CLAIM | TURNS, {"turn", "due_at"}),
    "messages.claim": (keys(CLAIMED) | LEASE, {"bucket", "id"}),
    "messages.take": (keys(CLAIMED), {"bucket", "id"}),
    "messages.get": (keys(CLAIMED), {"bucket", "id"}),
    "messages.readdress": (
        keys(CLAIMED) | {"from_addresses": values(CLAIMED), "to_addresses": values(CLAIMED), "due_at": NOW},
        {"bucket", "id"},
    ),
    "short_links.list_taken": (short(CLAIMED), {"bucket", "code"}),
    "short_links.find": ({"bucket": 7, "code": 7}, {"bucket", "code"}),
    "short_links.list_of_message": ({"bucket": 7, "message_id": bytes(12)}, {"bucket", "message_id"}),
    "short_links.delete": (keys(CLAIMED), {"bucket", "message_id"}),
    "short_links.delete_old": (
        {"buckets": smallint_column(range(256)), "before": bytes(12)},
        {"bucket", "message_id"},
    ),
    "messages.delete": (keys(CLAIMED), {"bucket", "id"}),
    "messages.postpone": (keys(CLAIMED) | {"due_at": [NOW] * CLAIMED}, {"bucket", "id"}),
    "messages.give_back": (
        keys(CLAIMED) | {"due_at": [NOW] * CLAIMED, "attempts": [0] * CLAIMED},
        {"bucket", "id"},
    ),
    "passages.lock_due": (CLAIM | ACTIVE | {"lane": "steps"}, {"workflow_id", "lane", "due_at"}),
    "passages.claim": (keys(CLAIMED) | LEASE, {"bucket", "id"}),
    "passages.list_at_node": (OF_ONE_WORKFLOW | {"node": "pause", "after": b"", "limit": 50}, {"workflow_id", "node"}),
    "passages.list_of_profile": (OF_ONE_PROFILE, {"bucket", "profile_id", "workflow_id"}),
    "tasks.claim": ({"now": NOW, "leased_until": NOW}, {"due_at", "id"}),
}

LANE = {"hook_id": 1, "lane": 1, "batch_id": bytes(12)}
HELD = LANE | LEASE | {"lease_id": bytes(12), "limit": CLAIMED}
DELIVERED = {"places": list(range(1, 17)), "event_ids": keys(16)["ids"], "now": NOW}
TOGETHER = bucket_columns([n.to_bytes(8, "big") + bytes([0, 0, 0, n % 16]) for n in range(1, CLAIMED)])
# A batch for a hook, after prefer_order.
OF_A_BATCH = {
    "hook_events.take": ("hook_events", HELD, {"bucket", "hook_id", "place", "event_id"}),
    "hook_events.finish": ("hook_events", LANE | DELIVERED, {"bucket", "hook_id", "place", "event_id"}),
    "hook_events.list_events": ("events", TOGETHER | {"from_at": NOW - DAY}, {"bucket", "id"}),
    "profiles.get_subscriptions_anywhere": ("profiles", TOGETHER, {"bucket", "id"}),
}


@pytest.fixture
async def full(stage):
    """A connection to tables with rows enough that reading them through would be dear."""
    await stage.connection.execute(FILL)
    return stage.connection


async def find_mistakes(connection, asked):
    """By query, what is wrong with the plan that the planner chooses."""
    found = {}
    for query, (*table, parameters, columns) in asked.items():
        noun, name = query.split(".")
        cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {queries.load(noun)[name]}", parameters)
        ((explained,),) = await cursor.fetchall()
        found[query] = describe(explained[0]["Plan"], table[0] if table else noun, columns)
    return {query: mistakes for query, mistakes in found.items() if mistakes}


def describe(plan, table, columns):
    """What is wrong with a plan: a table read through, or a column that no index looks up."""
    of_table = [node for node in nodes_of(plan) if re.fullmatch(rf"{table}[_0-9]*", node.get("Relation Name", ""))]
    readers = [node for node in of_table if "Scan" in node["Node Type"]]
    through = [node["Node Type"] for node in readers if not node["Node Type"].startswith("Index")]
    conditions = " ".join(node.get("Index Cond", "") for node in readers)
    ignored = [column for column in columns if not re.search(rf"\b{column} [=<>]", conditions)]
    return through + [f"{column} is not looked up" for column in ignored]


def nodes_of(plan):
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes_of(part))]


async def test_statements_of_many_rows_use_their_index(full):
    assert await find_mistakes(full, OF_OTHERS | OF_THE_CONSOLE) == {}
    await profiles.prefer_indexes(full)
    assert await find_mistakes(full, OF_AN_IMPORT | OF_OTHER_TABLES) == {}


@pytest.mark.parametrize("is_new", [True, False], ids=["counted_when_empty", "counted_since"])
async def test_a_batch_for_a_hook_is_read_by_keys(stage, is_new):
    fill = FILL.replace("ANALYZE hook_events,", "ANALYZE")
    await stage.connection.execute(f"ANALYZE hook_events; {fill}" if is_new else FILL)
    await planner.prefer_order(stage.connection)
    assert await find_mistakes(stage.connection, OF_A_BATCH) == {}

"""Ten thousand profiles in one call, and many calls at once over the same people."""

import asyncio
from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from product import own_database

from cast import CONFIGURATION, Stage, open_call_stage
from tocsin.actions import configuration, housekeeping
from tocsin.actions.context import Context
from tocsin.store import migrate
from tocsin.store.database import Database

MANY = 10_000
CALLERS = 40
SHARED = 500
LAUNCH = "campaigns/triggers/"


def profile(number: int, name: str) -> dict[str, Any]:
    return {
        "_fname": name,
        "email": f"person{number}@example.com",
        "phones": f"+7900{number:07}",
        "subscriptions": [
            {"channel": "email", "email": f"private{number}@example.org", "resource_id": 21},
            {"channel": "phone", "phone": f"+7901{number:07}", "resource_id": 20},
        ],
    }


def as_xml(members: dict[str, Any]) -> str:
    return "".join(
        f"<{name}>{as_xml(one) if isinstance(one, dict) else one}</{name}>"
        for name, value in members.items()
        for one in (value if isinstance(value, list) else [value])
    )


async def import_all(stage: Stage, encoding: str, name: str) -> list[str]:
    """One call with everybody; the ids of its result, in order."""
    profiles = [profile(number, name) for number in range(MANY)]
    if encoding == "json":
        answer = await stage.post(
            LAUNCH + "import_and_start_batch", trigger_id=8, data=[{"data": one} for one in profiles]
        )
        assert answer.keys() == {"error", "error_text", "result", "launch_id"}
        return [item["profile_id"] for item in answer["result"]]
    call = {"token": "abcdefghijklmnqrstuvwxyz", "trigger_id": 8, "data": profiles}
    root: ET.Element = await stage.post_xml(LAUNCH + "import_and_start_batch", f"<xml>{as_xml(call)}</xml>")
    assert {child.tag for child in root} == {"error", "error_text", "result", "launch_id"}
    return [found.text or "" for found in root.iterfind("result/profile_id")]


@pytest.mark.parametrize("encoding", ["json", "xml"])
async def test_ten_thousand_profiles_in_one_call_then_again_as_updates(stage: Stage, encoding: str):
    first = await import_all(stage, encoding, "Victoria")
    assert len(set(first)) == MANY
    second = await import_all(stage, encoding, "Brooklyn")
    assert second == first
    assert await stage.rows("SELECT count(*) FROM profiles") == [(MANY,)]
    assert await stage.rows("SELECT kind, count(*) FROM identities GROUP BY kind ORDER BY kind") == [
        (kind, MANY) for kind in (1, 2, 3, 4)
    ]
    rows = await stage.rows("SELECT encode(id, 'hex'), fields, subscriptions FROM profiles")
    expected = {
        identifier: (
            {"_fname": "Brooklyn", "email": f"person{number}@example.com", "phones": [f"+7900{number:07}"]},
            [
                {"channel": "email", "email": f"private{number}@example.org", "resource_id": 21},
                {"channel": "sms", "phone": f"+7901{number:07}", "resource_id": 20},
            ],
        )
        for number, identifier in enumerate(first)
    }
    for identifier, fields, subscriptions in rows:
        subscribed = [one | {"status": "subscribed", "priority": 0} for one in expected[identifier][1]]
        assert (fields, subscriptions) == (expected[identifier][0], subscribed)
    launched = await stage.rows(
        "SELECT address, count(DISTINCT launch_id), count(*) FROM messages GROUP BY address ORDER BY address"
    )
    assert launched == sorted((f"person{number}@example.com", 2, 2) for number in range(MANY))


async def test_forty_calls_at_once_over_the_same_new_people_make_each_once(server: str):
    with own_database(server, "story_forty") as conninfo:
        database = Database(conninfo, connections=10)
        await database.open()
        context = Context(database)
        async with database.transaction() as transaction:
            await migrate.migrate(transaction)
        await housekeeping.prepare(context)
        await configuration.apply(context, CONFIGURATION, "cast.yaml", {})
        people = [{"data": {"email": f"person{number}@example.com"}} for number in range(SHARED)]
        async with open_call_stage(context) as post:
            # Half of them in another order, so that locks taken in the order of items would wait in a circle.
            answers = await asyncio.gather(
                *(
                    post(LAUNCH + "import_and_start_batch", trigger_id=8, data=people[:: -1 if caller % 2 else 1])
                    for caller in range(CALLERS)
                )
            )
        async with database.transaction() as transaction:
            stored = await (
                await transaction.execute("SELECT fields->>'email', count(*) FROM profiles GROUP BY 1")
            ).fetchall()
            queued = await (
                await transaction.execute("SELECT profile_id, count(*) FROM messages GROUP BY 1")
            ).fetchall()
        await database.close()
    assert [answer["error"] for answer in answers] == [0] * CALLERS
    assert len({tuple(sorted(item["profile_id"] for item in answer["result"])) for answer in answers}) == 1
    assert Counter(dict(stored)) == {f"person{number}@example.com": 1 for number in range(SHARED)}
    assert {count for _, count in queued} == {CALLERS}
    assert len(queued) == SHARED

"""`profiles/merge`: several profiles become one, in JSON and in XML."""

from datetime import timedelta
from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import configuration
from tocsin.core.messages import LAST_TURN
from tocsin.store import messages, queries

START = "campaigns/triggers/start"
LISTENERS = """
triggers:
  - {id: 50, name: Import, database: 1, template: 1, sender: 1, active: true, event: api_import}
  - {id: 51, name: Update, database: 1, template: 1, sender: 1, active: true, event: update}
  - {id: 52, name: Subscribe, database: 1, template: 1, sender: 1, active: true, event: subscribe}
"""


def subscription(email: str, **members: Any) -> dict[str, Any]:
    return {"channel": "email", "email": email, "resource_id": 21} | members


async def merge(stage: Stage, *profile_ids: str, **members: Any) -> dict[str, Any]:
    return await stage.post("profiles/merge", {"db_id": 1, "profile_ids": profile_ids} | members)


async def get(stage: Stage, profile_id: str) -> dict[str, Any]:
    return await stage.get_profile(matching="profile_id", profile_id=profile_id)


async def owners(stage: Stage, table: str) -> list[str]:
    """The profile of each row of a table."""
    return [found for (found,) in await stage.rows(f"SELECT encode(profile_id, 'hex') FROM {table} ORDER BY 1")]


async def test_the_first_profile_has_what_all_had_and_the_others_are_gone(stage: Stage):
    ann = await stage.add(
        email="ann@example.com", bonus=1, interests=["a"], subscriptions=[subscription("a@example.com")]
    )
    bob = await stage.add(
        email="bob@example.com",
        CRM_ID="2",
        phones="+79000000001",
        bonus=2,
        interests=["b"],
        subscriptions=[subscription("A@example.com", status="unsubscribed"), subscription("b@example.com")],
    )
    answer = await merge(stage, ann, bob)
    assert answer == {"error": 0, "error_text": "Successful operation", "profile_id": ann}
    merged = await get(stage, ann)
    assert {name: merged[name] for name in ("email", "bonus", "CRM_ID", "phones", "interests")} == {
        "email": "ann@example.com",
        "bonus": 1,
        "CRM_ID": "2",
        "phones": ["+79000000001"],
        "interests": ["a", "b"],
    }
    assert [(one["email"], one["status"]) for one in merged["subscriptions"]] == [
        ("a@example.com", "unsubscribed"),
        ("b@example.com", "subscribed"),
    ]
    assert await stage.rows("SELECT encode(id, 'hex') FROM profiles") == [(ann,)]
    assert set(await owners(stage, "identities")) == {ann}
    assert (await stage.get_profile(matching="custom", field_name="CRM_ID", field_value="2"))["id"] == ann
    assert (await stage.get_profile(email="b@example.com"))["id"] == ann
    assert (await stage.post("profiles/get", db_id=1, email="bob@example.com"))["error"] == 404


async def test_profiles_are_merged_in_xml(stage: Stage):
    ann, bob, cy = [await stage.add(email=f"{name}@example.com", interests=[name]) for name in ("ann", "bob", "cy")]
    root = await stage.post_xml(
        "profiles/merge",
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><to>{cy}</to>"
        f"<profile_ids>{ann}</profile_ids><profile_ids>{bob}</profile_ids></xml>",
    )
    assert (root.findtext("error"), root.findtext("profile_id")) == ("0", cy)
    assert (await get(stage, cy))["interests"] == ["cy", "ann", "bob"]
    assert await stage.rows("SELECT count(*) FROM profiles") == [(1,)]


@pytest.mark.parametrize("is_listed", [True, False])
async def test_the_profile_that_stays_can_be_named(stage: Stage, is_listed: bool):
    ann, bob = await stage.add(email="ann@example.com", _fname="Ann"), await stage.add(email="bob@example.com")
    answer = await merge(stage, ann, *[bob] * is_listed, to=bob.upper())
    assert answer["profile_id"] == bob
    assert (await get(stage, bob))["email"] == "bob@example.com"
    assert (await get(stage, bob))["_fname"] == "Ann"


async def test_a_new_profile_can_be_made(stage: Stage):
    ann, bob = await stage.add(email="1@localhost", bonus=1), await stage.add(email="bob@example.com", bonus=2)
    made = (await merge(stage, ann, bob, create=True))["profile_id"]
    assert made not in (ann, bob)
    assert await get(stage, made) == {
        "id": made, "db_id": 1, "email": "bob@example.com", "bonus": 1, "subscriptions": []
    }  # fmt: skip
    assert await stage.rows("SELECT count(*) FROM profiles") == [(1,)]
    assert set(await owners(stage, "identities")) == {made}


async def test_history_and_waiting_messages_go_along(stage: Stage):
    people = [await stage.add(email=f"p{number}@example.com") for number in range(30)]
    for number, _ in enumerate(people):
        await stage.post(START, id=8, email=f"p{number}@example.com", content={"page": number})
    await stage.work()
    for number, _ in enumerate(people):
        await stage.post(START, id=8, email=f"p{number}@example.com", timeout={"days": 1}, custom_data={"n": number})
    known = await stage.rows("SELECT id, message_id, at, type, data FROM events ORDER BY id")
    stays = (await merge(stage, *people))["profile_id"]
    assert await owners(stage, "events") == [stays] * 30
    assert await owners(stage, "messages") == [stays] * 30
    assert await stage.rows("SELECT id, message_id, at, type, data FROM events ORDER BY id") == known
    bucket = bytes.fromhex(stays)[-1]
    assert await stage.rows("SELECT DISTINCT bucket FROM events UNION SELECT bucket FROM messages") == [(bucket,)]
    stage.mailbox.arrived.clear()
    stage.clock.advance(days=1)
    await stage.work()
    assert sorted(stage.mailbox.mails()) == sorted(f"p{number}@example.com" for number in range(30))
    assert await stage.rows("SELECT type, total FROM event_totals WHERE trigger_id = 8") == [("send", 60)]


@pytest.mark.parametrize(("table", "of_itself"), [("messages", {"attempts"}), ("events", set())])
async def test_every_column_of_a_row_goes_along(stage: Stage, table: str, of_itself: set[str]):
    columns = await stage.rows("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)
    _, _, inserted = queries.load(table)["move"].partition("INSERT INTO")
    written = {name.strip() for name in inserted[inserted.index("(") + 1 : inserted.index(")")].split(",")}
    assert written == {name for (name,) in columns} - of_itself


async def test_profiles_of_one_bucket_are_merged_too(stage: Stage):
    people = [{"email": f"p{number}@example.com"} for number in range(257)]
    added = (await stage.post("profiles/add_batch", db_id=1, data=people))["result"]
    of_bucket: dict[str, list[str]] = {}
    for one in added:
        of_bucket.setdefault(one["profile_id"][-2:], []).append(one["profile_id"])
    pair = max(of_bucket.values(), key=len)[:2]
    for timeout in ({}, {"days": 1}):
        for profile_id in pair:
            await stage.post(START, id=8, matching="profile_id", profile_id=profile_id, timeout=timeout)
        await stage.work()
    await merge(stage, *pair)
    assert await owners(stage, "events") == [pair[0]] * 2
    assert await owners(stage, "messages") == [pair[0]] * 2


async def test_a_message_that_a_worker_has_stays_as_it_is(stage: Stage):
    ann, bob = await stage.add(email="ann@example.com"), await stage.add(email="bob@example.com")
    await stage.post(START, id=8, email="bob@example.com")
    now = stage.clock()
    lease = timedelta(seconds=60)
    every = {"buckets": range(256), "turns": range(LAST_TURN + 1)}
    await messages.claim(stage.connection, now=now, leased_until=now + lease, limit=9, **every)
    before = await stage.rows("SELECT id, profile_id FROM messages")
    await merge(stage, ann, bob)
    assert await stage.rows("SELECT id, profile_id FROM messages") == before
    stage.clock.advance(minutes=2)
    await stage.work()
    assert await stage.rows("SELECT type, data->>'text' FROM events") == [("undeliv", "the profile was deleted")]


async def test_who_was_sent_to_before_can_unsubscribe_after(stage: Stage):
    ann = await stage.add(email="ann@example.com")
    bob = await stage.add(email="bob@example.com", subscriptions=[subscription("bob@example.com")])
    await stage.post(START, id=97, email="bob@example.com")
    await stage.work()
    smid = stage.mailbox.mails()["bob@example.com"]["Message-ID"][1:25]
    await merge(stage, ann, bob)
    answer = await stage.post("profiles/message_unsub", rtoken="newsletter-21-token", smid=smid)
    assert answer["profile_id"] == ann
    assert (await get(stage, ann))["subscriptions"][0]["status"] == "unsubscribed"


@pytest.mark.parametrize("create", [True, False])
async def test_deleted_subscriptions_go_along_and_can_be_brought_back(stage: Stage, create: bool):
    people = []
    for name in ("ann", "bob"):
        said = subscription(f"{name}@example.com", status="unsubscribed")
        people.append(await stage.add(email=f"{name}@example.com", subscriptions=[said]))
        await stage.post("subscriptions/delete", {"db_id": 1, "profile_id": people[-1]} | said)
    merged = (await merge(stage, *people, create=create))["profile_id"]
    assert (await get(stage, merged))["subscriptions"] == []
    for name in ("ann", "bob"):
        again = {"db_id": 1, "profile_id": merged} | subscription(f"{name}@example.com")
        assert (await stage.post("subscriptions/undelete", again))["error"] == 0
    back = (await get(stage, merged))["subscriptions"]
    assert [(one["email"], one["status"]) for one in back] == [
        ("ann@example.com", "unsubscribed"),
        ("bob@example.com", "unsubscribed"),
    ]


async def test_a_merge_is_no_event_that_triggers_hear(stage: Stage):
    ann = await stage.add(email="ann@example.com")
    bob = await stage.add(email="bob@example.com", bonus=1, subscriptions=[subscription("bob@example.com")])
    await configuration.apply(stage.context, LISTENERS, "listeners.yaml", {})
    assert (await merge(stage, ann, bob))["error"] == 0
    await stage.work()
    assert stage.mailbox.arrived == []


async def test_what_is_wrong_is_said_and_nothing_merged(stage: Stage):
    ann, bob = await stage.add(email="ann@example.com"), await stage.add(email="bob@example.com")
    elsewhere = await stage.add(db_id=2, email="ann@example.com")
    nobody = "0" * 24
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"profile_ids": []}, 400, "profile_ids: expected 2 to 100 different profiles"),
        ({"profile_ids": [ann]}, 400, "profile_ids: expected 2 to 100 different profiles"),
        ({"profile_ids": [ann, ann.upper()]}, 400, "profile_ids: expected 2 to 100 different profiles"),
        ({"profile_ids": [ann], "to": ann}, 400, "profile_ids: expected 2 to 100 different profiles"),
        ({"profile_ids": [f"{n:024x}" for n in range(101)]}, 400, "profile_ids: expected 2 to 100 different profiles"),
        ({"profile_ids": [ann, "xyz"]}, 400, "profile_ids[1]: expected 24 hex digits"),
        ({"profile_ids": [ann, nobody]}, 404, "profile_ids[1]: there is no such profile"),
        ({"profile_ids": [ann, elsewhere]}, 404, "profile_ids[1]: there is no such profile"),
        ({"to": nobody}, 404, "to: there is no such profile"),
        ({"to": "me"}, 400, "to: expected 24 hex digits"),
        ({"to": ann, "create": True}, 400, "create: a new profile cannot be made where `to` names one"),
        ({"db_id": 9}, 404, "there is no database 9"),
        ({"token": READER}, 403, "token 'reader' lacks the permission profiles.write"),
    ]
    before = await stage.count_rows()
    for members, code, debug in cases:
        answer = await merge(stage, *members.pop("profile_ids", [ann, bob]), **members)
        assert (answer["error"], answer["error_debug"].startswith(debug)) == (code, True), answer
    assert await stage.count_rows() == before

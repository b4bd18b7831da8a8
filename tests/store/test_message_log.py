"""The log of messages, newest first: every filter, page by page, and in which state each message is."""

from cast import Stage
from tocsin.actions import bounces
from tocsin.core import ids
from tocsin.core.bounces import Report
from tocsin.core.message_log import Search
from tocsin.store import message_log
from tocsin.store.message_log import Place

HARD = Report("hbounce", 550, "5.1.1", "550 5.1.1 User unknown")
LAUNCH = "campaigns/triggers/import_and_start_batch"


async def launch(stage: Stage, *names: str, trigger_id: int = 8, db_id: int = 1) -> bytes:
    people = [{"data": {"email": f"{name}@example.com"}} for name in names]
    answer = await stage.post(LAUNCH, trigger_id=trigger_id, db_id=db_id, data=people)
    assert answer["error"] == 0, answer
    return bytes.fromhex(answer["launch_id"])


async def ask(stage: Stage, triggers=(), before=Place(), limit=50, **search):  # noqa: B008 - a value
    return await message_log.list_messages(stage.connection, Search(**search), triggers, before, limit)


async def names(stage: Stage, triggers=(), **search):
    return [(one.address.partition("@")[0], one.state) for one in await ask(stage, triggers, **search)]


async def test_messages_are_listed_newest_first_with_what_became_of_them(stage: Stage):
    stage.mailbox.answers["eve@example.com"] = ("refused", 550, "5.7.1 no")
    for name in ("ann", "eve", "bob"):
        await launch(stage, name)
        await stage.work()
        stage.clock.advance(minutes=1)
    listed = await ask(stage)
    assert [(one.address, one.type, one.state, one.code, one.text) for one in listed] == [
        ("bob@example.com", "send", "sent", 250, "2.0.0 ok"),
        ("eve@example.com", "undeliv", "failed", 550, "5.7.1 no"),
        ("ann@example.com", "send", "sent", 250, "2.0.0 ok"),
    ]


async def test_a_message_is_found_in_the_state_that_it_came_to_and_shown_in_its_latest(stage: Stage):
    await launch(stage, "ann", "bob")
    await stage.work()
    ann = next(one.message_id for one in stage.mailbox.arrived if one.recipient == "ann@example.com")
    assert await bounces.record(stage.context, ann, HARD)
    assert sorted(await names(stage)) == [("ann", "bounced"), ("bob", "sent")]
    assert sorted(await names(stage, state="sent")) == [("ann", "bounced"), ("bob", "sent")]
    (bounced,) = await ask(stage, state="bounced")
    assert (bounced.message_id, bounced.type, bounced.text) == (ann, "hbounce", "550 5.1.1 User unknown")
    assert await names(stage, state="failed") == []


async def test_a_search_narrows_by_trigger_launch_database_and_time(stage: Stage):
    first = await launch(stage, "ann")
    await stage.work()
    noon = stage.clock.advance(minutes=5) or stage.clock.now
    second = await launch(stage, "bob", trigger_id=13)
    await launch(stage, "cara", trigger_id=99, db_id=2)
    await stage.work()
    assert await names(stage, trigger_id=13) == [("bob", "sent")]
    assert await names(stage, launch_id=first) == [("ann", "sent")]
    assert await names(stage, launch_id=second, trigger_id=8) == []
    assert await names(stage, database_id=2) == [("cara", "sent")]
    assert await names(stage, until=noon) == [("ann", "sent")]
    assert sorted(await names(stage, from_at=noon)) == [("bob", "sent"), ("cara", "sent")]


async def test_an_address_finds_what_went_there_even_after_its_profile_has_another(stage: Stage):
    profile_id = await stage.add(email="Ann.Typo@example.com")
    await stage.post("campaigns/triggers/start", id=8, profile_id=profile_id, matching="profile_id")
    await launch(stage, "ann")
    await stage.work()
    changed = {"profile_id": profile_id, "email": "ann.right@example.com"}
    await stage.post("profiles/update", db_id=1, matching="profile_id", profile_id=profile_id, data=changed)
    assert await names(stage, address="ann.typo@EXAMPLE.com") == [("Ann.Typo", "sent")]
    assert await names(stage, address="ann.right@example.com") == []
    assert await names(stage, profile_id=bytes.fromhex(profile_id)) == [("Ann.Typo", "sent")]
    assert await names(stage, profile_id=bytes.fromhex(profile_id), address="ann@example.com") == []


async def test_the_beginning_of_an_address_finds_those_whose_profiles_have_it(stage: Stage):
    await launch(stage, "ann", "anna", "bob", "a_b", "a%")
    await stage.work()
    assert sorted(await names(stage, address="An*")) == [("ann", "sent"), ("anna", "sent")]
    assert await names(stage, address="a_*") == [("a_b", "sent")]
    assert await names(stage, address="zzz*") == []


async def test_what_was_skipped_is_found_by_the_address_too_and_by_the_channel_of_its_trigger(stage: Stage):
    await stage.add(email="eve@example.com")
    await stage.rows('UPDATE profiles SET fields = fields || \'{"_status": "unsubscribed"}\' RETURNING 1')
    await stage.post("campaigns/triggers/start", id=8, email="eve@example.com")
    (skipped,) = await ask(stage, address="eve@example.com")
    assert (skipped.state, skipped.message_id, skipped.text) == ("skipped", b"", "not_subscribed")
    assert [one.state for one in await ask(stage, triggers=[8], channel="email")] == ["skipped"]
    assert await ask(stage, triggers=[13], channel="sms") == []
    assert [one.state for one in await ask(stage, triggers=[8], channel="email", trigger_id=8)] == ["skipped"]
    assert await ask(stage, triggers=[13], channel="sms", trigger_id=8) == []
    assert [one.state for one in await ask(stage, triggers=[8], channel="email", address="eve@example.com")] == [
        "skipped"
    ]
    assert await ask(stage, triggers=[13], channel="sms", address="eve@example.com") == []


async def test_pages_hold_every_message_once_though_a_batch_shares_its_time(stage: Stage):
    await launch(stage, *(f"p{number}" for number in range(25)))
    await stage.work()
    stage.clock.advance(minutes=1)
    await launch(stage, *(f"q{number}" for number in range(5)))
    await stage.work()
    seen = []
    page = await ask(stage, limit=7)
    while page:
        seen += page
        page = await ask(stage, limit=7, before=Place(page[-1].at, page[-1].event_id))
    assert len({one.message_id for one in seen}) == len(seen) == 30
    assert [one.at for one in seen] == sorted((one.at for one in seen), reverse=True)
    assert {one.address[0] for one in seen[:5]} == {"q"}


async def list_waiting(stage: Stage, triggers=None, before=ids.LAST, limit=50, **search):
    found = await message_log.list_waiting(stage.connection, Search(**search), triggers, before, limit)
    return [one.address.partition("@")[0] for one in found]


async def test_the_queue_is_listed_newest_first_by_whatever_is_asked(stage: Stage):
    first = await launch(stage, "ann")
    stage.clock.advance(seconds=2)
    middle = stage.clock.now
    stage.clock.advance(seconds=2)
    second = await launch(stage, "bob", trigger_id=13)
    stage.clock.advance(seconds=2)
    await launch(stage, "cara", trigger_id=99, db_id=2)
    assert await list_waiting(stage) == ["cara", "bob", "ann"]
    assert await list_waiting(stage, trigger_id=13) == ["bob"]
    assert await list_waiting(stage, launch_id=first) == ["ann"]
    assert await list_waiting(stage, launch_id=second) == ["bob"]
    assert await list_waiting(stage, triggers=[8, 13]) == ["bob", "ann"]
    assert await list_waiting(stage, triggers=[8], trigger_id=13) == []
    assert await list_waiting(stage, from_at=middle) == ["cara", "bob"]
    assert await list_waiting(stage, until=middle) == ["ann"]
    assert await list_waiting(stage, address="BOB@example.com") == ["bob"]
    assert await list_waiting(stage, address="b*") == ["bob"]
    assert await list_waiting(stage, address="nobody@example.com") == []
    (newest,) = await message_log.list_waiting(stage.connection, Search(), None, ids.LAST, 1)
    assert await list_waiting(stage, before=newest.id) == ["bob", "ann"]

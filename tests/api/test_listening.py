"""Triggers that events of profiles start: an import, a changed field, a subscription."""

from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.actions import configuration

EVENTS = """
triggers:
  - {{id: 50, name: Event, database: 1, template: 1, sender: 1, active: true, {how}}}
"""
EMAIL = {"channel": "email", "email": "ann@example.com", "resource_id": 21}


async def listen(stage: Stage, how: str) -> None:
    await configuration.apply(stage.context, EVENTS.format(how=how), "events.yaml", {})


async def heard(stage: Stage) -> list[str]:
    """Who got a mail of the listening trigger since the last time."""
    await stage.work()
    found = [one.recipient for one in stage.mailbox.arrived]
    stage.mailbox.arrived.clear()
    return sorted(found)


@pytest.mark.parametrize(
    ("on", "first", "second"),
    [
        ("", ["ann@example.com"], ["ann@example.com"]),
        (", when: {occasions: [created]}", ["ann@example.com"], []),
        (", when: {occasions: [updated]}", [], ["ann@example.com"]),
    ],
)
async def test_an_import_is_an_event(stage: Stage, on: str, first: list[str], second: list[str]):
    await listen(stage, f"event: api_import{on}")
    await stage.add(email="ann@example.com")
    assert await heard(stage) == first
    await stage.add(email="ann@example.com")
    assert await heard(stage) == second


@pytest.mark.parametrize("method", ["profiles/import", "profiles/import_batch", "campaigns/triggers/import_and_start"])
@pytest.mark.parametrize(
    ("on", "hears"),
    [
        ("", "api file manual"),
        (", when: {sources: [file]}", "file"),
        (", when: {sources: [api, manual]}", "api manual"),
    ],
)
async def test_an_import_may_have_to_be_of_a_kind(stage: Stage, on: str, hears: str, method: str):
    await listen(stage, f"event: api_import{on}")
    heard_of = []
    for source in ("api", "file", "manual"):
        data: Any = {"email": "ann@example.com", "bonus": len(source)}
        said = {"trigger_id": 8} if "start" in method else {"db_id": 1}
        answer = await stage.post(method, said, data=[data] if "batch" in method else data, import_source=source)
        assert answer["error"] == 0, answer
        heard_of += [source] * bool(await stage.rows("DELETE FROM launches WHERE source = 'api_import' RETURNING id"))
    assert " ".join(heard_of) == hears


async def test_an_import_by_a_task_is_of_the_kind_that_the_call_says(stage: Stage):
    await listen(stage, "event: api_import, when: {sources: [file]}")
    for source, called in (("api", 0), ("file", 1)):
        items = [{"data": {"email": "ann@example.com"}}]
        answer = await stage.post(
            "campaigns/triggers/import_and_start_batch_task", trigger_id=8, data=items, import_source=source
        )
        assert answer["error"] == 0, answer
        await stage.work()
        assert await stage.rows("SELECT count(*) FROM launches WHERE source = 'api_import'") == [(called,)]


async def test_no_other_source_of_an_import_is_known(stage: Stage):
    answer = await stage.post("profiles/import", db_id=1, data={"email": "ann@example.com"}, import_source="pigeon")
    assert answer["error"] == 400
    assert answer["error_debug"] == "import_source: invalid enum value 'pigeon'"


async def test_only_a_field_that_has_changed_is_an_update(stage: Stage):
    await listen(stage, "event: update, when: {fields: [plan, bonus]}")
    await stage.add(email="ann@example.com", plan="free", bonus=1)
    assert await heard(stage) == []
    await stage.add(email="ann@example.com", plan="free", _fname="Ann")
    assert await heard(stage) == []
    await stage.add(email="ann@example.com", bonus={"action": "incr", "value": 1})
    assert await heard(stage) == ["ann@example.com"]


async def test_an_update_counts_only_for_profiles_that_fit_the_query(stage: Stage):
    await listen(stage, "event: update, when: {fields: [plan], query: {plan: pro, bonus: {$gt: 5}}}")
    people = [{"email": f"p{number}@example.com", "plan": "free", "bonus": number} for number in range(10)]
    await stage.post("profiles/import_batch", db_id=1, data=people)
    await stage.post("profiles/import_batch", db_id=1, data=[{"email": one["email"], "plan": "pro"} for one in people])
    assert await heard(stage) == [f"p{number}@example.com" for number in range(6, 10)]


async def test_an_item_that_comes_twice_in_a_batch_is_one_event(stage: Stage):
    await listen(stage, "event: api_import")
    await stage.post("profiles/import_batch", db_id=1, data=[{"email": "ann@example.com"}] * 3)
    assert await heard(stage) == ["ann@example.com"]
    assert await stage.rows("SELECT total FROM event_totals WHERE trigger_id = 50") == [(1,)]


SUBSCRIBED: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]], bool]] = [
    ("", [], [EMAIL], True),
    ("", [EMAIL], [EMAIL], False),
    ("", [EMAIL], [EMAIL | {"status": "unsubscribed"}], True),
    ("occasions: [new_status]", [], [EMAIL], False),
    ("occasions: [new_status]", [EMAIL], [EMAIL | {"status": "unsubscribed"}], True),
    ("occasions: [new_status], status: subscribed", [EMAIL], [EMAIL | {"status": "unsubscribed"}], False),
    ("occasions: [new_subscription]", [], [EMAIL], True),
    ("occasions: [new_subscription]", [EMAIL], [EMAIL | {"email": "other@example.com"}], False),
    ("occasions: [new_contact]", [EMAIL], [EMAIL | {"email": "other@example.com"}], True),
    ("occasions: [new_contact], resource: 22", [EMAIL], [EMAIL | {"email": "other@example.com"}], False),
    ("occasions: [new_subscription]", [EMAIL], [EMAIL | {"resource_id": 22}], True),
    (
        "occasions: [new_channel]",
        [EMAIL | {"resource_id": 22}],
        [{"channel": "sms", "phone": "+79000000001", "resource_id": 22}],
        True,
    ),
    ("occasions: [new_channel]", [EMAIL], [EMAIL | {"email": "other@example.com"}], False),
    ("channel: sms", [], [EMAIL], False),
    ("resource: 21, channel: email", [], [EMAIL], True),
]


@pytest.mark.parametrize(("when", "before", "said", "expected"), SUBSCRIBED)
async def test_a_subscription_is_an_event(
    stage: Stage, when: str, before: list[dict[str, Any]], said: list[dict[str, Any]], expected: bool
):
    await stage.add(email="ann@example.com", subscriptions=before)
    await listen(stage, f"event: subscribe, when: {{{when}}}")
    await stage.add(email="ann@example.com", subscriptions=said)
    assert bool(await heard(stage)) is expected


async def test_skip_triggers_starts_none(stage: Stage):
    await listen(stage, "event: api_import")
    await stage.post("profiles/import", db_id=1, skip_triggers=True, data={"email": "ann@example.com"})
    await stage.post_xml(
        "profiles/import_batch",
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><skip_triggers>true</skip_triggers>"
        "<data><email>bob@example.com</email></data></xml>",
    )
    assert await heard(stage) == []
    await stage.post_xml(
        "profiles/import_batch",
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><data><email>bob@example.com</email></data></xml>",
    )
    assert await heard(stage) == ["bob@example.com"]


@pytest.mark.parametrize("method", ["import_and_start_batch", "import_and_start_batch_task"])
async def test_an_import_that_launches_starts_what_listens_too(stage: Stage, method: str):
    await listen(stage, "event: api_import")
    people = [{"data": {"email": f"p{number}@example.com"}} for number in range(600)]
    await stage.post(f"campaigns/triggers/{method}", trigger_id=8, skip_triggers=True, data=people)
    assert len(await heard(stage)) == 600
    await stage.post(f"campaigns/triggers/{method}", trigger_id=8, data=people, content={"page": 1})
    assert len(await heard(stage)) == 1200


async def test_a_trigger_that_listens_cannot_be_launched_by_a_call(stage: Stage):
    await listen(stage, "event: api_import")
    answer = await stage.post("campaigns/triggers/start", id=50, email="ann@example.com")
    assert answer["error_debug"] == "trigger_id: trigger 50 is launched by api_import, not by API calls"


async def test_of_many_profiles_one_launch_is_made_for_each_trigger(stage: Stage):
    await listen(stage, "event: api_import")
    await stage.post("profiles/import_batch", db_id=1, data=[{"email": f"p{n}@example.com"} for n in range(300)])
    assert await stage.rows("SELECT count(*) FROM launches") == [(1,)]
    assert await stage.rows("SELECT count(*) FROM messages WHERE trigger_id = 50") == [(300,)]


async def test_another_database_does_not_hear(stage: Stage):
    await listen(stage, "event: api_import")
    await stage.post("profiles/import", db_id=2, data={"email": "ann@example.com"})
    assert await heard(stage) == []

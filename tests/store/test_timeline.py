"""Everything that happened to a profile, in one order."""

from cast import Stage
from tocsin.store import timeline
from tocsin.store.timeline import TimelinePlace


async def list_all(stage: Stage, profile_id: str, limit: int):
    found = []
    page = await timeline.list_of_profile(stage.connection, bytes.fromhex(profile_id), TimelinePlace(), limit)
    while page:
        found += page
        place = TimelinePlace(page[-1].at, page[-1].key)
        page = await timeline.list_of_profile(stage.connection, bytes.fromhex(profile_id), place, limit)
    return found


async def test_messages_and_steps_are_told_in_one_order_page_by_page(stage: Stage):
    profile_id = await stage.add(email="ann@example.com")
    await stage.add(email="bob@example.com")
    for name in ("ann", "bob"):
        await stage.post("workflows/start", id=12, email=f"{name}@example.com")
    await stage.work()
    stage.clock.advance(hours=2)
    await stage.work()
    stage.clock.advance(minutes=1)
    await stage.post("campaigns/triggers/start", id=8, email="ann@example.com")
    await stage.work()
    whole = await list_all(stage, profile_id, 1000)
    assert [one.at for one in whole] == sorted((one.at for one in whole), reverse=True)
    assert (whole[0].type, whole[0].trigger_id, whole[0].data["address"]) == ("send", 8, "ann@example.com")
    assert [one.type for one in whole if not one.is_step] == ["send"] * 3
    steps = {(one.workflow_id, one.node, one.target) for one in whole if one.is_step}
    assert {(12, "start", "hello"), (12, "bought", "remind")} <= steps
    for limit in (1, 2, 3):
        assert await list_all(stage, profile_id, limit) == whole


async def test_who_has_no_history_has_an_empty_timeline(stage: Stage):
    assert await list_all(stage, await stage.add(email="ann@example.com"), 10) == []

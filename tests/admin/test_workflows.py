"""Scenarios in the console as a whole: lists, new ones, the graph with its numbers, ways of profiles, versions."""

from typing import Any
from urllib.parse import quote

import pytest
from browser import Browser, Page
from workflow_pages import labels, places, read, send_in

from cast import Stage

PEOPLE = ("ann@example.com", "bob@example.com")


async def test_the_list_tells_how_many_are_inside_have_entered_and_have_finished(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    assert [row[:6] for row in (await owner.get("workflows")).rows()] == [
        ["Welcome 12", "Customers", "on cast.yaml", "2", "2", "0"],
        ["Asleep 13", "Customers", "off cast.yaml", "0", "0", "0"],
    ]
    stage.clock.advance(hours=2)
    await stage.work()
    assert (await owner.get("workflows")).rows()[0][3:6] == ["0", "2", "2"]


async def test_without_scenarios_the_page_teaches_how_to_begin(owner: Browser):
    for number in (12, 13):
        await owner.send(f"workflows/{number}/remove")
    page = await owner.get("workflows")
    assert "Your first scenario" in page.text
    assert len(page.tree.xpath("//button[@name='starter']")) == 4


@pytest.mark.parametrize("starter", ["welcome", "cart", "reactivation", "short"])
async def test_a_graph_to_begin_with_is_right_at_once_and_sends(stage: Stage, owner: Browser, starter: str):
    page = await owner.send("workflows/new", {"starter": starter, "trigger": "96"})
    assert page.path == "/admin/workflows/14", page.text
    assert not page.tree.xpath("//*[contains(@class, 'wrong')]")
    assert (await read(stage, 14)).get("active", False) is False
    page = await owner.send("workflows/14", {"do": "activate"}, to="workflows/14/switch")
    assert "It is switched on" in page.text
    called = await stage.post(
        "workflows/import_and_start", id=14, db_id=1, matching="email", data={"email": "ann@example.com"}
    )
    assert called["error"] == 0
    await stage.work()
    stage.clock.advance(days=4)
    await stage.work()
    assert set(stage.mailbox.mails()) == {"ann@example.com"}


async def test_a_new_scenario_is_of_the_database_of_its_trigger_and_has_the_name_that_was_typed(
    stage: Stage, owner: Browser
):
    await owner.send("workflows/new", {"starter": "short", "trigger": "99", "name": "Keeping"})
    made = await read(stage, 14)
    assert (made["name"], made["database"]) == ("Keeping", 2)
    page = await owner.send("workflows/new", {"starter": "short", "trigger": ""})
    assert page.status == 422
    assert "Choose a trigger" in page.text
    page = await owner.send("workflows/new", {"starter": "nothing", "trigger": "8"})
    assert page.status == 404
    assert await stage.rows("SELECT count(*) FROM configuration WHERE kind = 'workflows'") == [(3,)]


async def test_a_scenario_is_renamed_and_its_rule_of_entering_again_changed(stage: Stage, owner: Browser):
    page = await owner.send("workflows/12", {"name": "Hello", "reentry": "separate"})
    assert "Saved" in page.text
    changed = await read(stage)
    assert (changed["name"], changed["reentry"], changed["active"]) == ("Hello", "separate", True)
    page = await owner.send("workflows/12", {"name": "", "reentry": "sometimes"})
    assert page.status == 422
    assert len(page.tree.xpath("//*[@aria-invalid='true']")) == 2


async def test_a_scenario_with_profiles_inside_stays_in_its_database(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    page = await owner.send("workflows/12", {"database": "2"})
    assert page.status == 422
    assert "is for database 1" in page.text
    await owner.send("workflows/13", {"database": "2"})
    assert (await read(stage, 13))["database"] == 2


async def test_switching_off_keeps_those_inside_and_switching_on_lets_them_go_on_or_empties(
    stage: Stage, owner: Browser
):
    await send_in(stage, *PEOPLE)
    await owner.send("workflows/12", {"do": "deactivate"}, to="workflows/12/switch")
    stage.clock.advance(hours=3)
    await stage.work()
    assert await places(stage) == ["pause", "pause"]
    page = await owner.get("workflows/12")
    assert labels(page, "//form[@class='actions']//button")[:2] == ["Switch on with 2 inside", "Empty and switch on"]
    await owner.send("workflows/12", {"do": "empty"}, to="workflows/12/switch")
    assert await places(stage) == []
    await send_in(stage, "cyd@example.com")
    await owner.send("workflows/12", {"do": "deactivate"}, to="workflows/12/switch")
    await owner.send("workflows/12", {"do": "activate"}, to="workflows/12/switch")
    assert await places(stage) == ["pause"]


async def test_a_clone_has_the_same_graph_and_is_switched_off(stage: Stage, owner: Browser):
    page = await owner.send("workflows", {"do": "clone"}, to="workflows/12/switch")
    assert page.path == "/admin/workflows/14", page.text
    first, second = await read(stage), await read(stage, 14)
    assert second["nodes"] == first["nodes"]
    assert (second["name"], second.get("active", False)) == ("Welcome (copy)", False)


async def test_removing_a_scenario_tells_whom_it_throws_out(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    page = await owner.get("workflows/12/remove")
    assert "2 profiles are there now and will be thrown out" in page.text
    assert (await owner.send("workflows/12/remove")).path == "/admin/workflows"
    assert await places(stage) == []
    assert (await owner.get("workflows/12")).status == 404


async def test_a_scenario_that_others_lead_to_is_not_removed(stage: Stage, owner: Browser):
    nodes = [{"id": "start", "type": "start", "next": "hop"}, {"id": "hop", "type": "workflow_jump", "workflow": 12}]
    assert (await stage.post("workflows/update", id=13, nodes=nodes))["error"] == 0
    page = await owner.send("workflows/12/remove")
    assert page.status == 422
    assert "there is no workflow 12" in page.text
    assert await read(stage)


async def test_the_graph_is_drawn_in_the_page_with_its_numbers_and_told_in_a_list(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    page = await owner.get("workflows/12")
    assert labels(page, "//*[@data-inside='pause']") == ["2"]
    assert labels(page, "//*[@data-way='hello pause']") == ["2"]
    assert labels(page, "//*[@data-way='bought remind']/..") == ["no · 0"]
    assert "style=" not in page.html
    assert "<style" not in page.html
    assert page.rows()[2] == ["Delay pause", "Delay: 2 h", "2", "0", "Condition"]
    assert "Condition: bonus is above 0" in page.rows()[3][1]
    assert len(page.html) < 100_000


async def test_the_numbers_of_now_are_there_for_a_page_that_stays_open(stage: Stage, owner: Browser):
    before = (await owner.get("workflows/12/numbers")).response.json()
    await send_in(stage, *PEOPLE)
    after = (await owner.get("workflows/12/numbers")).response.json()
    assert (before["inside"]["pause"], before["totals"]["entered"]) == ("0", "0")
    assert (after["inside"]["pause"], after["taken"]["start hello"]) == ("2", "2")
    assert after["totals"] == {"inside": "2", "entered": "2", "finished": "0"}
    page = await owner.get("workflows/12")
    assert page.tree.xpath("//*[@data-numbers]/@data-numbers") == ["/admin/workflows/12/numbers"]
    (script,) = page.tree.xpath("//script[contains(@src, 'workflows.js')]/@src")
    assert (await owner.get(script.removeprefix("/admin/"))).status == 200


async def test_the_page_says_when_a_file_manages_the_scenario(owner: Browser):
    await owner.send("workflows", {"do": "clone"}, to="workflows/13/switch")
    assert "manages this" not in (await owner.get("workflows/14")).text
    assert "cast.yaml manages this" in (await owner.get("workflows/12")).text


async def trace(owner: Browser, sought: str) -> Page:
    return await owner.get(f"workflows/12/trace?profile={quote(sought)}")


async def test_a_profile_s_way_is_told_and_marked_in_the_graph(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    page = await trace(owner, "Ann@example.com")
    assert [text.split(" ")[:2] for text in labels(page, "//ol[@class='trace']/li")] == [
        ["Start", "entered"],
        ["Message", "sent"],
        ["Delay", "is"],
    ]
    assert len(page.tree.xpath("//*[contains(@class, 'way') and contains(@class, 'taken')]")) == 2
    assert page.tree.xpath("//*[@aria-current='true']/@data-node") == ["pause"]
    stage.clock.advance(hours=2)
    await stage.work()
    page = await trace(owner, await stage.add(email="ann@example.com"))
    assert labels(page, "//ol[@class='trace']/li[@class='over']") == ["came to its end"]
    assert "does not fit" in page.text


@pytest.mark.parametrize(
    ("sought", "said"),
    [
        ("nobody@example.com", "There is no such profile"),
        ("+12", "phone"),
        ("0" * 24, "There is no such profile"),
    ],
)
async def test_a_search_for_nobody_says_so(owner: Browser, sought: str, said: str):
    page = await trace(owner, sought)
    assert page.status == 422
    assert said in page.tree.xpath("string(//*[@id='profile-mistake'])")


async def test_who_has_never_been_inside_is_said_to_be_so(stage: Stage, owner: Browser):
    await stage.add(email="dan@example.com")
    page = await trace(owner, "dan@example.com")
    assert "It has never entered" in page.text


async def change_pause(owner: Browser) -> None:
    await owner.send("workflows/12/nodes/pause", {"for.hours": "5"})
    form = {"from": "start", "to": "hello", "type": "delay"}
    await owner.send("workflows/12/insert?from=start&to=hello&type=delay", form | {"id": "before"})


async def test_two_versions_are_one_graph_with_what_changed_in_colours(owner: Browser):
    await change_pause(owner)
    await owner.send("workflows/12/nodes/remind/remove")
    page = await owner.get("workflows/12/versions")
    numbers = [row[0].split()[0] for row in page.rows()]
    assert len(numbers) == 4
    page = await owner.get(f"workflows/12/versions?old={numbers[-1]}&new={numbers[0]}")
    (drawn,) = page.tree.xpath("//a[contains(@href, '/drawn')]/@href")
    page = await owner.get(drawn.removeprefix("/admin/"))
    marked = {one.get("data-node"): one.get("class").split() for one in page.tree.xpath("//*[@data-node]")}
    assert "added" in marked["before"]
    assert "changed" in marked["pause"]
    assert "removed" in marked["remind"]
    assert not {"added", "changed", "removed"} & set(marked["done"])
    gone, new = (
        page.tree.xpath(f"//*[contains(@class, 'way') and contains(@class, '{word}')]") for word in ("removed", "added")
    )
    assert (len(gone), len(new)) == (3, 2)
    assert (await owner.get("workflows/12/drawn?new=99999")).status == 404


async def test_an_older_version_is_restored_and_says_whom_that_throws_out(stage: Stage, owner: Browser):
    first = await read(stage)
    await change_pause(owner)
    await send_in(stage, *PEOPLE)
    number = (await owner.get("workflows/12/versions")).rows()[-1][0].split()[0]
    page = await owner.get(f"workflows/12/restore?version={number}")
    assert "2 profiles are there now and will be thrown out" in page.text
    form = page.form(f"restore?version={number}")
    page = await owner.post(f"workflows/12/restore?version={number}", form)
    assert page.path == "/admin/workflows/12"
    assert (await read(stage)) == first
    assert await places(stage) == []


@pytest.mark.usefixtures("owner")
async def test_roles_that_may_not_write_look_and_change_nothing(stage: Stage, enter: Any):
    await send_in(stage, *PEOPLE)
    editor = await enter("editor")
    assert (await editor.send("workflows/12", {"name": "Edited"})).status == 200
    for role in ("support", "viewer"):
        browser = await enter(role)
        for path in (
            "workflows",
            "workflows/12",
            "workflows/12/nodes/pause",
            "workflows/12/trace?profile=ann@example.com",
        ):
            page = await browser.get(path)
            assert page.status == 200
            assert not page.tree.xpath("//main//button[not(ancestor::form[@method='get'])]"), path
            assert not page.tree.xpath("//a[contains(@href, '/insert') or contains(@href, '/remove')]"), path
        csrf = (await browser.get("account")).form("/admin/account")["csrf"]
        for path in ("workflows/12", "workflows/12/switch", "workflows/12/nodes/pause", "workflows/12/insert"):
            assert (await browser.post(path, {"csrf": csrf, "do": "deactivate", "name": "Mine"})).status == 403
        for path in ("workflows/new", "workflows/12/insert?from=start&to=hello", "workflows/12/remove"):
            assert (await browser.get(path)).status == 403
    assert (await read(stage))["name"] == "Edited"


async def test_names_of_strangers_do_not_become_html(stage: Stage, owner: Browser):
    evil = '"><img src=x onerror=alert(1)>'
    await owner.send("workflows/12", {"name": evil})
    await owner.send("workflows/12/nodes/pause", {"name": evil})
    await owner.send("workflows/12/nodes/bought", {"query": '{"_fname": "<img src=x>"}'})
    await stage.post("profiles/import", db_id=1, matching="email", data={"email": "ann@example.com", "_fname": evil})
    await send_in(stage, "ann@example.com")
    paths = [
        "workflows", "workflows/new", "workflows/12", "workflows/12/remove", "workflows/12/versions",
        "workflows/12/nodes/pause", "workflows/12/nodes/pause/remove", "workflows/12/nodes/bought",
        "workflows/12/insert?from=pause&to=bought", f"workflows/12/trace?profile={evil}",
        "workflows/12/trace?profile=ann@example.com",
    ]  # fmt: skip
    for path in paths:
        assert "<img src=x" not in (await owner.get(path)).html, path


async def test_every_page_of_scenarios_speaks_russian(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    await owner.send("account", {"language": "ru"})
    page = await owner.get("workflows")
    assert page.rows()[0][2:] == ["включён cast.yaml", "2", "2", "0", "Выключить Копировать Удалить"]
    page = await owner.get("workflows/12/nodes/pause")
    assert "2 ч" in page.text
    assert "пауза" in (await owner.get("workflows/12/nodes/hello")).text.lower()
    page = await owner.send("workflows/new", {"starter": "welcome", "trigger": "8"})
    assert (await read(stage, 14))["nodes"][1]["name"] == "Приветствие"
    assert "по одному" in (await owner.get("workflows/14/insert?from=tip&to=done&type=api_request")).text


@pytest.mark.parametrize(
    "path",
    ["workflows/x", "workflows/99999999999", "workflows/7777", "workflows/12/nodes/nowhere",
     "workflows/12/insert?from=nowhere", "workflows/12/insert?from=start&to=done",
     "workflows/12/insert?from=start&to=hello&type=start", "workflows/12/nodes/nowhere/remove",
     "workflows/12/restore?version=x"],
)  # fmt: skip
async def test_what_is_not_there_is_not_found(owner: Browser, path: str):
    assert (await owner.get(path)).status == 404


async def test_pages_that_need_a_choice_lead_to_where_it_is_made(owner: Browser):
    assert (await owner.get("workflows/12/insert")).path == "/admin/workflows/12"
    assert (await owner.get("workflows/12/restore")).path == "/admin/workflows/12/versions"
    assert (await owner.get("workflows/12/drawn")).path == "/admin/workflows/12/versions"
    assert (await owner.get("workflows/12/trace")).status == 200

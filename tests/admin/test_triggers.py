"""Triggers in the console: listed with their numbers, made, changed, switched, removed."""

from typing import Any

import pytest
from browser import Browser

from cast import Stage

EVIL = "<img src=x onerror=alert(1)>"


async def stored(stage: Stage, key: int) -> dict[str, Any] | None:
    rows = await stage.rows("SELECT spec FROM configuration WHERE kind = 'triggers' AND key = %s", str(key))
    return rows[0][0] if rows else None


async def launch(stage: Stage) -> None:
    await stage.post(
        "campaigns/triggers/import_and_start",
        db_id=1,
        trigger_id=8,
        matching="email",
        data={"email": "anna@example.com"},
    )
    await stage.work()


def cells(page: Any, name: str) -> list[str]:
    return next(row for row in page.rows() if row[1] == name)


async def test_each_is_listed_with_what_came_of_it(stage: Stage, owner: Browser):
    await launch(stage)
    page = await owner.get("triggers")
    assert page.status == 200
    assert len(page.rows()) == 9
    assert cells(page, "Order received") == [
        "8", "Order received", "active", "Email", "a call", "1", "0", "0", "0", "0", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=order+RECEIVED", ["8"]),
        ("q=97", ["97"]),
        ("state=inactive", ["98"]),
        ("database=2", ["99"]),
        ("channel=sms", []),
        ("q=newsletter&state=inactive", []),
        ("after=99", ["100", "455"]),
    ],
)
async def test_those_that_are_looked_for_are_found(owner: Browser, query, expected):
    page = await owner.get(f"triggers?{query}")
    assert [row[0] for row in page.rows()] == expected
    assert ("Nothing fits" in page.text) == (not expected)


async def test_one_is_told_in_plain_words_with_its_numbers_and_launches(stage: Stage, owner: Browser):
    await launch(stage)
    page = await owner.get("triggers/8")
    for words in ("When a call of the API or a scenario launches it", "own email address", "Order received", "relay"):
        assert words in page.text
    assert page.tree.xpath("//*[@class='funnel']//dd[1]//b/text()") == ["1", "1", "0", "0"]
    assert "import_and_start" in page.rows()[0][1]
    assert "cast.yaml manages this" in page.text
    assert "Welcome" in page.text


async def test_one_that_sent_nothing_says_how_to_launch_it(owner: Browser):
    page = await owner.get("triggers/13")
    assert "Nothing was sent yet" in page.text
    assert '"trigger_id": 13' in page.text


async def test_a_new_one_is_made_with_every_member(stage: Stage, owner: Browser):
    form = {
        "id": "500",
        "name": "Back again",
        "database": "1",
        "event": "subscribe",
        "when.occasions": ["new_contact", "new_status"],
        "when.query": '{"bonus": {"$gt": 100}}',
        "when.resource": "21",
        "when.channel": "email",
        "when.status": "subscribed",
        "channel": "email",
        "template": "1",
        "sender": "2",
        "resource": "21",
        "quiet_hours.from": "22:00",
        "quiet_hours.to": "08:00",
        "quiet_hours.then": "drop",
        "control_group_percent": "2.5",
        "give_up_after.hours": "3",
        "ignore_policies": "on",
        "tracking.opens": "no",
        "tracking.utm.source": "mail",
        "tracking.utm_domains": "shop.example.com\nexample.org",
        "active": "on",
    }
    page = await owner.send("triggers/new", form)
    assert page.path == "/admin/triggers/500"
    assert await stored(stage, 500) == {
        "id": 500,
        "name": "Back again",
        "database": 1,
        "event": "subscribe",
        "when": {
            "occasions": ["new_contact", "new_status"],
            "query": {"bonus": {"$gt": 100}},
            "resource": 21,
            "channel": "email",
            "status": "subscribed",
        },
        "template": 1,
        "sender": 2,
        "resource": 21,
        "quiet_hours": {"from": "22:00", "to": "08:00", "then": "drop"},
        "control_group_percent": 2.5,
        "give_up_after": {"hours": 3},
        "ignore_policies": True,
        "tracking": {
            "opens": False,
            "utm": {"source": "mail"},
            "utm_domains": ["shop.example.com", "example.org"],
        },
        "active": True,
    }
    for words in ("Quiet from 22:00 to 08:00", "a new address, a new status", "$gt: 100", "3 hours", "2.5 %"):
        assert words in page.text
    page = await owner.send("triggers/500/edit", {})
    assert page.path == "/admin/triggers/500"
    assert len(await stage.rows("SELECT FROM configuration_history WHERE kind = 'triggers' AND key = '500'")) == 1


async def test_saving_an_untouched_form_changes_nothing(stage: Stage, owner: Browser):
    for key in (8, 97, 98):
        before = await stored(stage, key)
        assert (await owner.send(f"triggers/{key}/edit", {})).path == f"/admin/triggers/{key}"
        assert await stored(stage, key) == before


async def test_mistakes_stand_at_their_fields_and_what_was_typed_stays(stage: Stage, owner: Browser):
    page = await owner.send(
        "triggers/new",
        {
            "name": EVIL,
            "template": "",
            "control_group_percent": "lots",
            "when.query": "{]",
            "give_up_after.days": "99",
            "quiet_hours.from": "9 pm",
        },
    )
    assert page.status == 422
    assert page.tree.get_element_by_id("when.query-mistake").text_content().startswith("line 1")
    page = await owner.post(
        "triggers/new", page.form("triggers/new") | {"when.query": "", "name": EVIL, "quiet_hours.to": "08:00"}
    )
    assert page.status == 422
    assert "template is missing" in page.tree.get_element_by_id("template-mistake").text_content()
    assert "lots" in page.tree.get_element_by_id("control_group_percent-mistake").text_content()
    assert "expected text of the form" in page.tree.get_element_by_id("quiet_hours.from-mistake").text_content()
    assert page.form("triggers/new")["name"] == EVIL
    assert EVIL not in page.html
    assert await stage.rows("SELECT FROM configuration WHERE kind = 'triggers' AND key = '456'") == []


async def test_members_without_a_field_are_told_from_those_that_have_one(owner: Browser):
    page = await owner.send("triggers/8/edit", {"rest": "colour: red"})
    assert page.status == 422
    assert "there is no such member" in page.text
    page = await owner.send("triggers/8/edit", {"rest": "name: Twice"})
    assert "name has a field of its own" in page.text


async def test_two_people_who_edit_at_once_do_not_undo_each_other(stage: Stage, owner: Browser):
    form = (await owner.get("triggers/8/edit")).form("triggers/8/edit")
    assert (await owner.post("triggers/8/edit", form | {"name": "First"})).path == "/admin/triggers/8"
    page = await owner.post("triggers/8/edit", form | {"name": "Second"})
    assert page.status == 422
    assert "Somebody has saved this in the meantime" in page.text
    assert (await stored(stage, 8) or {})["name"] == "First"


async def test_it_is_switched_off_and_on(stage: Stage, owner: Browser):
    page = await owner.send("triggers/8", {"do": "deactivate"})
    assert "It is switched off" in page.text
    answer = await stage.post(
        "campaigns/triggers/start", trigger_id=8, matching="email", email="anna@example.com", db_id=1
    )
    assert answer["error"] != 0
    await owner.send("triggers/8", {"do": "activate"})
    assert (await stored(stage, 8) or {})["active"] is True
    assert "changed" in (await owner.get("audits?section=triggers")).text


async def test_one_that_cannot_work_is_not_switched_on(stage: Stage, owner: Browser):
    await stage.rows(
        "UPDATE configuration SET spec = jsonb_set(spec, '{template}', '77'), version = 1000000"
        " WHERE kind = 'triggers' AND key = '98' RETURNING key"
    )
    await stage.rows("UPDATE configuration_version SET version = 1000000 RETURNING version")
    page = await owner.send("triggers/98", {"do": "activate"})
    assert page.status == 409
    assert "there is no template 77" in page.text
    assert (await stored(stage, 98) or {}).get("active") is None


async def test_a_clone_is_a_form_until_it_is_saved(stage: Stage, owner: Browser):
    form = (await owner.get("triggers/new?clone=97")).form("triggers/new")
    assert (form["id"], form["name"], form["resource"], "active" in form) == ("456", "Copy of Newsletter", "21", False)
    assert await stored(stage, 456) is None
    await owner.post("triggers/new", form)
    assert (await stored(stage, 456) or {})["resource"] == 21


async def test_one_that_a_scenario_sends_is_not_removed(stage: Stage, owner: Browser):
    page = await owner.send("triggers/8", {"do": "remove"})
    assert page.status == 409
    assert "These scenarios send it; take it out of them first: Welcome" in page.text
    page = await owner.send("triggers/98", {"do": "remove"})
    assert page.path == "/admin/triggers"
    assert "Removed" in page.text
    assert await stored(stage, 98) is None


async def test_a_version_is_restored_by_its_form(stage: Stage, owner: Browser):
    await owner.send("triggers/8/edit", {"name": "Second"})
    page = await owner.get("triggers/8/versions")
    (link,) = page.tree.xpath("//td/a[contains(@href, '/edit?version=')]/@href")
    form = await owner.get(link.removeprefix("/admin/"))
    assert "The form is filled with version" in form.text
    assert form.form("triggers/8/edit")["name"] == "Order received"
    await owner.post("triggers/8/edit", form.form("triggers/8/edit"))
    assert (await stored(stage, 8) or {})["name"] == "Order received"


async def test_what_was_removed_is_restored_too(stage: Stage, owner: Browser):
    await owner.send("triggers/98", {"do": "remove"})
    (link,) = (await owner.get("triggers/98/versions")).tree.xpath("//td/a[contains(@href, '/edit?version=')]/@href")
    form = await owner.get(link.removeprefix("/admin/"))
    await owner.post("triggers/98/edit", form.form("triggers/98/edit"))
    assert (await stored(stage, 98) or {})["name"] == "Asleep"


@pytest.mark.usefixtures("owner")
async def test_only_who_may_write_can_change_one(stage: Stage, enter):
    viewer = await enter("viewer")
    page = await viewer.get("triggers/8")
    assert page.status == 200
    assert "Switch off" not in page.text
    csrf = (await viewer.get("account")).form("account")["csrf"]
    assert (await viewer.post("triggers/8", {"csrf": csrf, "do": "remove"})).status == 403
    assert (await viewer.get("triggers/8/edit")).status == 403
    assert await stored(stage, 8)


async def test_a_name_never_becomes_html(owner: Browser):
    await owner.send("triggers/8/edit", {"name": EVIL})
    for path in ("triggers", "triggers/8", "triggers/8/edit", f"triggers?q={EVIL}", "triggers/new?clone=8"):
        page = await owner.get(path)
        assert page.status == 200, path
        assert EVIL not in page.html


async def test_numbers_that_there_are_not_are_not_found(owner: Browser):
    for path in ("triggers/7", "triggers/x", "triggers/99999999999", "triggers/7/edit", "triggers/new?clone=7"):
        assert (await owner.get(path)).status == 404, path
    for path in (f"triggers?after={'9' * 5000}", "triggers?after=²", "triggers/new?template=x", "triggers/new?clone=²"):
        assert (await owner.get(path)).status == 200, path


async def test_pages_of_triggers_speak_russian(stage: Stage, owner: Browser):
    await launch(stage)
    await owner.send("account", {"language": "ru"})
    for path, words in (
        ("triggers", "Отправлено"), ("triggers/8", "Что он делает"), ("triggers/8/edit", "Тихие часы"),
    ):  # fmt: skip
        assert words in (await owner.get(path)).text

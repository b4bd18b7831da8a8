"""What objects were at other times, as pages show it."""

from typing import Any

import pytest
from browser import Browser

from cast import Stage
from tocsin.actions import configuration_changes
from tocsin.core.audits import Author

EDITOR = Author("user", "ed@example.com")


async def change(stage: Stage, section: str, key: int, **members: Any) -> None:
    async with stage.context.database.transaction() as transaction:
        configuration = await stage.context.configuration(transaction)
        before = configuration_changes.members_of(configuration, section, key)
        state = configuration_changes.state_of(before)
        await configuration_changes.save(stage.context, transaction, EDITOR, section, before | members, made_of=state)


async def test_each_version_says_who_made_it_and_what_it_changed(stage: Stage, owner: Browser):
    await change(stage, "triggers", 8, name="Order taken")
    page = await owner.get("triggers/8/versions")
    assert page.status == 200
    (latest, first) = page.rows()
    assert latest[2:4] == ["ed@example.com", "name"]
    assert first[2:4] == ["tocsin apply", "created"]
    assert [one.text_content() for one in page.tree.xpath("//del//b")] == ["received"]
    assert [one.text_content() for one in page.tree.xpath("//ins//b")] == ["taken"]


async def test_any_two_versions_can_be_compared(stage: Stage, owner: Browser):
    await change(stage, "triggers", 8, name="Second")
    await change(stage, "triggers", 8, name="Third", active=False)
    numbers = [row[0].split()[0] for row in (await owner.get("triggers/8/versions")).rows()]
    page = await owner.get(f"triggers/8/versions?old={numbers[2]}&new={numbers[0]}")
    assert f"From version {numbers[2]} to {numbers[0]}" in page.text
    assert "Second" not in page.tree.xpath("string(//*[@class='diff'])")
    assert "Third" in page.tree.xpath("string(//ins)")


async def test_versions_that_there_are_not_are_not_found(owner: Browser):
    for path in ("triggers/7777/versions", "triggers/8/versions?new=99999", "triggers/8/versions?old=x"):
        assert (await owner.get(path)).status == 404, path


async def test_what_was_removed_still_has_its_versions(stage: Stage, owner: Browser):
    async with stage.context.database.transaction() as transaction:
        await configuration_changes.remove(stage.context, transaction, EDITOR, "triggers", 98)
    page = await owner.get("triggers/98/versions")
    assert page.rows()[0][3] == "removed"
    (restore,) = page.tree.xpath("//td/a[contains(@href, '/edit?version=')]/@href")
    assert restore.startswith("/admin/triggers/98/edit?")


async def test_long_histories_are_read_page_by_page(stage: Stage, owner: Browser):
    for place in range(32):
        await change(stage, "triggers", 8, name=f"Name {place}")
    page = await owner.get("triggers/8/versions")
    assert len(page.rows()) == 30
    older = page.tree.xpath("string(//a[@rel='next']/@href)").removeprefix("/admin/")
    page = await owner.get(older)
    assert [row[3] for row in page.rows()] == ["name", "name", "created"]
    assert "Latest versions" in page.text


async def test_a_stranger_s_text_does_not_become_html_in_a_comparison(stage: Stage, owner: Browser):
    await change(stage, "templates", 1, name="<img src=x>")
    page = await owner.get("templates/1/versions")
    assert "<img src=x" not in page.html
    assert "<img src=x>" in page.text


@pytest.mark.usefixtures("owner")
async def test_who_may_not_write_is_not_offered_to_restore(stage: Stage, enter):
    await change(stage, "triggers", 8, name="Second")
    editor, viewer = await enter("editor"), await enter("viewer")
    assert "Restore" in (await editor.get("triggers/8/versions")).text
    page = await viewer.get("triggers/8/versions")
    assert page.status == 200
    assert "Restore" not in page.text


async def test_the_page_speaks_russian(owner: Browser):
    await owner.send("account", {"language": "ru"})
    assert "Версии" in (await owner.get("triggers/8/versions")).text

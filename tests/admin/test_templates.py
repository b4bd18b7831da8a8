"""Templates in the console: listed, written, looked at before they are sent, tried out."""

import json
import re
from typing import Any

import pytest
from browser import Browser, Page

from cast import Stage
from tocsin.actions.test_sends import MOST_PER_HOUR

EVIL = "<img src=x onerror=alert(1)>"
EMAIL = {
    "email.from_email": "shop@example.com",
    "email.from_name": "Shop",
    "email.subject": "For {lead._fname}",
    "email.html": '<p style="color: red">Page {apicontent.page}</p>\n',
}


async def stored(stage: Stage, key: int) -> dict[str, Any] | None:
    rows = await stage.rows("SELECT spec FROM configuration WHERE kind = 'templates' AND key = %s", str(key))
    return rows[0][0] if rows else None


async def preview(browser: Browser, **form: str) -> Page:
    """What the editor's form shows when it is sent to the preview, names with __ for dots."""
    typed = {name.replace("__", "."): value for name, value in form.items()}
    return await edited(browser, "templates/new", {"name": "New"} | typed, "templates/preview")


async def edited(browser: Browser, path: str, changes: dict[str, Any], to: str) -> Page:
    """The editor's form, changed, sent where one of its buttons sends it."""
    form = next(one for one in (await browser.get(path)).tree.forms if "editor" in one.get("class", ""))
    values = {name: value.removeprefix("\n") for name, value in form.form_values()}
    return await browser.post(to, values | changes)


async def test_each_is_listed_with_its_channels_and_uses(owner: Browser):
    page = await owner.get("templates")
    assert page.rows() == [
        ["1", "Order received", "Thank you, {lead._fname}", "Email", "8"],
        ["2", "Newsletter", "{apicontent.H1}", "Email", "1"],
    ]
    assert [row[0] for row in (await owner.get("templates?q=thank+YOU")).rows()] == ["1"]
    assert [row[0] for row in (await owner.get("templates?q=2")).rows()] == ["2"]
    assert "No template fits" in (await owner.get("templates?channel=push")).text


async def test_one_says_who_sends_it(owner: Browser):
    page = await owner.get("templates/2")
    assert "Newsletter 97" in page.text
    assert "cast.yaml manages this" in page.text


async def test_a_new_one_is_made_for_every_channel(stage: Stage, owner: Browser):
    form = EMAIL | {
        "id": "70",
        "name": "Everything",
        "transactional": "yes",
        "email.text": "Page\n",
        "sms.text": "Hello",
        "sms.max_segments": "2",
        "push.title": "Hello",
        "push.buttons": "- label: Open\n  url: https://example.com\n",
        "push.data": '{"screen": "cart"}',
        "push.ttl_seconds": "60",
        "push.priority": "normal",
    }
    page = await edited(owner, "templates/new", form, "templates/new")
    assert page.path == "/admin/templates/70", page.text
    assert await stored(stage, 70) == {
        "id": 70,
        "name": "Everything",
        "transactional": True,
        "email": {
            "from_email": "shop@example.com",
            "from_name": "Shop",
            "subject": "For {lead._fname}",
            "html": '<p style="color: red">Page {apicontent.page}</p>\n',
            "text": "Page\n",
        },
        "sms": {"text": "Hello", "max_segments": 2},
        "push": {
            "title": "Hello",
            "buttons": [{"label": "Open", "url": "https://example.com"}],
            "data": {"screen": "cart"},
            "ttl_seconds": 60,
            "priority": "normal",
        },
    }
    await edited(owner, "templates/70/edit", {}, "templates/70/edit")
    history = "SELECT FROM configuration_history WHERE kind = 'templates' AND key = '70'"
    assert len(await stage.rows(history)) == 1


async def test_mistakes_of_a_template_name_line_and_column_at_their_field(stage: Stage, owner: Browser):
    page = await edited(
        owner, "templates/1/edit", {"email.html": "<p>\n{if x</p>", "email.from_email": "nobody"}, "templates/1/edit"
    )
    assert page.status == 422
    assert "line 2, column 1" in page.tree.get_element_by_id("email.html-mistake").text_content()
    assert page.tree.get_element_by_id("email.from_email-mistake").text_content()
    assert page.tree.get_element_by_id("email.html").value.endswith("<p>\n{if x</p>")
    assert "{if x" not in ((await stored(stage, 1)) or {})["email"]["html"]


async def test_marketing_without_a_way_out_is_refused_at_its_field(owner: Browser):
    page = await edited(owner, "templates/1/edit", {"transactional": "no"}, "templates/1/edit")
    assert "unsubscribe" in page.tree.get_element_by_id("email.html-mistake").text_content()


async def test_a_channel_is_taken_away_by_emptying_it_unless_a_trigger_needs_it(stage: Stage, owner: Browser):
    emptied = {f"email.{name}": "" for name in ("from_name", "from_email", "reply_to_email", "subject", "html")}
    page = await edited(owner, "templates/1/edit", emptied | {"sms.text": "Hello"}, "templates/1/edit")
    assert page.status == 422
    assert "template 1 has no email" in page.text
    assert "email" in ((await stored(stage, 1)) or {})


async def test_the_preview_shows_a_mail_as_a_chosen_profile_gets_it(stage: Stage, owner: Browser):
    await stage.add(email="anna@example.com", _fname="Anna <b>", phones=["+79161234567"])
    before = await stage.count_rows()
    for who in ("ANNA@example.com", "+7 916 123-45-67"):
        page = await edited(
            owner,
            "templates/new",
            EMAIL | {"preview.profile": who, "preview.content": '{"page": "<cart>"}'},
            "templates/preview",
        )
        assert page.status == 200
        assert "SubjectFor Anna <b>" in page.text
        assert "FromShop <shop@example.com>" in page.text
        (frame,) = page.tree.xpath("//iframe")
        assert frame.get("sandbox") == ""
        assert frame.get("srcdoc") == '<p style="color: red">Page &lt;cart&gt;</p>\n'
        assert "Page <cart>" in page.text
    assert await stage.count_rows() == before
    assert len(await stage.rows("SELECT FROM configuration WHERE kind = 'templates'")) == 2


async def test_without_a_profile_a_sample_is_shown_and_what_is_missing_counted(owner: Browser):
    page = await preview(owner, **{name.replace(".", "__"): value for name, value in EMAIL.items()})
    assert "As Anna Sample anna@example.com gets it" in page.text
    assert "2 values were asked for that are not there" in page.text


async def test_the_preview_counts_the_segments_of_an_sms(owner: Browser):
    page = await preview(owner, sms__text="Привет, {lead._fname}! " + "я" * 60)
    assert "2 SMS · UCS-2 · 74 units" in page.text
    page = await preview(owner, sms__text="a" * 400, sms__max_segments="2")
    assert "max_segments is 2" in page.text


async def test_the_preview_shows_a_push_as_a_notification(owner: Browser):
    page = await preview(owner, push__title="Hi {lead._fname}", push__buttons='[{"label": "Open"}]')
    assert page.tree.xpath("string(//*[@class='notification']//b)") == "Hi Anna"
    assert page.tree.xpath("string(//*[@class='buttons'])") == "Open"


async def test_the_preview_tells_every_mistake_by_its_field(owner: Browser):
    page = await preview(
        owner, email__html="{lead.", sms__text="Hello {lead._fname}", preview__content="{", preview__profile=""
    )
    paths = page.tree.xpath("//*[@id='mistakes']/li/@data-path")
    assert {"email.html", "email.subject", "email.from_email", "preview.content"} <= set(paths)
    page = await preview(owner, sms__text="Hello {lead._fname", push__title="Hi")
    assert "Hi" in page.tree.xpath("string(//*[@class='notification'])")
    assert "line 1, column 7" in page.tree.xpath("string(//*[@id='mistakes'])")
    page = await preview(owner, sms__text="Hello", preview__profile="nobody@example.com")
    assert page.tree.xpath("//*[@id='mistakes']/li/@data-path") == ["preview.profile"]


async def test_the_preview_lets_no_script_and_no_stranger_in(owner: Browser):
    page = await preview(owner, sms__text=f"{EVIL}</pre><script>x</script>", push__title=EVIL)
    assert EVIL not in page.html
    assert "<script>" not in page.html
    policy = page.response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "http:" not in policy
    assert page.response.headers["x-frame-options"] == "SAMEORIGIN"
    page = await preview(owner, sms__text="Hi", preview__pictures="on")
    assert "img-src 'self' data: https: http:" in page.response.headers["content-security-policy"]


async def test_a_link_in_a_preview_or_a_test_unsubscribes_nobody(stage: Stage, owner: Browser):
    profile_id = await stage.add(email="anna@example.com")
    before = await stage.count_rows()
    form = EMAIL | {"email.html": "<i>{unsubscribe}</i>", "preview.profile": "anna@example.com"}
    page = await edited(owner, "templates/new", form, "templates/preview")
    shown = page.tree.xpath("string(//iframe/@srcdoc)")
    await send_test(owner, **{name.replace(".", "__"): value for name, value in form.items()})
    (mail,) = stage.mailbox.mails().values()
    sent = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]  # It has one.
    for text in (shown, sent):
        (url,) = re.findall(r"http[^<\s]+/m/u/[^<\s]+", text)
        await stage.client.post(url.partition("8080")[2], data={"List-Unsubscribe": "One-Click"})
    assert await stage.count_rows() == before
    assert (await stage.get_profile(matching="email", email="anna@example.com"))["id"] == profile_id


async def test_a_stored_one_is_shown_in_its_page(stage: Stage, owner: Browser):
    await stage.add(email="anna@example.com", _fname="Anna")
    page = await owner.get("templates/1?profile=anna@example.com")
    (address,) = page.tree.xpath("//iframe/@src")
    shown = await owner.get(address.removeprefix("/admin/"))
    assert "Thank you, Anna" in shown.text
    assert "Dear Anna" in shown.tree.xpath("string(//iframe/@srcdoc)")


async def send_test(browser: Browser, **changes: str) -> Page:
    form = {"test.sender": "2", "test.address": "me@example.com", "email.subject": "New {lead._fname}"}
    typed = {name.replace("__", "."): value for name, value in changes.items()}
    return await edited(browser, "templates/1/edit", form | typed, "templates/test")


async def test_a_test_goes_out_by_the_chosen_sender_and_counts_for_nobody(stage: Stage, owner: Browser):
    await stage.add(email="anna@example.com", _fname="Anna")
    before = await stage.count_rows()
    page = await send_test(owner, preview__profile="anna@example.com", preview__content='{"page": "cart"}')
    assert "The test was handed over. The server said: 250 2.0.0 ok" in page.text
    assert page.tree.get_element_by_id("email.subject").value == "New {lead._fname}"
    (mail,) = stage.mailbox.mails().values()
    assert (mail["subject"], mail["to"]) == ("[Test] New Anna", "me@example.com")
    assert "page cart" in mail.get_body(("html",)).get_content()
    assert stage.mailbox.opened[-1].id == 2
    assert await stage.count_rows() == before
    assert ((await stored(stage, 1)) or {})["email"]["subject"] == "Thank you, {lead._fname}"
    ((action, details),) = await stage.rows("SELECT action, details FROM audits WHERE action = 'tested'")
    assert (action, details["to"], details["sender"]) == ("tested", "me@example.com", 2)


async def test_a_server_s_refusal_of_a_test_is_told(stage: Stage, owner: Browser):
    stage.mailbox.answers["me@example.com"] = ("refused", 550, "5.1.1 no such user <b>")
    page = await send_test(owner)
    assert "The test was refused. The reason: 550 5.1.1 no such user <b>" in page.text
    assert "user <b>" not in page.html


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"test__address": "nobody"}, "test.address"),
        ({"test__address": ""}, "test.address"),
        ({"test__sender": "77"}, "test.sender"),
        ({"preview__content": "[]"}, "preview.content"),
        ({"email__html": "{lead."}, "email.html"),
    ],
)
async def test_a_test_that_cannot_be_sent_is_refused_at_its_field(stage: Stage, owner: Browser, changes, field):
    page = await send_test(owner, **changes)
    assert page.status == 422
    assert page.tree.get_element_by_id(f"{field}-mistake").text_content()
    assert stage.mailbox.arrived == []


async def test_no_test_goes_to_an_address_on_a_suppression_list(stage: Stage, owner: Browser):
    await stage.rows(
        "INSERT INTO suppressions (value, list_id, source, resource_id, at)"
        " VALUES ('me@example.com', 1, 'api', 0, now()) RETURNING value"
    )
    page = await send_test(owner)
    assert page.status == 422
    assert "nothing is sent to this address" in page.text
    assert stage.mailbox.arrived == []


async def test_nobody_sends_more_than_some_tests_an_hour(stage: Stage, owner: Browser):
    form = await owner.get("templates/1/edit")
    values = dict(next(one for one in form.tree.forms if "editor" in one.get("class", "")).form_values())
    values |= {"test.sender": "1", "test.address": "me@example.com"}
    for _ in range(MOST_PER_HOUR):
        assert (await owner.post("templates/test", values)).status == 200
    page = await owner.post("templates/test", values)
    assert page.status == 429
    assert "tests an hour are the most" in page.text
    assert len(stage.mailbox.arrived) == MOST_PER_HOUR
    stage.clock.advance(hours=1, minutes=1)
    assert (await owner.post("templates/test", values)).status == 200


async def test_one_that_a_trigger_sends_is_not_removed(stage: Stage, owner: Browser):
    page = await owner.send("templates/2", {"do": "remove"})
    assert page.status == 409
    assert "These triggers send it; give them another one first: Newsletter" in page.text
    form = (await edited(owner, "templates/new?clone=2", {}, "templates/new")).path
    assert form == "/admin/templates/3"
    assert ((await stored(stage, 3)) or {})["name"] == "Copy of Newsletter"
    assert (await owner.send("templates/3", {"do": "remove"})).path == "/admin/templates"
    assert await stored(stage, 3) is None


@pytest.mark.usefixtures("owner")
async def test_only_who_may_write_may_edit_preview_drafts_and_send_tests(stage: Stage, enter):
    viewer = await enter("viewer")
    assert (await viewer.get("templates/1")).status == 200
    assert (await viewer.get("templates/1/preview")).status == 200
    assert (await viewer.get("templates/1/edit")).status == 403
    csrf = (await viewer.get("account")).form("account")["csrf"]
    for path in ("templates/preview", "templates/test", "templates/new", "templates/1/edit", "templates/1"):
        assert (await viewer.post(path, {"csrf": csrf, "do": "remove"})).status == 403, path
    assert stage.mailbox.arrived == []


async def test_nothing_of_a_template_becomes_html_of_ours(owner: Browser):
    await edited(owner, "templates/1/edit", {"name": EVIL, "email.subject": EVIL}, "templates/1/edit")
    content = json.dumps({"page": EVIL})
    for path in (
        "templates", "templates/1", "templates/1/edit", f"templates?q={EVIL}", f"templates/1?profile={EVIL}",
        f"templates/1/preview?content={content}", f"templates/1/preview?profile={EVIL}",
    ):  # fmt: skip
        page = await owner.get(path)
        assert page.status == 200, path
        assert EVIL not in page.html, path


async def test_pages_of_templates_speak_russian(owner: Browser):
    await owner.send("account", {"language": "ru"})
    for path, words in (
        ("templates", "Каналы"), ("templates/1", "Кто отправляет"), ("templates/1/edit", "Отправить тест"),
        ("templates/1/preview", "Так это увидит"),
    ):  # fmt: skip
        assert words in (await owner.get(path)).text

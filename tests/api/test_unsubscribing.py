"""From the link in a mail to the end of what is sent: the page, the button of mail programs, and the way back."""

import re
from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.core.errors import ConfigurationMistakes

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MORE = """
resources:
  - {id: 25, name: "Tips <b>& more</b>", databases: [1], channels: [email]}
templates:
  - id: 3
    name: With links
    transactional: false
    email:
      from_email: shop@example.com
      subject: Hello
      html: '<a href="{unsubscribe}">Stop</a> <a href="{globalunsubscribe}">Stop all</a>'
triggers:
  - {id: 60, name: News, database: 1, template: 3, sender: 1, resource: 21, active: true}
  - {id: 61, name: Own, database: 1, template: 3, sender: 1, active: true}
  - {id: 62, name: Tips, database: 1, template: 3, sender: 1, resource: 25, active: true}
  - {id: 50, name: Heard, database: 1, template: 1, sender: 1, active: true, event: subscribe,
     when: {occasions: [new_status], resource: 21, status: unsubscribed}}
"""
NEWS = {"channel": "email", "email": "ann.private@example.com", "resource_id": 21, "priority": 0}
TIPS = NEWS | {"resource_id": 25}
BRAND = NEWS | {"resource_id": 22}
OFFICE = NEWS | {"email": "ann.office@example.com", "priority": 5}


@pytest.fixture
async def linked(stage: Stage) -> Stage:
    await configuration.apply(stage.context, MORE, "more.yaml", {})
    return stage


async def send(stage: Stage, trigger: int = 60, *subscriptions: dict[str, Any]) -> tuple[str, str]:
    """Import Ann, send to her; both links of her mail."""
    await stage.add(email="ann@example.com", subscriptions=list(subscriptions or (NEWS, TIPS, BRAND, OFFICE)))
    await stage.post("campaigns/triggers/start", id=trigger, email="ann@example.com")
    await stage.work()
    mail = list(stage.mailbox.mails().values())[-1]
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]  # There is one.
    one, everything = re.findall(r'href="([^"]+/m/u/[\w-]+)"', html)
    assert mail["List-Unsubscribe"].startswith(f"<{one}>")
    return one, everything


async def show(stage: Stage, url: str, language: str = "en", status: int = 200) -> str:
    answer = await stage.client.get(url, headers={"accept-language": language})
    assert answer.status_code == status
    return answer.text


async def press(stage: Stage, url: str, status: int = 200, **form: Any) -> str:
    answer = await stage.client.post(url, data=form, headers={"user-agent": "Browser"})
    assert answer.status_code == status, answer.text
    return answer.text


async def statuses(stage: Stage) -> dict[tuple[str, int], tuple[str, Any]]:
    ann = await stage.get_profile(email="ann@example.com")
    found = {
        (one["email"].partition("@")[0], one["resource_id"]): (one["status"], one.get("cats"))
        for one in ann["subscriptions"]
    }
    return found | {("own", 0): (ann.get("_status", 0), None)}


SUBSCRIBED: dict[tuple[str, int], tuple[Any, Any]] = {
    ("ann.private", 21): ("subscribed", None),
    ("ann.private", 25): ("subscribed", None),
    ("ann.private", 22): ("subscribed", None),
    ("ann.office", 21): ("subscribed", None),
    ("own", 0): (0, None),
}
OVER = ("unsubscribed", None)


async def unsubs(stage: Stage) -> list[dict[str, Any]]:
    return [data for (data,) in await stage.rows("SELECT data FROM events WHERE type = 'unsub' ORDER BY at, id")]


async def test_looking_changes_nothing_however_often_and_by_whom(linked: Stage):
    one, everything = await send(linked)
    for url in (one, everything, one + "?List-Unsubscribe=One-Click&do=all"):
        await show(linked, url)
        assert (await linked.client.head(url)).status_code == 200
    assert await statuses(linked) == SUBSCRIBED
    assert await unsubs(linked) == []


async def test_the_page_names_what_is_meant_and_hides_the_address(linked: Stage):
    one, everything = await send(linked, 62)
    page = await show(linked, one)
    assert "Stop sending “Tips &lt;b&gt;&amp; more&lt;&#x2f;b&gt;” to a***@example.com?" in page
    assert "ann.private" not in page
    assert "Stop sending anything to a***@example.com?" in await show(linked, everything)


async def test_one_press_ends_what_the_mail_was_for(linked: Stage):
    one, _ = await send(linked)
    page = await press(linked, one, do="this")
    assert "<li>Newsletter</li>" in page
    assert await statuses(linked) == SUBSCRIBED | {("ann.private", 21): OVER}
    (event,) = await unsubs(linked)
    visitor = {"ip": "127.0.0.1", "user_agent": "Browser", "way": "page"}
    assert event == {"resource_id": 21, "ended_at": [21], "choice": "this"} | visitor
    linked.mailbox.arrived.clear()
    await linked.work()
    assert [one.recipient for one in linked.mailbox.arrived] == ["ann@example.com"], "the trigger that listens"
    assert "nothing to change" in await press(linked, one, do="this")
    assert len(await unsubs(linked)) == 1


async def test_everything_ends_at_the_address_and_nowhere_else(linked: Stage):
    one, _ = await send(linked)
    await press(linked, one, do="all")
    expected = {key: OVER for key in SUBSCRIBED if key[0] == "ann.private"}
    assert await statuses(linked) == SUBSCRIBED | expected


async def test_mail_to_the_profiles_own_address_ends_too(linked: Stage):
    one, _ = await send(linked, 61)
    assert "Stop sending these messages" in await show(linked, one)
    await press(linked, one, do="this")
    assert await statuses(linked) == SUBSCRIBED | {("own", 0): (1, None)}
    answer = await linked.post("campaigns/triggers/start_batch", id=61, data=[{"email": "ann@example.com"}])
    assert answer["skipped"][0]["reason"] == "not_subscribed"


async def test_the_button_of_mail_programs_ends_it_at_once(linked: Stage):
    one, everything = await send(linked)
    assert (await press(linked, one, **ONE_CLICK)) == "unsubscribed\n"
    assert await statuses(linked) == SUBSCRIBED | {("ann.private", 21): OVER}
    assert (await unsubs(linked))[0]["way"] == "one_click"
    await linked.client.post(everything, files={"List-Unsubscribe": (None, "One-Click")})
    assert (await statuses(linked))["ann.private", 25] == OVER


async def test_the_headers_promise_one_click_where_there_is_tls_only(linked: Stage):
    await send(linked)
    (mail,) = linked.mailbox.mails().values()
    assert mail["List-Unsubscribe-Post"] is None
    assert "<mailto:shop@example.com?subject=unsubscribe%20" in mail["List-Unsubscribe"]
    linked.context.public_url, linked.context.is_public = "https://mail.example.com", True
    await linked.post("campaigns/triggers/start", id=60, email="ann@example.com")
    await linked.work()
    (mail,) = linked.mailbox.mails().values()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<https://mail.example.com/m/u/[\w-]+>", mail["List-Unsubscribe"])


async def test_resources_and_categories_can_be_chosen(linked: Stage):
    one, _ = await send(linked)
    page = await show(linked, one)
    assert 'name="category" value="21:news" checked' in page
    assert 'name="resource" value="22" checked' in page
    await press(linked, one, do="choose", category=["21:sales", "21:fish", "x"], resource=["25", "999", "-1"])
    expected = {("ann.private", 21): ("subscribed", ["sales"]), ("ann.private", 22): OVER}
    assert await statuses(linked) == SUBSCRIBED | expected
    page = await show(linked, one)
    assert 'value="21:news">' in page
    assert 'name="resource" value="22">' in page
    await press(linked, one, do="choose", resource=["22"])
    assert await statuses(linked) == SUBSCRIBED | {
        ("ann.private", 21): ("unsubscribed", ["sales"]),
        ("ann.private", 25): OVER,
    }


async def test_what_was_done_can_be_undone_for_an_hour(linked: Stage):
    one, everything = await send(linked, 60, NEWS | {"cats": ["news"]}, TIPS | {"status": "suspended"}, BRAND, OFFICE)
    before = await statuses(linked)
    page = await press(linked, everything, do="all")
    (token,) = re.findall(r'name="undo" value="([\w-]+)"', page)
    assert "as it was before" in await press(linked, one, do="undo", undo=token)
    assert await statuses(linked) == before
    page = await press(linked, one, do="this")
    (token,) = re.findall(r'name="undo" value="([\w-]+)"', page)
    linked.clock.advance(hours=2)
    await press(linked, one, do="undo", undo=token)
    assert (await statuses(linked))["ann.private", 21] == ("unsubscribed", ["news"])


async def test_a_complaint_stays_one_whatever_is_pressed(linked: Stage):
    one, _ = await send(linked)
    await linked.add(email="ann@example.com", subscriptions=[NEWS | {"status": "complained"}])
    page = await press(linked, one, do="all")
    (token,) = re.findall(r'name="undo" value="([\w-]+)"', page)
    await press(linked, one, do="choose", category="21:news")
    await press(linked, one, do="undo", undo=token)
    assert (await statuses(linked))["ann.private", 21] == ("complained", None)


async def test_an_undo_of_somebody_else_or_a_forged_one_is_none(linked: Stage):
    one, _ = await send(linked)
    page = await press(linked, one, do="this")
    (token,) = re.findall(r'name="undo" value="([\w-]+)"', page)
    await linked.add(email="ben@example.com", subscriptions=[NEWS | {"email": "ben@example.com"}])
    await linked.post("campaigns/triggers/start", id=60, email="ben@example.com")
    await linked.work()
    bens = re.findall(r"<(\S+/m/u/[\w-]+)>", linked.mailbox.mails()["ben@example.com"]["List-Unsubscribe"])[0]
    await press(linked, bens, do="this")
    for url, said in ((bens, token), (one, token[:-3] + "AAA"), (one, one.rpartition("/")[2]), (one, "")):
        assert "as it was before" not in await press(linked, url, do="undo", undo=said)
    assert (await statuses(linked))["ann.private", 21] == OVER


async def test_an_old_mail_works_when_its_events_are_gone_and_after_a_merge(linked: Stage):
    one, _ = await send(linked)
    await linked.connection.execute("DELETE FROM events")
    linked.clock.advance(days=2000)
    await press(linked, one, do="this")
    assert (await statuses(linked))["ann.private", 21] == OVER
    linked.clock.advance(days=2000)
    assert "This link does not work" in await show(linked, one, status=404)


async def test_after_a_merge_the_profile_that_is_left_is_meant(linked: Stage):
    one, _ = await send(linked)
    ann = (await linked.get_profile(email="ann@example.com"))["id"]
    ben = await linked.add(email="ben@example.com")
    merged = await linked.post("profiles/merge", db_id=1, profile_ids=[ben, ann], to=ben)
    assert merged["profile_id"] == ben
    await press(linked, one, do="this")
    subscriptions = (await linked.get_profile(email="ben@example.com"))["subscriptions"]
    assert [one["resource_id"] for one in subscriptions if one["status"] == "unsubscribed"] == [21]
    assert len(await unsubs(linked)) == 1


async def test_a_deleted_profile_gets_a_decent_page(linked: Stage):
    one, _ = await send(linked)
    await linked.post("profiles/delete", db_id=1, email="ann@example.com")
    assert "nothing is sent to it" in await show(linked, one)
    assert "nothing is sent to it" in await press(linked, one, do="this")
    assert await press(linked, one, **ONE_CLICK) == "unsubscribed\n"


@pytest.mark.parametrize("token", ["", "x", "й", "A" * 68, "A" * 20_000, "..%2f..", "%00"])
async def test_a_link_that_was_not_made_here_does_nothing(linked: Stage, token: str):
    await send(linked)
    assert "This link does not work" in await show(linked, f"/m/u/{token}", status=404)
    assert "This link does not work" in await press(linked, f"/m/u/{token}", status=404, do="all", **ONE_CLICK)
    assert await statuses(linked) == SUBSCRIBED


async def test_bad_forms_change_nothing(linked: Stage):
    one, _ = await send(linked)
    await press(linked, one)
    await press(linked, one, do="fish")
    for body in (b"\xff\xfe", b"do", b"&".join([b"a=b"] * 2000), b"x" * 100_000):
        answer = await linked.client.post(
            one, content=body, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code in (200, 400)
    assert await statuses(linked) == SUBSCRIBED


@pytest.mark.parametrize(
    ("accepted", "asked", "title"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "", "Отписка"),
        ("en;q=0.5, ru;q=0.4", "", "Unsubscribe"),
        ("de, fr;q=0.9", "", "Unsubscribe"),
        ("", "ru", "Отписка"),
        ("ru", "en", "Unsubscribe"),
        ("ru;q=x, en;q=0.1", "<script>", "Unsubscribe"),
    ],
)
async def test_the_page_speaks_the_visitors_language(linked: Stage, accepted: str, asked: str, title: str):
    one, _ = await send(linked)
    page = await show(linked, f"{one}?lang={asked}" if asked else one, accepted)
    assert f"<title>{title}</title>" in page
    assert "<script" not in page


async def test_the_page_allows_nothing_from_elsewhere(linked: Stage):
    one, _ = await send(linked)
    headers = (await linked.client.get(one)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


async def test_a_launch_in_xml_has_the_links_too(linked: Stage):
    await linked.add(email="ann@example.com", subscriptions=[NEWS])
    await linked.post_xml(
        "campaigns/triggers/start", f"<xml><token>{TOKEN}</token><id>60</id><email>ann@example.com</email></xml>"
    )
    await linked.work()
    (mail,) = linked.mailbox.mails().values()
    await press(linked, re.findall(r"<(\S+/m/u/[\w-]+)>", mail["List-Unsubscribe"])[0], **ONE_CLICK)
    assert (await statuses(linked))["ann.private", 21] == OVER


async def test_marketing_without_a_way_to_end_it_is_refused(stage: Stage):
    text = MORE.replace("Stop all</a>'", "Stop all</a>'\n      text: 'no way'")
    with pytest.raises(ConfigurationMistakes) as refused:
        await configuration.apply(stage.context, text, "more.yaml", {})
    assert "templates[0].email.text: marketing needs a way to unsubscribe" in str(refused.value.mistakes)
    unsaid = text.replace("    transactional: false\n", "")
    applied = await configuration.apply(stage.context, unsaid, "more.yaml", {})
    assert [warning[:70] for warning in applied.warnings] == [
        "template 3 has no {unsubscribe} or {globalunsubscribe}, and trigger 60",
        "template 3 has no {unsubscribe} or {globalunsubscribe}, and trigger 62",
    ]
    said = text.replace("transactional: false", "transactional: true")
    assert (await configuration.apply(stage.context, said, "more.yaml", {})).warnings == []

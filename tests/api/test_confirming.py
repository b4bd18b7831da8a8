"""Double opt-in: from an unconfirmed subscription to the mail, the page and a subscription that is one."""

import re
from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.core.errors import ConfigurationMistakes

MORE = """
templates:
  - id: 3
    name: Please confirm
    email: {from_email: news@example.com, subject: Please confirm, html: '<a href="{confirm}">Yes</a>'}
triggers:
  - {id: 60, name: Please confirm, database: 1, template: 3, sender: 1, resource: 21, for_confirm: true, active: true,
     event: subscribe, when: {resource: 21, status: unconfirmed}}
  - {id: 61, name: Welcome, database: 1, template: 2, sender: 1, resource: 21, active: true,
     event: subscribe, when: {occasions: [new_status], resource: 21, status: subscribed}}
"""
WAITS = {"channel": "email", "email": "ann@example.com", "resource_id": 21, "status": "unconfirmed"}


@pytest.fixture
async def asking(stage: Stage) -> Stage:
    await configuration.apply(stage.context, MORE, "more.yaml", {})
    return stage


async def subscribe(stage: Stage, **members: Any) -> str:
    """Import Ann's subscription; the link of the mail that she gets."""
    await stage.add(email="ann@example.com", subscriptions=[WAITS | members])
    await stage.work()
    html = stage.mailbox.mails()["ann@example.com"].get_body(("html",)).get_content()  # type: ignore[union-attr]  # There is one.
    return re.findall(r'href="(\S+/m/y/[\w-]+)"', html)[0]


async def status(stage: Stage) -> str:
    found: str = (await stage.get_profile(email="ann@example.com"))["subscriptions"][0]["status"]
    return found


async def subjects(stage: Stage) -> list[str]:
    await stage.work()
    return [mail["Subject"] for mail in stage.mailbox.mails().values()]


async def test_a_press_on_the_page_confirms_and_a_look_does_not(asking: Stage):
    link = await subscribe(asking)
    page = await asking.client.get(link)
    assert "Receive “Newsletter” at a***@example.com?" in page.text
    assert await status(asking) == "unconfirmed"
    assert "You are subscribed." in (await asking.client.post(link, data={"do": "confirm"})).text
    assert await status(asking) == "subscribed"
    types = [type_ for (type_,) in await asking.rows("SELECT type FROM events WHERE type <> 'send' ORDER BY type")]
    assert types == ["click", "confirm", "confirmsub", "open", "uclick", "uopen"]
    asking.mailbox.arrived.clear()
    assert await subjects(asking) == [""], "the trigger that welcomes"


async def test_a_second_press_changes_nothing(asking: Stage):
    link = await subscribe(asking)
    await asking.client.post(link)
    before = await asking.rows("SELECT count(*) FROM events")
    assert "You are subscribed already." in (await asking.client.post(link)).text
    assert await asking.rows("SELECT count(*) FROM events") == before


@pytest.mark.parametrize("said", ["unsubscribed", "complained", "hardbounced", "suspended"])
async def test_what_was_ended_meanwhile_is_not_begun_again(asking: Stage, said: str):
    link = await subscribe(asking)
    await asking.add(email="ann@example.com", subscriptions=[WAITS | {"status": said}])
    assert "does not wait" in (await asking.client.post(link)).text
    assert await status(asking) == said


async def test_a_link_of_more_than_a_month_or_of_another_kind_confirms_nothing(asking: Stage):
    link = await subscribe(asking)
    stop = re.findall(r"<\S+/m/u/([\w-]+)>", asking.mailbox.mails()["ann@example.com"]["List-Unsubscribe"])[0]
    assert (await asking.client.post(f"/m/y/{stop}")).status_code == 404
    token = link.rpartition("/")[2]
    assert (await asking.client.post(f"/m/u/{token}", data={"do": "all"})).status_code == 404
    assert (await asking.client.post(f"/m/y/{token[:-2]}")).status_code == 404
    asking.clock.advance(days=31)
    assert (await asking.client.post(link)).status_code == 404
    assert await status(asking) == "unconfirmed"


async def test_one_address_is_not_asked_more_than_so_often_a_day(asking: Stage):
    for number in range(8):
        await asking.add(email=f"a{number}@example.com", subscriptions=[WAITS | {"email": "ANN@example.com"}])
    await asking.work()
    assert len(asking.mailbox.arrived) == asking.context.confirmations_per_day
    skips = await asking.rows("SELECT data->>'reason' FROM events WHERE type = 'skip'")
    assert skips == [("too_many_confirmations",)] * 3
    asking.clock.advance(days=1)
    await asking.add(email="a9@example.com", subscriptions=[WAITS])
    await asking.work()
    assert len(asking.mailbox.arrived) == asking.context.confirmations_per_day + 1


async def test_a_batch_of_profiles_with_one_address_asks_it_once(asking: Stage):
    items = [{"email": f"b{number}@example.com", "subscriptions": [WAITS]} for number in range(20)]
    answer = await asking.post("profiles/import_batch", db_id=1, matching="email", data=items)
    assert "errors" not in answer, answer
    await asking.work()
    assert [one.recipient for one in asking.mailbox.arrived] == ["ann@example.com"]


async def test_an_import_in_xml_asks_too(asking: Stage):
    await asking.post_xml(
        "profiles/import",
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><matching>email</matching><data><email>ann@example.com</email>"
        "<subscriptions><channel>email</channel><email>ann@example.com</email><resource_id>21</resource_id>"
        "<status>unconfirmed</status></subscriptions></data></xml>",
    )
    assert await subjects(asking) == ["Please confirm"]


async def test_who_is_subscribed_is_not_asked(asking: Stage):
    await asking.add(email="ann@example.com", subscriptions=[WAITS | {"status": "subscribed"}])
    await asking.post("campaigns/triggers/start", id=60, email="ann@example.com")
    assert await subjects(asking) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('href="{confirm}"', 'href="#"', "triggers[0].template: the html of template 3 has no {confirm} to confirm by"),
        (
            "resource: 21, for_confirm",
            "for_confirm",
            "triggers[0].resource: a subscription is confirmed, so it needs a",
        ),
        ("{confirm}", "{confrim}", "templates[0].email.html: "),
    ],
)
async def test_a_trigger_that_could_confirm_nothing_is_refused(stage: Stage, before: str, after: str, sentence: str):
    with pytest.raises(ConfigurationMistakes) as refused:
        await configuration.apply(stage.context, MORE.replace(before, after), "more.yaml", {})
    assert sentence in str(refused.value.mistakes)

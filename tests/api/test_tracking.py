"""From a mail to the events of its opens and clicks, and what programs do with it."""

import asyncio
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from tests.api.visitor import BROWSER

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.actions.tracking import Hits
from tocsin.core.tracking import read_target

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"  # noqa: E501 - as it is sent
MORE = """
resources:
  - {id: 21, name: Newsletter, databases: [1], channels: [email], tracking_domain: click.example.com}
templates:
  - id: 3
    name: With links
    email:
      from_email: shop@example.com
      subject: Hello
      html: >-
        <html><body><a href="https://shop.example.com/?a=1&amp;b={lead.Custom_ID}">One</a>
        <A class=x HREF='https://shop.example.com/two#part'>Two</A>
        <a href="http://other.example.org">Three</a>
        <a href="https://shop.example.com/plain" data-no-track>Plain</a>
        <a href="mailto:help@example.com">Write</a> <a href="#top">Up</a> <a href="tel:+1">Call</a>
        <a href="{unsubscribe}">Stop</a></body></html>
      text: "See https://shop.example.com/text. {unsubscribe}"
triggers:
  - id: 60
    name: Spring & summer
    database: 1
    template: 3
    sender: 1
    active: true
    tracking:
      {opens: true, clicks: true, text: true, utm: {source: tocsin, campaign: "{trigger}"}, utm_domains: [example.com]}
  - {id: 61, name: Not at all, database: 1, template: 3, sender: 1, active: true,
     tracking: {opens: false, clicks: false}}
  - {id: 62, name: As it is done here, database: 1, template: 3, sender: 1, active: true}
  - {id: 63, name: Elsewhere, database: 1, template: 3, sender: 1, resource: 21, active: true, tracking: {clicks: true}}
workflows:
  - id: 60
    name: Awaited
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 60, next: reacted}
      - {id: reacted, type: feedback, events: [click], within: {days: 2}, next: came, otherwise: done}
      - {id: came, type: update, set: {note: came}, next: done}
      - {id: done, type: end}
"""


@pytest.fixture
async def tracked(stage: Stage) -> Stage:
    await configuration.apply(stage.context, MORE, "more.yaml", {})
    return stage


async def send(stage: Stage, trigger: int = 60, **fields: Any) -> EmailMessage:
    await stage.add(email="ann@example.com", Custom_ID="x&y", **fields)
    await stage.post("campaigns/triggers/start", id=trigger, email="ann@example.com")
    await stage.work()
    return stage.mailbox.mails()["ann@example.com"]


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text


def links(mail: EmailMessage) -> list[str]:
    """The tracked links of the page, in their order."""
    return re.findall(r'(?i)href="([^"]+/m/c/[^"]+)"', part(mail, "html"))


def pixel(mail: EmailMessage) -> str:
    return re.findall(r'<img src="([^"]+/m/o/[^"]+)"', part(mail, "html"))[0]


async def ask(stage: Stage, url: str, method: str = "GET", agent: str = BROWSER) -> Any:
    return await stage.client.request(method, url, headers={"user-agent": agent}, follow_redirects=False)


async def reactions(stage: Stage) -> list[tuple[str, Any]]:
    """Types and reasons of what came back, once it is written."""
    await stage.hits.flush()
    found = await stage.rows("SELECT type, data->>'bot_reason' FROM events WHERE type <> 'send' ORDER BY at, type")
    return [(type_, reason) for type_, reason in found]


async def test_links_lead_here_first_and_then_to_where_they_did(tracked: Stage):
    one, two, three, _ = links(await send(tracked))
    utm = "utm_source=tocsin&utm_campaign=Spring%20%26%20summer"
    led = [(await ask(tracked, url)).headers["location"] for url in (one, two, three)]
    assert led == [
        f"https://shop.example.com/?a=1&b=x&y&{utm}",
        f"https://shop.example.com/two?{utm}#part",
        "http://other.example.org",
    ]


async def test_other_links_are_left_alone(tracked: Stage):
    html = part(await send(tracked), "html")
    for left in ('"https://shop.example.com/plain" data-no-track', '"mailto:help@example.com"', '"#top"', '"tel:+1"'):
        assert f"<a href={left}>" in html
    assert re.search(r'<a href="http://127.0.0.1:8080/m/u/[\w-]+">Stop</a>', html)
    assert html.rstrip().endswith("</body></html>")


async def test_links_of_the_text_are_followed_if_they_are_to_be(tracked: Stage):
    text = part(await send(tracked), "plain")
    found = re.match(r"See (http://127.0.0.1:8080/m/c/[\w-]+)\. http://127.0.0.1:8080/m/u/", text)
    assert found is not None, text
    assert (await ask(tracked, found[1])).headers["location"].startswith("https://shop.example.com/text?utm_source")


async def test_an_open_is_told_by_a_pixel_and_is_unique_once(tracked: Stage):
    url = pixel(await send(tracked))
    tracked.clock.advance(minutes=5)
    first = await ask(tracked, url)
    assert (first.status_code, first.headers["content-type"], first.headers["cache-control"]) == (
        200, "image/gif", "no-store",
    )  # fmt: skip
    assert await reactions(tracked) == [("open", None), ("uopen", None)]
    tracked.clock.advance(minutes=5)
    await ask(tracked, url)
    assert await reactions(tracked) == [("open", None), ("uopen", None), ("open", None)]


async def test_a_click_without_an_open_makes_one(tracked: Stage):
    one, two, *_ = links(await send(tracked))
    tracked.clock.advance(minutes=5)
    await ask(tracked, one)
    assert await reactions(tracked) == [("click", None), ("open", None), ("uclick", None), ("uopen", None)]
    tracked.clock.advance(minutes=5)
    await ask(tracked, two)
    assert (await reactions(tracked))[4:] == [("click", None)]


async def test_a_message_tells_of_its_clicks(tracked: Stage):
    one, *_ = links(await send(tracked))
    tracked.clock.advance(minutes=5)
    await ask(tracked, one)
    await tracked.work()
    smid = tracked.mailbox.arrived[0].message_id.hex()
    told = {event["type"]: event for event in (await tracked.post("messages/get", smid=smid))["data"]["events"]}
    assert told["click"]["data"] | {"ip": "127.0.0.1", "os": "Windows"} == told["click"]["data"]
    assert told["click"]["data"]["link_url"].startswith("https://shop.example.com/?a=1")
    assert "data" not in told["send"]
    xml = await tracked.post_xml("messages/get", f"<xml><token>{TOKEN}</token><smid>{smid}</smid></xml>")
    assert [event.findtext("data/ip") for event in xml.iter("events")].count("127.0.0.1") == 4


async def test_an_event_says_who_asked_for_what(tracked: Stage):
    one, *_ = links(await send(tracked))
    tracked.clock.advance(minutes=5)
    await ask(tracked, one, agent=PHONE)
    await tracked.hits.flush()
    rows = await tracked.rows("SELECT data, trigger_id, database_id FROM events WHERE type = 'click'")
    data, trigger_id, database_id = rows[0]
    assert data == {
        "ip": "127.0.0.1",
        "user_agent": PHONE,
        "os": "iOS",
        "browser": "Safari",
        "device": "phone",
        "link_url": "https://shop.example.com/?a=1&b=x&y&utm_source=tocsin&utm_campaign=Spring%20%26%20summer",
    }
    assert (trigger_id, database_id) == (60, 1)


async def test_the_writer_needs_nobody_to_ask(tracked: Stage):
    url = pixel(await send(tracked))
    tracked.clock.advance(minutes=5)
    await ask(tracked, url)
    async with asyncio.timeout(10):
        while not await tracked.rows("SELECT 1 FROM events WHERE type = 'uopen'"):  # noqa: ASYNC110 - it is the row that counts
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("agent", "method", "reason"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "GET", "user_agent"),
        ("Barracuda Sentinel (EE)", "GET", "user_agent"),
        ("python-requests/2.32", "GET", "user_agent"),
        ("", "GET", "user_agent"),
        (BROWSER, "HEAD", "head_request"),
    ],
)
async def test_what_programs_do_is_marked_and_not_counted(tracked: Stage, agent: str, method: str, reason: str):
    mail = await send(tracked)
    tracked.clock.advance(minutes=5)
    await ask(tracked, pixel(mail), method, agent)
    assert (await ask(tracked, links(mail)[0], method, agent)).status_code == 302
    assert await reactions(tracked) == [("click", reason), ("open", reason)]
    totals = dict(await tracked.rows("SELECT type, total FROM event_totals WHERE trigger_id = 60"))
    assert totals == {"send": 1, "open_bot": 1, "click_bot": 1}
    metrics = (await tracked.client.get("/metrics")).text
    assert 'tocsin_events_total{trigger="60",type="click_bot"} 1.0' in metrics
    await ask(tracked, pixel(mail))
    assert (await reactions(tracked))[2:] == [("open", None), ("uopen", None)]


async def test_all_links_within_moments_of_the_delivery_are_a_program(tracked: Stage):
    mail = await send(tracked)
    for url in links(mail)[:3]:
        tracked.clock.advance(seconds=1)
        await ask(tracked, url)
    await ask(tracked, pixel(mail))
    tracked.clock.advance(seconds=5)
    assert await reactions(tracked) == [("click", "many_links")] * 3 + [("open", "many_links")]
    tracked.clock.advance(minutes=5)
    for url in links(mail)[:3]:
        await ask(tracked, url)
    assert (await reactions(tracked))[4:] == [("click", None)] * 3 + [("open", None), ("uclick", None), ("uopen", None)]


@pytest.fixture
async def other(tracked: Stage) -> AsyncIterator[Hits]:
    """The hits of another API process."""
    hits = Hits(tracked.context)
    yield hits
    await hits.close()


async def follow(tracked: Stage, hits: Hits, url: str) -> None:
    """Follow a link in a process."""
    target = read_target(await tracked.context.known_signer(), url.rpartition("/")[2], tracked.clock.now.timestamp())
    assert target is not None
    hits.add(hits.make(target, method="GET", ip="192.0.2.7", user_agent=BROWSER))


async def test_a_program_is_seen_whose_requests_come_to_several_processes(tracked: Stage, other: Hits):
    mail = await send(tracked)
    one, two, three, *_ = links(mail)
    for hits, url in ((tracked.hits, one), (other, two), (tracked.hits, three)):
        await follow(tracked, hits, url)
        tracked.clock.advance(seconds=1)
        await hits.write()
    tracked.clock.advance(seconds=1.5)
    await ask(tracked, pixel(mail))
    tracked.clock.advance(seconds=1)
    for hits in (tracked.hits, other):
        await hits.write()
    assert await reactions(tracked) == [("click", "many_links")] * 3 + [("open", "many_links")]


async def test_two_links_in_two_processes_are_no_program(tracked: Stage, other: Hits):
    one, two, *_ = links(await send(tracked))
    for hits, url in ((tracked.hits, one), (other, two), (other, one)):
        await follow(tracked, hits, url)
        await hits.write()
    tracked.clock.advance(seconds=5)
    await other.write()
    assert [reason for _, reason in await reactions(tracked)] == [None] * 6


async def test_a_hidden_link_shows_who_else_came_in_that_minute(tracked: Stage):
    mail = await send(tracked)
    *_, trap = links(mail)
    await ask(tracked, links(mail)[0])
    assert (await ask(tracked, trap)).status_code == 204
    assert await reactions(tracked) == [("click", "hidden_link"), ("click", "hidden_link")]
    tracked.clock.advance(seconds=20)
    await ask(tracked, links(mail)[1])
    assert (await reactions(tracked))[2:] == [("click", "hidden_link")]
    tracked.clock.advance(minutes=2)
    await ask(tracked, links(mail)[1])
    assert ("uclick", None) in await reactions(tracked)


async def test_a_workflow_waits_for_the_click_of_a_person(tracked: Stage):
    await tracked.add(email="ann@example.com")
    await tracked.post("workflows/start", id=60, matching="email", email="ann@example.com")
    await tracked.work()
    one, *_ = links(tracked.mailbox.mails()["ann@example.com"])
    tracked.clock.advance(minutes=5)
    await ask(tracked, one, agent="curl/8")
    await tracked.work()
    tracked.clock.advance(minutes=5)
    await tracked.work()
    assert "note" not in await tracked.get_profile(email="ann@example.com")
    await ask(tracked, one)
    await tracked.work()
    await tracked.work()
    assert (await tracked.get_profile(email="ann@example.com"))["note"] == "came"


async def test_tokens_that_are_forged_or_of_another_kind_do_nothing(tracked: Stage):
    mail = await send(tracked)
    open_token, click_token = pixel(mail).rpartition("/")[2], links(mail)[0].rpartition("/")[2]
    stop_token = re.findall(r"/m/u/([\w-]+)", part(mail, "html"))[0]
    tracked.clock.advance(minutes=5)
    flipped = click_token[:-6] + ("B" if click_token[-6] != "B" else "C") + click_token[-5:]
    for token in (flipped, "", "x", "%00", open_token, stop_token, click_token[:40], click_token + "A" * 10_000, "й"):
        answer = await ask(tracked, f"/m/c/{token}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8"), token
        assert "location" not in answer.headers
    for token in (open_token[:-1] + "_", click_token, stop_token, "x"):
        answer = await ask(tracked, f"/m/o/{token}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert await reactions(tracked) == []


async def test_what_is_very_old_leads_nowhere_and_a_forgotten_message_is_not_counted(tracked: Stage):
    mail = await send(tracked)
    await tracked.connection.execute("DELETE FROM events")
    tracked.clock.advance(days=500)
    assert (await ask(tracked, links(mail)[0])).status_code == 302
    assert await reactions(tracked) == []
    tracked.clock.advance(days=366 * 10)
    assert (await ask(tracked, links(mail)[0])).status_code == 404


async def test_nothing_is_tracked_unless_somebody_says_so(tracked: Stage):
    for trigger in (61, 62):
        html = part(await send(tracked, trigger), "html")
        assert "/m/c/" not in html
        assert "/m/o/" not in html
    tracked.context.public_url, tracked.context.is_public = "https://mail.example.com", True
    html = part(await send(tracked, 62), "html")
    assert '<img src="https://mail.example.com/m/o/' in html
    assert 'href="https://mail.example.com/m/c/' in html
    assert "/m/c/" not in part(await send(tracked, 61), "html")


async def test_a_resource_may_have_a_domain_of_its_own(tracked: Stage):
    tracked.context.public_url = "https://mail.example.com"
    mail = await send(tracked, 63, subscriptions=[{"channel": "email", "email": "ann@example.com", "resource_id": 21}])
    assert links(mail)[0].startswith("https://click.example.com/m/c/")
    assert mail["List-Unsubscribe"].startswith("<https://click.example.com/m/u/")


async def test_a_launch_in_xml_is_tracked_too(tracked: Stage):
    await tracked.add(email="ann@example.com")
    root = await tracked.post_xml(
        "campaigns/triggers/start", f"<xml><token>{TOKEN}</token><id>60</id><email>ann@example.com</email></xml>"
    )
    assert root.findtext("error") == "0"
    await tracked.work()
    tracked.clock.advance(minutes=5)
    await ask(tracked, pixel(tracked.mailbox.mails()["ann@example.com"]))
    assert await reactions(tracked) == [("open", None), ("uopen", None)]


async def test_after_a_merge_the_events_are_those_of_the_profile_that_is_left(tracked: Stage):
    mail = await send(tracked)
    ann = (await tracked.get_profile(email="ann@example.com"))["id"]
    ben = await tracked.add(email="ben@example.com")
    answer = await tracked.post("profiles/merge", db_id=1, profile_ids=[ben, ann], to=ben)
    tracked.clock.advance(minutes=5)
    await ask(tracked, links(mail)[0])
    assert len(await reactions(tracked)) == 4, answer
    assert await tracked.rows("SELECT DISTINCT encode(profile_id, 'hex') FROM events") == [(ben,)]


async def test_a_post_to_a_pixel_is_no_call_of_the_api(tracked: Stage):
    answer = await ask(tracked, "/m/x", "POST")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert (await ask(tracked, "/m/c/x", "DELETE")).status_code == 405

"""From an SMS with links to the events of their clicks."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from tests.api.test_sms import ACCEPTED, provided, sent
from tests.channels.web_server import Behaviour, page

from cast import TOKEN, Stage
from tocsin.actions import configuration, housekeeping, link_secrets
from tocsin.core.short_links import Place, parse, spell

BROWSER = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
IPHONE_PREVIEW = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
    "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
)
MORE = """
templates:
  - {id: 22, name: Links, sms: {text: "{apicontent.text}", max_segments: 2}}
triggers:
  - {id: 220, name: Links, database: 1, channel: sms, template: 22, sender: 20, active: true, tracking: {clicks: true}}
  - {id: 221, name: As it is done here, database: 1, channel: sms, template: 22, sender: 20, active: true}
  - {id: 222, name: Never, database: 1, channel: sms, template: 22, sender: 20, active: true, tracking: {clicks: false}}
workflows:
  - id: 22
    name: Awaited
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: text}
      - {id: text, type: campaign, trigger: 220, next: followed}
      - {id: followed, type: feedback, events: [uclick_sms], within: {days: 2}, next: came, otherwise: done}
      - {id: came, type: update, set: {note: came}, next: done}
      - {id: done, type: end}
"""
LINK = re.compile(r"http://127\.0\.0\.1:8080/s/([0-9A-Za-z]{11})")
TEXT = "Ann: https://shop.example.com/a?b=c and https://shop.example.com/d."


async def send(stage: Stage, text: str = TEXT, trigger_id: int = 220, answer: Any = ACCEPTED) -> list[str]:
    """The texts of the SMS that arrive, at two attempts if need be."""
    async with provided(stage, answer) as server:
        await configuration.apply(stage.context, MORE, "more.yaml", {})
        data = [{"data": {"email": "ann@example.com", "phones": "+79000000001"}}]
        answered = await stage.post(
            "campaigns/triggers/import_and_start_batch", trigger_id=trigger_id, data=data, content={"text": text}
        )
        assert answered["error"] == 0, answered
        await stage.work()
        if answer != ACCEPTED:
            stage.clock.advance(minutes=5)
            await stage.work()
    return [one["text"] for one in sent(server)]


async def follow(stage: Stage, code: str, agent: str = BROWSER, method: str = "GET") -> Any:
    return await stage.client.request(method, f"/s/{code}", headers={"user-agent": agent}, follow_redirects=False)


async def reactions(stage: Stage) -> list[tuple[str, Any]]:
    await stage.hits.flush()
    found = await stage.rows("SELECT type, data->>'bot_reason' FROM events WHERE type <> 'send_sms' ORDER BY at, type")
    return [(type_, reason) for type_, reason in found]


async def test_links_are_short_and_lead_to_where_they_did(stage: Stage):
    (text,) = await send(stage)
    assert LINK.sub("*", text) == "Ann: * and *."
    one, two = LINK.findall(text)
    stage.clock.advance(minutes=5)
    answer = await follow(stage, one)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example.com/a?b=c")
    assert answer.headers["cache-control"] == "no-store"
    assert await reactions(stage) == [("click_sms", None), ("uclick_sms", None)]
    stage.clock.advance(minutes=5)
    assert (await follow(stage, two)).headers["location"] == "https://shop.example.com/d"
    assert (await reactions(stage))[2:] == [("click_sms", None)]
    ((data, trigger_id, database_id),) = await stage.rows(
        "SELECT data, trigger_id, database_id FROM events WHERE type = 'uclick_sms'"
    )
    assert (data["link_url"], data["ip"], data["device"]) == ("https://shop.example.com/a?b=c", "127.0.0.1", "phone")
    assert (trigger_id, database_id) == (220, 1)
    totals = await stage.rows("SELECT type, total FROM event_totals WHERE trigger_id = 220 ORDER BY type")
    assert totals == [("click_sms", 2), ("send_sms", 1), ("uclick_sms", 1)]


async def test_who_looks_at_a_copy_sees_the_links_as_they_were(stage: Stage):
    (text,) = await send(stage)
    ((message_id,),) = await stage.rows("SELECT encode(message_id, 'hex') FROM events WHERE type = 'send_sms'")
    kept = await stage.post("webver/get", send_message_id=message_id)
    assert kept["data"]["sms"]["text"] == text
    harmless = await stage.post("webver/get", send_message_id=message_id, harmless=True)
    assert harmless["data"]["sms"]["text"] == TEXT
    await stage.rows("DELETE FROM short_links RETURNING code")
    harmless = await stage.post("webver/get", send_message_id=message_id, harmless=True)
    assert harmless["data"]["sms"]["text"] == "Ann: # and #."


async def test_a_call_in_xml_sends_short_links_too(stage: Stage):
    async with provided(stage) as server:
        await configuration.apply(stage.context, MORE, "more.yaml", {})
        await stage.add(email="ann@example.com", phones="+79000000001")
        answer = await stage.post_xml(
            "campaigns/triggers/start",
            f"<xml><token>{TOKEN}</token><id>220</id><email>ann@example.com</email>"
            f"<content><text>{TEXT}</text></content></xml>",
        )
        await stage.work()
    assert answer.findtext("error") == "0"
    assert LINK.sub("*", sent(server)[0]["text"]) == "Ann: * and *."


async def test_segments_are_counted_after_links_have_become_short(stage: Stage):
    url = f"https://shop.example.com/{'я' * 200}"
    assert len(await send(stage, f"Hi {url}")) == 1
    (row,) = await stage.rows("SELECT type, data->'segments' FROM events")
    assert row == ("send_sms", 1)


async def test_links_are_short_only_where_clicks_are_followed(stage: Stage):
    assert await send(stage, trigger_id=221) == [TEXT]
    assert await send(stage, trigger_id=222) == [TEXT]
    stage.context.public_url, stage.context.is_public = "https://go.example", True
    (text,) = await send(stage, trigger_id=221)
    assert re.sub("https://go.example/s/[0-9A-Za-z]{11}", "*", text) == "Ann: * and *."
    assert await send(stage, trigger_id=222) == [TEXT]


def failing_once() -> Behaviour:
    """Answers 500, and from then on that it has taken the SMS."""
    answers = [page(b"", "500 Oh")]

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(answers.pop() if answers else ACCEPTED)
        await writer.drain()

    return behave


async def test_an_sms_that_is_tried_again_has_the_same_links(stage: Stage):
    first, second = await send(stage, answer=failing_once())
    assert first == second
    assert LINK.sub("*", first) == "Ann: * and *."
    assert await stage.rows("SELECT count(*) FROM short_links") == [(2,)]


async def test_a_link_whose_code_is_taken_is_not_sent(stage: Stage):
    async def answer(writer: asyncio.StreamWriter) -> None:
        await stage.connection.execute("UPDATE short_links SET url = 'https://other.example.com/' WHERE number = 0")
        writer.write(page(b"", "500 Oh"))
        await writer.drain()

    assert len(await send(stage, answer=answer)) == 1
    ((type_, text),) = await stage.rows("SELECT type, data->>'text' FROM events")
    assert type_ == "undeliv_sms"
    assert text.startswith("a short link of this message is another one's")


@pytest.mark.parametrize(
    ("agent", "method", "reason"),
    [
        ("WhatsApp/2.24.20 A", "GET", "user_agent"),
        ("TelegramBot (like TwitterBot)", "GET", "user_agent"),
        ("Viber/13", "GET", "user_agent"),
        (IPHONE_PREVIEW, "GET", "user_agent"),
        (BROWSER, "HEAD", "head_request"),
    ],
)
async def test_previews_of_messengers_are_marked_and_not_counted(stage: Stage, agent: str, method: str, reason: str):
    (text,) = await send(stage)
    code, _ = LINK.findall(text)
    stage.clock.advance(minutes=5)
    assert (await follow(stage, code, agent, method)).status_code == 302
    assert await reactions(stage) == [("click_sms", reason)]
    totals = dict(await stage.rows("SELECT type, total FROM event_totals WHERE trigger_id = 220"))
    assert totals == {"send_sms": 1, "click_sms_bot": 1}
    await follow(stage, code)
    assert ("uclick_sms", None) in await reactions(stage)


async def test_codes_that_are_forged_unknown_or_forgotten_do_nothing(stage: Stage):
    (text,) = await send(stage)
    code, _ = LINK.findall(text)
    place = parse(code)
    assert place is not None
    stage.clock.advance(minutes=5)
    for forged in ("x", "й" * 11, code[:-1], code + "0", "z" * 11, spell(Place(place.bucket, place.code ^ 1))):
        answer = await follow(stage, forged)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8"), forged
        assert "location" not in answer.headers
    assert await reactions(stage) == []


async def test_with_the_secret_short_links_are_forgotten(stage: Stage):
    (text,) = await send(stage)
    code, _ = LINK.findall(text)
    await link_secrets.rotate(stage.context, forget_old=False)
    stage.clock.advance(minutes=5)
    assert (await follow(stage, code)).status_code == 302
    await link_secrets.rotate(stage.context, forget_old=True)
    stage.clock.advance(minutes=5)
    assert (await follow(stage, code)).status_code == 404


async def test_links_are_forgotten_with_the_events_and_with_the_profile(stage: Stage):
    await send(stage)
    await housekeeping.tidy(stage.context, timedelta(days=100))
    assert await stage.rows("SELECT count(*) FROM short_links") == [(2,)]
    stage.clock.advance(days=101)
    await housekeeping.tidy(stage.context, timedelta(days=100))
    assert await stage.rows("SELECT count(*) FROM short_links") == [(0,)]
    await send(stage)
    answer = await stage.post("profiles/delete", db_id=1, matching="email", email="ann@example.com")
    assert answer["error"] == 0, answer
    assert await stage.rows("SELECT count(*) FROM short_links") == [(0,)]


async def test_a_workflow_waits_for_the_click(stage: Stage):
    async with provided(stage) as server:
        await configuration.apply(stage.context, MORE, "more.yaml", {})
        await stage.add(email="ann@example.com", phones="+79000000001")
        await stage.post("workflows/start", id=22, matching="email", email="ann@example.com", content={"text": TEXT})
        await stage.work()
    code, _ = LINK.findall(sent(server)[0]["text"])
    stage.clock.advance(minutes=5)
    await follow(stage, code, "TelegramBot (like TwitterBot)")
    await stage.work()
    assert "note" not in await stage.get_profile(email="ann@example.com")
    await follow(stage, code)
    await stage.work()
    await stage.work()
    assert (await stage.get_profile(email="ann@example.com"))["note"] == "came"

"""Replies: Reply-To that brings a copy of them here, and the event that they become."""

from email.utils import getaddresses

import pytest
from tests.api.test_bounces import PATHS, Back, back, plain

from cast import TOKEN, Stage, parse_mail
from tocsin.actions import configuration

__all__ = ["back"]

ANN = "ann@example.com"
MORE = """
templates:
  - id: 3
    name: Without an address for replies
    email: {from_name: "News & more", from_email: news@example.com, subject: Hello, text: Hello}
triggers:
  - {id: 60, name: Answered, database: 1, template: 1, sender: 1, active: true, tracking: {replies: true}}
  - {id: 61, name: By the sender, database: 1, template: 3, sender: 1, active: true, tracking: {replies: true}}
workflows:
  - id: 60
    name: Awaited
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 60, next: answered}
      - {id: answered, type: feedback, events: [reply], within: {days: 2}, next: talks, otherwise: done}
      - {id: talks, type: update, set: {note: talks}, next: done}
      - {id: done, type: end}
"""


@pytest.fixture
async def answered(stage: Stage) -> Stage:
    await configuration.apply(stage.context, MORE, "more.yaml", {})
    stage.context.return_paths = PATHS
    await stage.add(email=ANN)
    return stage


async def send(stage: Stage, trigger: int) -> str:
    """The id of the message that Ann gets."""
    answer = await stage.post("campaigns/triggers/start", id=trigger, email=ANN)
    assert answer["error"] == 0, answer
    await stage.work()
    return stage.mailbox.arrived[-1].message_id.hex()


def reply_to(stage: Stage) -> list[tuple[str, str]]:
    """Names and addresses of the last mail's Reply-To."""
    return getaddresses(parse_mail(stage.mailbox.arrived[-1].body).get_all("reply-to", []))


def reply(*headers: str) -> str:
    return plain("Where is it?", "Subject: Re: Thank you", *headers).replace("MAILER-DAEMON@mx.recipient.example", ANN)


async def test_a_reply_goes_to_who_answers_people_and_here(answered: Stage):
    message = await send(answered, 60)
    assert reply_to(answered) == [("", "help@example.com"), ("", PATHS.make(bytes.fromhex(message)))]


async def test_without_an_address_for_replies_it_goes_to_the_sender_and_here(answered: Stage):
    message = await send(answered, 61)
    assert reply_to(answered) == [("News & more", "news@example.com"), ("", PATHS.make(bytes.fromhex(message)))]
    head = answered.mailbox.arrived[-1].body.partition(b"\r\nTo:")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78


async def test_a_mail_whose_replies_nobody_asked_for_has_the_template_s_address_alone(answered: Stage):
    await send(answered, 8)
    assert reply_to(answered) == [("", "help@example.com")]


async def test_replies_are_not_sent_to_where_nothing_is_taken(answered: Stage):
    answered.context.return_paths = None
    await send(answered, 61)
    assert reply_to(answered) == []


async def test_a_reply_is_an_event_once(answered: Stage, back: Back):
    message = await send(answered, 60)
    answered.clock.advance(minutes=1)
    for _ in range(2):
        assert await back(reply(), message, sender=ANN) == "2.0.0 Ok"
    (kept,) = await answered.rows("SELECT data FROM events WHERE type = 'reply'")
    assert kept == ({"address": ANN, "subject": "Re: Thank you", "from_email": ANN},)
    assert await answered.rows("SELECT total FROM event_totals WHERE type = 'reply'") == [(1,)]
    told = (await answered.post("messages/get", smid=message))["data"]["events"][-1]
    assert (told["type"], told["data"]) == ("reply", {"subject": "Re: Thank you", "from_email": ANN})
    xml = await answered.post_xml("messages/get", f"<xml><token>{TOKEN}</token><smid>{message}</smid></xml>")
    assert xml.findtext("data/events[2]/data/subject") == "Re: Thank you"


async def test_what_a_program_answers_is_no_reply(answered: Stage, back: Back):
    message = await send(answered, 60)
    await back(reply("Auto-Submitted: auto-replied"), message, sender=ANN)
    await back(reply(), message, sender="")
    assert await answered.rows("SELECT type FROM events") == [("send",)]


async def test_a_reply_changes_no_status(answered: Stage, back: Back):
    message = await send(answered, 60)
    before = await answered.get_profile(email=ANN)
    await back(reply(), message, sender=ANN)
    assert await answered.get_profile(email=ANN) == before


async def test_a_workflow_that_waits_for_a_reply_goes_on_at_once(answered: Stage, back: Back):
    answer = await answered.post("workflows/start", id=60, email=ANN)
    assert answer["error"] == 0, answer
    await answered.work()
    await back(reply(), answered.mailbox.arrived[-1].message_id.hex(), sender=ANN)
    await answered.work()
    assert (await answered.get_profile(email=ANN))["note"] == "talks"

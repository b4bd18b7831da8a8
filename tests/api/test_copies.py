"""`webver/get`: a message as it was sent, from the transaction that recorded it until it is forgotten."""

import re
from datetime import timedelta
from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import configuration, copies, housekeeping

TRACKED = """
templates:
  - id: 3
    name: Tracked
    email:
      from_email: shop@example.com
      from_name: Лавка
      reply_to_email: help@example.com
      subject: "Для {lead._fname}"
      html: >-
        <html><body><a href="https://shop.example.com/?a=1&amp;b=2">One</a>
        <a href="{unsubscribe}">Stop</a></body></html>
triggers:
  - {id: 60, name: Tracked, database: 1, template: 3, sender: 1, active: true, tracking: {opens: true, clicks: true}}
"""
FILES = [
    {"name": "Счёт.txt", "data": "data:text/plain;base64,SGVsbG8="},
    {"name": "a.bin", "data": "data:;base64,AAEC"},
]


async def send(stage: Stage, *people: str, trigger_id: int = 8, **members: Any) -> list[str]:
    """The ids of the messages, in the order of people."""
    data = [{"data": {"email": f"{one.lower()}@example.com", "_fname": one, "CRM_ID": one}} for one in people]
    answer = await stage.post(
        "campaigns/triggers/import_and_start_batch", trigger_id=trigger_id, data=data, content={"page": "p"}, **members
    )
    assert answer["error"] == 0, answer
    await stage.work()
    rows = await stage.rows("SELECT data->>'address', encode(message_id, 'hex') FROM events WHERE type = 'send'")
    sent = dict(rows)
    return [sent[f"{one.lower()}@example.com"] for one in people]


async def get(stage: Stage, message_id: str, **members: Any) -> dict[str, Any]:
    return await stage.post("webver/get", send_message_id=message_id, **members)


async def is_kept(stage: Stage, message_id: str) -> bool:
    return (await get(stage, message_id))["error"] == 0


async def test_a_mail_is_shown_as_it_was_sent(stage: Stage):
    await configuration.apply(stage.context, TRACKED, "copies.yaml", {})
    (message_id,) = await send(stage, "Ann", trigger_id=60, attach=FILES)
    mail = stage.mailbox.mails()["ann@example.com"]
    answer = await get(stage, message_id)
    assert answer["data"]["createtime"] == stage.clock().isoformat().removesuffix("+00:00") + "Z"
    shown = answer["data"]["email"]
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html
    assert text
    assert shown["html"].rstrip() == html.get_content().rstrip()
    assert shown["text"].rstrip() == text.get_content().rstrip()
    assert (shown["from_email"], shown["from_name"]) == ("shop@example.com", "Лавка")
    assert (shown["to_email"], shown["subject"]) == ("ann@example.com", "Для Ann")
    assert [(one["name"], one["value"]) for one in shown["headers"]] == [(n, str(v)) for n, v in mail.items()]
    assert [(one["name"], one["type"], one["size"]) for one in shown["attachments"]] == [
        ("Счёт.txt", "text/plain", 5),
        ("a.bin", "application/octet-stream", 3),
    ]


async def test_a_call_in_xml_is_answered_in_xml(stage: Stage):
    (message_id,) = await send(stage, "Ann", attach=FILES)
    root = await stage.post_xml(
        "webver/get", f"<xml><token>{TOKEN}</token><send_message_id>{message_id}</send_message_id></xml>"
    )
    assert root.findtext("error") == "0"
    assert root.findtext("data/email/html") == "<p>Dear Ann, page p, number Ann.</p>"
    assert [one.findtext("name") for one in root.findall("data/email/attachments")] == ["Счёт.txt", "a.bin"]


@pytest.mark.parametrize("count", [1, 4, 30])
async def test_a_mail_is_rebuilt_as_it_was_handed_over_however_many_went_with_it(stage: Stage, count: int):
    await configuration.apply(stage.context, TRACKED, "copies.yaml", {})
    await send(stage, *(f"Guest{n}" for n in range(count)), trigger_id=60, attach=FILES)
    assert len(stage.mailbox.arrived) == count
    for envelope in stage.mailbox.arrived:
        found = await copies.find(stage.connection, envelope.message_id)
        assert found
        assert found.source == envelope.body


async def test_files_of_a_launch_are_not_in_its_copies(stage: Stage):
    big = {"name": "big.txt", "data": "data:text/plain," + "0123456789abcdef" * 5000}
    await send(stage, "Ann", "Bob", attach=[big])
    ((largest,),) = await stage.rows("SELECT max(length(content)) FROM copies")
    assert largest < 1000


async def test_a_copy_made_harmless_counts_nothing_and_unsubscribes_nobody(stage: Stage):
    await configuration.apply(stage.context, TRACKED, "copies.yaml", {})
    (message_id,) = await send(stage, "Ann", trigger_id=60)
    asis = (await get(stage, message_id))["data"]["email"]
    assert len(re.findall(r"/m/[ocu]/", asis["html"])) == 4
    shown = (await get(stage, message_id, harmless=True))["data"]["email"]
    assert "/m/" not in shown["html"] + shown["text"] + str(shown["headers"])
    assert '<a href="https://shop.example.com/?a=1&amp;b=2">One</a> <a href="#">Stop</a>' in shown["html"]


async def test_only_what_was_sent_is_kept(stage: Stage):
    stage.mailbox.answers = {
        "bob@example.com": ("refused", 550, "5.1.1 unknown"),
        "cara@example.com": ("deferred", 451, "4.3.0 later"),
    }
    (ann,) = await send(stage, "Ann")
    await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=8,
        data=[{"data": {"email": "bob@example.com"}}, {"data": {"email": "cara@example.com"}}],
    )
    await stage.work()
    assert await stage.rows("SELECT encode(id, 'hex') FROM copies") == [(ann,)]
    ((bob,),) = await stage.rows("SELECT encode(message_id, 'hex') FROM events WHERE type = 'undeliv'")
    answer = await get(stage, bob)
    assert (answer["error"], answer["error_debug"]) == (
        404,
        "send_message_id: there is no such message, or no copy of it is kept",
    )


@pytest.mark.parametrize("said", ["", "no id", "67" * 12])
async def test_what_is_no_message_is_error_404(stage: Stage, said: str):
    assert (await get(stage, said))["error"] == 404


async def test_a_copy_is_found_after_its_profile_was_merged(stage: Stage):
    message_ids = await send(stage, "Ann", "Bob", "Cara", "Dan", "Eve", "Fay")
    profiles = [one for (one,) in await stage.rows("SELECT encode(id, 'hex') FROM profiles")]
    assert (await stage.post("profiles/merge", db_id=1, profile_ids=profiles))["error"] == 0
    assert [await is_kept(stage, one) for one in message_ids] == [True] * 6
    assert (await get(stage, message_ids[1]))["data"]["email"]["to_email"] == "bob@example.com"


async def test_copies_are_deleted_with_their_profile_also_after_a_merge(stage: Stage):
    ann, bob, cara = await send(stage, "Ann", "Bob", "Cara")
    merged = [(await stage.get_profile(email=f"{one}@example.com"))["id"] for one in ("ann", "bob")]
    assert (await stage.post("profiles/merge", db_id=1, profile_ids=merged))["error"] == 0
    assert (await stage.post("profiles/delete", db_id=1, email="ann@example.com"))["error"] == 0
    assert [await is_kept(stage, one) for one in (ann, bob, cara)] == [False, False, True]


async def test_others_are_still_read_when_the_first_of_their_launch_is_deleted(stage: Stage):
    people = [f"Guest{n}" for n in range(12)]
    message_ids = await send(stage, *people)
    assert (await stage.post("profiles/delete", db_id=1, email="guest0@example.com"))["error"] == 0
    shown = [(await get(stage, one))["data"]["email"]["html"] for one in message_ids[1:]]
    assert shown == [f"<p>Dear {one}, page p, number {one}.</p>" for one in people[1:]]


async def test_nothing_is_kept_where_copies_are_turned_off(stage: Stage):
    stage.context.keep_copies = timedelta(0)
    (message_id,) = await send(stage, "Ann")
    assert not await is_kept(stage, message_id)
    assert await stage.rows("SELECT count(*) FROM copies") == [(0,)]


async def test_copies_are_forgotten_after_their_time_and_events_are_not(stage: Stage):
    (message_id,) = await send(stage, "Ann")
    stage.clock.advance(days=30)
    await housekeeping.tidy(stage.context, timedelta(days=400))
    assert await is_kept(stage, message_id)
    stage.clock.advance(days=7)
    await housekeeping.tidy(stage.context, timedelta(days=400))
    assert not await is_kept(stage, message_id)
    assert (await stage.post("messages/get", smid=message_id))["error"] == 0
    (later,) = await send(stage, "Bob")
    assert await is_kept(stage, later)


async def test_who_may_read_profiles_may_read_copies(stage: Stage):
    (message_id,) = await send(stage, "Ann")
    assert (await get(stage, message_id, token=READER))["error"] == 0
    await configuration.apply(
        stage.context, "tokens: [{name: w, token: writer-writer-writer, permissions: [profiles.write]}]", "c", {}
    )
    assert (await get(stage, message_id, token="writer-writer-writer"))["error"] == 403

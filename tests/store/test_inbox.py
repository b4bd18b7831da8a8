"""The development inbox: many mails at a time, the newest first, and never more than it may keep."""

import asyncio
from datetime import timedelta

import pytest

from cast import Stage
from tocsin.actions import housekeeping, inbox
from tocsin.actions.inbox import Inbox
from tocsin.core.audits import Author
from tocsin.core.errors import NotFound, NotReady
from tocsin.store import inbox as stored


def mail(number: int, subject: str = "") -> bytes:
    return f"From: shop@example.com\r\nSubject: {subject or f'Number {number}'}\r\n\r\nbody {number}\r\n".encode()


async def fill(stage: Stage, count: int) -> None:
    box = Inbox(stage.context)
    await asyncio.gather(*(box.take("shop@example.com", [f"person{n}@example.com"], mail(n)) for n in range(count)))


async def subjects(stage: Stage, **asked) -> list[str]:
    return [one.subject for one in await inbox.list_page(stage.connection, **asked)]


async def test_mails_are_listed_the_newest_first_page_by_page(stage: Stage):
    await fill(stage, 1200)
    first = await inbox.list_page(stage.connection, limit=700)
    second = await inbox.list_page(stage.connection, limit=700, before=first[-1].id)
    assert [one.subject for one in first + second] == [f"Number {n}" for n in reversed(range(1200))]
    assert await inbox.count(stage.connection) == 1200
    newest = first[0]
    assert (newest.sender, newest.recipients, newest.bytes) == (
        "shop@example.com", "person1199@example.com", len(mail(1199)),
    )  # fmt: skip


async def test_a_mail_is_kept_to_the_byte(stage: Stage):
    raw = b"Subject: \xff\x00\r\n\r\n" + bytes(range(256)) + b"\\\t\n"
    await Inbox(stage.context).take("", ["a\0@example.com", "b@example.com"], raw)
    (told,) = await inbox.list_page(stage.connection)
    found = await inbox.get(stage.connection, told.id.hex())
    assert (found.raw, found.told) == (raw, told)
    assert (told.recipients, told.subject) == ("a @example.com, b@example.com", "\ufffd")


async def test_mails_are_found_by_a_part_of_a_recipient_or_of_the_subject(stage: Stage):
    box = Inbox(stage.context)
    await box.take("", ["Ann@example.com", "bob@example.com"], mail(1, "Hello"))
    await box.take("", ["cara@example.org"], mail(2, "100 % off"))
    assert await subjects(stage, search="BOB@") == ["Hello"]
    assert await subjects(stage, search="example") == ["100 % off", "Hello"]
    assert await subjects(stage, search="0 % o") == ["100 % off"]
    assert await subjects(stage, search="%") == ["100 % off"]
    assert await subjects(stage, search="_") == []


@pytest.mark.parametrize("said", ["", "no id", "67" * 12])
async def test_what_is_not_there_is_said(stage: Stage, said: str):
    with pytest.raises(NotFound):
        await inbox.get(stage.connection, said)


async def test_all_mail_can_be_deleted(stage: Stage):
    await fill(stage, 3)
    assert await inbox.clear(stage.context, Author("command", "tests")) == 3
    assert await subjects(stage) == []


async def test_only_the_newest_are_kept_by_number_and_by_bytes(stage: Stage):
    await fill(stage, 10)
    assert await stored.delete_old(stage.connection, 5, 1_000_000) == 5
    assert await subjects(stage) == [f"Number {n}" for n in (9, 8, 7, 6, 5)]
    assert await stored.delete_old(stage.connection, 100, 2 * len(mail(9))) == 3
    assert await subjects(stage) == ["Number 9", "Number 8"]
    assert await stored.delete_old(stage.connection, 2, 1_000_000) == 0


async def test_it_makes_room_while_it_takes_mail_and_now_and_then(stage: Stage, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_MAILS", 5)
    monkeypatch.setattr(inbox, "_PRUNED_EVERY_MAILS", 8)
    await fill(stage, 20)
    assert await subjects(stage) == [f"Number {n}" for n in (19, 18, 17, 16, 15)]
    monkeypatch.setattr(inbox, "MOST_MAILS", 2)
    await housekeeping.tidy(stage.context, timedelta(days=400))
    assert await subjects(stage) == ["Number 19", "Number 18"]


async def test_who_sends_is_told_when_a_mail_is_not_written(stage: Stage, monkeypatch):
    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    box = Inbox(stage.context)
    with monkeypatch.context() as patched:
        patched.setattr(stored, "insert", fail)
        with pytest.raises(NotReady):
            await box.take("", ["a@example.com"], mail(1))
    await box.take("", ["a@example.com"], mail(2))
    assert await subjects(stage) == ["Number 2"]

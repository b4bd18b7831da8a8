"""The log of messages, newest first: every filter, page by page, and in which state each message is."""

from datetime import timedelta

import pytest

from cast import Stage
from tocsin.actions import bounces
from tocsin.core.bounces import Report
from tocsin.core.message_log import Search
from tocsin.store import message_log
from tocsin.store.message_log import Place

HARD = Report("hbounce", 550, "5.1.1", "550 5.1.1 User unknown")
LAUNCH = "campaigns/triggers/import_and_start_batch"


async def launch(stage: Stage, *names: str, trigger_id: int = 8, db_id: int = 1) -> bytes:
    people = [{"data": {"email": f"{name}@example.com"}} for name in names]
    answer = await stage.post(LAUNCH, trigger_id=trigger_id, db_id=db_id, data=people)
    assert answer["error"] == 0, answer
    return bytes.fromhex(answer["launch_id"])


async def ask(stage: Stage, triggers=(), before=Place(), limit=50, **search):  # noqa: B008 - a value
    return await message_log.list_messages(stage.connection, Search(**search), triggers, before, limit)


async def names(stage: Stage, triggers=(), **search):
    return [(one.address.partition("@")[0], one.state) for one in await ask(stage, triggers, **search)]


async def test_messages_are_listed_newest_first_with_what_became_of_them(stage: Stage):
    stage.mailbox.answers["eve@example.com"] = ("refused", 550, "5.7.1 no")
    for name in ("ann", "eve", "bob"):
        await launch(stage, name)
        await stage.work()
        stage.clock.advance(minutes=1)
    listed = await ask(stage)
    assert [(one.address, one.type, one.state, one.code, one.text) for one in listed] == [
        ("bob@example.com", "send", "sent", 250, "2.0.0 ok"),
        ("eve@example.com", "undeliv", "failed", 550, "5.7.1 no"),
        ("ann@example.com", "send", "sent", 250, "2.0.0 ok"),
    ]

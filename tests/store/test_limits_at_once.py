"""Limits of sending policies with several workers and several launches at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cast import Mailbox
from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.actions.messages import Delivery

Post = Callable[..., Awaitable[dict[str, Any]]]

POLICY = "policies: [{id: 1, name: Twice a day, default: true, limits: [{messages: 2, days: 1}]}]"
EMAILS = [f"{number}@example.com" for number in range(60)]
TRIGGERS = (8, 13, 85, 96, 455)


class SlowMailbox(Mailbox):
    """Leaves time for another worker to look, between a message and its event."""

    async def send(self, *given: Any, **named: Any) -> Any:
        await asyncio.sleep(0.05)
        return await super().send(*given, **named)


async def launch(post: Post, trigger_id: int) -> int:
    answer = await post(
        "campaigns/triggers/start_batch", trigger_id=trigger_id, data=[{"email": one} for one in EMAILS]
    )
    assert answer["error"] == 0, answer
    return len(answer.get("skipped", []))


async def work(context: Context, mailbox: Mailbox, folder: Path) -> None:
    delivery = Delivery(context, lambda _: mailbox, timedelta(seconds=60), folder)
    while await delivery.deliver(40):
        pass
    await delivery.close()


async def test_workers_that_send_to_the_same_profiles_at_once_keep_the_limit_together(
    context: Context, post: Post, tmp_path: Path
):
    await post("profiles/import_batch", db_id=1, data=[{"email": one} for one in EMAILS])
    for trigger_id in TRIGGERS:
        await launch(post, trigger_id)
    await configuration.apply(context, POLICY, "rules.yaml", {})
    mailbox = SlowMailbox()
    await asyncio.gather(*(work(Context(context.database), mailbox, tmp_path / str(one)) for one in range(3)))
    assert Counter(one.recipient for one in mailbox.arrived) == dict.fromkeys(EMAILS, 2)
    async with context.database.transaction() as transaction:
        rows = await (await transaction.execute("SELECT type, count(*) FROM events GROUP BY type")).fetchall()
        left = await (await transaction.execute("SELECT count(*) FROM messages")).fetchall()
    assert dict(rows) == {"send": 2 * len(EMAILS), "skip": 3 * len(EMAILS)}
    assert left == [(0,)]


async def test_what_launches_at_once_have_promised_too_much_is_kept_when_it_leaves(
    context: Context, post: Post, tmp_path: Path
):
    await configuration.apply(context, POLICY, "rules.yaml", {})
    await post("profiles/import_batch", db_id=1, data=[{"email": one} for one in EMAILS])
    await asyncio.gather(*(launch(post, trigger_id) for trigger_id in TRIGGERS))
    mailbox = Mailbox()
    await work(context, mailbox, tmp_path)
    assert Counter(one.recipient for one in mailbox.arrived) == dict.fromkeys(EMAILS, 2)

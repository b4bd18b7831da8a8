"""What an operator sees at a glance: how long the queues are, and which senders fail."""

from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.core.configuration import Configuration
from tocsin.store import messages, outcomes
from tocsin.store.database import Transaction
from tocsin.store.messages import Backlog
from tocsin.store.outcomes import SenderMinutes

LATELY = timedelta(minutes=15)
_FEWEST_FAILED = 3
_NOTHING = Backlog(0, 0, None)


class FailingSender(NamedTuple):
    """A sender most of whose latest attempts came to nothing, by name, or its number when it was removed."""

    name: str
    lately: SenderMinutes


async def list_backlogs(transaction: Transaction, configuration: Configuration, now: datetime) -> dict[str, Backlog]:
    """The queue of each channel that has triggers or messages; messages of removed triggers are those of no channel."""
    named: dict[str, Backlog] = {trigger.channel: _NOTHING for trigger in configuration.triggers.values()}
    for trigger_id, backlog in (await messages.count(transaction, now)).items():
        trigger = configuration.triggers.get(trigger_id)
        channel = trigger.channel if trigger else ""
        named[channel] = _add(named.get(channel, _NOTHING), backlog)
    return named


def _add(one: Backlog, other: Backlog) -> Backlog:
    oldest = [at for at in (one.oldest_due_at, other.oldest_due_at) if at]
    return Backlog(one.waiting + other.waiting, one.due + other.due, min(oldest, default=None))


async def list_failing_senders(
    transaction: Transaction, configuration: Configuration, now: datetime
) -> list[FailingSender]:
    """Senders most of whose attempts of the last quarter of an hour failed, three at least; the worst first."""
    lately = await outcomes.list_recent(transaction, now - LATELY)
    failing = [one for one in lately if one.sender_id and one.failed >= _FEWEST_FAILED and one.failed > one.sent]
    failing.sort(key=lambda one: one.failed, reverse=True)
    senders = configuration.senders
    return [
        FailingSender(senders[one.sender_id].name if one.sender_id in senders else str(one.sender_id), one)
        for one in failing
    ]

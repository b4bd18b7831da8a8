"""Short links in SMS: stored before a message leaves, looked up when somebody follows one."""

from collections.abc import Sequence

from tocsin.actions.composition import Composed
from tocsin.actions.context import Context
from tocsin.channels.contract import Outcome
from tocsin.core import short_links
from tocsin.core.tracking import Target
from tocsin.store import short_links as stored_short_links

# Chance gives two messages the same code once in ten thousand installations that keep a hundred million links.
_TAKEN = "a short link of this message is another one's; sent again it gets others"


async def store(context: Context, group: Sequence[Composed]) -> Sequence[Composed]:
    """Keep where the links of a group lead, before any of it is sent: one statement. Answers what may be sent."""
    links = [link for composed in group for link in composed.short_links]
    if not links:
        return group
    async with context.database.transaction() as transaction:
        taken = await stored_short_links.insert(transaction, links)
    if not taken:
        return group
    return [
        _refuse(composed) if any(link.place in taken for link in composed.short_links) else composed
        for composed in group
    ]


def _refuse(composed: Composed) -> Composed:
    outcome = Outcome(composed.message.id, "refused", 0, _TAKEN)
    return composed._replace(sender=None, envelope=None, outcome=outcome)


async def find(context: Context, text: str) -> Target | None:
    """Where the link leads that a code stands for; None for one that is forged or forgotten. NotReady."""
    place = short_links.parse(text)
    if place is None:
        return None
    async with context.database.transaction() as transaction:
        signer = await context.signer(transaction)
        link = await stored_short_links.find(transaction, place)
    if link is None or not short_links.is_genuine(signer, link):
        return None
    return Target("click", link.message_id, link.number, link.links, link.url, "sms")

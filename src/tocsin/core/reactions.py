"""What recipients do with messages, and the events that this amounts to (facts, section 8)."""

from collections.abc import Iterator
from typing import Final, Literal

from tocsin.core.messages import EventType, event_type
from tocsin.core.reading import Look
from tocsin.core.scanners import Hit, ScanReason
from tocsin.core.tracking import Channel, HitKind, Target

# What a message has met with for the first time.
Reaction = Literal["opened", "clicked", "delivered", Look, ScanReason]
First = set[tuple[bytes, Reaction]]

# Who follows a link has opened the message, though nothing may have told of it, and a device that opens one has got it.
# Of an SMS nobody learns whether it was opened; whether it was delivered, its provider says.
_CHAINS: Final[dict[Channel, tuple[Reaction, ...]]] = {
    "email": ("opened", "clicked"),
    "sms": ("clicked",),
    "push": ("delivered", "opened", "clicked"),
}
_LAST: Final[dict[HitKind, Reaction]] = {
    "delivered": "delivered",
    "open": "opened",
    "look": "opened",
    "click": "clicked",
    "trap": "clicked",
}


def list_reactions(hit: Hit) -> tuple[Reaction, ...]:
    """What a hit shows that its message has met with, the last of which is what the hit itself is."""
    target = hit.target
    if hit.look is not None:
        return (hit.look,)
    chain = _CHAINS[target.channel]
    return chain[: chain.index(_LAST[target.kind]) + 1]


def list_events(hit: Hit, *, is_bot: bool, first: First) -> Iterator[EventType]:
    """The events of a hit. What is in `first` is taken from there, so that it is so only once.

    What a device reports it may report again when it got no answer, so that counts once; links are followed anew. How
    long a mail was looked at is an event of its own, beside the open that it began with.
    """
    target = hit.target
    if hit.look is not None:
        if (target.message_id, hit.look) in first:
            first.discard((target.message_id, hit.look))
            yield hit.look
        return
    *before, itself = list_reactions(hit)
    if is_bot:
        yield _word(target, itself)
        return
    for reaction in (*before, itself):
        key = (target.message_id, reaction)
        is_first = key in first
        first.discard(key)
        if is_first or (reaction == itself and not target.is_report):
            yield _word(target, reaction)
        if is_first and reaction != "delivered":
            yield _word(target, reaction, is_unique=True)


def _word(target: Target, reaction: Reaction, *, is_unique: bool = False) -> EventType:
    if reaction == "delivered":
        return event_type(target.channel, "deliv")
    if reaction == "opened":
        return event_type(target.channel, "uopen" if is_unique else "open")
    return event_type(target.channel, "uclick" if is_unique else "click")

"""What every channel does, whatever is at its other end: the checks of channels/contract.py, made of each.

A channel brings a Subject; test_conformance.py has the list of them and runs each check with each.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pytest

from tocsin.channels.contract import TEXT_SIZE, Channel, Envelope, Outcome
from tocsin.core.errors import NotReady

# How the other side treats each message. `mixed`: the second of three is refused, the others are taken.
Manner = Literal["takes", "refuses", "defers", "breaks off", "is silent", "is away", "talks nonsense", "mixed"]
MANNERS: tuple[Manner, ...] = (
    "takes", "refuses", "defers", "breaks off", "is silent", "is away", "talks nonsense", "mixed",
)  # fmt: skip

SECRET = "s3cr3t-of-the-channel"


class Opened(NamedTuple):
    """A channel to a fake; `count_arrived` tells how many messages the fake has in full, taken or not."""

    channel: Channel
    count_arrived: Callable[[], int]


@dataclass(frozen=True)
class Subject:
    """A channel under test.

    open: the channel, over two connections, each step of at most 1.5 s, to a fake of this manner, which knows the
    channel by SECRET and repeats it in all that it says, where it says anything.
    make: a sound envelope, another for each number.
    """

    name: str
    open: Callable[[Manner], AbstractAsyncContextManager[Opened]]
    make: Callable[[int], Envelope]

    def make_some(self, count: int) -> list[Envelope]:
        return [self.make(number) for number in range(count)]


STATES: dict[Manner, set[str]] = {
    "takes": {"sent"},
    "refuses": {"refused"},
    "mixed": {"sent", "refused"},
}

Check = Callable[[Subject], Awaitable[None]]


async def answers_each_envelope_once_and_in_order(subject: Subject) -> None:
    for manner in MANNERS:
        async with subject.open(manner) as (channel, _):
            envelopes = subject.make_some(3 if manner == "mixed" else 7)
            outcomes = await channel.send(envelopes)
        assert [one.message_id for one in outcomes] == [one.message_id for one in envelopes], manner
        assert {one.state for one in outcomes} == STATES.get(manner, {"deferred"}), manner


async def refuses_only_the_message_that_is_refused(subject: Subject) -> None:
    async with subject.open("mixed") as (channel, _):
        outcomes = await channel.send(subject.make_some(3))
    assert Counter(one.state for one in outcomes) == {"sent": 2, "refused": 1}


async def records_each_outcome_as_it_answers_it(subject: Subject) -> None:
    for manner in MANNERS:
        recorded: list[Outcome] = []
        async with subject.open(manner) as (channel, _):
            outcomes = await channel.send(subject.make_some(3), recorded.append)
        final = [one for one in outcomes if one.state != "deferred"]
        kept = {one.message_id: one for one in recorded}
        assert all(kept[one.message_id] == one for one in final), manner
        assert len(kept) == len(recorded), manner


async def hands_over_no_more_than_its_connections_before_it_records(subject: Subject) -> None:
    """Two connections: when an outcome is recorded, at most so many others have been handed over without one."""
    recorded: list[Outcome] = []
    async with subject.open("takes") as (channel, count_arrived):

        def record(outcome: Outcome) -> None:
            recorded.append(outcome)
            assert count_arrived() <= len(recorded) + 2

        await channel.send(subject.make_some(20), record)
    assert len(recorded) == 20


async def ends_with_what_record_raises(subject: Subject) -> None:
    def fail(_: Outcome) -> None:
        raise OSError("the disk is full")

    async with subject.open("takes") as (channel, count_arrived):
        with pytest.raises(ExceptionGroup) as caught:
            await channel.send(subject.make_some(20), fail)
        assert caught.group_contains(OSError)
        assert count_arrived() <= 4


async def says_nothing_secret_and_one_line(subject: Subject) -> None:
    for manner in MANNERS:
        async with subject.open(manner) as (channel, _):
            outcomes = await channel.send(subject.make_some(3))
        for one in outcomes:
            assert SECRET not in one.text, (manner, one)
            assert one.text.isprintable(), (manner, one)
            assert len(one.text) <= TEXT_SIZE, (manner, one)
            assert one.text or one.state == "sent", (manner, one)
            assert one.provider_id.isascii(), (manner, one)


async def does_not_wait_for_each_message_of_a_silent_server(subject: Subject) -> None:
    async with subject.open("is silent") as (channel, _):
        async with asyncio.timeout(6):
            outcomes = await channel.send(subject.make_some(20))
    assert {one.state for one in outcomes} == {"deferred"}


async def keeps_what_was_recorded_when_cancelled(subject: Subject) -> None:
    recorded: list[Outcome] = []
    async with subject.open("takes") as (channel, count_arrived):
        enough = asyncio.Event()

        def record(outcome: Outcome) -> None:
            recorded.append(outcome)
            if len(recorded) == 3:
                enough.set()

        sending = asyncio.create_task(channel.send(subject.make_some(500), record))
        await enough.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert count_arrived() - len(recorded) <= 2
        (outcome,) = await channel.send([subject.make(900)])
    assert outcome.state == "sent"


async def takes_an_empty_batch_and_several_at_once(subject: Subject) -> None:
    async with subject.open("takes") as (channel, count_arrived):
        assert await channel.send([]) == []
        batches = await asyncio.gather(*(channel.send(subject.make_some(10)) for _ in range(3)))
        assert [len(batch) for batch in batches] == [10, 10, 10]
        assert count_arrived() == 30


async def lets_a_message_under_way_through_when_closed(subject: Subject) -> None:
    async with subject.open("takes") as (channel, _):
        first = asyncio.Event()
        sending = asyncio.create_task(channel.send(subject.make_some(30), lambda _: first.set()))
        await first.wait()
        await channel.close()
        outcomes = await sending
    assert {one.state for one in outcomes} == {"sent"}


async def says_whether_it_can_be_used(subject: Subject) -> None:
    async with subject.open("takes") as (channel, count_arrived):
        sentence = await channel.check()
        assert sentence.isprintable()
        assert SECRET not in sentence
        assert count_arrived() == 0
    async with subject.open("is away") as (channel, _):
        with pytest.raises(NotReady) as caught:
            await channel.check()
        assert SECRET not in caught.value.describe()


CHECKS: tuple[Check, ...] = (
    answers_each_envelope_once_and_in_order,
    refuses_only_the_message_that_is_refused,
    records_each_outcome_as_it_answers_it,
    hands_over_no_more_than_its_connections_before_it_records,
    ends_with_what_record_raises,
    says_nothing_secret_and_one_line,
    does_not_wait_for_each_message_of_a_silent_server,
    keeps_what_was_recorded_when_cancelled,
    takes_an_empty_batch_and_several_at_once,
    lets_a_message_under_way_through_when_closed,
    says_whether_it_can_be_used,
)

Opening = AsyncIterator[Opened]

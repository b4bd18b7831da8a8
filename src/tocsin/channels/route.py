"""A choice among several ways out: what one cannot take, the next one tries at once."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from msgspec import structs

from tocsin.channels.contract import Channel, Envelope, Outcome, Record
from tocsin.core.configuration_senders import RouteSender, Sender
from tocsin.core.reach import can_reach
from tocsin.core.routing import choose, list_candidates


class RouteChannel:
    """Sends by the channels of other senders, by their ids, which it does not close.

    A sender that took nothing of what it was given is doubtful: it gets one message to prove itself, while the others
    go by the next. `senders` says which devices each reaches: pushes for others pass it by.
    """

    def __init__(
        self, route: RouteSender, channels: Mapping[int, Channel], senders: Mapping[int, Sender] | None = None
    ) -> None:
        self._route = route
        self._channels = channels
        self._senders = senders or {}
        self._doubtful: set[int] = set()

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py)."""
        candidates = [self._list_candidates(one) for one in envelopes]
        journey = _Journey(candidates, envelopes, record)
        await self._send(journey, range(len(envelopes)))
        return journey.outcomes()

    async def check(self) -> str:
        """Nothing of its own: each of its senders is checked by itself."""
        return f"sends by {', '.join(str(one) for one in self._channels)}"

    async def close(self) -> None:
        """Its senders' channels are somebody else's."""

    def _list_candidates(self, envelope: Envelope) -> list[int]:
        listed = list_candidates(self._route, envelope.sender, envelope.recipient)
        reaching = [one for one in listed if self._reaches(one, envelope.recipient)]
        return reaching or list(listed)

    def _reaches(self, sender_id: int, address: str) -> bool:
        sender = self._senders.get(sender_id)
        return sender is None or can_reach(sender, address, self._senders)

    async def _send(self, journey: "_Journey", positions: Sequence[int]) -> None:
        async with asyncio.TaskGroup() as sending:
            for sender_id, group in journey.depart(positions, self._doubtful).items():
                sending.create_task(self._send_by(sender_id, journey, group))

    async def _send_by(self, sender_id: int, journey: "_Journey", positions: Sequence[int]) -> None:
        envelopes = [journey.envelopes[position] for position in positions]
        outcomes = [
            structs.replace(outcome, sender_id=sender_id)
            for outcome in await self._channels[sender_id].send(envelopes, partial(journey.note, sender_id))
        ]
        if all(outcome.may_go_elsewhere for outcome in outcomes):
            self._doubtful.add(sender_id)
        else:
            self._doubtful.discard(sender_id)
        left = [
            position
            for position, outcome in zip(positions, outcomes, strict=True)
            if journey.goes_on(position, outcome)
        ]
        if left:
            await self._send(journey, left)


class _Journey:
    """Envelopes by position, what became of them so far, and the senders that each may still try."""

    def __init__(self, candidates: list[list[int]], envelopes: Sequence[Envelope], record: Record | None) -> None:
        self.envelopes = envelopes
        self._record = record
        self._candidates = candidates
        self._outcomes: dict[int, Outcome] = {}

    def depart(self, positions: Sequence[int], doubtful: Collection[int]) -> dict[int, list[int]]:
        """Positions by the sender that they go by next. A doubtful one gets a single message if there is another."""
        groups: dict[int, list[int]] = {}
        for position in positions:
            candidates = self._candidates[position]
            first = candidates[0]
            is_probe = first in doubtful and first not in groups
            groups.setdefault(first if is_probe else choose(candidates, doubtful), []).append(position)
        return groups

    def note(self, sender_id: int, outcome: Outcome) -> None:
        """What is final is recorded at once; what is deferred may yet be sent by another."""
        if self._record and outcome.state != "deferred":
            self._record(structs.replace(outcome, sender_id=sender_id))

    def goes_on(self, position: int, outcome: Outcome) -> bool:
        """Whether another sender is to try; it may when nothing of the message was handed over."""
        earlier = self._outcomes.get(position)
        if earlier and outcome.may_go_elsewhere:
            outcome = structs.replace(
                outcome,
                is_tried=earlier.is_tried or outcome.is_tried,
                retry_after_seconds=min(earlier.retry_after_seconds, outcome.retry_after_seconds),
            )
        self._outcomes[position] = outcome
        self._candidates[position].remove(outcome.sender_id)
        return outcome.may_go_elsewhere and bool(self._candidates[position])

    def outcomes(self) -> list[Outcome]:
        """One for each envelope."""
        return [self._outcomes[position] for position in range(len(self.envelopes))]

"""The envelopes of one `send`: which may go now, which wait for room, and what became of the others."""

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.smtp_destinations import Destination, Destinations
from tocsin.channels.smtp_letter import Letter
from tocsin.channels.smtp_pace import Pace, WaitingList
from tocsin.channels.smtp_trouble import Lost, Trouble

# What finds no room within this time goes back to the queue, so that a shutdown need not wait for it.
PATIENCE_SECONDS = 5.0


# What may go now: its position in the batch, and where it goes.
Place: TypeAlias = tuple[int, Destination]


class Turn(Struct, frozen=True):
    """A letter whose turn it is, and when that began."""

    position: int
    destination: Destination
    began_at: float
    letter: Letter


class Course(Struct):
    """How far a worker is: its turn, how many sessions it lost in a row, and whether kept connections are no good."""

    turn: Turn | None = None
    lost: int = 0
    must_be_new: bool = False


class Gate:
    """What all batches of a sender pass through: its pace and its destinations. `answered` counts their messages."""

    def __init__(self, pace: Pace | None, destinations: Destinations) -> None:
        self.pace = pace
        self.destinations = destinations
        self.answered = 0
        self._waiting_list = WaitingList()

    def is_open(self, now: float) -> bool:
        """Whether the sender's pace lets a message go."""
        return self.pace is None or self.pace.is_free(now)

    def book(self, recipient: str, now: float, answered: int) -> float:
        """When a message that found no room is to come back, in seconds from now; while it waited so many went."""
        destination = self.destinations.get(recipient)
        seconds = destination.book(now)
        if self.pace:
            return max(seconds, self._waiting_list.add(now, self.pace.gap_seconds))
        if destination.is_free and answered:
            return self._waiting_list.add(now, PATIENCE_SECONDS / answered)
        return seconds


class Batch:
    """Envelopes by position. `trouble` kept some from being sent; `is_answered` once the server took a stand.

    `lost` counts the sessions that ended with a message under way. Instants are seconds of the loop's clock.
    """

    def __init__(self, envelopes: Sequence[Envelope], record: Record | None, gate: Gate, began_at: float) -> None:
        self.envelopes = envelopes
        self.trouble: Trouble | None = None
        self.is_answered = False
        self.lost = 0
        self._gate = gate
        self._answered_before = gate.answered
        self._until = began_at + PATIENCE_SECONDS
        self._waiting = deque(range(len(envelopes)))
        self._parked: dict[Destination, deque[int]] = {}
        self._tried: set[int] = set()
        self._holders: dict[int, Destination] = {}
        self._record = record
        self._settled: dict[int, Outcome] = {}

    def has_time(self, now: float) -> bool:
        """Whether what waits may still go."""
        return now < self._until

    def has_left(self) -> bool:
        """Whether some are not on their way."""
        return bool(self._waiting or self._parked)

    def count_ready(self, now: float) -> int:
        """About how many may go now."""
        if not self._gate.is_open(now):
            return 0
        return len(self._waiting) + sum(destination.has_room(now) for destination in self._parked)

    def take(self, now: float, held: Destination | None = None) -> Place | None:
        """The next one that may go now. Destinations at their limits are passed over, those that rest put off.

        `held` is where the message goes that it follows: it may take over the place of that one.
        """
        if now >= self._until or not self._gate.is_open(now):
            return None
        found = self._take_parked(held, now, has_place=True) if held in self._parked else None
        return found or self._take_waiting(now, held) or (self._take_any_parked(now) if self._parked else None)

    def put_back(self, turn: Turn | None, *, is_tried: bool = False) -> None:
        """A turn that was not used, and whether that counts as an attempt."""
        if turn:
            self._end(turn.position)
            if is_tried:
                self._tried.add(turn.position)
            self._waiting.appendleft(turn.position)

    def answer(self, turn: Turn, outcome: Outcome, now: float, following: Turn | None) -> None:
        """What the server said of a message; the one that follows takes over its place if it goes the same way."""
        self.is_answered = True
        self._gate.answered += 1
        destination = turn.destination
        if not destination.is_free or outcome.state == "deferred":
            destination.note(self.envelopes[turn.position].recipient, outcome, turn.began_at, now)
        if self._holders:
            self._end(turn.position, following)
        self._settle(turn.position, outcome)

    def refuse(self, position: int, why: str, following: Turn | None = None) -> None:
        """A message that cannot be said."""
        self._end(position, following)
        self._settle(position, Outcome(self.envelopes[position].message_id, "refused", 0, why))

    def defer(self, turn: Turn, lost: Lost, now: float) -> None:
        """The message of a lost session."""
        self.trouble = lost
        self.lost += 1
        envelope = self.envelopes[turn.position]
        turn.destination.note_lost(envelope.recipient, lost, turn.began_at, now)
        self._end(turn.position)
        self._settle(turn.position, lost.defer_its_own(envelope))

    def close(self, now: float, rest_seconds: float) -> list[Outcome]:
        """What is left is put off: for the trouble, if that is what kept it, else until there is room. All outcomes."""
        self.abandon()
        trouble = self.trouble if self.has_time(now) or not self.is_answered else None
        for position in self._waiting:
            if trouble:
                outcome = trouble.defer(
                    self.envelopes[position], is_tried=position in self._tried, retry_after_seconds=rest_seconds
                )
                self._settle(position, outcome)
            else:
                self._put_off(position, now)
        return [self._settled[position] for position in range(len(self.envelopes))]

    def abandon(self) -> None:
        """Nothing is under way any more, nor waits for room."""
        for destination in self._holders.values():
            destination.end()
        self._holders.clear()
        while self._parked:
            self._waiting.append(self._pop_parked(next(iter(self._parked))))

    def _settle(self, position: int, outcome: Outcome) -> None:
        self._settled[position] = outcome
        if self._record:
            self._record(outcome)

    def _end(self, position: int, following: Turn | None = None) -> None:
        holder = self._holders.pop(position, None)
        if holder and following and following.destination is holder:
            self._holders[following.position] = holder
        elif holder:
            holder.end()

    def _take_waiting(self, now: float, held: Destination | None) -> Place | None:
        gate, destinations = self._gate, self._gate.destinations
        while self._waiting:
            position = self._waiting.popleft()
            destination = destinations.get(self.envelopes[position].recipient)
            if destination.is_free and not gate.pace:
                return position, destination
            has_place = destination is held
            if destination.resting_until > now:
                self._put_off_resting(position, destination, now)
            elif destination not in self._parked and destination.has_room(now, has_place=has_place):
                return self._begin(position, destination, now, has_place=has_place)
            else:
                self._park(position, destination)
        return None

    def _take_any_parked(self, now: float) -> Place | None:
        for destination in list(self._parked):
            found = self._take_parked(destination, now, has_place=False)
            if found:
                return found
        return None

    def _take_parked(self, destination: Destination, now: float, *, has_place: bool) -> Place | None:
        if destination.resting_until > now:
            while destination in self._parked:
                self._put_off_resting(self._pop_parked(destination), destination, now)
        elif destination.has_room(now, has_place=has_place):
            return self._begin(self._pop_parked(destination), destination, now, has_place=has_place)
        return None

    def _begin(self, position: int, destination: Destination, now: float, *, has_place: bool) -> Place:
        destination.begin(now, has_place=has_place)
        if not has_place:
            self._holders[position] = destination
        if self._gate.pace:
            self._gate.pace.take(now)
        return position, destination

    def _park(self, position: int, destination: Destination) -> None:
        self._parked.setdefault(destination, deque()).append(position)
        destination.parked += 1

    def _pop_parked(self, destination: Destination) -> int:
        positions = self._parked[destination]
        position = positions.popleft()
        destination.parked -= 1
        if not positions:
            del self._parked[destination]
        return position

    def _put_off_resting(self, position: int, destination: Destination, now: float) -> None:
        trouble = destination.describe_rest(now)
        self._postpone(position, trouble.code, one_line(trouble.text), destination.resting_until - now)

    def _put_off(self, position: int, now: float) -> None:
        answered = self._gate.answered - self._answered_before
        seconds = self._gate.book(self.envelopes[position].recipient, now, answered)
        self._postpone(position, 0, "there was no room yet", seconds)

    def _postpone(self, position: int, code: int, text: str, seconds: float) -> None:
        identifier = self.envelopes[position].message_id
        outcome = Outcome(identifier, "deferred", code, text, is_tried=False, retry_after_seconds=seconds)
        self._settle(position, outcome)

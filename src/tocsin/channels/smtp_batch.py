"""The envelopes of one `send`: which wait, and what became of the others."""

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from tocsin.channels.contract import Envelope, Outcome, Record
from tocsin.channels.smtp_letter import Letter
from tocsin.channels.smtp_trouble import Lost, Trouble


class Turn(Struct, frozen=True):
    """A letter whose turn it is, and its position in the batch."""

    position: int
    letter: Letter


class Course(Struct):
    """How far a worker is: its turn, how many sessions it lost in a row, and whether kept connections are no good."""

    turn: Turn | None = None
    lost: int = 0
    must_be_new: bool = False


class Batch:
    """Envelopes by position. `trouble` kept some from being sent; `is_answered` once the server took a stand.

    `lost` counts the sessions that ended with a message under way.
    """

    def __init__(self, envelopes: Sequence[Envelope], record: Record | None) -> None:
        self.envelopes = envelopes
        self.waiting = deque(range(len(envelopes)))
        self.trouble: Trouble | None = None
        self.is_answered = False
        self.lost = 0
        self._record = record
        self._settled: dict[int, Outcome] = {}

    def put_back(self, turn: Turn | None) -> None:
        if turn:
            self.waiting.appendleft(turn.position)

    def settle(self, position: int, outcome: Outcome) -> None:
        self._settled[position] = outcome
        if self._record:
            self._record(outcome)

    def refuse(self, position: int, why: str) -> None:
        self.settle(position, Outcome(self.envelopes[position].message_id, "refused", 0, why))

    def defer(self, position: int, lost: Lost) -> None:
        self.trouble = lost
        self.lost += 1
        self.settle(position, lost.defer(self.envelopes[position], lost.when))

    def defer_the_rest(self) -> None:
        while self.waiting and self.trouble:
            position = self.waiting.popleft()
            self.settle(position, self.trouble.defer(self.envelopes[position]))

    def outcomes(self) -> list[Outcome]:
        return [self._settled[position] for position in range(len(self.envelopes))]

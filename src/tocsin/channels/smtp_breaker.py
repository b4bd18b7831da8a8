"""When a server that cannot be used is left alone, and when it is tried again."""

from typing import Final

from tocsin.channels.smtp_trouble import Trouble, Unreachable

FIRST_REST_SECONDS = 0.1
LONGEST_REST_SECONDS = 60.0

# One message may be what breaks a session; two in a row, each in a session of its own, are the server.
LOST_IN_A_ROW = 2

_MOST_DOUBLINGS: Final = 10


class Breaker:
    """Opens when a batch found no use in the server; after a rest one message goes ahead and decides. Instants are
    seconds of the loop's clock.
    """

    def __init__(self) -> None:
        self._trouble: Trouble | None = None
        self._failures = self._lost = 0
        self._rest_began_at = float("-inf")
        self._resting_until = float("-inf")

    @property
    def is_doubtful(self) -> bool:
        """Whether the last that is known of the server is that it could not be used."""
        return self._trouble is not None

    def find_trouble(self, now: float) -> Trouble | None:
        """What the server suffers from, while it is left alone."""
        seconds = self._resting_until - now
        if self._trouble is None or seconds <= 0:
            return None
        return Trouble(f"{self._trouble.text}; it is left alone for another {seconds:.1f} s", self._trouble.code)

    def rest_seconds(self, now: float) -> float:
        """How long the server is left alone from now on."""
        return max(self._resting_until - now, 0.0) if self._trouble else 0.0

    def probe(self, until: float) -> None:
        """Let one go ahead while the others stay away; until then at most, should it never come back."""
        self._resting_until = until

    def note(self, trouble: Trouble | None, began_at: float, now: float, *, is_answered: bool, lost: int = 0) -> None:
        """What a batch found that began then: any answer ends the rest; trouble and no answer begins one, if no session
        could be had, or two in a row were lost, by this batch or others.

        It rests for as long as it cost to find out, and twice as long each time, a minute at most. What began before a
        rest says nothing new of it.
        """
        self._lost = 0 if is_answered else self._lost + lost
        if is_answered:
            self._trouble, self._failures, self._resting_until = None, 0, now
        elif trouble is None:
            self._resting_until = now
        elif began_at >= self._rest_began_at and self._is_proof(trouble):
            self._trouble = trouble
            self._rest_began_at = now
            rest = max(FIRST_REST_SECONDS, now - began_at) * 2.0 ** min(self._failures, _MOST_DOUBLINGS)
            self._resting_until = now + min(rest, LONGEST_REST_SECONDS)
            self._failures += 1

    def _is_proof(self, trouble: Trouble) -> bool:
        return self.is_doubtful or isinstance(trouble, Unreachable) or self._lost >= LOST_IN_A_ROW

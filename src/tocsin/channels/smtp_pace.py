"""How many messages a second may go, and when those come back that found no room."""

from typing import Final

# A late timer may be made up for within this time; more would be a burst.
_MAKE_UP_SECONDS: Final = 0.1

LONGEST_WAIT_SECONDS = 900.0


class Pace:
    """Hands out instants at which a message may go, `per_second` at most. Instants are seconds of the loop's clock."""

    def __init__(self, per_second: float) -> None:
        self.gap_seconds = 1 / per_second
        self._free_at = float("-inf")

    def is_free(self, now: float) -> bool:
        """Whether a message may go at once."""
        return self._free_at <= now

    def take(self, now: float) -> float:
        """The next instant that is free, in seconds from now; it is taken."""
        at = max(self._free_at, now - _MAKE_UP_SECONDS)
        self._free_at = at + self.gap_seconds
        return max(at - now, 0.0)


class WaitingList:
    """Tells messages that found no room when to come back: one after the other, as fast as there is room."""

    def __init__(self) -> None:
        self._last_at = float("-inf")

    def add(self, now: float, gap_seconds: float) -> float:
        """When the next one is to come back, in seconds from now, 15 minutes at most."""
        self._last_at = min(max(self._last_at, now) + gap_seconds, now + LONGEST_WAIT_SECONDS)
        return self._last_at - now

"""How many messages a second a sender may send."""

from typing import Final

# A late timer may be made up for within this time; more would be a burst.
_MAKE_UP_SECONDS: Final = 0.1


class Pace:
    """Hands out instants at which a message may go, `per_second` at most. Instants are seconds of the loop's clock."""

    def __init__(self, per_second: float) -> None:
        self._gap_seconds = 1 / per_second
        self._free_at = float("-inf")

    def is_free(self, now: float) -> bool:
        """Whether a message may go at once."""
        return self._free_at <= now

    def take(self, now: float) -> float:
        """The next instant that is free, in seconds from now; it is taken."""
        at = max(self._free_at, now - _MAKE_UP_SECONDS)
        self._free_at = at + self._gap_seconds
        return max(at - now, 0.0)

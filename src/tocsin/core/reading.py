"""How long a mail was looked at, as far as a pixel can tell that is answered slowly (facts, section 8)."""

from typing import Literal

from msgspec import Struct

Look = Literal["read", "skimmed", "glanced"]


class Spans(Struct, frozen=True):
    """From when on a mail is read, and from when on it is at least skimmed."""

    read_seconds: float = 8.0
    skimmed_seconds: float = 4.0

    def name(self, seconds: float) -> Look:
        """What it is to look at a mail for so long."""
        if seconds >= self.read_seconds:
            return "read"
        return "skimmed" if seconds >= self.skimmed_seconds else "glanced"

"""Times of day at which a profile is left alone, in its own time zone."""

from datetime import datetime, time, timedelta, tzinfo

from tocsin.core import schedule
from tocsin.core.configuration_rules import QuietHours

# Whoever waited for the end does not all go in the same second.
SPREAD = timedelta(minutes=5)


def parse_time(text: str) -> time:
    """`22:00`; ValueError for a time that no clock shows."""
    return time.fromisoformat(text)


def find_end(quiet: QuietHours, now: datetime, zone: tzinfo) -> datetime | None:
    """When the quiet time that `now` falls in is over, in UTC; None when it falls in none.

    A quiet time begins at `from` and is over at `to`, as the clocks of the zone show them, skipped and repeated hours
    included (core/schedule.py).
    """
    begins, ends = parse_time(quiet.from_time), parse_time(quiet.to)
    shown = now.astimezone(zone).time().replace(tzinfo=None)
    is_quiet = begins <= shown < ends if begins < ends else shown >= begins or shown < ends
    return schedule.next_time(now, zone, ends) if is_quiet else None


def spread(end: datetime, profile_id: bytes) -> datetime:
    """A moment soon after the end, for each profile its own and always the same."""
    return end + SPREAD * (int.from_bytes(profile_id[-4:]) / 0xFFFFFFFF)

"""Times of day and dates as people mean them: in a time zone, with its changes of clocks.

A time that the clocks skip is as much later; of one that they show twice it is the first.
"""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MIDNIGHT = time()
_LONGEST_NAME = 100
# A week, today, and a day that the clocks may have skipped.
_DAYS_TO_LOOK_AT = 9
_LARGEST_OFFSET = timedelta(hours=14)
_is_offset = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE).fullmatch
_is_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def find_zone(name: str) -> tzinfo | None:
    """The zone called `name`, in any case, or of an offset as `+03:00`; None if there is none."""
    return _find_zone(name) if len(name) <= _LONGEST_NAME else None


@lru_cache(maxsize=4096)
def _find_zone(name: str) -> tzinfo | None:
    known = _names().get(name.lower())
    if known is not None:
        return ZoneInfo(known)
    offset = _is_offset(name)
    if offset is None:
        return None
    sign, hours, minutes = offset.groups("0")
    length = timedelta(hours=int(hours), minutes=int(minutes))
    if length > _LARGEST_OFFSET or int(minutes) >= 60:  # noqa: PLR2004 - minutes of an hour
        return None
    return timezone(-length if sign == "-" else length)


@cache
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def choose_zone(own: object, fallback: str) -> tzinfo:
    """The zone that a profile names in `_tz`, else the fallback, else UTC."""
    return (find_zone(own) if isinstance(own, str) else None) or find_zone(fallback) or UTC


def next_time(after: datetime, zone: tzinfo, at: time, weekdays: Collection[str] = ()) -> datetime:
    """The first moment later than `after`, in UTC, when it is `at` in the zone, on one of the weekdays if any."""
    today = after.astimezone(zone).date()
    for days in range(_DAYS_TO_LOOK_AT):
        day = today + timedelta(days=days)
        moment = _moment(day, at, zone)
        if moment > after and (not weekdays or WEEKDAYS[day.weekday()] in weekdays):
            return moment
    raise AssertionError("none of these is a weekday")


def find_date(
    value: object, after: datetime, zone: tzinfo, at: time | None = None, *, offset_days: int = 0, yearly: bool = False
) -> datetime | None:
    """The moment, in UTC, that a stored date or datetime names, so many days off; None if it is not later than `after`.

    A date is a day of the zone, at midnight unless `at` says when; for a datetime `at` replaces the time that it has.
    Yearly it is the date itself or its next anniversary; that of 29 February is the 28th in other years.
    """
    local = _local(value, zone)
    if local is None:
        return None
    day, own_time = local
    try:
        days = _anniversaries(day, after.astimezone(zone).year, offset_days) if yearly else iter((day,))
        offset = timedelta(days=offset_days)
        moments = (_moment(one + offset, at or own_time, zone) for one in days)
        return next((moment for moment in moments if moment > after), None)
    except (OverflowError, ValueError):
        return None


def _anniversaries(day: date, year: int, offset_days: int) -> Iterator[date]:
    """Those around a year that may, so many days off, be the next."""
    first = max(day.year, year - 1 - max(offset_days, 0) // 365)
    for candidate in range(first, max(first, year) + 3 + max(-offset_days, 0) // 365):
        is_lost = (day.month, day.day) == (2, 29) and not _is_leap(candidate)
        yield date(candidate, day.month, 28 if is_lost else day.day)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _local(value: object, zone: tzinfo) -> tuple[date, time] | None:
    """Day and time in the zone of a value as core/fields.py stores it."""
    if not isinstance(value, str):
        return None
    try:
        if _is_day(value):
            return date.fromisoformat(value), _MIDNIGHT
        moment = datetime.fromisoformat(value)
        local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
    except (OverflowError, ValueError):
        return None
    return local.date(), local.time()


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)

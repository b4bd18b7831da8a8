from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.schedule import WEEKDAYS, choose_zone, find_date, find_zone, next_time

RIGA = ZoneInfo("Europe/Riga")
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Riga",
        "America/New_York",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
    ]
)
INSTANTS = st.datetimes(datetime(2008, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
TIMES = st.times().map(lambda at: at.replace(microsecond=0))


def at(text):
    """An instant as `2026-03-29 03:30+02:00`, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("Europe/Riga", 2 * 60),
        ("europe/riga", 2 * 60),
        ("+03:00", 3 * 60),
        ("-0330", -(3 * 60 + 30)),
        ("UTC+3", 3 * 60),
        ("gmt-11", -11 * 60),
        ("UTC", 0),
    ],
)
def test_a_zone_has_a_name_or_an_offset(name, offset):
    assert find_zone(name).utcoffset(datetime(2026, 1, 1)) == timedelta(minutes=offset)  # noqa: DTZ001 - of that zone


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "+15:00", "+03:60", "x" * 1_000_000, "Europe/Riga\0", "/UTC"]
)
def test_what_is_no_zone_is_none(name):
    assert find_zone(name) is None


def test_the_zone_of_a_profile_comes_first():
    assert choose_zone("+05:00", "Europe/Riga") == timezone(timedelta(hours=5))
    assert choose_zone(None, "Europe/Riga") == RIGA
    assert choose_zone("nowhere", "Europe/Riga") == RIGA
    assert choose_zone(7, "nowhere") == UTC


@pytest.mark.parametrize(
    ("after", "wanted", "found"),
    [
        ("2026-11-21 09:00+02:00", "10:00", "2026-11-21 10:00+02:00"),
        ("2026-11-21 10:00+02:00", "10:00", "2026-11-22 10:00+02:00"),
        ("2026-11-21 23:59+02:00", "00:00", "2026-11-22 00:00+02:00"),
        # In Riga clocks go from 03:00 to 04:00 on 29 March 2026, and from 04:00 to 03:00 on 25 October.
        ("2026-03-28 12:00+02:00", "03:30", "2026-03-29 04:30+03:00"),
        ("2026-03-29 04:30+03:00", "03:30", "2026-03-30 03:30+03:00"),
        ("2026-10-24 12:00+03:00", "03:30", "2026-10-25 03:30+03:00"),
        ("2026-10-25 03:30+03:00", "03:30", "2026-10-26 03:30+02:00"),
    ],
)
def test_the_next_time_of_day_follows_the_clocks(after, wanted, found):
    assert next_time(at(after), RIGA, time.fromisoformat(wanted)) == at(found)


def test_the_next_time_may_be_on_some_weekdays_only():
    saturday = at("2026-11-21 12:00+02:00")
    assert next_time(saturday, RIGA, time(10), ["mon", "sat"]) == at("2026-11-23 10:00+02:00")
    assert next_time(saturday, RIGA, time(10), ["sat"]) == at("2026-11-28 10:00+02:00")
    assert next_time(saturday, RIGA, time(13), ["sat"]) == at("2026-11-21 13:00+02:00")


@given(INSTANTS, ZONES, TIMES, st.sets(st.sampled_from(WEEKDAYS)))
def test_the_next_time_is_that_of_a_slow_model(after, name, wanted, weekdays):
    zone = ZoneInfo(name)
    first = after.date() - timedelta(days=3)
    days = [first + timedelta(days=count) for count in range(16)]
    moments = [
        datetime.combine(day, wanted, zone).astimezone(UTC)
        for day in days
        if not weekdays or f"{day:%a}".lower() in weekdays
    ]
    assert next_time(after, zone, wanted, weekdays) == min(moment for moment in moments if moment > after)


@given(INSTANTS, ZONES, TIMES)
def test_the_clock_shows_the_time_asked_for_or_skips_it(after, name, wanted):
    found = next_time(after, ZoneInfo(name), wanted)
    assert after < found <= after + timedelta(days=2, hours=1)
    local = found.astimezone(ZoneInfo(name))
    if local.time() != wanted:
        assert local.replace(tzinfo=None) - datetime.combine(local.date(), wanted) in (
            timedelta(minutes=30), timedelta(hours=1), timedelta(hours=-23),
        )  # fmt: skip


NOW = at("2026-11-21 12:00+02:00")


@pytest.mark.parametrize(
    ("value", "options", "found"),
    [
        ("2026-11-22", {}, "2026-11-22 00:00+02:00"),
        ("2026-11-21", {}, None),
        ("2026-11-21", {"at": time(15)}, "2026-11-21 15:00+02:00"),
        ("2026-11-20", {"offset_days": 2}, "2026-11-22 00:00+02:00"),
        ("2026-12-01", {"offset_days": -1, "at": time(9)}, "2026-11-30 09:00+02:00"),
        ("2026-12-01T10:00:00Z", {}, "2026-12-01 12:00+02:00"),
        ("2026-12-01T23:30:00Z", {"at": time(9)}, "2026-12-02 09:00+02:00"),
        ("2026-12-01T10:00:00.25Z", {"offset_days": 1}, "2026-12-02 12:00:00.250+02:00"),
        ("1990-11-21", {"yearly": True}, "2027-11-21 00:00+02:00"),
        ("1990-11-21", {"yearly": True, "at": time(12)}, "2027-11-21 12:00+02:00"),
        ("1990-11-21", {"yearly": True, "at": time(13)}, "2026-11-21 13:00+02:00"),
        ("1990-11-22", {"yearly": True, "offset_days": -3}, "2027-11-19 00:00+02:00"),
        ("1990-01-02", {"yearly": True, "offset_days": -3}, "2026-12-30 00:00+02:00"),
        ("1990-11-20", {"yearly": True, "offset_days": 366}, "2027-11-21 00:00+02:00"),
        ("1992-02-29", {"yearly": True}, "2027-02-28 00:00+02:00"),
        ("2030-05-05", {"yearly": True}, "2030-05-05 00:00+03:00"),
        (None, {}, None),
        ("", {}, None),
        ("soon", {}, None),
        (20261122, {}, None),
        ("9999-12-31", {"offset_days": 1}, None),
        ("0001-01-01", {"offset_days": -1}, None),
        ("0001-01-01T00:00:00Z", {"yearly": True}, "2027-01-01 01:36:34+02:00"),
    ],
)
def test_the_date_of_a_field_is_waited_for_if_it_is_to_come(value, options, found):
    zone = RIGA
    assert find_date(value, NOW, zone, **options) == (None if found is None else at(found))


@given(st.dates(date(1900, 1, 1), date(2030, 1, 1)), INSTANTS, ZONES, st.integers(-366, 366))
def test_an_anniversary_is_that_of_a_slow_model(born, after, name, offset_days):
    zone = ZoneInfo(name)
    moments = []
    for year in range(born.year, 2036):
        try:
            day = born.replace(year=year)
        except ValueError:
            day = date(year, 2, 28)
        moments.append(datetime.combine(day + timedelta(days=offset_days), time(9), zone).astimezone(UTC))
    expected = min(moment for moment in moments if moment > after)
    assert find_date(str(born), after, zone, time(9), offset_days=offset_days, yearly=True) == expected

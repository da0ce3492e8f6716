"""Days in a shop's zone: where they end, and what "valid until" means."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.shops.days import (
    CalendarPeriod,
    add_days,
    add_months,
    end_of,
    end_of_day,
    expires_on,
    last_day_of,
    local_date,
    valid_until,
)

ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Goose_Bay",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Oslo",
    "Europe/Tallinn",
    "Europe/Warsaw",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "UTC",
)
zones = st.sampled_from(ZONES)
days = st.dates(date(1975, 1, 1), date(2100, 12, 31))
moments = st.integers(157_766_400, 4_133_894_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
INSTANT = timedelta(microseconds=1)


@given(day=days, zone=zones)
def test_from_the_end_of_a_day_no_calendar_shows_it_or_a_day_before(day: date, zone: str) -> None:
    end = end_of_day(day, zone)

    assert local_date(end - INSTANT, zone) <= day
    for minutes in (0, 1, 30, 59, 60, 61, 120, 1_439):
        assert local_date(end + timedelta(minutes=minutes), zone) > day


@given(moment=moments, zone=zones, period=st.sampled_from(CalendarPeriod))
def test_a_moment_lies_before_the_end_of_its_own_period(moment: datetime, zone: str, period: CalendarPeriod) -> None:
    end = end_of(period, moment, zone)

    assert moment < end
    assert last_day_of(period, local_date(moment, zone)) == last_day_of(period, expires_on(end, zone))


@given(start=moments, zone=zones, months=st.integers(0, 60), through=st.sampled_from(CalendarPeriod))
def test_validity_never_ends_before_the_months_are_over(
    start: datetime, zone: str, months: int, through: CalendarPeriod
) -> None:
    until = valid_until(start, zone, months=months, through=through)

    assert local_date(until, zone) > add_months(local_date(start, zone), months)


@given(day=days, fewer=st.integers(0, 120), more=st.integers(0, 120))
def test_more_months_are_never_earlier(day: date, fewer: int, more: int) -> None:
    assert add_months(day, fewer) <= add_months(day, fewer + more)


@given(day=days, zone=zones)
def test_the_end_is_the_next_midnight_wherever_there_is_one(day: date, zone: str) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=1)
    utc = midnight.astimezone(UTC)

    if midnight.utcoffset() == midnight.replace(fold=1).utcoffset():
        assert end_of_day(day, zone) == utc


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        # Summer time in the European Union: Directive 2000/84/EC, last Sundays of March and October at 01:00 UTC.
        (date(2026, 3, 28), "Europe/Tallinn", datetime(2026, 3, 28, 22, tzinfo=UTC)),
        (date(2026, 3, 29), "Europe/Tallinn", datetime(2026, 3, 29, 21, tzinfo=UTC)),
        (date(2026, 10, 25), "Europe/Tallinn", datetime(2026, 10, 25, 22, tzinfo=UTC)),
        # The Azores skip from 00:00 to 01:00 in spring; their second midnight in autumn is the same day's.
        (date(2026, 3, 28), "Atlantic/Azores", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (date(2026, 10, 24), "Atlantic/Azores", datetime(2026, 10, 25, 0, tzinfo=UTC)),
        # Goose Bay went back from 00:01 to 23:01 (tz database, northamerica, until 2011): the day ends twice.
        (date(2010, 11, 6), "America/Goose_Bay", datetime(2010, 11, 7, 4, tzinfo=UTC)),
        # Samoa left out 30 December 2011 (tz database, australasia): the 29th and the 30th end in one moment.
        (date(2011, 12, 29), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
        (date(2011, 12, 30), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
        # Toronto went forward from 23:30 to 00:30 (tz database, northamerica, 1919): midnight lies within the gap.
        (date(1919, 3, 30), "America/Toronto", datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),
    ],
)
def test_a_day_ends_where_its_zone_ends_it(day: date, zone: str, end: datetime) -> None:
    assert end_of_day(day, zone) == end


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(1999, 12, 31), 2, date(2000, 2, 29)),
        (date(1899, 12, 31), 2, date(1900, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), 0, date(2026, 3, 31)),
    ],
)
def test_months_are_added_to_the_same_day_or_the_last_one(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later


def test_days_are_added() -> None:
    assert add_days(date(2024, 2, 28), 2) == date(2024, 3, 1)


@pytest.mark.parametrize(
    ("period", "last"),
    [
        (CalendarPeriod.DAY, date(2026, 12, 29)),
        (CalendarPeriod.WEEK, date(2027, 1, 3)),  # ISO 8601: 29 December 2026 is a Tuesday of week 53
        (CalendarPeriod.MONTH, date(2026, 12, 31)),
        (CalendarPeriod.YEAR, date(2026, 12, 31)),
    ],
)
def test_a_period_has_its_last_day(period: CalendarPeriod, last: date) -> None:
    assert last_day_of(period, date(2026, 12, 29)) == last


def test_twelve_months_through_the_month_is_shown_as_its_last_day() -> None:
    late_evening = datetime(2025, 3, 31, 21, 30, tzinfo=UTC)  # already 1 April in Tallinn

    until = valid_until(late_evening, "Europe/Tallinn", months=12, through=CalendarPeriod.MONTH)

    assert until == datetime(2026, 4, 30, 21, tzinfo=UTC)
    assert expires_on(until, "Europe/Tallinn") == date(2026, 4, 30)


def test_days_of_validity_end_with_the_last_of_them() -> None:
    until = valid_until(datetime(2026, 3, 2, 12, tzinfo=UTC), "America/New_York", days=30)

    assert until == datetime(2026, 4, 2, 4, tzinfo=UTC)
    assert expires_on(until, "America/New_York") == date(2026, 4, 1)

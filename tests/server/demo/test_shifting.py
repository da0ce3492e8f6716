"""Moving the data's year to now."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.demo.shifting import month_starts, shifted, weeks_to_shift

ZONE = "America/New_York"
NEW_YORK = ZoneInfo(ZONE)
LAST_AT = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)  # a Sunday's 23:01 in New York


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, *, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, fold=fold, tzinfo=NEW_YORK).astimezone(UTC)


def last_day(now: datetime) -> date:
    weeks = weeks_to_shift(LAST_AT, time_zone=ZONE, now=now)
    return shifted(LAST_AT, weeks=weeks, time_zone=ZONE).astimezone(NEW_YORK).date()


def by_the_clock(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


def test_on_a_monday_the_last_basket_is_yesterdays() -> None:
    assert last_day(at(2026, 11, 23, 9)) == date(2026, 11, 22)


@pytest.mark.parametrize("days", range(7))
def test_on_other_days_the_last_basket_is_of_the_latest_sunday_before_today(days: int) -> None:
    assert last_day(at(2026, 11, 23, 9) + timedelta(days=days)) == date(2026, 11, 22)


def test_yesterday_is_the_shops_and_not_that_of_utc() -> None:
    still_sunday_in_the_shop = datetime(2026, 11, 23, 4, 59, tzinfo=UTC)

    assert last_day(still_sunday_in_the_shop) == date(2026, 11, 15)
    assert last_day(still_sunday_in_the_shop + timedelta(minutes=1)) == date(2026, 11, 22)


def test_the_time_of_day_stays_where_the_clock_has_changed_in_between() -> None:
    noon_in_winter = at(2017, 3, 11, 12)

    moved = shifted(noon_in_winter, weeks=465, time_zone=ZONE)

    assert by_the_clock(moved) == "2026-02-07 12:00"
    assert noon_in_winter + timedelta(weeks=465) == moved

    noon_in_summer = at(2017, 3, 12, 12)

    moved = shifted(noon_in_summer, weeks=465, time_zone=ZONE)

    assert by_the_clock(moved) == "2026-02-08 12:00"
    assert noon_in_summer + timedelta(weeks=465, hours=1) == moved


def test_an_hour_that_is_skipped_in_spring_shows_one_hour_later() -> None:
    half_past_two = at(2017, 3, 5, 2, 30)

    moved = shifted(half_past_two, weeks=1, time_zone=ZONE)

    assert by_the_clock(moved) == "2017-03-12 03:30"


def test_an_hour_that_comes_twice_in_autumn_is_the_earlier_one() -> None:
    half_past_one = at(2017, 10, 29, 1, 30)

    moved = shifted(half_past_one, weeks=1, time_zone=ZONE)

    assert moved == datetime(2017, 11, 5, 5, 30, tzinfo=UTC)


def test_a_moment_that_was_the_later_of_two_stays_the_later() -> None:
    again_half_past_one = at(2017, 11, 5, 1, 30, fold=1)

    assert shifted(again_half_past_one, weeks=0, time_zone=ZONE) == again_half_past_one


def test_the_day_of_the_week_stays_across_a_leap_day() -> None:
    tuesday = at(2017, 2, 28, 18)

    moved = shifted(tuesday, weeks=574, time_zone=ZONE).astimezone(NEW_YORK)

    assert moved.date() == date(2028, 2, 29)
    assert moved.weekday() == tuesday.astimezone(NEW_YORK).weekday() == 1


def test_months_begin_at_the_shops_midnight() -> None:
    starts = month_starts(at(2026, 2, 14), at(2026, 5, 1), time_zone=ZONE)

    assert starts == [
        datetime(2026, 3, 1, 5, tzinfo=UTC),
        datetime(2026, 4, 1, 4, tzinfo=UTC),
        datetime(2026, 5, 1, 4, tzinfo=UTC),
    ]


def test_a_moment_at_which_a_month_begins_is_not_after_itself() -> None:
    start = at(2026, 3, 1)

    assert month_starts(start, start, time_zone=ZONE) == []
    assert month_starts(start - timedelta(microseconds=1), start, time_zone=ZONE) == [start]

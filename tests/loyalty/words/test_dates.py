"""Expected values are CLDR's long dates and short times."""

from datetime import UTC, date, datetime

import pytest

from loyalty.words.dates import day_worded, duration_worded, moment_worded


@pytest.mark.parametrize(
    ("language", "worded"),
    [
        ("en", "March 31, 2026"),
        ("nb", "31. mars 2026"),
        ("sv", "31 mars 2026"),
        ("pl", "31 marca 2026"),
        ("et", "31. märts 2026"),
    ],
)
def test_a_day_is_written_with_its_month_in_the_case_a_date_takes(language: str, worded: str) -> None:
    assert day_worded(date(2026, 3, 31), language) == worded


def test_a_moment_is_told_in_the_time_zone_it_is_read_in() -> None:
    at = datetime(2026, 3, 31, 22, 5, tzinfo=UTC)

    assert moment_worded(at, "et", time_zone="Europe/Tallinn") == "1. aprill 2026 01:05"
    assert moment_worded(at, "sv", time_zone="UTC") == "31 mars 2026 22:05 UTC"
    assert moment_worded(at, "en", time_zone="America/New_York") == "March 31, 2026, 6:05\u202fPM"


@pytest.mark.parametrize(
    ("seconds", "worded"),
    [
        (1, "1 second"),
        (61, "61 seconds"),
        (120, "2 minutes"),
        (121, "3 minutes"),
        (7_200, "2 hours"),
        (172_801, "3 days"),
    ],
)
def test_a_length_of_time_is_told_in_its_fitting_unit_and_never_too_short(seconds: int, worded: str) -> None:
    assert duration_worded(seconds, "en") == worded


def test_lengths_of_time_are_counted_in_each_language() -> None:
    assert duration_worded(300, "pl") == "5 minut"
    assert duration_worded(180, "pl") == "3 minuty"
    assert duration_worded(300, "et") == "5 minutit"

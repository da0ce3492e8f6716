"""Until when units last."""

from datetime import UTC, datetime

import pytest

from loyalty.programme.document import ExpiresAfter
from loyalty.programme.expiry import available_at, expires_at, restored_until
from loyalty.shops.days import CalendarPeriod
from tests.support.programme import a_programme

TALLINN = "Europe/Tallinn"


def after(round_to: str, **length: int) -> ExpiresAfter:
    return ExpiresAfter(kind="after", round_to=CalendarPeriod(round_to), **length)


@pytest.mark.parametrize(
    ("expiry", "ends_at"),
    [
        # Placed on Monday 2 March 2026; Tallinn is two hours ahead of UTC in winter, three in summer.
        (after("month", months=12), datetime(2027, 3, 31, 21, tzinfo=UTC)),
        (after("day", months=12), datetime(2027, 3, 2, 22, tzinfo=UTC)),
        (after("day", days=30), datetime(2026, 4, 1, 21, tzinfo=UTC)),
        (after("week", days=1), datetime(2026, 3, 8, 22, tzinfo=UTC)),
        (after("year", days=1), datetime(2026, 12, 31, 22, tzinfo=UTC)),
    ],
)
def test_units_end_as_the_day_after_their_last_one_begins_in_the_shops_zone(
    expiry: ExpiresAfter, ends_at: datetime, now: datetime
) -> None:
    assert expires_at(expiry, now, TALLINN) == ends_at


def test_the_day_counts_on_which_it_was_bought_in_the_shops_zone() -> None:
    # 31 March, 22:30 UTC, is 1 April in Tallinn.
    placed_at = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)

    assert expires_at(after("month", months=12), placed_at, TALLINN) == datetime(2027, 4, 30, 21, tzinfo=UTC)


def test_units_that_never_expire_have_no_end(now: datetime) -> None:
    assert expires_at(a_programme().expiry, now, TALLINN) is None


def test_pending_units_become_available_so_many_days_after_the_purchase(now: datetime) -> None:
    programme = a_programme(pending={"kind": "days", "days": 14})

    assert available_at(programme, now) == datetime(2026, 3, 16, 12, tzinfo=UTC)


def test_units_that_come_back_after_they_expired_last_thirty_days(now: datetime) -> None:
    # To the end of 1 April in Tallinn.
    assert restored_until(a_programme(), now, TALLINN) == datetime(2026, 4, 1, 21, tzinfo=UTC)

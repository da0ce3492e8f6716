"""Days, months and ends of them in a shop's zone.

A period of validity is said in days ("until 31 March") and stored as a moment: the first one after the last valid day,
exclusive. Between the two stands the shop's time zone with its changes of the clock.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

_INSTANT = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


class CalendarPeriod(StrEnum):
    """What a last valid day is moved to the end of. Weeks are ISO 8601's, Monday to Sunday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


def local_date(moment: datetime, time_zone: str) -> date:
    """Return the date a calendar in the zone shows at an aware moment."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def add_days(day: date, days: int) -> date:
    """Return the date so many days later."""
    return day + timedelta(days=days)


def add_months(day: date, months: int) -> date:
    """Return the same day of the month so many months later, or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_day_of(period: CalendarPeriod, day: date) -> date:
    """Return the last day of the day's own week, month or year; of the day itself, the day."""
    match period:
        case CalendarPeriod.DAY:
            return day
        case CalendarPeriod.WEEK:
            return day + timedelta(days=7 - day.isoweekday())
        case CalendarPeriod.MONTH:
            return day.replace(day=monthrange(day.year, day.month)[1])
        case CalendarPeriod.YEAR:
            return date(day.year, 12, 31)


def end_of_day(day: date, time_zone: str) -> datetime:
    """Return the exclusive end of a local day, in UTC: from then on no calendar in the zone shows it, or a day before.

    That is the next midnight, or what stands in its place: where the clock is put forward over midnight, the moment
    of the change; where it is put back over midnight, the second midnight.
    """
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(day + timedelta(days=1), time(), zone)
    earlier, later = sorted((midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)))
    if earlier.astimezone(zone).replace(tzinfo=None) != midnight.replace(tzinfo=None):
        return _change_of_the_clock(day, earlier, later, zone)
    return later if (later - _INSTANT).astimezone(zone).date() <= day else earlier


def _change_of_the_clock(day: date, before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    # The local midnight never comes. Clocks change on whole seconds, and once between the two moments.
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone).date() > day:
            after = middle
        else:
            before = middle
    return after


def end_of(period: CalendarPeriod, moment: datetime, time_zone: str) -> datetime:
    """Return the exclusive end, in UTC, of the local day, week, month or year in which the moment falls."""
    return end_of_day(last_day_of(period, local_date(moment, time_zone)), time_zone)


def valid_until(
    start: datetime, time_zone: str, *, months: int = 0, days: int = 0, through: CalendarPeriod = CalendarPeriod.DAY
) -> datetime:
    """Return the exclusive moment after the last valid day, in UTC.

    The last valid day is `months`, then `days`, after the local date of `start`, moved to the end of its own period:
    12 months through the month from 15 March 2025 is valid on 31 March 2026 and ends as 1 April begins.
    """
    day = add_days(add_months(local_date(start, time_zone), months), days)
    return end_of_day(last_day_of(through, day), time_zone)


def expires_on(expires_at: datetime, time_zone: str) -> date:
    """Return the last valid day, as people are shown it, of something valid until `expires_at`, exclusive."""
    return local_date(expires_at - _INSTANT, time_zone)

"""Moving the data's year by whole weeks, in days of the shop, so that Saturdays stay Saturdays and noon stays noon."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty.shops.days import CalendarPeriod, end_of


def weeks_to_shift(last_at: datetime, *, time_zone: str, now: datetime) -> int:
    """Return the number of weeks after which the day of `last_at` is the latest possible one not after yesterday.

    Whole weeks reach yesterday itself only where it is the same day of the week; else the last day is up to six days
    before it. Days are the shop's.
    """
    zone = ZoneInfo(time_zone)
    yesterday = now.astimezone(zone).date() - timedelta(days=1)
    last_on = last_at.astimezone(zone).date()
    return (yesterday - last_on).days // 7


def shifted(at: datetime, *, weeks: int, time_zone: str) -> datetime:
    """Return the moment `weeks` later at the same time by the shop's clock, in UTC.

    Where that hour is skipped in spring, the clock shows one hour more; where it comes twice, the earlier is meant
    unless `at` itself was the later of two.
    """
    zone = ZoneInfo(time_zone)
    local = at.astimezone(zone)
    wall = local.replace(tzinfo=None) + timedelta(weeks=weeks)
    return wall.replace(tzinfo=zone, fold=local.fold).astimezone(UTC)


def month_starts(after: datetime, until: datetime, *, time_zone: str) -> list[datetime]:
    """Return the first moments of the shop's months in (after, until], in order, in UTC."""
    starts: list[datetime] = []
    start = end_of(CalendarPeriod.MONTH, after, time_zone)
    while start <= until:
        starts.append(start)
        start = end_of(CalendarPeriod.MONTH, start, time_zone)
    return starts

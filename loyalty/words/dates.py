"""Days, moments and lengths of time as people write them in each language (CLDR, by Babel)."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_datetime_format
from babel.units import format_unit

from loyalty.words.languages import locale_of

_REMEMBERED = 4_096


@lru_cache(_REMEMBERED)
def day_worded(on: date, language: str) -> str:
    """Return a day with the month's name: "March 31, 2026", "31. mars 2026"."""
    return format_date(on, "long", locale=locale_of(language))


def moment_worded(at: datetime, language: str, *, time_zone: str) -> str:
    """Return a day and a time to the minute, in the reader's or the shop's time zone.

    `at` is aware; `time_zone` is an IANA name. UTC, which is nobody's own, is named.
    """
    local = at.astimezone(ZoneInfo(time_zone))
    clock = format_time(local.time(), "short", locale=locale_of(language))
    joined = str(get_datetime_format("long", locale=locale_of(language)))
    moment = joined.replace("'", "").replace("{1}", day_worded(local.date(), language)).replace("{0}", clock)
    return f"{moment} UTC" if time_zone == "UTC" else moment


def duration_worded(seconds: int, language: str) -> str:
    """Return a length of time in its fitting unit, rounded up: 61 seconds, 2 minutes, 3 hours, 4 days."""
    for unit, seconds_of_unit in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * seconds_of_unit:
            return _units(-(-seconds // seconds_of_unit), unit, language)
    return _units(seconds, "second", language)


def _units(count: int, unit: str, language: str) -> str:
    worded: str = format_unit(count, f"duration-{unit}", length="long", locale=locale_of(language))
    return worded

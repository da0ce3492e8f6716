"""Until when units last: what a document says, as moments in a shop's zone. Pure."""

from datetime import datetime, timedelta

from loyalty.programme.document import ExpiresAfter, NeverExpires, PendingDays, Programme
from loyalty.shops.days import valid_until


def expires_at(expiry: NeverExpires | ExpiresAfter, earned_at: datetime, time_zone: str) -> datetime | None:
    """Return the exclusive moment at which units earned at `earned_at` end, in UTC, or None for never.

    Months or days are counted on the calendar of the shop's zone and moved to the end of that day, ISO week, month
    or year: what was earned on 15 March 2025 and lasts 12 months to the month's end, ends as 1 April 2026 begins.
    """
    if isinstance(expiry, NeverExpires):
        return None
    return valid_until(earned_at, time_zone, months=expiry.months or 0, days=expiry.days or 0, through=expiry.round_to)


def available_at(document: Programme, earned_at: datetime) -> datetime | None:
    """Return when units earned at `earned_at` become available by date, or None where they wait for no date.

    A day is 24 hours: a promise of 14 days is kept to the minute, whatever the clocks do.
    """
    pending = document.pending
    return earned_at + timedelta(days=pending.days) if isinstance(pending, PendingDays) else None


def restored_until(document: Programme, now: datetime, time_zone: str) -> datetime:
    """Return until when units last that come back to a lot whose time was up: `restored_days`, to that day's end."""
    return valid_until(now, time_zone, days=document.restored_days)

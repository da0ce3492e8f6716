"""What runs by itself, when, and why. Which rows are due is computed from data, so a late run does the same work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from jobs import ledger, runs, upkeep
from loyalty.access import Actor

Work = Callable[[Actor, datetime], Awaitable[dict[str, object]]]


@dataclass(frozen=True)
class Every:
    """At every full interval counted from midnight, UTC."""

    interval: timedelta

    def period_starts_at(self, now: datetime) -> datetime:
        """Return when the period that holds `now` began."""
        midnight = datetime.combine(now.date(), time(), UTC)
        return midnight + (now - midnight) // self.interval * self.interval

    def __str__(self) -> str:
        return f"every {int(self.interval.total_seconds())} seconds"


@dataclass(frozen=True)
class Daily:
    """Once a day at this hour, UTC."""

    at: time

    def period_starts_at(self, now: datetime) -> datetime:
        """Return when the period that holds `now` began."""
        today = datetime.combine(now.date(), self.at, UTC)
        return today if today <= now else today - timedelta(days=1)

    def __str__(self) -> str:
        return f"every day at {self.at:%H:%M} UTC"


@dataclass(frozen=True)
class Job:
    """A row of the table. `work` makes one call into the rules and says in facts what it did."""

    name: str
    when: Every | Daily
    why: str
    work: Work

    @property
    def actor(self) -> Actor:
        """Return the actor as whom the job acts."""
        return Actor.system(self.name)

    def period(self, now: datetime) -> str:
        """Return the name of the period that holds `now`; a period is claimed once."""
        return self.when.period_starts_at(now).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


JOBS: tuple[Job, ...] = (
    Job(
        "release-pending",
        Every(timedelta(minutes=1)),
        "Points that were earned but had to wait become available on their date.",
        ledger.release_pending,
    ),
    Job(
        "expire-lots",
        Every(timedelta(minutes=5)),
        "Points end with the last day that was promised for them.",
        ledger.expire_lots,
    ),
    Job(
        "expire-reservations",
        Every(timedelta(minutes=1)),
        "Points held for a checkout that was left come back.",
        ledger.expire_reservations,
    ),
    Job(
        "verify-ledger",
        Daily(time(3, 10)),
        "Every balance is what its entries say, or somebody learns of it the same night.",
        ledger.verify_ledger,
    ),
    Job(
        "forget-old-runs",
        Daily(time(4, 10)),
        "The list of runs stays as long as somebody reads it.",
        runs.forget_old_runs,
    ),
    Job(
        "verify-audit-trail",
        Daily(time(3, 40)),
        "Nobody changes what was written about who did what, or somebody learns of it the same night.",
        upkeep.verify_audit_trail,
    ),
    Job(
        "forget-past-answers",
        Daily(time(4, 20)),
        "A retry is told the same answer for thirty days; what is older takes room.",
        upkeep.forget_past_answers,
    ),
    Job(
        "forget-past-attempts",
        Every(timedelta(hours=1)),
        "What no limit counts any more is nobody's to keep.",
        upkeep.forget_past_attempts,
    ),
    Job(
        "forget-past-sessions",
        Daily(time(4, 30)),
        "Who was signed in a month ago is nobody's to keep.",
        upkeep.forget_past_sessions,
    ),
    Job(
        "forget-past-links",
        Daily(time(4, 40)),
        "A sign-in link that no longer works is nobody's to keep.",
        upkeep.forget_past_links,
    ),
)

"""Every job has a period, a reason and an actor."""

from datetime import UTC, datetime, time, timedelta

import pytest

from jobs.schedule import JOBS, Daily, Every, Job


def test_every_job_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    assert all(job.why.endswith(".") for job in JOBS)


@pytest.mark.parametrize(
    ("at", "period"),
    [
        (datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC), "2026-03-02T12:00:00Z"),
        (datetime(2026, 3, 2, 12, 4, 59, 999999, tzinfo=UTC), "2026-03-02T12:00:00Z"),
        (datetime(2026, 3, 2, 12, 5, 0, tzinfo=UTC), "2026-03-02T12:05:00Z"),
    ],
)
def test_a_period_begins_at_a_full_interval(at: datetime, period: str) -> None:
    assert _job(Every(timedelta(minutes=5))).period(at) == period


@pytest.mark.parametrize(
    ("at", "period"),
    [
        (datetime(2026, 3, 2, 3, 9, 59, tzinfo=UTC), "2026-03-01T03:10:00Z"),
        (datetime(2026, 3, 2, 3, 10, 0, tzinfo=UTC), "2026-03-02T03:10:00Z"),
    ],
)
def test_a_daily_period_begins_at_its_hour(at: datetime, period: str) -> None:
    assert _job(Daily(time(3, 10))).period(at) == period


def test_a_job_acts_under_its_name() -> None:
    assert {job.actor.reference for job in JOBS} == {f"system:{job.name}" for job in JOBS}


def _job(when: Every | Daily) -> Job:
    async def nothing(actor: object, now: datetime) -> dict[str, object]:
        return {}

    return Job("nothing", when, "For a test.", nothing)

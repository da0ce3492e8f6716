"""A tick runs a job once for its period; only who leads ticks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import pytest

from jobs.clock import lead, tick
from jobs.schedule import Daily, Every, Job
from loyalty.access import Actor
from loyalty.clock import FixedClock
from loyalty.runs import claims

STAFF = Actor.system("test")


@dataclass
class Counted:
    """Work that counts how often it is done."""

    fails: bool = False
    done_at: list[datetime] = field(default_factory=list)

    async def __call__(self, actor: Actor, now: datetime) -> dict[str, object]:
        self.done_at.append(now)
        if self.fails:
            raise ValueError("the shelf is empty")
        return {"shelves": 3}


EVERY_MINUTE = Every(timedelta(minutes=1))


def a_job(work: Counted, when: Every | Daily = EVERY_MINUTE) -> Job:
    return Job("count-shelves", when, "For a test.", work)


async def test_two_ticks_of_one_period_do_the_work_once(database: str, clock: FixedClock) -> None:
    work = Counted()

    await asyncio.gather(*(tick(a_job(work), clock) for _ in range(5)))

    [run] = await claims.recent(STAFF)
    assert work.done_at == [clock.now()]
    assert (run.job, run.period, run.outcome, run.detail) == (
        "count-shelves",
        "2026-03-02T12:00:00Z",
        "done",
        {"shelves": 3},
    )


async def test_the_next_period_is_another_run(database: str, clock: FixedClock) -> None:
    work = Counted()

    await tick(a_job(work), clock)
    clock.advance(timedelta(minutes=1))
    await tick(a_job(work), clock)

    assert len(work.done_at) == 2
    assert [run.period for run in await claims.recent(STAFF)] == ["2026-03-02T12:01:00Z", "2026-03-02T12:00:00Z"]


async def test_a_job_that_fails_says_why_and_may_be_tried_again(database: str, clock: FixedClock) -> None:
    work = Counted(fails=True)

    await tick(a_job(work), clock)

    [run] = await claims.recent(STAFF)
    assert (run.outcome, run.detail) == ("failed", {"error": "the shelf is empty"})
    work.fails = False
    await tick(a_job(work), clock)
    [run] = await claims.recent(STAFF)
    assert (run.outcome, run.detail) == ("done", {"shelves": 3})


async def test_a_job_that_is_stopped_says_so(database: str, clock: FixedClock) -> None:
    begun = asyncio.Event()

    async def endless(actor: Actor, now: datetime) -> dict[str, object]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    task = asyncio.create_task(tick(Job("endless", Every(timedelta(minutes=1)), "For a test.", endless), clock))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    [run] = await claims.recent(STAFF)
    assert (run.outcome, run.detail) == ("failed", {"stopped": True})


async def test_the_leader_runs_what_is_due_at_once_and_stops_with_its_lead(database: str, clock: FixedClock) -> None:
    work, nightly = Counted(), Counted()
    jobs = [a_job(work), Job("nightly", Daily(time(3, 10)), "For a test.", nightly)]
    lost = asyncio.Event()
    terms = 0

    @asynccontextmanager
    async def alone() -> AsyncIterator[asyncio.Event]:
        nonlocal terms
        terms += 1
        if terms > 1:
            await asyncio.Event().wait()
        yield lost

    leading = asyncio.create_task(lead(alone, clock, jobs))
    async with asyncio.timeout(10):
        while not work.done_at:
            await asyncio.sleep(0.01)
        lost.set()
        while terms < 2:
            await asyncio.sleep(0.01)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)

    assert work.done_at == [clock.now()]
    assert nightly.done_at == [], "a job of the night does not run on the first day's noon"


async def test_a_night_that_was_slept_through_is_made_up_for(database: str, clock: FixedClock) -> None:
    nightly = Counted()
    job = a_job(nightly, Daily(time(3, 10)))
    await tick(job, clock)
    clock.advance(timedelta(days=3))

    @asynccontextmanager
    async def alone() -> AsyncIterator[asyncio.Event]:
        yield asyncio.Event()

    leading = asyncio.create_task(lead(alone, clock, [job]))
    async with asyncio.timeout(10):
        while len(nightly.done_at) < 2:
            await asyncio.sleep(0.01)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)

    assert len(nightly.done_at) == 2, "once, however many nights there were"

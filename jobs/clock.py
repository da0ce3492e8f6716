"""The clock: one process leads and ticks; every tick claims its period, runs one job and writes the outcome.

Ticks come from memory, and what is due comes from data: a clock that stood still has nothing to catch up, except for
daily jobs, which run once when the leader starts after their hour.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from jobs.schedule import Daily, Every, Job
from loyalty.clock import Clock
from loyalty.runs import claims

Alone = Callable[[], AbstractAsyncContextManager[asyncio.Event]]
"""Opens once no other process leads; yields an event that is set when the lead is lost."""

DRAIN_SECONDS = 2.0
ME = f"{socket.gethostname()}:{os.getpid()}"

log = structlog.get_logger("regulars.jobs")


async def lead(alone: Alone, clock: Clock, jobs: Sequence[Job]) -> None:
    """Tick whenever this process leads, until the task is cancelled."""
    while True:
        async with alone() as lost:
            log.info("leading", process=ME)
            await _one_term(lost, clock, jobs)
        log.warning("lost the lead", process=ME)


async def _one_term(lost: asyncio.Event, clock: Clock, jobs: Sequence[Job]) -> None:
    running: set[asyncio.Task[None]] = set()

    async def ticked(job: Job) -> None:
        # In a task of our own: the scheduler cancels what it runs when it stops, and does not wait for it.
        task = asyncio.create_task(_tick_or_log(job, clock))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.wait({task})

    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for job in jobs:
        scheduler.add_job(ticked, _trigger(job, clock.now()), args=[job], id=job.name)
    scheduler.start()
    catching_up = asyncio.create_task(_caught_up(jobs, clock, ticked))
    try:
        await lost.wait()
    finally:
        scheduler.shutdown(wait=False)
        catching_up.cancel()
        await _drained(running)


async def _tick_or_log(job: Job, clock: Clock) -> None:
    try:
        await tick(job, clock)
    except Exception:  # the database may be away; the next tick comes anyway
        log.exception("tick failed", job=job.name)


async def _caught_up(jobs: Sequence[Job], clock: Clock, ticked: Callable[[Job], Awaitable[None]]) -> None:
    for job in jobs:
        if isinstance(job.when, Every) or await _ran_before(job):
            await ticked(job)


async def _ran_before(job: Job) -> bool:
    try:
        return bool(await claims.recent(job.actor, job=job.name, first=1))
    except Exception:
        log.exception("runs could not be read", job=job.name)
        return False


async def _drained(running: set[asyncio.Task[None]]) -> None:
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=DRAIN_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)


def _trigger(job: Job, now: datetime) -> CronTrigger | IntervalTrigger:
    if isinstance(job.when, Daily):
        return CronTrigger(hour=job.when.at.hour, minute=job.when.at.minute, timezone="UTC")
    seconds = int(job.when.interval.total_seconds())
    return IntervalTrigger(seconds=seconds, start_date=job.when.period_starts_at(now), timezone="UTC")


async def tick(job: Job, clock: Clock) -> None:
    """Run the job for the period that holds the present moment, unless somebody has."""
    now = clock.now()
    run_id = await claims.claim(job.actor, job=job.name, period=job.period(now), claimed_by=ME, now=now)
    if run_id is None:
        return
    succeeded, detail = False, dict[str, object](stopped=True)
    try:
        detail = await job.work(job.actor, now)
        succeeded = True
    except Exception as error:
        log.exception("job failed", job=job.name)
        detail = {"error": str(error) or type(error).__name__}
    finally:
        await asyncio.shield(
            claims.finish(job.actor, run_id, succeeded=succeeded, detail=detail, claimed_by=ME, now=clock.now())
        )
    if succeeded and any(detail.values()):
        log.info("job done", job=job.name, **detail)

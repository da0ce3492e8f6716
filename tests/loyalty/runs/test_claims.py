"""A job's period is claimed once, whoever asks."""

import asyncio
from datetime import datetime, timedelta

import pytest

from loyalty.access import Actor, NotPermitted, Role
from loyalty.identity import new_id
from loyalty.runs import claims

JOB = Actor.system("count-shelves")


async def a_claim(now: datetime, *, period: str = "monday", by: str = "one") -> object:
    return await claims.claim(JOB, job="count-shelves", period=period, claimed_by=by, now=now)


async def test_twenty_processes_ask_and_one_gets_it(database: str, now: datetime) -> None:
    got = await asyncio.gather(*(a_claim(now, by=f"process {number}") for number in range(20)))

    assert len([run for run in got if run is not None]) == 1


async def test_a_run_whose_process_died_is_claimed_anew_after_an_hour(database: str, now: datetime) -> None:
    first = await a_claim(now)

    assert await a_claim(now + timedelta(hours=1), by="two") is None
    assert await a_claim(now + timedelta(hours=1, seconds=1), by="two") == first
    [run] = await claims.recent(JOB)
    assert run.claimed_by == "two"


async def test_a_late_outcome_does_not_overwrite_another_process_s_run(database: str, now: datetime) -> None:
    run_id = await claims.claim(JOB, job="j", period="p", claimed_by="one", now=now)
    assert run_id is not None
    await claims.claim(JOB, job="j", period="p", claimed_by="two", now=now + timedelta(hours=2))

    await claims.finish(JOB, run_id, succeeded=True, detail={}, claimed_by="one", now=now + timedelta(hours=3))

    [run] = await claims.recent(JOB)
    assert (run.claimed_by, run.outcome) == ("two", None)


async def test_runs_are_paged_newest_first(database: str, now: datetime) -> None:
    for minute in range(5):
        await a_claim(now + timedelta(minutes=minute), period=f"{minute}")

    page = await claims.recent(JOB, first=2)
    rest = await claims.recent(JOB, first=10, after=(page[-1].started_at, page[-1].id))

    assert [run.period for run in [*page, *rest]] == ["4", "3", "2", "1", "0"]


async def test_old_runs_are_forgotten_but_not_those_that_run(database: str, now: datetime) -> None:
    done = await claims.claim(JOB, job="j", period="done", claimed_by="one", now=now)
    assert done is not None
    await claims.finish(JOB, done, succeeded=True, detail={}, claimed_by="one", now=now)
    await a_claim(now, period="running")

    forgotten = await claims.forget(JOB, started_before=now + timedelta(seconds=1))

    assert forgotten == 1
    assert [run.period for run in await claims.recent(JOB)] == ["running"]


@pytest.mark.parametrize("role", list(Role))
async def test_only_admins_run_jobs_by_hand_and_everybody_at_work_sees_them(
    database: str, now: datetime, role: Role
) -> None:
    actor = Actor.staff(new_id(now), role)

    if role is Role.ADMIN:
        assert await claims.claim(actor, job="j", period="p", claimed_by="one", now=now) is not None
    else:
        with pytest.raises(NotPermitted):
            await claims.claim(actor, job="j", period="p", claimed_by="one", now=now)
    await claims.recent(actor)


async def test_a_customer_sees_no_jobs(database: str, now: datetime) -> None:
    with pytest.raises(NotPermitted):
        await claims.recent(Actor.customer(new_id(now)))
    with pytest.raises(NotPermitted):
        await claims.forget(Actor.customer(new_id(now)), started_before=now)

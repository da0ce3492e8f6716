"""A job runs once for a period, whoever ticks and however often.

The claim is a unique row, written before the work; the outcome is written after it. A run whose process died stays
without outcome, and is claimed anew once its time is up: jobs are harmless twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.identity import new_id

DEAD_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Run:
    """One run of a job for one period. `outcome` is None while it runs, then done or failed."""

    id: UUID
    job: str
    period: str
    claimed_by: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: dict[str, Any]


async def claim(actor: Actor, *, job: str, period: str, claimed_by: str, now: datetime) -> UUID | None:
    """Return the id of the run that is now ours, or None when the period is taken.

    `period` names what the run is for ("2026-03-02", "2026-03-02T12:05"). `claimed_by` names the process.
    A failed run, or one that has had no outcome for an hour, may be claimed again.

    Raises:
        NotPermitted: the actor may not run jobs.
    """
    require(actor, Permission.JOBS_RUN)
    claimed: UUID | None = await transactions.value(
        "INSERT INTO job_run AS known (id, job, period, claimed_by, started_at, detail)"
        " VALUES ($1, $2, $3, $4, $5, '{}')"
        " ON CONFLICT (job, period) DO UPDATE"
        " SET claimed_by = excluded.claimed_by, started_at = excluded.started_at, finished_at = NULL,"
        "     outcome = NULL, detail = '{}'"
        " WHERE known.outcome = 'failed' OR known.outcome IS NULL AND known.started_at < $6"
        " RETURNING known.id",
        new_id(now),
        job,
        period,
        claimed_by,
        now,
        now - DEAD_AFTER,
    )
    return claimed


async def finish(
    actor: Actor, run_id: UUID, *, succeeded: bool, detail: Mapping[str, object], claimed_by: str, now: datetime
) -> None:
    """Write the outcome of a run that is still `claimed_by` us; `detail` says in facts what was done.

    Raises:
        NotPermitted: the actor may not run jobs.
    """
    require(actor, Permission.JOBS_RUN)
    await transactions.rows(
        "UPDATE job_run SET finished_at = $2, outcome = $3, detail = $4::jsonb"
        " WHERE id = $1 AND claimed_by = $5 AND outcome IS NULL",
        run_id,
        now,
        "done" if succeeded else "failed",
        orjson.dumps(dict(detail)).decode(),
        claimed_by,
    )


async def forget(actor: Actor, *, started_before: datetime) -> int:
    """Delete runs with an outcome that started before the moment, and return how many.

    Raises:
        NotPermitted: the actor may not run jobs.
    """
    require(actor, Permission.JOBS_RUN)
    forgotten: int = await transactions.value(
        "WITH gone AS (DELETE FROM job_run WHERE started_at < $1 AND outcome IS NOT NULL RETURNING 1)"
        " SELECT count(*) FROM gone",
        started_before,
    )
    return forgotten


async def recent(
    actor: Actor, *, job: str | None = None, first: int = 20, after: tuple[datetime, UUID] | None = None
) -> list[Run]:
    """Return up to `first` runs, newest start first; `after` is the start and id of the last one seen.

    Raises:
        NotPermitted: the actor may not see jobs.
    """
    require(actor, Permission.JOBS_READ)
    if job is not None and not transactions.storable(job):
        return []
    started_at, run_id = after or (None, None)
    found = await transactions.rows(
        "SELECT id, job, period, claimed_by, started_at, finished_at, outcome, detail FROM job_run"
        " WHERE ($1::text IS NULL OR job = $1) AND ($2::timestamptz IS NULL OR (started_at, id) < ($2, $3::uuid))"
        " ORDER BY started_at DESC, id DESC LIMIT $4",
        job,
        started_at,
        run_id,
        first,
    )
    return [Run(**{**row, "detail": _plain(row["detail"])}) for row in found]


def _plain(detail: Any) -> dict[str, Any]:
    return dict(orjson.loads(detail)) if isinstance(detail, str) else dict(detail)

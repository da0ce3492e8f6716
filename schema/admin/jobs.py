"""What runs by itself, and how it went."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
import strawberry

from loyalty.access import Permission, require
from loyalty.runs import claims
from schema.caller import surroundings
from schema.context import Info
from schema.cost import Cost
from schema.identifiers import encoded
from schema.paging import After, Connection, First, Keyset

RUNS = Keyset(datetime, UUID)


@strawberry.type(description="Something that runs by itself.")
class Job:
    """A row of the schedule."""

    name: str = strawberry.field(description="Its name.")
    when: str = strawberry.field(description="When it runs, UTC.")
    why: str = strawberry.field(description="Why it runs then.")


@strawberry.type(description="One run of a job for one period.")
class JobRun:
    """A run."""

    id: strawberry.ID = strawberry.field(description="Opaque and globally unique.")
    job: str = strawberry.field(description="The job's name.")
    period: str = strawberry.field(description="What the run is for.")
    claimed_by: str = strawberry.field(description="The process that runs it.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null while it runs.")
    outcome: str | None = strawberry.field(description="done or failed; null while it runs.")
    detail: str = strawberry.field(description="What it did, as JSON.")

    @classmethod
    def of(cls, run: claims.Run) -> "JobRun":
        """Show a run."""
        return cls(
            id=encoded("JobRun", run.id),
            job=run.job,
            period=run.period,
            claimed_by=run.claimed_by,
            started_at=run.started_at,
            finished_at=run.finished_at,
            outcome=run.outcome,
            detail=orjson.dumps(run.detail).decode(),
        )


@strawberry.type
class JobsQuery:
    """Questions about jobs."""

    @strawberry.field(description="What runs by itself, when, and why.", directives=[Cost(rows=50)])
    def jobs(self, info: Info) -> list[Job]:
        """Return the schedule."""
        require(info.context.actor, Permission.JOBS_READ)
        return [Job(name=name, when=when, why=why) for name, when, why in surroundings(info).jobs]

    @strawberry.field(description="Runs of jobs, the last started first.")
    async def job_runs(
        self,
        info: Info,
        first: First,
        after: After = None,
        job: Annotated[str | None, strawberry.argument(description="Only this job's.")] = None,
    ) -> Connection[JobRun]:
        """Return a page of runs."""
        asked = RUNS.asked(first, after)
        found = await claims.recent(info.context.actor, job=job, first=asked.limit, after=asked.key)
        return Connection.of(asked.page(found, key=lambda run: (run.started_at, run.id)), JobRun.of)

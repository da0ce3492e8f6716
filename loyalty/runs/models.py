"""The table of job runs."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.models import Model


class JobRun(Model):
    """One run of one job for one period. `outcome` is null while it runs, then done or failed."""

    id = fields.UUIDField(primary_key=True)
    job = fields.TextField()
    period = fields.TextField()
    claimed_by = fields.TextField()
    started_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    outcome = fields.TextField(null=True)
    detail = fields.JSONField[dict[str, object]](default=dict)

    class Meta:
        table = "job_run"
        indexes = [Index(fields=["started_at"], name="job_run_started_at")]
        constraints = [UniqueConstraint(fields=("job", "period"), name="job_run_job_period")]

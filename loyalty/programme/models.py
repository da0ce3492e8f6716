"""The table of programme versions."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class ProgrammeVersion(Model):
    """One published document of a programme; it holds from `effective_at` until the next one's."""

    id = fields.UUIDField(primary_key=True)
    programme = fields.TextField()
    number = fields.IntField()
    effective_at = fields.DatetimeField()
    document = fields.JSONField[dict[str, object]]()
    published_at = fields.DatetimeField()
    published_by = fields.TextField()

    class Meta:
        table = "programme_version"
        constraints = [
            UniqueConstraint(fields=("programme", "number"), name="programme_version_number"),
            CheckConstraint(check="number > 0", name="programme_version_number_positive"),
        ]

"""The table of counted attempts."""

from tortoise import fields
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.models import Model


class AttemptCount(Model):
    """How often something was tried in one window. `subject_hash` is a keyed hash: no personal value."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.TextField()
    subject_hash = fields.BinaryField()
    window_starts_at = fields.DatetimeField()
    attempts = fields.IntField()

    class Meta:
        table = "attempt_count"
        constraints = [
            UniqueConstraint(
                fields=("kind", "subject_hash", "window_starts_at"), name="attempt_count_kind_subject_window"
            )
        ]

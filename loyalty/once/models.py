"""The table of stored answers."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class OnceAnswer(Model):
    """What an operation answered to a key. `principal` is a reference; `answer` is canonical JSON, kept as text."""

    id = fields.UUIDField(primary_key=True)
    principal = fields.TextField()
    operation = fields.TextField()
    key = fields.TextField()
    input_hash = fields.BinaryField()
    answer = fields.TextField(null=True)
    refusal = fields.TextField(null=True)
    answered_at = fields.DatetimeField()

    class Meta:
        table = "once_answer"
        indexes = [Index(fields=["answered_at"], name="once_answer_answered_at")]
        constraints = [
            UniqueConstraint(fields=("principal", "operation", "key"), name="once_answer_key"),
            CheckConstraint(check="(answer IS NULL) <> (refusal IS NULL)", name="once_answer_answer_or_refusal"),
        ]

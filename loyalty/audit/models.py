"""The audit trail's table."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.models import Model


class AuditRecord(Model):
    """One act. References only, never personal values: those stand in rows that can be emptied."""

    id = fields.UUIDField(primary_key=True)
    position = fields.BigIntField()
    at = fields.DatetimeField()
    actor = fields.TextField()
    action = fields.TextField()
    subject_kind = fields.TextField()
    subject_id = fields.TextField()
    customer_id = fields.UUIDField(null=True)
    why = fields.TextField(default="")
    before = fields.JSONField[dict[str, object]](null=True)
    after = fields.JSONField[dict[str, object]](null=True)
    previous_hash = fields.BinaryField()
    hash = fields.BinaryField()

    class Meta:
        table = "audit_record"
        indexes = [
            Index(fields=["subject_kind", "subject_id", "position"], name="audit_record_subject"),
            Index(fields=["actor", "position"], name="audit_record_actor"),
            Index(fields=["customer_id", "position"], name="audit_record_customer"),
        ]
        constraints = [UniqueConstraint(fields=("position",), name="audit_record_position")]

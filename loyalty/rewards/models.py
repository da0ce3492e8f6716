"""The table of entitlements."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model


class Entitlement(Model):
    """A reward somebody holds. `terms` is the reward as it was promised, whatever the programme says today."""

    id = fields.UUIDField(primary_key=True)
    customer_id = fields.UUIDField()
    reward_id = fields.TextField()
    programme_version_id = fields.UUIDField()
    unit = fields.TextField()
    points = fields.BigIntField()
    state = fields.TextField()
    terms = fields.JSONField[dict[str, object]]()
    entry_id = fields.UUIDField()
    reservation_id = fields.UUIDField(null=True)
    issued_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "entitlement"
        indexes = [
            Index(fields=["customer_id", "issued_at", "id"], name="entitlement_customer"),
            Index(fields=["reservation_id"], name="entitlement_reservation"),
        ]
        constraints = [
            CheckConstraint(
                check="state IN ('issued','reserved','used','returned','expired')", name="entitlement_state"
            )
        ]

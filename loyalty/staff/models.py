"""Staff, their sessions and invitations, API keys. Secrets are stored as hashes only."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class StaffMember(Model):
    """Somebody who works here. `session_version` rises when roles change or everything is signed out."""

    id = fields.UUIDField(primary_key=True)
    email = fields.TextField()
    email_key = fields.TextField()
    name = fields.TextField()
    language = fields.TextField(default="en")
    roles: list[str] = ArrayField("text")
    password_hash = fields.TextField(null=True)
    totp_secret = fields.TextField(null=True)
    totp_last_step = fields.BigIntField(null=True)
    customer_id = fields.UUIDField(null=True)
    session_version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    disabled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "staff_member"
        constraints = [UniqueConstraint(fields=("email_key",), name="staff_member_email_key")]


class StaffInvitation(Model):
    """A link that lets somebody set a first password. Single use."""

    id = fields.UUIDField(primary_key=True)
    staff: fields.ForeignKeyRelation["StaffMember"] = fields.ForeignKeyField("loyalty.StaffMember", related_name=False)
    token_hash = fields.BinaryField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "staff_invitation"
        constraints = [UniqueConstraint(fields=("token_hash",), name="staff_invitation_token_hash")]


class StaffSession(Model):
    """A signed-in person. The token itself is only in their cookie."""

    id = fields.UUIDField(primary_key=True)
    staff: fields.ForeignKeyRelation["StaffMember"] = fields.ForeignKeyField("loyalty.StaffMember", related_name=False)
    token_hash = fields.BinaryField()
    session_version = fields.IntField()
    created_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "staff_session"
        indexes = [Index(fields=["staff_id"], name="staff_session_staff")]
        constraints = [UniqueConstraint(fields=("token_hash",), name="staff_session_token_hash")]


class ApiKey(Model):
    """A program's secret key with scopes, or a person's token (`staff` set), which carries their roles."""

    id = fields.UUIDField(primary_key=True)
    name = fields.TextField()
    prefix = fields.TextField()
    secret_hash = fields.BinaryField()
    scopes: list[str] = ArrayField("text")
    staff: fields.ForeignKeyNullableRelation["StaffMember"] = fields.ForeignKeyField(
        "loyalty.StaffMember", related_name=False, null=True
    )
    shop_id = fields.UUIDField(null=True)
    created_by = fields.TextField()
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_key"
        constraints = [
            UniqueConstraint(fields=("secret_hash",), name="api_key_secret_hash"),
            CheckConstraint(check="length(name) BETWEEN 1 AND 200", name="api_key_name_length"),
        ]

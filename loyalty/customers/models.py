"""Customers, their identifiers and sign-in links."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Customer(Model):
    """A person; a member once `enrolled_at` is set.

    `search_text` is the folded words of name and identifiers; its index is made by migration.
    A merged customer points at the one who holds their history now.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    member_number = fields.TextField()
    first_name = fields.TextField(default="", db_default="")
    last_name = fields.TextField(default="", db_default="")
    locale = fields.TextField()
    birthday = fields.DateField(null=True)
    birthday_set_at = fields.DatetimeField(null=True)
    search_text = fields.TextField(default="", db_default="")
    enrolled_at = fields.DatetimeField(null=True)
    enrolled_through = fields.TextField(default="", db_default="")
    merged_into_id = fields.UUIDField(null=True)
    version = fields.IntField(default=1, db_default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "customer"
        indexes = [
            Index(fields=["created_at", "id"], name="customer_created_at"),
            Index(fields=["merged_into_id"], name="customer_merged_into"),
        ]
        constraints = [
            UniqueConstraint(fields=("member_number",), name="customer_member_number"),
            CheckConstraint(check="merged_into_id IS NULL OR merged_into_id <> id", name="customer_not_own_twin"),
        ]


class CustomerIdentifier(Model):
    """One way to find a customer.

    `kind` is email, phone, card, barcode, external or member_number. `value_key` is the normalised value that is
    compared; `scope` is the shop's id for `external`, else empty.
    """

    id = fields.UUIDField(primary_key=True)
    customer: fields.ForeignKeyRelation["Customer"] = fields.ForeignKeyField("loyalty.Customer", related_name=False)
    kind = fields.TextField()
    scope = fields.TextField(default="", db_default="")
    value = fields.TextField()
    value_key = fields.TextField()
    verified_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "customer_identifier"
        indexes = [Index(fields=["customer_id"], name="customer_identifier_customer")]
        constraints = [
            UniqueConstraint(fields=("kind", "scope", "value_key"), name="customer_identifier_value"),
            CheckConstraint(
                check="kind IN ('email','phone','card','barcode','external','member_number')",
                name="customer_identifier_kind",
            ),
        ]


class SignInLink(Model):
    """A link sent to a verified address; exchanged once for a customer token."""

    id = fields.UUIDField(primary_key=True)
    customer: fields.ForeignKeyRelation["Customer"] = fields.ForeignKeyField("loyalty.Customer", related_name=False)
    shop_id = fields.UUIDField()
    token_hash = fields.BinaryField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sign_in_link"
        constraints = [UniqueConstraint(fields=("token_hash",), name="sign_in_link_token_hash")]

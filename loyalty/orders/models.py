"""Orders, their lines, and returns. Quantities in thousandths, amounts in the currency's smallest part."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Order(Model):
    """One purchase. Without customer it is a bearer receipt that can be claimed."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    external_id = fields.TextField()
    customer_id = fields.UUIDField(null=True)
    placed_at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()
    currency = fields.TextField()
    discount_minor = fields.BigIntField()
    shipping_minor = fields.BigIntField()
    tax_minor = fields.BigIntField()
    total_minor = fields.BigIntField()
    channel = fields.TextField(null=True)
    content_hash = fields.BinaryField()
    receipt_code_hash = fields.BinaryField(null=True)
    claimed_at = fields.DatetimeField(null=True)
    cancelled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "customer_order"
        indexes = [
            Index(fields=["customer_id", "placed_at"], name="customer_order_customer"),
            Index(fields=["placed_at", "id"], name="customer_order_placed_at"),
        ]
        constraints = [
            UniqueConstraint(fields=("shop_id", "external_id"), name="customer_order_external_id"),
            UniqueConstraint(
                fields=("receipt_code_hash",),
                name="customer_order_receipt_code",
                condition="receipt_code_hash IS NOT NULL",
            ),
            CheckConstraint(check="total_minor >= 0", name="customer_order_total_not_negative"),
        ]


class OrderLine(Model):
    """One line. `returned_milli` grows with returns and never passes `quantity_milli`."""

    id = fields.UUIDField(primary_key=True)
    order: fields.ForeignKeyRelation["Order"] = fields.ForeignKeyField("loyalty.Order", related_name=False)
    customer_id = fields.UUIDField(null=True)
    line_number = fields.IntField()
    sku = fields.TextField()
    name = fields.TextField()
    category = fields.TextField(null=True)
    brand = fields.TextField(null=True)
    quantity_milli = fields.BigIntField()
    returned_milli = fields.BigIntField(default=0, db_default=0)
    amount_minor = fields.BigIntField()
    list_amount_minor = fields.BigIntField(null=True)
    cost_minor = fields.BigIntField(null=True)
    discount_share_minor = fields.BigIntField()
    tax_share_minor = fields.BigIntField()
    gift_card = fields.BooleanField(default=False, db_default=False)

    class Meta:
        table = "order_line"
        constraints = [
            UniqueConstraint(fields=("order_id", "line_number"), name="order_line_number"),
            CheckConstraint(
                check="quantity_milli > 0 AND returned_milli BETWEEN 0 AND quantity_milli",
                name="order_line_returned_within_quantity",
            ),
            CheckConstraint(check="amount_minor >= 0", name="order_line_amount_not_negative"),
        ]


class OrderReturn(Model):
    """Goods that came back. `lines` is a list of {line_number, quantity_milli}; waiting ones name what was asked.

    `state` is awaiting (its order is not known yet), applied or refused. `cancels` marks a cancelled order.
    """

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_external_id = fields.TextField()
    order_id = fields.UUIDField(null=True)
    customer_id = fields.UUIDField(null=True)
    state = fields.TextField()
    cancels = fields.BooleanField(default=False)
    asked = fields.JSONField[list[dict[str, object]] | None](null=True)
    lines = fields.JSONField[list[dict[str, object]]](default=list)
    returned_at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()
    recorded_by = fields.TextField()

    class Meta:
        table = "order_return"
        indexes = [
            Index(fields=["order_id"], name="order_return_order"),
            Index(fields=["shop_id", "order_external_id"], name="order_return_awaiting"),
        ]
        constraints = [CheckConstraint(check="state IN ('awaiting','applied','refused')", name="order_return_state")]

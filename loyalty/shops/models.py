"""The table of shops."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Shop(Model):
    """A sales channel. `programme` is the code of the programme its customers collect in."""

    id = fields.UUIDField(primary_key=True)
    code = fields.TextField()
    name = fields.TextField()
    currency = fields.TextField()
    time_zone = fields.TextField()
    language = fields.TextField()
    country = fields.TextField()
    programme = fields.TextField()
    enrols_automatically = fields.BooleanField(default=True)
    return_window_days = fields.IntField(default=30)
    claim_window_days = fields.IntField(default=30)
    publishable_key = fields.TextField()
    token_secret = fields.TextField()
    receipt_secret = fields.BinaryField()
    allowed_origins: list[str] = ArrayField("text", default=list)
    goodwill_limit_points = fields.BigIntField(default=1_000)
    goodwill_budget_points = fields.BigIntField(default=10_000)
    created_at = fields.DatetimeField()

    class Meta:
        table = "shop"
        constraints = [
            UniqueConstraint(fields=("code",), name="shop_code"),
            UniqueConstraint(fields=("publishable_key",), name="shop_publishable_key"),
            CheckConstraint(check="currency ~ '^[A-Z]{3}$'", name="shop_currency_iso"),
            CheckConstraint(check="country ~ '^[A-Z]{2}$'", name="shop_country_iso"),
        ]

"""Lines and channels as callers write them, and what order rules refuse."""

from enum import Enum

import strawberry

from loyalty.earning import purchases, receipts, returns
from loyalty.orders import asked
from schema.refusals import Refusal, face_of
from schema.scalars import BigInt, Quantity


@strawberry.enum(description="Where something was bought.")
class Channel(Enum):
    """The channels of an order."""

    WEB = asked.Channel.WEB.value
    MOBILE = asked.Channel.MOBILE.value
    POS = asked.Channel.POS.value


@strawberry.input(description="One line of an order.")
class OrderLineInput:
    """What was bought."""

    sku: str = strawberry.field(description="The article's number.")
    name: str = strawberry.field(description="The article's name.")
    quantity: Quantity = strawberry.field(description="How much: more than zero, up to three decimals.")
    amount_minor: BigInt = strawberry.field(
        description="What the line cost after its own discount, in the currency's smallest part; not negative."
    )
    category: str | None = strawberry.field(default=None, description="The article's category.")
    brand: str | None = strawberry.field(default=None, description="The article's brand.")
    list_amount_minor: BigInt | None = strawberry.field(default=None, description="Before its discount.")
    cost_minor: BigInt | None = strawberry.field(default=None, description="What the line cost the shop.")
    gift_card: bool | None = strawberry.field(default=False, description="Whether the line buys a gift card.")

    def asked(self) -> asked.LineAsked:
        """Return the line as the rules take it."""
        return asked.LineAsked(
            sku=self.sku,
            name=self.name,
            quantity_milli=int(self.quantity * 1000),
            amount_minor=self.amount_minor,
            category=self.category,
            brand=self.brand,
            list_amount_minor=self.list_amount_minor,
            cost_minor=self.cost_minor,
            gift_card=bool(self.gift_card),
        )


@face_of(asked.NoLines)
class NoLines(Refusal):
    """Paired with the rule of the same name."""


@face_of(asked.TooManyLines)
class TooManyLines(Refusal):
    """Paired with the rule of the same name."""

    count: int = strawberry.field(description="How many there are.")
    count_max: int = strawberry.field(description="How many there may be.")


@face_of(asked.QuantityInvalid)
class QuantityInvalid(Refusal):
    """Paired with the rule of the same name."""

    line_number: int | None = strawberry.field(description="The line, from 1.")


@face_of(asked.AmountInvalid)
class AmountInvalid(Refusal):
    """Paired with the rule of the same name."""

    field: str = strawberry.field(description="The input field.")
    line_number: int | None = strawberry.field(description="The line, from 1; null for an amount of the order.")


@face_of(asked.UnknownCurrency)
class UnknownCurrency(Refusal):
    """Paired with the rule of the same name."""

    currency: str = strawberry.field(description="What was asked for.")


@face_of(asked.MomentInvalid)
class MomentInvalid(Refusal):
    """Paired with the rule of the same name."""

    field: str = strawberry.field(description="The input field.")


@face_of(asked.DiscountTooLarge)
class DiscountTooLarge(Refusal):
    """Paired with the rule of the same name."""

    discount_minor: BigInt = strawberry.field(description="The discount asked.")
    lines_minor: BigInt = strawberry.field(description="What the lines come to.")


@face_of(asked.TaxTooLarge)
class TaxTooLarge(Refusal):
    """Paired with the rule of the same name."""

    tax_minor: BigInt = strawberry.field(description="The tax asked.")
    lines_minor: BigInt = strawberry.field(description="What the lines come to after the discount.")


@face_of(asked.TotalMismatch)
class TotalMismatch(Refusal):
    """Paired with the rule of the same name."""

    total_minor: BigInt = strawberry.field(description="The total asked.")
    expected_minor: BigInt = strawberry.field(description="Lines - discount + shipping.")


@face_of(asked.RepeatedSku)
class RepeatedSku(Refusal):
    """Paired with the rule of the same name."""

    line_number: int | None = strawberry.field(description="The line of the return, from 1.")
    sku: str = strawberry.field(description="The sku, or the line number that stands twice.")


@face_of(purchases.OrderDiffers)
class OrderDiffers(Refusal):
    """Paired with the rule of the same name."""

    external_id: str = strawberry.field(description="The order's external id.")


@face_of(purchases.TooManyOrders)
class TooManyOrders(Refusal):
    """Paired with the rule of the same name."""

    count: int = strawberry.field(description="How many there are.")
    count_max: int = strawberry.field(description="How many there may be.")


@face_of(purchases.CouponUnknown)
class CouponUnknown(Refusal):
    """Paired with the rule of the same name."""

    coupon_code: str = strawberry.field(description="The code asked.")


@face_of(returns.UnknownLine)
class UnknownLine(Refusal):
    """Paired with the rule of the same name."""

    line_number: int | None = strawberry.field(description="The line of the return, from 1.")


@face_of(returns.AmbiguousSku)
class AmbiguousSku(Refusal):
    """Paired with the rule of the same name."""

    line_number: int | None = strawberry.field(description="The line of the return, from 1.")
    sku: str = strawberry.field(description="The sku.")


@face_of(returns.OverReturned)
class OverReturned(Refusal):
    """Paired with the rule of the same name."""

    line_number: int | None = strawberry.field(description="The line of the order, from 1.")
    left_milli: BigInt = strawberry.field(description="What is left of it, in thousandths.")


@face_of(returns.NothingLeftToReturn)
class NothingLeftToReturn(Refusal):
    """Paired with the rule of the same name."""


@face_of(receipts.ReceiptNotClaimable)
class ReceiptNotClaimable(Refusal):
    """Paired with the rule of the same name."""


@face_of(receipts.ClaimWindowClosed)
class ClaimWindowClosed(Refusal):
    """Paired with the rule of the same name."""

    claim_window_days: int = strawberry.field(description="How many days a receipt can be claimed.")


OrderInputRefusals = (
    NoLines
    | TooManyLines
    | QuantityInvalid
    | AmountInvalid
    | UnknownCurrency
    | MomentInvalid
    | DiscountTooLarge
    | TaxTooLarge
    | TotalMismatch
    | CouponUnknown
)
"""What an order or a basket can be refused with before anything is looked up."""

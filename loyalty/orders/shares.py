"""What each line of an order carries of its discount and of the tax in it."""

from dataclasses import dataclass

from loyalty.amounts import split_by_largest_remainder
from loyalty.orders.asked import OrderAsked


@dataclass(frozen=True, slots=True)
class Shares:
    """What each line carries of the order's discount and of the tax, in line order."""

    discount_minor: tuple[int, ...]
    tax_minor: tuple[int, ...]


def shares(order: OrderAsked) -> Shares:
    """Split the order's discount and tax over its lines.

    The discount goes by the lines' amounts, the tax by what they come to after it; both by largest remainder, so that
    the parts sum to the whole.
    """
    amounts = [line.amount_minor for line in order.lines]
    nothing = (0,) * len(amounts)
    discount = tuple(split_by_largest_remainder(order.discount_minor, amounts)) if order.discount_minor else nothing
    if not order.tax_minor:
        return Shares(discount, nothing)
    net = [amount - share for amount, share in zip(amounts, discount, strict=True)]
    return Shares(discount, tuple(split_by_largest_remainder(order.tax_minor, net)))

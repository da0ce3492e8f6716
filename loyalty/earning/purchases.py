"""Record orders: the event from which most follows.

One order or up to 500, in one transaction and a handful of statements. Each order has its own key and its own outcome:
what is wrong with one leaves nothing of it and does not touch the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from loyalty.access import Actor, Permission, require
from loyalty.earning.batches import CheckedOrder, batch_hash, checked
from loyalty.earning.recording import Batch, RefusedLate
from loyalty.earning.recording import OrderDiffers as OrderDiffers
from loyalty.earning.recording import OrderRecorded as OrderRecorded
from loyalty.earning.recording import Outcome as Outcome
from loyalty.once.answers import Answer, check_key
from loyalty.orders.asked import OrderAsked
from loyalty.refusals import Invalid, NotFound, Refusal
from loyalty.shops.catalogue import ShopFacts, all_shops, shop_by_code, shop_by_id
from loyalty.transactions import in_one_transaction

ORDERS_MAX = 500


class TooManyOrders(Invalid):
    """A request records at most 500 orders."""

    code = "TOO_MANY_ORDERS"

    def __init__(self, *, count: int, count_max: int = ORDERS_MAX) -> None:
        Refusal.__init__(self, count=count, count_max=count_max)


class CouponUnknown(Invalid):
    """There is no such coupon."""

    code = "COUPON_UNKNOWN"

    def __init__(self, *, coupon_code: str) -> None:
        Refusal.__init__(self, coupon_code=coupon_code)


@dataclass(frozen=True, slots=True)
class OrdersRecorded:
    """One outcome per order, in the order asked."""

    outcomes: tuple[Outcome, ...]
    replayed: bool


async def record_order(order: OrderAsked, *, actor: Actor, now: datetime) -> Answer[OrderRecorded]:
    """Record one order; its customer earns by the programme version that held when it was placed.

    An order known already by its external id is told again when its content is the same. Where the shop enrols by
    itself, whose the order is becomes a member; elsewhere an unknown one's order is a receipt that can be claimed, as
    is one without customer, and who is known and no member earns nothing.

    Raises:
        NotPermitted: the actor may not record orders.
        Invalid, KeyInvalid, AmountTooLarge: something cannot be true of the order; nothing is stored.
        NotFound: there is no such shop, or nobody has this member number.
        OrderDiffers: the external id is known with other content.
        IdempotencyMismatch: the key was used with another input.
    """
    require(actor, Permission.ORDERS_RECORD)
    [outcome] = (await _record([order], None, actor, now)).outcomes
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def record_orders(key: str, orders: Sequence[OrderAsked], *, actor: Actor, now: datetime) -> OrdersRecorded:
    """Record up to 500 orders, each with its own key and outcome; `key` only tells the batch again.

    Raises:
        NotPermitted: the actor may not record orders.
        TooManyOrders: there are more than 500. Nothing is recorded.
        IdempotencyMismatch: the batch's key was used with other orders. Nothing is recorded.
    """
    require(actor, Permission.ORDERS_RECORD)
    if len(orders) > ORDERS_MAX:
        raise TooManyOrders(count=len(orders))
    if not orders:
        raise Invalid(field="orders", problem="empty")
    check_key(key)
    return await _record(orders, key, actor, now)


async def _record(orders: Sequence[OrderAsked], key: str | None, actor: Actor, now: datetime) -> OrdersRecorded:
    refused: dict[int, Refusal] = {}
    good: dict[int, CheckedOrder] = {}
    for place, asked in enumerate(orders):
        try:
            good[place] = checked(place, asked, await shop_meant(asked.shop, actor), now=now)
            if asked.coupon_codes:
                raise CouponUnknown(coupon_code=asked.coupon_codes[0])
        except Refusal as refusal:
            refused[place] = refusal
    if key is None and len(refused) == len(orders):
        return OrdersRecorded(tuple(refused.values()), replayed=False)
    known_as = None if key is None else (key, batch_hash(orders, good))
    while True:
        batch = Batch([one for place, one in good.items() if place not in refused], known_as, actor, now)
        try:
            replayed = await in_one_transaction(batch.record, repeatable=True)
            break
        except RefusedLate as late:
            # Start again without them, and without those that say the same of the same order.
            same = {(good[place].order, good[place].content_hash): refusal for place, refusal in late.refusals.items()}
            refused |= {
                place: same[one.order, one.content_hash]
                for place, one in good.items()
                if (one.order, one.content_hash) in same
            }
    outcomes = {**refused, **batch.outcomes}
    return OrdersRecorded(tuple(outcomes[place] for place in range(len(orders))), replayed)


async def shop_meant(code: str | None, actor: Actor) -> ShopFacts:
    """Return the shop a caller means: the one named, else the one they speak for, else the only one there is.

    Raises:
        NotFound: there is no such shop, or the caller speaks for another one.
        Invalid: no shop is named and there are several.
    """
    if code is not None:
        shop = await shop_by_code(code)
        if actor.shop_id is not None and shop.id != actor.shop_id:
            raise NotFound(what="shop")
        return shop
    if actor.shop_id is not None:
        return await shop_by_id(actor.shop_id)
    shops = await all_shops()
    if len(shops) != 1:
        raise Invalid(field="shop", problem="needed")
    return shops[0]

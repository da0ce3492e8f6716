"""A batch of orders before anything is looked up: each one checked by itself, and those that stand twice in it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.customers.identifiers import Identifier, IdentifierKind, normalised
from loyalty.once.answers import check_key
from loyalty.orders.asked import OrderAsked, check_order
from loyalty.refusals import Invalid
from loyalty.shops.catalogue import ShopFacts


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that can be true, at its place in the batch."""

    place: int
    asked: OrderAsked
    shop: ShopFacts
    identifier: Identifier | None
    content_hash: bytes

    @property
    def input_hash(self) -> bytes:
        """Return what its key belongs to: the content, in this shop."""
        return self.content_hash + self.shop.id.bytes

    @property
    def order(self) -> tuple[UUID, str]:
        """Return which order it is: the shop's own number, in this shop."""
        return (self.shop.id, self.asked.external_id)


def checked(place: int, asked: OrderAsked, shop: ShopFacts, *, now: datetime) -> CheckedOrder:
    """Return the order when it can be true.

    Raises:
        KeyInvalid: its key cannot be kept.
        Invalid: something cannot be true of it, or the customer's identifier be one of its kind.
    """
    check_key(asked.idempotency_key)
    check_order(asked, now=now)
    identifier = None
    if asked.customer is not None:
        identifier = normalised(_kind(asked.customer.kind), asked.customer.value, shop=shop)
    return CheckedOrder(place, asked, shop, identifier, asked.content_hash(identifier.place if identifier else None))


def _kind(written: str) -> IdentifierKind:
    try:
        return IdentifierKind(written)
    except ValueError:
        raise Invalid(field="customer") from None


def batch_hash(orders: Sequence[OrderAsked], checked_by_place: Mapping[int, CheckedOrder]) -> bytes:
    """Return SHA-256 of the batch as it was asked, with the orders that cannot be true."""
    whole = hashlib.sha256()
    for place, asked in enumerate(orders):
        known = checked_by_place.get(place)
        content = known.input_hash if known else repr(asked).encode(errors="surrogatepass")
        key = asked.idempotency_key.encode(errors="surrogatepass")
        whole.update(hashlib.sha256(key).digest() + hashlib.sha256(content).digest())
    return whole.digest()


def without_twins(orders: Sequence[CheckedOrder]) -> list[CheckedOrder]:
    """Leave out orders whose key stood in the batch before, or whose order did."""
    keys: set[str] = set()
    taken: set[tuple[UUID, str]] = set()
    first = []
    for one in orders:
        if one.asked.idempotency_key not in keys and one.order not in taken:
            first.append(one)
            taken.add(one.order)
        keys.add(one.asked.idempotency_key)
    return first

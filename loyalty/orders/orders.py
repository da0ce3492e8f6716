"""Orders and their lines: written together, read together. Facts; no rule decides here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from loyalty.access import Actor, Permission, require
from loyalty.identity import new_ids
from loyalty.orders.asked import OrderAsked
from loyalty.orders.shares import Shares
from loyalty.transactions import Conflict, rows, storable


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that is recorded already."""

    id: UUID
    external_id: str
    customer_id: UUID | None
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order about to be written."""

    id: UUID
    asked: OrderAsked
    shares: Shares
    customer_id: UUID | None
    content_hash: bytes
    receipt_code_hash: bytes | None


async def known_orders(shop_id: UUID, external_ids: Sequence[str]) -> dict[str, KnownOrder]:
    """Return the recorded ones among these external ids, by external id."""
    found = await rows(
        "SELECT id, external_id, customer_id, content_hash FROM customer_order"
        " WHERE shop_id = $1 AND external_id = ANY($2::text[])",
        shop_id,
        external_ids,
    )
    return {
        row["external_id"]: KnownOrder(row["id"], row["external_id"], row["customer_id"], bytes(row["content_hash"]))
        for row in found
    }


_INSERT = """
WITH orders AS (
    INSERT INTO customer_order (
        id, shop_id, external_id, customer_id, placed_at, recorded_at, currency, discount_minor, shipping_minor,
        tax_minor, total_minor, channel, content_hash, receipt_code_hash
    )
    SELECT o.id, $1, o.external_id, o.customer_id, o.placed_at, $2, o.currency, o.discount_minor, o.shipping_minor,
        o.tax_minor, o.total_minor, o.channel, o.content_hash, o.receipt_code_hash
    FROM unnest(
        $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[],
        $11::bigint[], $12::text[], $13::bytea[], $14::bytea[]
    ) AS o(
        id, external_id, customer_id, placed_at, currency, discount_minor, shipping_minor, tax_minor, total_minor,
        channel, content_hash, receipt_code_hash
    )
)
INSERT INTO order_line (
    id, order_id, customer_id, line_number, sku, name, category, brand, quantity_milli, amount_minor,
    list_amount_minor, cost_minor, discount_share_minor, tax_share_minor, gift_card
)
SELECT * FROM unnest(
    $15::uuid[], $16::uuid[], $17::uuid[], $18::int[], $19::text[], $20::text[], $21::text[], $22::text[],
    $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[], $29::boolean[]
)
"""


async def write_orders(shop_id: UUID, orders: Sequence[NewOrder], *, now: datetime) -> None:
    """Write orders with their lines, in one statement, in the open transaction.

    Raises:
        Conflict: another transaction recorded one of them meanwhile; start again and find it.
    """
    if not orders:
        return
    # Two batches that share orders wait for each other in one order.
    ordered = sorted(orders, key=lambda order: order.asked.external_id)
    order_columns = zip(*map(_order_row, ordered), strict=True)
    line_columns = zip(*[row for order in ordered for row in _line_rows(order, now)], strict=True)
    try:
        await rows(_INSERT, shop_id, now, *order_columns, *line_columns)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "customer_order_external_id":
            raise Conflict from error
        raise


def _order_row(order: NewOrder) -> tuple[Any, ...]:
    asked = order.asked
    return (
        order.id,
        asked.external_id,
        order.customer_id,
        asked.placed_at,
        asked.currency,
        asked.discount_minor,
        asked.shipping_minor,
        asked.tax_minor,
        asked.expected_total_minor,
        asked.channel,
        order.content_hash,
        order.receipt_code_hash,
    )


def _line_rows(order: NewOrder, now: datetime) -> list[tuple[Any, ...]]:
    return [
        (
            line_id,
            order.id,
            order.customer_id,
            line_number,
            line.sku,
            line.name,
            line.category,
            line.brand,
            line.quantity_milli,
            line.amount_minor,
            line.list_amount_minor,
            line.cost_minor,
            discount_minor,
            tax_minor,
            line.gift_card,
        )
        for line_number, (line_id, line, discount_minor, tax_minor) in enumerate(
            zip(
                new_ids(now, len(order.asked.lines)),
                order.asked.lines,
                order.shares.discount_minor,
                order.shares.tax_minor,
                strict=True,
            ),
            start=1,
        )
    ]


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """A recorded order."""

    id: UUID
    shop_id: UUID
    external_id: str
    customer_id: UUID | None
    placed_at: datetime
    recorded_at: datetime
    currency: str
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    channel: str | None
    claimed_at: datetime | None
    cancelled_at: datetime | None


_FACTS = (
    "SELECT id, shop_id, external_id, customer_id, placed_at, recorded_at, currency, discount_minor, shipping_minor,"
    " tax_minor, total_minor, channel, claimed_at, cancelled_at FROM customer_order"
)


async def hold_order(shop_id: UUID, external_id: str) -> OrderFacts | None:
    """Return the order, locked until the open transaction ends, or None when it is not recorded."""
    found = await rows(f"{_FACTS} WHERE shop_id = $1 AND external_id = $2 FOR NO KEY UPDATE", shop_id, external_id)
    return OrderFacts(**found[0]) if found else None


async def hold_receipt(code_hash: bytes) -> OrderFacts | None:
    """Return the order that nobody has and that this code claims, locked until the open transaction ends, or None."""
    found = await rows(f"{_FACTS} WHERE receipt_code_hash = $1 AND customer_id IS NULL FOR NO KEY UPDATE", code_hash)
    return OrderFacts(**found[0]) if found else None


async def give_to(order_id: UUID, customer_id: UUID, *, now: datetime) -> None:
    """Make an order that nobody had a customer's, with its lines and returns; its code claims nothing any more."""
    await rows(
        "WITH lines AS (UPDATE order_line SET customer_id = $2 WHERE order_id = $1),"
        " returns AS (UPDATE order_return SET customer_id = $2 WHERE order_id = $1)"
        " UPDATE customer_order SET customer_id = $2, claimed_at = $3, receipt_code_hash = NULL WHERE id = $1",
        order_id,
        customer_id,
        now,
    )


async def orders_page(
    actor: Actor, *, first: int, after: tuple[datetime, UUID] | None = None, external_id: str | None = None
) -> list[OrderFacts]:
    """Return up to `first` orders, the last placed first, after the place (placed_at, id) `after`.

    With `external_id` those whose number this is, in any shop. Whoever speaks for one shop sees that shop's alone.

    Raises:
        NotPermitted: the actor may not read orders.
    """
    require(actor, Permission.ORDERS_READ)
    if external_id is not None and not storable(external_id):
        return []
    found = await rows(
        f"{_FACTS} WHERE ($1::uuid IS NULL OR shop_id = $1) AND ($2::text IS NULL OR external_id = $2)"
        " AND ($3::timestamptz IS NULL OR placed_at <= $3 AND (placed_at, id) < ($3, $4::uuid))"
        " ORDER BY placed_at DESC, id DESC LIMIT $5",
        actor.shop_id,
        external_id,
        *(after or (None, None)),
        first,
    )
    return [OrderFacts(**row) for row in found]


async def count_orders(actor: Actor, *, external_id: str | None = None) -> int:
    """Return how many orders `orders_page` would go through.

    Raises:
        NotPermitted: the actor may not read orders.
    """
    require(actor, Permission.ORDERS_READ)
    if external_id is not None and not storable(external_id):
        return 0
    [row] = await rows(
        "SELECT count(*) AS orders FROM customer_order WHERE ($1::uuid IS NULL OR shop_id = $1)"
        " AND ($2::text IS NULL OR external_id = $2)",
        actor.shop_id,
        external_id,
    )
    return int(row["orders"])


async def customers_orders(
    actor: Actor, customer_ids: Sequence[UUID], *, first: int, after: tuple[datetime, UUID] | None = None
) -> dict[UUID, list[OrderFacts]]:
    """Return, for each customer, up to `first` of their orders, as `orders_page` does. One query.

    Raises:
        NotPermitted: the actor may not read orders.
    """
    require(actor, Permission.ORDERS_READ)
    found = await rows(
        "SELECT o.* FROM unnest($1::uuid[]) AS asked(id) CROSS JOIN LATERAL ("
        f" {_FACTS} WHERE customer_id = asked.id AND ($2::uuid IS NULL OR shop_id = $2)"
        "   AND ($3::timestamptz IS NULL OR placed_at <= $3 AND (placed_at, id) < ($3, $4::uuid))"
        "   ORDER BY placed_at DESC, id DESC LIMIT $5"
        " ) AS o ORDER BY o.placed_at DESC, o.id DESC",
        customer_ids,
        actor.shop_id,
        *(after or (None, None)),
        first,
    )
    orders: dict[UUID, list[OrderFacts]] = {customer_id: [] for customer_id in customer_ids}
    for row in found:
        orders[row["customer_id"]].append(OrderFacts(**row))
    return orders


async def customers_orders_counts(actor: Actor, customer_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many orders `customers_orders` would go through, for each customer.

    Raises:
        NotPermitted: the actor may not read orders.
    """
    require(actor, Permission.ORDERS_READ)
    found = await rows(
        "SELECT customer_id, count(*) AS orders FROM customer_order"
        " WHERE customer_id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR shop_id = $2) GROUP BY customer_id",
        customer_ids,
        actor.shop_id,
    )
    return dict.fromkeys(customer_ids, 0) | {row["customer_id"]: row["orders"] for row in found}


async def orders_by_id(order_ids: Sequence[UUID]) -> dict[UUID, OrderFacts]:
    """Return these orders, by id; unknown ones are left out."""
    return {row["id"]: OrderFacts(**row) for row in await rows(f"{_FACTS} WHERE id = ANY($1::uuid[])", order_ids)}


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line of a recorded order, with its shares of the order's discount and tax, and what of it came back."""

    order_id: UUID
    line_number: int
    sku: str
    name: str
    category: str | None
    brand: str | None
    quantity_milli: int
    returned_milli: int
    amount_minor: int
    list_amount_minor: int | None
    cost_minor: int | None
    discount_share_minor: int
    tax_share_minor: int
    gift_card: bool


async def lines_of(order_ids: Sequence[UUID]) -> dict[UUID, list[LineFacts]]:
    """Return the lines of these orders, by order, in line order; none for an unknown order. One query."""
    lines: dict[UUID, list[LineFacts]] = {order_id: [] for order_id in order_ids}
    found = await rows(
        "SELECT order_id, line_number, sku, name, category, brand, quantity_milli, returned_milli, amount_minor,"
        " list_amount_minor, cost_minor, discount_share_minor, tax_share_minor, gift_card"
        " FROM order_line WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, line_number",
        list(lines),
    )
    for row in found:
        lines[row["order_id"]].append(LineFacts(**row))
    return lines

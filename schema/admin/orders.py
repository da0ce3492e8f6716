"""Orders, as staff and servers read them."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.access import Actor, Permission, require
from loyalty.ledger.balances import EntryFacts, entries_of_orders
from loyalty.orders import orders
from loyalty.orders.orders import LineFacts
from loyalty.shops.catalogue import shop_by_id
from schema.context import Info
from schema.cost import Cost
from schema.identifiers import Node, encoded
from schema.ledger import Entry
from schema.orders import Channel
from schema.paging import After, Connection, First, Keyset
from schema.scalars import CurrencyCode, Money, Quantity

if TYPE_CHECKING:
    from schema.admin.customers import Customer

ORDERS = Keyset(datetime, UUID)


async def _lines(order_ids: list[UUID]) -> list[list[LineFacts]]:
    found = await orders.lines_of(order_ids)
    return [found[order_id] for order_id in order_ids]


async def _entries(order_ids: list[UUID]) -> list[list[EntryFacts]]:
    found = await entries_of_orders(order_ids)
    return [found[order_id] for order_id in order_ids]


async def _orders(order_ids: list[UUID]) -> list[orders.OrderFacts | None]:
    found = await orders.orders_by_id(order_ids)
    return [found.get(order_id) for order_id in order_ids]


@strawberry.type(description="One line of an order.")
class OrderLine:
    """What was bought, and how much of it came back."""

    line_number: int = strawberry.field(description="Its place, from 1.")
    sku: str = strawberry.field(description="The article's number.")
    name: str = strawberry.field(description="The article's name.")
    category: str | None = strawberry.field(description="The article's category.")
    brand: str | None = strawberry.field(description="The article's brand.")
    quantity: Quantity = strawberry.field(description="How much was bought.")
    returned_quantity: Quantity = strawberry.field(description="How much of it came back.")
    amount: Money = strawberry.field(description="What the line cost after its own discount.")
    discount_share: Money = strawberry.field(description="Its share of the order's discount.")
    tax_share: Money = strawberry.field(description="Its share of the tax.")
    gift_card: bool = strawberry.field(description="Whether it buys a gift card.")

    @classmethod
    def of(cls, line: LineFacts, currency: str) -> "OrderLine":
        """Show a line."""
        return cls(
            line_number=line.line_number,
            sku=line.sku,
            name=line.name,
            category=line.category,
            brand=line.brand,
            quantity=_quantity(line.quantity_milli),
            returned_quantity=_quantity(line.returned_milli),
            amount=Money.of_minor(line.amount_minor, currency),
            discount_share=Money.of_minor(line.discount_share_minor, currency),
            tax_share=Money.of_minor(line.tax_share_minor, currency),
            gift_card=line.gift_card,
        )


def _quantity(milli: int) -> Quantity:
    return Quantity(Decimal(milli) / 1000)


@strawberry.type(description="A recorded order.")
class Order(Node):
    """What was bought, once."""

    facts: strawberry.Private[orders.OrderFacts]
    external_id: str = strawberry.field(description="The shop's own order number.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    recorded_at: datetime = strawberry.field(description="When it was recorded here.")
    currency: CurrencyCode = strawberry.field(description="Its currency.")
    total: Money = strawberry.field(description="Lines - discount + shipping.")
    discount: Money = strawberry.field(description="The discount on the whole order.")
    shipping: Money = strawberry.field(description="What shipping cost.")
    tax: Money = strawberry.field(description="The tax contained in the lines' amounts.")
    channel: Channel | None = strawberry.field(description="Where it was bought.")
    claimed_at: datetime | None = strawberry.field(description="When its receipt was claimed.")
    cancelled_at: datetime | None = strawberry.field(description="When it was cancelled.")

    @strawberry.field(description="The code of the shop.")
    async def shop(self) -> str:
        """Return the shop's code."""
        return (await shop_by_id(self.facts.shop_id)).code

    @strawberry.field(description="Whose it is; null for a bearer receipt. Needs the permission to read customers.")
    async def customer(self, info: Info) -> Annotated["Customer", strawberry.lazy("schema.admin.customers")] | None:
        """Return the customer."""
        from schema.admin.customers import customer_node

        return await customer_node(info, self.facts.customer_id) if self.facts.customer_id else None

    @strawberry.field(description="Its lines, in their order.", directives=[Cost(rows=500)])
    async def lines(self, info: Info) -> list[OrderLine]:
        """Return the lines."""
        loader: DataLoader[UUID, list[LineFacts]] = info.context.loader(_lines)
        return [OrderLine.of(line, self.facts.currency) for line in await loader.load(self.facts.id)]

    @strawberry.field(description="What it earned and what was taken back, oldest first.", directives=[Cost(rows=50)])
    async def entries(self, info: Info) -> list[Entry]:
        """Return the entries that name this order."""
        require(info.context.actor, Permission.LEDGER_READ)
        loader: DataLoader[UUID, list[EntryFacts]] = info.context.loader(_entries)
        return [Entry.of(entry) for entry in await loader.load(self.facts.id)]

    @classmethod
    def of(cls, facts: orders.OrderFacts) -> "Order":
        """Show an order."""
        return cls(
            id=encoded("Order", facts.id),
            facts=facts,
            external_id=facts.external_id,
            placed_at=facts.placed_at,
            recorded_at=facts.recorded_at,
            currency=CurrencyCode(facts.currency),
            total=Money.of_minor(facts.total_minor, facts.currency),
            discount=Money.of_minor(facts.discount_minor, facts.currency),
            shipping=Money.of_minor(facts.shipping_minor, facts.currency),
            tax=Money.of_minor(facts.tax_minor, facts.currency),
            channel=Channel(facts.channel) if facts.channel else None,
            claimed_at=facts.claimed_at,
            cancelled_at=facts.cancelled_at,
        )


async def order_shown(info: Info, order_id: UUID) -> Order | None:
    """Return the order, loaded with the others of the request."""
    loader: DataLoader[UUID, orders.OrderFacts | None] = info.context.loader(_orders)
    facts = await loader.load(order_id)
    return Order.of(facts) if facts else None


async def order_node(info: Info, order_id: UUID) -> Order | None:
    """Return the order by id.

    Raises:
        NotPermitted: the actor may not read orders.
    """
    actor = info.context.actor
    require(actor, Permission.ORDERS_READ)
    order = await order_shown(info, order_id)
    return order if order and actor.shop_id in (None, order.facts.shop_id) else None


async def _orders_connection(info: Info, first: int, after: str | None, external_id: str | None) -> Connection[Order]:
    actor = info.context.actor
    asked = ORDERS.asked(first, after)
    found = await orders.orders_page(actor, first=asked.limit, after=asked.key, external_id=external_id)

    async def count() -> int:
        return await orders.count_orders(actor, external_id=external_id)

    return Connection.of(asked.page(found, key=_place, count=count), Order.of)


def _place(order: orders.OrderFacts) -> tuple[datetime, UUID]:
    return (order.placed_at, order.id)


async def _pages(
    customer_ids: list[UUID], actor: Actor, limit: int, key: tuple[datetime, UUID] | None
) -> list[list[orders.OrderFacts]]:
    found = await orders.customers_orders(actor, customer_ids, first=limit, after=key)
    return [found[customer_id] for customer_id in customer_ids]


async def _counts(customer_ids: list[UUID], actor: Actor) -> list[int]:
    found = await orders.customers_orders_counts(actor, customer_ids)
    return [found[customer_id] for customer_id in customer_ids]


async def customers_orders_connection(
    info: Info, customer_id: UUID, first: int, after: str | None
) -> Connection[Order]:
    """Return a page of the customer's orders, the last placed first."""
    context = info.context
    asked = ORDERS.asked(first, after)
    pages: DataLoader[UUID, list[orders.OrderFacts]] = context.loader(_pages, context.actor, asked.limit, asked.key)
    found = await pages.load(customer_id)

    async def count() -> int:
        return await context.loader(_counts, context.actor).load(customer_id)

    return Connection.of(asked.page(found, key=_place, count=count), Order.of)


@strawberry.type
class OrdersQuery:
    """Questions about orders."""

    @strawberry.field(description="Orders of all customers, the last placed first.")
    async def orders(
        self,
        info: Info,
        first: First,
        after: After = None,
        external_id: Annotated[
            str | None, strawberry.argument(description="Only those with this order number.")
        ] = None,
    ) -> Connection[Order]:
        """Return a page of orders."""
        return await _orders_connection(info, first, after, external_id)

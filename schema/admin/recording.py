"""Recording orders and returns: what servers do most."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from typing import Annotated

import strawberry

from loyalty.earning import purchases, returns
from loyalty.once.answers import Answer, Once
from loyalty.orders import asked
from loyalty.refusals import Refusal as RefusalOfRules
from schema import orders as shapes
from schema.admin.customers import Customer, customer_node
from schema.admin.orders import Order, order_shown
from schema.admin.receipts import receipt_lines_shown
from schema.caller import shop_asked
from schema.context import Info
from schema.cost import Cost
from schema.customers import IdentifierInput, IdentifierInvalid
from schema.ledger import AmountTooLarge, Entry, entries_shown
from schema.orders import Channel, OrderInputRefusals, OrderLineInput
from schema.refusals import KeyedRefusals, told
from schema.scalars import BigInt, CurrencyCode, Quantity


@strawberry.input(description="An order as the shop knows it.")
class RecordOrderInput:
    """One order with its own key."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    external_id: str = strawberry.field(description="The shop's own order number.")
    placed_at: datetime = strawberry.field(description="When it was placed, from 1970 to tomorrow.")
    currency: CurrencyCode = strawberry.field(description="The currency of all amounts.")
    lines: list[OrderLineInput] = strawberry.field(description="1 to 500 lines.")
    shop: str | None = strawberry.field(default=None, description="The shop's code; absent: the caller's.")
    customer: IdentifierInput | None = strawberry.field(
        default=None, description="Whose it is; absent: a bearer receipt that can be claimed."
    )
    discount_minor: BigInt | None = strawberry.field(
        default=None, description="On the whole order, on top of the lines' own; split over them by largest remainder."
    )
    shipping_minor: BigInt | None = strawberry.field(default=None, description="What shipping cost, beside the lines.")
    tax_minor: BigInt | None = strawberry.field(
        default=None, description="The tax contained in the lines' amounts; absent where they are without tax."
    )
    total_minor: BigInt | None = strawberry.field(
        default=None, description="If given, it must be lines - discount + shipping."
    )
    coupon_codes: list[str] | None = strawberry.field(default=None, description="Coupons used with the order.")
    channel: Channel | None = strawberry.field(default=None, description="Where it was bought.")

    def asked(self) -> asked.OrderAsked:
        """Return the order as the rules take it."""
        customer = None
        if self.customer is not None:
            customer = asked.IdentifierAsked(self.customer.kind.value, self.customer.value)
        return asked.OrderAsked(
            idempotency_key=self.idempotency_key,
            external_id=self.external_id,
            placed_at=self.placed_at,
            currency=self.currency,
            lines=tuple([line.asked() for line in self.lines]),
            shop=self.shop,
            customer=customer,
            discount_minor=self.discount_minor or 0,
            shipping_minor=self.shipping_minor or 0,
            tax_minor=self.tax_minor or 0,
            total_minor=self.total_minor,
            coupon_codes=tuple(self.coupon_codes or ()),
            channel=asked.Channel(self.channel.value) if self.channel else None,
        )


@strawberry.type(description="The order is recorded.")
class OrderRecorded:
    """An order that stands, and what it earned."""

    done: strawberry.Private[purchases.OrderRecorded]
    replayed: bool = strawberry.field(description="Whether it was recorded before and this tells it again.")

    @strawberry.field(description="The order.")
    async def order(self, info: Info) -> Order:
        """Return the order."""
        order = await order_shown(info, self.done.order_id)
        assert order is not None
        return order

    @strawberry.field(description="What it earned; empty for a receipt nobody has claimed.", directives=[Cost(rows=20)])
    async def entries(self, info: Info) -> list[Entry]:
        """Return the entries."""
        return await entries_shown(info.context, self.done.entry_ids)

    @strawberry.field(description="Whose it is; null for a bearer receipt. Needs the permission to read customers.")
    async def member(self, info: Info) -> Customer | None:
        """Return the customer."""
        return await customer_node(info, self.done.customer_id) if self.done.customer_id else None

    @strawberry.field(description="The text for the printed receipt, in the reader's language.")
    async def receipt_lines(self, info: Info) -> list[str]:
        """Word the receipt."""
        return await receipt_lines_shown(info, self.done)

    @classmethod
    def of(cls, answer: Answer[purchases.OrderRecorded]) -> "OrderRecorded":
        """Show what was recorded."""
        return cls(done=answer.value, replayed=answer.replayed)


RecordOrderResult = Annotated[
    OrderRecorded | shapes.OrderDiffers | OrderInputRefusals | IdentifierInvalid | AmountTooLarge | KeyedRefusals,
    strawberry.union("RecordOrderResult", description="What recording one order came to."),
]


@strawberry.input(description="Up to 500 orders, each with its own key and outcome.")
class RecordOrdersInput:
    """A batch."""

    idempotency_key: str = strawberry.field(description="The batch's own key: it only tells the batch again.")
    orders: list[RecordOrderInput] = strawberry.field(description="1 to 500 orders.")


@strawberry.type(description="What became of each order, in the order asked.")
class OrdersRecorded:
    """A batch that was gone through."""

    results: list[RecordOrderResult] = strawberry.field(description="One result per order, in the order asked.")
    replayed: bool = strawberry.field(description="Whether the batch was recorded before and this tells it again.")


RecordOrdersResult = Annotated[
    OrdersRecorded | shapes.TooManyOrders | KeyedRefusals,
    strawberry.union("RecordOrdersResult", description="What recording a batch came to."),
]


@strawberry.input(description="What came back of one line.")
class ReturnLineInput:
    """A line by sku or number."""

    quantity: Quantity = strawberry.field(description="How much: more than zero, up to three decimals.")
    sku: str | None = strawberry.field(default=None, description="The article's number.")
    line_number: int | None = strawberry.field(
        default=None, description="The line's number, from 1, where a sku stands on two lines."
    )

    def asked(self) -> asked.ReturnLineAsked:
        """Return the line as the rules take it."""
        return asked.ReturnLineAsked(
            quantity_milli=int(self.quantity * 1000), sku=self.sku, line_number=self.line_number
        )


@strawberry.input(description="Goods that came back.")
class RecordReturnInput:
    """A return."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    order_external_id: str = strawberry.field(description="The shop's own order number.")
    returned_at: datetime = strawberry.field(description="When they came back.")
    shop: str | None = strawberry.field(default=None, description="The shop's code; absent: the caller's.")
    lines: list[ReturnLineInput] | None = strawberry.field(
        default=None, description="What came back; absent: everything that is left."
    )


@strawberry.type(description="The return is recorded.")
class ReturnRecorded:
    """Goods that came back, and the units that were taken back for them."""

    done: strawberry.Private[returns.ReturnRecorded]
    replayed: bool = strawberry.field(description="Whether it was recorded before and this tells it again.")

    @strawberry.field(description="The order, as it stands now.")
    async def order(self, info: Info) -> Order:
        """Return the order."""
        order = await order_shown(info, self.done.order_id)
        assert order is not None
        return order

    @strawberry.field(
        description="What was taken back; empty where nothing had been earned.", directives=[Cost(rows=20)]
    )
    async def entries(self, info: Info) -> list[Entry]:
        """Return the entries."""
        return await entries_shown(info.context, self.done.entry_ids)

    @strawberry.field(
        description="Whose order it is; null for a bearer receipt. Needs the permission to read customers."
    )
    async def member(self, info: Info) -> Customer | None:
        """Return the customer."""
        return await customer_node(info, self.done.customer_id) if self.done.customer_id else None


@strawberry.type(description="The order is not known yet. The return is applied when it comes.")
class ReturnAwaitsOrder:
    """A return that came first."""

    order_external_id: str = strawberry.field(description="The order it waits for.")
    replayed: bool = strawberry.field(description="Whether it was recorded before and this tells it again.")


RecordReturnResult = Annotated[
    ReturnRecorded
    | ReturnAwaitsOrder
    | shapes.NoLines
    | shapes.TooManyLines
    | shapes.QuantityInvalid
    | shapes.MomentInvalid
    | shapes.RepeatedSku
    | shapes.UnknownLine
    | shapes.AmbiguousSku
    | shapes.OverReturned
    | shapes.NothingLeftToReturn
    | KeyedRefusals,
    strawberry.union("RecordReturnResult", description="What recording a return came to."),
]


@strawberry.input(description="An order to cancel.")
class CancelOrderInput:
    """A cancellation."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    order_external_id: str = strawberry.field(description="The shop's own order number.")
    shop: str | None = strawberry.field(default=None, description="The shop's code; absent: the caller's.")


CancelOrderResult = Annotated[
    ReturnRecorded | ReturnAwaitsOrder | KeyedRefusals,
    strawberry.union("CancelOrderResult", description="What cancelling came to: a return of everything that is left."),
]


@strawberry.type
class RecordingMutation:
    """What shops tell."""

    @strawberry.mutation(description="Record one order; its customer earns.")
    async def record_order(self, info: Info, input: RecordOrderInput) -> RecordOrderResult:
        """Record an order."""
        context = info.context
        done = await purchases.record_order(input.asked(), actor=context.actor, now=context.now)
        return OrderRecorded.of(done)

    @strawberry.mutation(
        description="Record up to 500 orders. What is wrong with one leaves nothing of it and does not touch the rest.",
        directives=[Cost(weight=10, items="input.orders")],
    )
    async def record_orders(self, info: Info, input: RecordOrdersInput) -> RecordOrdersResult:
        """Record a batch."""
        context = info.context
        done = await purchases.record_orders(
            input.idempotency_key,
            [order.asked() for order in input.orders],
            actor=context.actor,
            now=context.now,
        )
        return OrdersRecorded(
            results=[_outcome(outcome, context.language) for outcome in done.outcomes], replayed=done.replayed
        )

    @strawberry.mutation(description="Record that goods came back; what they had earned is taken back pro rata.")
    async def record_return(self, info: Info, input: RecordReturnInput) -> RecordReturnResult:
        """Record a return."""
        context = info.context
        done = await returns.record_return(
            Once(input.idempotency_key, input),
            shop=await shop_asked(info, input.shop),
            order_external_id=input.order_external_id,
            lines=None if input.lines is None else [line.asked() for line in input.lines],
            returned_at=input.returned_at,
            actor=context.actor,
            now=context.now,
        )
        return _returned(done)

    @strawberry.mutation(description="Cancel an order: a return of everything that is left.")
    async def cancel_order(self, info: Info, input: CancelOrderInput) -> CancelOrderResult:
        """Cancel an order."""
        context = info.context
        done = await returns.cancel_order(
            Once(input.idempotency_key, input),
            shop=await shop_asked(info, input.shop),
            order_external_id=input.order_external_id,
            actor=context.actor,
            now=context.now,
        )
        return _returned(done)


def _outcome(outcome: purchases.Outcome, language: str) -> RecordOrderResult:
    if isinstance(outcome, RefusalOfRules):
        face = told(outcome, language)
        assert face is not None, f"{outcome.code} has no face"
        return face  # type: ignore[return-value]
    return OrderRecorded.of(outcome)


def _returned(answer: Answer[returns.ReturnOutcome]) -> ReturnRecorded | ReturnAwaitsOrder:
    if isinstance(answer.value, returns.ReturnAwaitsOrder):
        return ReturnAwaitsOrder(order_external_id=answer.value.order_external_id, replayed=answer.replayed)
    return ReturnRecorded(done=answer.value, replayed=answer.replayed)

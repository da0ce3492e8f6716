"""Orders for tests: as shops say them, recorded, returned; and what they leave behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from loyalty import transactions
from loyalty.access import Actor, Permission
from loyalty.earning.purchases import OrderRecorded, record_order
from loyalty.earning.returns import ReturnAwaitsOrder, ReturnOutcome, ReturnRecorded, cancel_order, record_return
from loyalty.ledger.balances import WalletFacts, wallets_of
from loyalty.ledger.posting import Redeem, post
from loyalty.ledger.verification import verify
from loyalty.once.answers import Answer
from loyalty.orders.asked import IdentifierAsked, LineAsked, OrderAsked, ReturnLineAsked
from loyalty.shops.catalogue import ShopFacts
from tests.support.programme import TESTS, a_key

TILL = Actor.key(UUID(int=1), frozenset({Permission.ORDERS_RECORD}))
PLACED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = IdentifierAsked("email", "anna@example.com")

_numbers = count(1)


def a_line(amount_minor: int = 10_00, *, sku: str = "A", quantity: float = 1, **changes: Any) -> LineAsked:
    """Return a line: one tea for 10.00, or as said. Quantities as people say them."""
    line = {"sku": sku, "name": "Tea", "quantity_milli": round(quantity * 1000), "amount_minor": amount_minor}
    return LineAsked(**{**line, **changes})


def an_order(*lines: LineAsked | int, customer: IdentifierAsked | None = ANNA, **changes: Any) -> OrderAsked:
    """Return Anna's order of yesterday, in EUR; a number is a line of that amount, and 10.00 is the default."""
    asked = [a_line(line, sku=f"sku-{n}") if isinstance(line, int) else line for n, line in enumerate(lines, start=1)]
    number = next(_numbers)
    order = {
        "idempotency_key": f"order-key-{number}",
        "external_id": f"order-{number}",
        "placed_at": PLACED_AT,
        "currency": "EUR",
        "lines": tuple(asked or [a_line()]),
    }
    return OrderAsked(**{**order, "customer": customer, **changes})


async def recorded(order: OrderAsked, *, now: datetime) -> OrderRecorded:
    """Record the order at the till."""
    return (await record_order(order, actor=TILL, now=now)).value


async def returned(
    shop: ShopFacts,
    order: OrderAsked,
    *lines: ReturnLineAsked,
    now: datetime,
    key: str | None = None,
    returned_at: datetime | None = None,
) -> Answer[ReturnOutcome]:
    """Return some of the order, or everything that is left when no lines are named."""
    return await record_return(
        a_key([order.external_id, lines], key=key),
        shop=shop,
        order_external_id=order.external_id,
        lines=lines or None,
        returned_at=returned_at or now,
        actor=TILL,
        now=now,
    )


async def applied(
    shop: ShopFacts, order: OrderAsked, *lines: ReturnLineAsked, now: datetime, **asked: Any
) -> ReturnRecorded:
    """Return some of the order, which is known."""
    outcome = (await returned(shop, order, *lines, now=now, **asked)).value
    assert isinstance(outcome, ReturnRecorded)
    return outcome


async def cancelled(
    shop: ShopFacts, order: OrderAsked, *, now: datetime, key: str | None = None
) -> ReturnRecorded | ReturnAwaitsOrder:
    """Cancel the order."""
    once = a_key(order.external_id, key=key)
    return (await cancel_order(once, shop=shop, order_external_id=order.external_id, actor=TILL, now=now)).value


async def spent(customer_id: UUID | None, points: int, *, now: datetime) -> None:
    """Have the customer spend points."""
    assert customer_id is not None
    [posted] = await post([Redeem(customer_id=customer_id, unit="points", points=points)], by=TESTS, now=now)
    posted.or_refuse()


def back(quantity: float = 1, *, sku: str | None = None, line_number: int | None = None) -> ReturnLineAsked:
    """Return a line of a return."""
    return ReturnLineAsked(quantity_milli=round(quantity * 1000), sku=sku, line_number=line_number)


@dataclass(frozen=True)
class Columns:
    """What a wallet holds."""

    available: int = 0
    pending: int = 0
    owed: int = 0
    earned: int = 0

    @classmethod
    def of(cls, wallet: WalletFacts) -> "Columns":
        """Return the columns of a wallet."""
        return cls(wallet.available_points, wallet.pending_points, wallet.owed_points, wallet.lifetime_earned_points)


async def columns(customer_id: UUID | None, *, now: datetime, unit: str = "points") -> Columns:
    """Return what the customer's wallet holds, once the ledger is found to be right."""
    assert customer_id is not None
    assert (await verify(now)).first_difference is None
    found = (await wallets_of([customer_id], now=now))[customer_id]
    return next((Columns.of(wallet) for wallet in found if wallet.unit == unit), Columns())


async def lots(customer_id: UUID | None) -> list[tuple[Any, ...]]:
    """Return the parts of the customer's lots, in order: earned, pending, open, redeemed, expired, reversed."""
    found = await transactions.rows(
        "SELECT earned_points, pending_points, open_points, redeemed_points, expired_points, reversed_points"
        " FROM lot WHERE customer_id = $1 ORDER BY sequence",
        customer_id,
    )
    return [tuple(row) for row in found]


TABLES = ("customer", "customer_order", "order_line", "order_return", "wallet", "entry", "lot", "once_answer")


async def traces(*tables: str) -> dict[str, int]:
    """Return how many rows these tables hold, or all that recording writes to."""
    return {table: await transactions.value(f"SELECT count(*) FROM {table}") for table in tables or TABLES}


def only(outcomes: Sequence[Any], kind: type[Any]) -> list[int]:
    """Return the places of the outcomes of this kind."""
    return [place for place, outcome in enumerate(outcomes) if isinstance(outcome, kind)]


DAY = timedelta(days=1)

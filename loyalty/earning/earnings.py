"""What an order earns by the programme that held when it was placed, and the postings that give it."""

from collections.abc import Sequence
from uuid import UUID

from loyalty.earning.rules import Earned, LineFacts, PurchaseFacts, earned_for_purchase
from loyalty.ledger.posting import Earn
from loyalty.orders import orders
from loyalty.orders.orders import OrderFacts
from loyalty.programme.versions import version_at_if_any
from loyalty.shops.catalogue import ShopFacts


async def earned_at_its_time(facts: PurchaseFacts, shop: ShopFacts) -> tuple[Earned, ...]:
    """Return what an order earns by the version that held when it was placed.

    Before the programme's first version nothing was promised, and nothing is earned.
    """
    version = await version_at_if_any(shop.programme, facts.placed_at)
    if version is None:
        return ()
    return earned_for_purchase(version.document, facts, version=version.number, time_zone=shop.time_zone)


def recorded_facts(order: OrderFacts, lines: Sequence[orders.LineFacts]) -> PurchaseFacts:
    """Return what earning needs to know of an order that is recorded."""
    return PurchaseFacts(
        order=order.external_id,
        currency=order.currency,
        placed_at=order.placed_at,
        lines=tuple(
            LineFacts(
                line.line_number,
                line.amount_minor,
                line.discount_share_minor,
                line.tax_share_minor,
                line.gift_card,
            )
            for line in lines
        ),
    )


def earn_postings(earned: Sequence[Earned], order_id: UUID, customer_id: UUID) -> list[Earn]:
    """Return what was earned as postings; their reference makes a second posting of the same impossible."""
    return [
        Earn(
            customer_id=customer_id,
            unit=one.unit,
            points=one.points,
            earned_at=one.earned_at,
            expires_at=one.expires_at,
            available_at=one.available_at,
            awaits=one.awaits,
            order_id=order_id,
            occurred_at=one.earned_at,
            external_reference=f"order:{order_id}:{one.rule_id}",
            explanation=one.explanation,
        )
        for one in earned
    ]

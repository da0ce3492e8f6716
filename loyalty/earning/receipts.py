"""Claim an order that belongs to nobody yet, by the code on its receipt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.customers.identifiers import Identifier, IdentifierKind
from loyalty.customers.lookup import customers_by_id, holder_of
from loyalty.earning.clawbacks import claw_back
from loyalty.earning.earnings import earn_postings, earned_at_its_time, recorded_facts
from loyalty.earning.enrolment import members_for_orders
from loyalty.ledger.posting import post
from loyalty.once.answers import Answer, Once, answered
from loyalty.orders.orders import OrderFacts, give_to, hold_receipt, lines_of
from loyalty.orders.receipts import receipt_code_hash
from loyalty.refusals import NotFound, Refusal
from loyalty.rewards.redemption import NotAMember
from loyalty.shops.catalogue import ShopFacts, shop_by_id
from loyalty.throttles.attempts import attempt

GUESSES_PER_HOUR = 10


class ReceiptNotClaimable(Refusal):
    """No receipt with this code can be claimed: there is none, or somebody has claimed it."""

    code = "RECEIPT_NOT_CLAIMABLE"
    stored = False


class ClaimWindowClosed(Refusal):
    """The receipt is older than the shop lets receipts be claimed."""

    code = "CLAIM_WINDOW_CLOSED"

    def __init__(self, *, claim_window_days: int) -> None:
        super().__init__(claim_window_days=claim_window_days)


@dataclass(frozen=True, slots=True)
class ReceiptClaimed:
    """An order that belongs to a customer now, and what it earned (and lost again, where part of it came back)."""

    order_id: UUID
    customer_id: UUID
    entry_ids: tuple[UUID, ...]


async def claim_receipt(
    once: Once, *, code: str, customer_id: UUID, actor: Actor, now: datetime
) -> Answer[ReceiptClaimed]:
    """Make an order without customer the customer's, who earns by the version that held when it was placed.

    Ten tries an hour per customer are counted, whatever they hit. Who is no member becomes one where the order's shop
    enrols by itself.

    Raises:
        NotPermitted: the customer is not the actor's own.
        NotFound: there is no such customer.
        Throttled: there were too many tries.
        ReceiptNotClaimable: there is no such receipt, or it is somebody's.
        ClaimWindowClosed: it is too old.
        NotAMember: the customer takes no part, and the shop enrols nobody by itself.
    """
    require(actor, Permission.CUSTOMERS_WRITE, of=customer_id)
    found = await customers_by_id([customer_id])
    if customer_id not in found:
        raise NotFound(what="customer")
    subject = str(found[customer_id].id)
    await attempt("claim_receipt", subject, limit=GUESSES_PER_HOUR, window=timedelta(hours=1), now=now)
    return await answered(
        once, "claim_receipt", actor, lambda: _claimed(code, customer_id, actor, now), shape=ReceiptClaimed, now=now
    )


async def _claimed(code: str, customer_id: UUID, actor: Actor, now: datetime) -> ReceiptClaimed:
    # Customers are locked before orders; twice, as the one they were merged into may be merged away just now.
    holder_id = await holder_of(await holder_of(customer_id))
    # A code that cannot be one is looked up all the same: hit and miss do the same work.
    order = await hold_receipt(receipt_code_hash(code) or b"")
    if order is None:
        raise ReceiptNotClaimable
    shop = await shop_by_id(order.shop_id)
    if now >= order.placed_at + timedelta(days=shop.claim_window_days):
        raise ClaimWindowClosed(claim_window_days=shop.claim_window_days)
    await _require_member(holder_id, shop, now)
    await give_to(order.id, holder_id, now=now)
    return ReceiptClaimed(order.id, holder_id, await _earned(order, shop, holder_id, actor, now))


async def _earned(order: OrderFacts, shop: ShopFacts, holder_id: UUID, actor: Actor, now: datetime) -> tuple[UUID, ...]:
    """Give what the order earns, and take back at once what its returned part had earned."""
    lines = (await lines_of([order.id]))[order.id]
    earned = await earned_at_its_time(recorded_facts(order, lines), shop)
    posted = await post(earn_postings(earned, order.id, holder_id), by=actor, now=now)
    entry_ids = [one.or_refuse() for one in posted]
    returned = {line.line_number: line.returned_milli for line in lines}
    if any(returned.values()):
        reference = f"claim:{order.id}"
        entry_ids += await claw_back(order, holder_id, lines, returned, reference=reference, actor=actor, now=now)
    return tuple(entry_ids)


async def _require_member(customer_id: UUID, shop: ShopFacts, now: datetime) -> None:
    customer = (await customers_by_id([customer_id]))[customer_id]
    if customer.enrolled_at is not None:
        return
    known_by = Identifier(IdentifierKind.MEMBER_NUMBER, customer.member_number)
    if shop.enrols_automatically:
        await members_for_orders([known_by], shop, through="receipt", now=now)
    else:
        raise NotAMember

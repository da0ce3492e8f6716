"""Claim an order that belongs to nobody yet, by the code on its receipt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from loyalty.access import Actor, Permission, require
from loyalty.customers.lookup import customers_by_id
from loyalty.earning import rules
from loyalty.earning.purchases import earn_postings
from loyalty.earning.returns import claw_back
from loyalty.ledger.posting import post
from loyalty.once.answers import Answer, Once, answered
from loyalty.orders.orders import order_lines
from loyalty.orders.receipts import receipt_code_hash
from loyalty.programme import versions
from loyalty.refusals import NotFound, Refusal
from loyalty.shops.catalogue import shop_by_id
from loyalty.throttles.attempts import attempt
from loyalty.transactions import rows

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

    Ten tries an hour per customer are counted, whatever they hit.

    Raises:
        NotPermitted: the customer is not the actor's own.
        Throttled: there were too many tries.
        ReceiptNotClaimable: there is no such receipt, or it is somebody's.
        ClaimWindowClosed: it is too old.
    """
    require(actor, Permission.CUSTOMERS_WRITE, of=customer_id)
    found = await customers_by_id([customer_id])
    if customer_id not in found:
        raise NotFound(what="customer")
    holder = found[customer_id].id
    await attempt("claim_receipt", str(holder), limit=GUESSES_PER_HOUR, window=timedelta(hours=1), now=now)
    return await answered(
        once, "claim_receipt", actor, lambda: _claimed(code, holder, actor, now), shape=ReceiptClaimed, now=now
    )


async def _claimed(code: str, customer_id: UUID, actor: Actor, now: datetime) -> ReceiptClaimed:
    order = await _receipt(code)
    shop = await shop_by_id(order["shop_id"])
    if now >= order["placed_at"] + timedelta(days=shop.claim_window_days):
        raise ClaimWindowClosed(claim_window_days=shop.claim_window_days)
    await rows(
        "WITH lines AS (UPDATE order_line SET customer_id = $2 WHERE order_id = $1)"
        " UPDATE customer_order SET customer_id = $2, claimed_at = $3, receipt_code_hash = NULL WHERE id = $1",
        order["id"],
        customer_id,
        now,
    )
    lines = (await order_lines([order["id"]]))[order["id"]]
    version = await versions.version_at(shop.programme, order["placed_at"])
    earned = rules.earned_for_purchase(
        version.document, _facts(order, lines), version=version.number, time_zone=shop.time_zone
    )
    posted = await post(earn_postings(earned, order["id"], customer_id), by=actor, now=now)
    entry_ids = [one.or_refuse() for one in posted]
    returned = {line["line_number"]: line["returned_milli"] for line in lines}
    if any(returned.values()):
        mine = {**order, "customer_id": customer_id}
        entry_ids += await claw_back(mine, lines, returned, reference=f"claim:{order['id']}", actor=actor, now=now)
    return ReceiptClaimed(order["id"], customer_id, tuple(entry_ids))


async def _receipt(code: str) -> asyncpg.Record:
    code_hash = receipt_code_hash(code)
    # A code that cannot be one is looked up all the same: hit and miss do the same work.
    found = await rows(
        "SELECT * FROM customer_order WHERE receipt_code_hash = $1 AND customer_id IS NULL FOR NO KEY UPDATE",
        code_hash or b"",
    )
    if not found:
        raise ReceiptNotClaimable
    return found[0]


def _facts(order: asyncpg.Record, lines: list[asyncpg.Record]) -> rules.PurchaseFacts:
    return rules.PurchaseFacts(
        order=order["external_id"],
        currency=order["currency"],
        placed_at=order["placed_at"],
        lines=tuple(
            rules.LineFacts(
                line["line_number"],
                line["amount_minor"],
                line["discount_share_minor"],
                line["tax_share_minor"],
                line["gift_card"],
            )
            for line in lines
        ),
    )

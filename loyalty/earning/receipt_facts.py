"""What the printed receipt says of an order: what was earned and what that makes, or how to claim it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from loyalty.earning.earnings import earned_at_its_time, recorded_facts
from loyalty.earning.purchases import OrderRecorded
from loyalty.earning.rules import Earned
from loyalty.orders.orders import OrderFacts, lines_of, orders_by_id
from loyalty.orders.receipts import receipt_code
from loyalty.programme.versions import version_at_if_any
from loyalty.shops.catalogue import shop_by_id, shop_secrets
from loyalty.transactions import rows

_UNKNOWN_UNIT = "points"


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a till prints. All of it stood fast when the order was recorded, so a replay prints the same.

    `earned_points` is of the programme's first unit, `unit`; on a bearer receipt it is what claiming it gives.
    `balance_points` and `owed_points` are those after the order; no balance where nothing was earned, or by nobody.
    `pending`: what was earned cannot be used yet, but from `available_at` where a date is known.
    """

    shop_id: UUID
    placed_at: datetime
    unit: str
    earned_points: int
    balance_points: int | None
    owed_points: int
    available_at: datetime | None
    pending: bool
    claim_code: str | None


async def receipt_facts(recorded: OrderRecorded) -> ReceiptFacts:
    """Return what the receipt of a recorded order says.

    The claim code is derived anew from the shop's secret: it is stored nowhere.
    """
    order = (await orders_by_id([recorded.order_id]))[recorded.order_id]
    shop = await shop_by_id(order.shop_id)
    version = await version_at_if_any(shop.programme, order.placed_at)
    unit = version.document.units[0].code if version else _UNKNOWN_UNIT
    if recorded.customer_id is None:
        lines = (await lines_of([order.id]))[order.id]
        would = await earned_at_its_time(recorded_facts(order, lines), shop)
        code = receipt_code(order.id, (await shop_secrets(shop.id)).receipt_secret)
        return _claimable(order, unit, [one for one in would if one.unit == unit], code)
    return _earned(order, unit, await _entries(recorded, unit))


def _claimable(order: OrderFacts, unit: str, would: list[Earned], code: str) -> ReceiptFacts:
    return ReceiptFacts(
        shop_id=order.shop_id,
        placed_at=order.placed_at,
        unit=unit,
        earned_points=sum(one.points for one in would),
        balance_points=None,
        owed_points=0,
        available_at=would[0].available_at if would else None,
        pending=any(one.available_at or one.awaits for one in would),
        claim_code=code,
    )


def _earned(order: OrderFacts, unit: str, entries: list[asyncpg.Record]) -> ReceiptFacts:
    return ReceiptFacts(
        shop_id=order.shop_id,
        placed_at=order.placed_at,
        unit=unit,
        earned_points=sum(entry["points"] for entry in entries),
        balance_points=entries[-1]["spendable_after_points"] if entries else None,
        owed_points=entries[-1]["owed_after_points"] if entries else 0,
        available_at=entries[-1]["available_at"] if entries else None,
        pending=any(entry["pending_delta"] > 0 for entry in entries),
        claim_code=None,
    )


async def _entries(recorded: OrderRecorded, unit: str) -> list[asyncpg.Record]:
    """Return what the order earned in this unit, in the wallet's order, and how the wallet stood afterwards.

    Afterwards: when all of it was posted, with what was taken back at once because goods had come back before. Units
    that had ended by then are no part of a balance.
    """
    if not recorded.entry_ids:
        return []
    return await rows(
        "SELECT e.points, e.pending_delta, (e.asked->>'available_at')::timestamptz AS available_at,"
        " greatest(0, last.balance_after_points - CASE WHEN e.expires_at <= e.recorded_at THEN e.available_delta"
        "   ELSE 0 END) AS spendable_after_points,"
        " (SELECT sum(b.owed_delta) FROM entry b"
        "   WHERE b.wallet_id = e.wallet_id AND b.sequence <= last.sequence)::bigint AS owed_after_points"
        " FROM entry e JOIN wallet w ON w.id = e.wallet_id JOIN LATERAL ("
        "   SELECT l.sequence, l.balance_after_points FROM entry l"
        "   WHERE l.order_id = e.order_id AND l.wallet_id = e.wallet_id AND l.recorded_at = e.recorded_at"
        "   ORDER BY l.sequence DESC LIMIT 1) AS last ON true"
        " WHERE e.id = ANY($1::uuid[]) AND w.unit = $2"
        " ORDER BY e.sequence",
        recorded.entry_ids,
        unit,
    )

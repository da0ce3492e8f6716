"""Take back what returned goods had earned: pro rata, from the breakdown that is stored with each earn.

Today's rules are never asked how much it is; the version that promised it says whether what is gone may stay owed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

import asyncpg
import orjson

from loyalty.access import Actor
from loyalty.earning import rules
from loyalty.ledger.posting import Clawback, post
from loyalty.orders.orders import LineFacts, OrderFacts
from loyalty.programme.versions import version_at_if_any
from loyalty.shops.catalogue import shop_by_id
from loyalty.transactions import rows


async def claw_back(
    order: OrderFacts,
    holder_id: UUID,
    lines: Sequence[LineFacts],
    returned_milli: Mapping[int, int],
    *,
    reference: str,
    actor: Actor,
    now: datetime,
) -> tuple[UUID, ...]:
    """Take back what the returned part of an order had earned, less what was taken back before.

    The order is locked, and `holder_id` is whose it is. `returned_milli` is what has come back in all, by line number.
    Returns the clawback entries.
    """
    earned = await _earned(order.id)
    if not earned:
        return ()
    owing_allowed = await _owing_allowed(order)
    bought_milli = {line.line_number: line.quantity_milli for line in lines}
    due = [(entry, _due(entry, bought_milli, returned_milli)) for entry in earned]
    postings = [
        Clawback(
            customer_id=holder_id,
            unit=entry["unit"],
            points=one.points,
            owing_allowed=owing_allowed,
            order_id=order.id,
            related_entry_id=entry["id"],
            external_reference=f"{reference}:{entry['id']}",
            explanation={
                "order": order.external_id,
                "basis_minor": one.basis_minor,
                "currency": order.currency,
                "returned_basis_minor": one.returned_basis_minor,
                "earned_points": entry["points"],
                "clawed_back_before_points": entry["clawed_back"],
                "completes": one.completes,
            },
        )
        for entry, one in due
        if one.points > 0
    ]
    return tuple([posted.or_refuse() for posted in await post(postings, by=actor, now=now)])


async def _earned(order_id: UUID) -> list[asyncpg.Record]:
    return await rows(
        "SELECT e.id, e.points, e.explanation, w.unit, coalesce(("
        "   SELECT sum((c.asked->>'points')::bigint) FROM entry c"
        "   WHERE c.order_id = e.order_id AND c.kind = 'clawback' AND c.related_entry_id = e.id"
        " ), 0)::bigint AS clawed_back"
        " FROM entry e JOIN wallet w ON w.id = e.wallet_id WHERE e.order_id = $1 AND e.kind = 'earn'"
        " ORDER BY e.recorded_at, e.sequence, e.id",
        order_id,
    )


async def _owing_allowed(order: OrderFacts) -> bool:
    shop = await shop_by_id(order.shop_id)
    version = await version_at_if_any(shop.programme, order.placed_at)
    return version is None or version.document.owing_allowed


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be taken back of one earn now, and of how much of its basis."""

    points: int
    basis_minor: int
    returned_basis_minor: int
    completes: bool


def _due(entry: asyncpg.Record, bought_milli: Mapping[int, int], returned_milli: Mapping[int, int]) -> _Due:
    why = orjson.loads(entry["explanation"])
    lines = [(base, returned_milli[number], bought_milli[number]) for number, base in why["lines"]]
    completes = returned_milli == bought_milli
    in_all = rules.clawed_back(entry["points"], why["basis_minor"], lines, completes=completes)
    returned_basis = sum((Fraction(base * milli, bought) for base, milli, bought in lines), start=Fraction())
    return _Due(in_all - entry["clawed_back"], why["basis_minor"], int(returned_basis), completes)

"""Goods come back, or an order is cancelled: units are taken back pro rata, from the breakdown stored with each earn.

A return may arrive before its order: it waits, and is applied when the order comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from loyalty.access import Actor, Permission, require
from loyalty.audit import trail
from loyalty.earning.clawbacks import claw_back
from loyalty.identity import new_id
from loyalty.once.answers import Answer, Once, answered
from loyalty.orders.asked import (
    EXTERNAL_ID_LENGTH_MAX,
    RepeatedSku,
    ReturnLineAsked,
    check_moment,
    check_return_lines,
    check_text,
)
from loyalty.orders.orders import LineFacts, OrderFacts, hold_order, lines_of
from loyalty.refusals import Refusal
from loyalty.shops.catalogue import ShopFacts
from loyalty.transactions import rows


class UnknownLine(Refusal):
    """The order has no such line."""

    code = "UNKNOWN_LINE"

    def __init__(self, *, line_number: int) -> None:
        super().__init__(line_number=line_number)


class AmbiguousSku(Refusal):
    """The sku stands on two lines of the order: name the line number."""

    code = "AMBIGUOUS_SKU"

    def __init__(self, *, line_number: int, sku: str) -> None:
        super().__init__(line_number=line_number, sku=sku)


class OverReturned(Refusal):
    """More would come back than is left of the line. `line_number` is the order's."""

    code = "OVER_RETURNED"

    def __init__(self, *, line_number: int, left_milli: int) -> None:
        super().__init__(line_number=line_number, left_milli=left_milli)


class NothingLeftToReturn(Refusal):
    """Everything of the order came back before."""

    code = "NOTHING_LEFT_TO_RETURN"


@dataclass(frozen=True, slots=True)
class ReturnRecorded:
    """A return that was applied. `entry_ids` are the clawbacks, none where nothing had been earned."""

    return_id: UUID
    order_id: UUID
    customer_id: UUID | None
    entry_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class ReturnAwaitsOrder:
    """A return whose order is not known yet. It is applied when the order comes."""

    awaiting_return_id: UUID
    order_external_id: str


ReturnOutcome = ReturnRecorded | ReturnAwaitsOrder


async def record_return(
    once: Once,
    *,
    shop: ShopFacts,
    order_external_id: str,
    lines: Sequence[ReturnLineAsked] | None,
    returned_at: datetime,
    actor: Actor,
    now: datetime,
) -> Answer[ReturnOutcome]:
    """Record that goods came back, and take back the units they had earned.

    Without `lines` everything that is left comes back. Partial and repeated returns add up: what is clawed back in all
    is floor(points x returned base / base), and the return that completes the order takes the rest.

    Raises:
        NotPermitted: the actor may not record orders.
        Invalid: a line cannot be true of any order.
        UnknownLine, AmbiguousSku, OverReturned, NothingLeftToReturn: it is not true of this one. Nothing is kept.
    """
    require(actor, Permission.ORDERS_RECORD)
    check_text(order_external_id, "orderExternalId", length_max=EXTERNAL_ID_LENGTH_MAX)
    check_moment(returned_at, "returnedAt", now=now)
    if lines is not None:
        check_return_lines(lines)
    asked = _Asked(
        new_id(now), shop, order_external_id, tuple(lines) if lines is not None else None, returned_at, False
    )
    return await answered(
        once, "record_return", actor, lambda: _recorded(asked, actor, now), shape=ReturnOutcome, now=now
    )


async def cancel_order(
    once: Once, *, shop: ShopFacts, order_external_id: str, actor: Actor, now: datetime
) -> Answer[ReturnOutcome]:
    """Cancel an order: a return of everything that is left.

    Raises:
        NotPermitted: the actor may not record orders.
    """
    require(actor, Permission.ORDERS_RECORD)
    check_text(order_external_id, "orderExternalId", length_max=EXTERNAL_ID_LENGTH_MAX)
    asked = _Asked(new_id(now), shop, order_external_id, None, now, cancels=True)
    return await answered(
        once, "cancel_order", actor, lambda: _recorded(asked, actor, now), shape=ReturnOutcome, now=now
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    return_id: UUID
    shop: ShopFacts
    order_external_id: str
    lines: tuple[ReturnLineAsked, ...] | None
    returned_at: datetime
    cancels: bool


async def _recorded(asked: _Asked, actor: Actor, now: datetime) -> ReturnOutcome:
    order = await hold_order(asked.shop.id, asked.order_external_id)
    if order is None and await _order_is_on_its_way(asked, now):
        order = await hold_order(asked.shop.id, asked.order_external_id)
    if order is None:
        await _write_return(asked, "awaiting", None, {}, actor, now)
        return ReturnAwaitsOrder(asked.return_id, asked.order_external_id)
    lines = (await lines_of([order.id]))[order.id]
    back = _coming_back(asked, lines)
    await _write_return(asked, "applied", order, back, actor, now)
    return await _applied(asked, order, lines, back, actor, now)


async def _order_is_on_its_way(asked: _Asked, now: datetime) -> bool:
    # Another transaction may be recording the order this moment: it cannot see our waiting return, nor we its order.
    # Taking its place in the unique index waits for it; leaving again at once keeps the place free.
    placeholder = new_id(now)
    taken = await rows(
        "INSERT INTO customer_order (id, shop_id, external_id, placed_at, recorded_at, currency, discount_minor,"
        " shipping_minor, tax_minor, total_minor, content_hash)"
        " VALUES ($1, $2, $3, $4, $4, 'XXX', 0, 0, 0, 0, '')"
        " ON CONFLICT ON CONSTRAINT customer_order_external_id DO NOTHING RETURNING id",
        placeholder,
        asked.shop.id,
        asked.order_external_id,
        now,
    )
    if taken:
        await rows("DELETE FROM customer_order WHERE id = $1", placeholder)
    return not taken


def _coming_back(asked: _Asked, lines: Sequence[LineFacts]) -> dict[int, int]:
    """Return how many thousandths come back, by line number of the order."""
    left = {line.line_number: line.quantity_milli - line.returned_milli for line in lines}
    if asked.lines is None:
        back = {line_number: milli for line_number, milli in left.items() if milli}
        if not back and not asked.cancels:
            raise NothingLeftToReturn
        return back
    back = {}
    for position, asked_line in enumerate(asked.lines, start=1):
        line_number = _line_meant(asked_line, position, lines)
        if line_number in back:
            raise RepeatedSku(line_number=position, sku=asked_line.sku or str(line_number))
        if asked_line.quantity_milli > left[line_number]:
            raise OverReturned(line_number=line_number, left_milli=left[line_number])
        back[line_number] = asked_line.quantity_milli
    return back


def _line_meant(asked: ReturnLineAsked, position: int, lines: Sequence[LineFacts]) -> int:
    meant = [
        line.line_number
        for line in lines
        if asked.line_number in (None, line.line_number) and asked.sku in (None, line.sku)
    ]
    if not meant:
        raise UnknownLine(line_number=position)
    if len(meant) > 1:
        raise AmbiguousSku(line_number=position, sku=asked.sku or "")
    return meant[0]


async def _write_return(
    asked: _Asked,
    state: str,
    order: OrderFacts | None,
    back: Mapping[int, int],
    actor: Actor,
    now: datetime,
) -> None:
    await rows(
        "INSERT INTO order_return (id, shop_id, order_external_id, order_id, customer_id, state, cancels, asked, lines,"
        " returned_at, recorded_at, recorded_by)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10, $11, $12)",
        asked.return_id,
        asked.shop.id,
        asked.order_external_id,
        order.id if order else None,
        order.customer_id if order else None,
        state,
        asked.cancels,
        _asked_json(asked.lines),
        _lines_json(back),
        asked.returned_at,
        now,
        actor.reference,
    )


def _asked_json(lines: Sequence[ReturnLineAsked] | None) -> str | None:
    return None if lines is None else orjson.dumps(lines).decode()


def _lines_json(back: Mapping[int, int]) -> str:
    return orjson.dumps(
        [{"line_number": number, "quantity_milli": milli} for number, milli in sorted(back.items())]
    ).decode()


async def _applied(
    asked: _Asked,
    order: OrderFacts,
    lines: Sequence[LineFacts],
    back: dict[int, int],
    actor: Actor,
    now: datetime,
) -> ReturnRecorded:
    await rows(
        "UPDATE order_line SET returned_milli = returned_milli + b.milli"
        " FROM unnest($2::int[], $3::bigint[]) AS b(line_number, milli)"
        " WHERE order_id = $1 AND order_line.line_number = b.line_number",
        order.id,
        list(back.keys()),
        list(back.values()),
    )
    if asked.cancels:
        await rows("UPDATE customer_order SET cancelled_at = coalesce(cancelled_at, $2) WHERE id = $1", order.id, now)
    returned = {line.line_number: line.returned_milli + back.get(line.line_number, 0) for line in lines}
    entry_ids: tuple[UUID, ...] = ()
    if order.customer_id is not None:
        reference = f"return:{asked.return_id}"
        entry_ids = await claw_back(
            order, order.customer_id, lines, returned, reference=reference, actor=actor, now=now
        )
    return ReturnRecorded(asked.return_id, order.id, order.customer_id, entry_ids)


async def apply_awaiting(shop: ShopFacts, external_ids: Sequence[str], *, now: datetime) -> None:
    """Apply the returns that came before these orders, oldest first, in the transaction that records them.

    A waiting return that is not true of its order is marked refused; the order stands.
    """
    waiting = await rows(
        "SELECT * FROM order_return WHERE shop_id = $1 AND order_external_id = ANY($2::text[]) AND state = 'awaiting'"
        " ORDER BY cancels, returned_at, id FOR UPDATE",
        shop.id,
        external_ids,
    )
    for row in waiting:
        await _apply_waiting(row, shop, now)


async def _apply_waiting(row: asyncpg.Record, shop: ShopFacts, now: datetime) -> None:
    order = await hold_order(shop.id, row["order_external_id"])
    assert order is not None
    lines = (await lines_of([order.id]))[order.id]
    told = orjson.loads(row["asked"]) if row["asked"] else None
    asked_lines = None if told is None else tuple(ReturnLineAsked(**line) for line in told)
    asked = _Asked(row["id"], shop, row["order_external_id"], asked_lines, row["returned_at"], row["cancels"])
    try:
        back = _coming_back(asked, lines)
    except Refusal as refusal:
        await rows("UPDATE order_return SET state = 'refused', order_id = $2 WHERE id = $1", row["id"], order.id)
        # Whoever recorded it was told that it waits; so that it does not vanish, the trail says what became of it.
        await trail.record(
            Actor.system("apply-returns"),
            "refuse_return",
            subject_kind="return",
            subject_id=row["id"],
            customer_id=order.customer_id,
            why=refusal.code,
            after={"order": order.external_id},
            now=now,
        )
        return
    await rows(
        "UPDATE order_return SET state = 'applied', order_id = $2, customer_id = $3, lines = $4::jsonb WHERE id = $1",
        row["id"],
        order.id,
        order.customer_id,
        _lines_json(back),
    )
    await _applied(asked, order, lines, back, Actor.system("apply-returns"), now)

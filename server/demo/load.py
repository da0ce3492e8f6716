"""Load the demo: the households' orders, recorded as `recordOrders` records them, month by month of their year.

A part of the households at a time, so that whoever stops in between has whole customers. Within a part everything
happens in order of time, and each batch is recorded as of the moment of its last order: people enrol with their first
purchase, some redeem what they have, and as each month begins what was due has expired.

Killed at any point, the next load goes on: households that are complete are left alone, and the others are gone
through again, where every step that was done before is told its former answer.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.earning.enrolment import Application, enrol_customer
from loyalty.earning.purchases import ORDERS_MAX, record_orders
from loyalty.ledger.expiry import expire_due_lots
from loyalty.ledger.posting import BalanceTooLow
from loyalty.once.answers import Once
from loyalty.orders.asked import Channel, IdentifierAsked, LineAsked, OrderAsked
from loyalty.orders.orders import known_orders
from loyalty.refusals import Refusal
from loyalty.rewards.redemption import redeem_reward
from loyalty.shops.catalogue import ShopFacts
from server.demo.households import Basket, Counts, Households, Line, in_parts
from server.demo.people import person
from server.demo.shifting import month_starts, shifted
from server.demo.shop import DEMO, opened_shop
from server.demo.wishes import wish

PART_SIZE = 300

Progress = Callable[[int, int], None]
"""Told how many orders stand, and how many there are to be."""


class DemoOrderRefused(Exception):
    """An order of the data was refused: a fault of ours."""


@dataclass
class Totals:
    """What stands after a load, and what of it is new. `counts` says what became of the data of these households."""

    counts: Counts
    households: int = 0
    households_complete_before: int = 0
    orders_recorded: int = 0
    orders_known_before: int = 0
    lines_recorded: int = 0
    points_expired: int = 0
    rewards_redeemed: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """A basket at the moment to which it is moved."""

    at: datetime
    basket: Basket


@dataclass
class _Load:
    """One run of the load."""

    source: Households
    shop: ShopFacts
    zone: ZoneInfo
    weeks: int
    now: datetime
    totals: Totals
    progress: Progress
    orders: int
    pause_seconds: float
    customers: dict[int, UUID] = field(default_factory=dict)
    months: dict[int, tuple[int, int]] = field(default_factory=dict)
    """The month of each household's last purchase so far."""


async def load(
    source: Households,
    *,
    now: datetime,
    households: int | None = None,
    progress: Progress = lambda done, of: None,
    pause_seconds: float = 0.0,
) -> Totals:
    """Load the first so many households, or all, and return what stands.

    Harmless when it is all there already. `pause_seconds` is left to others after each batch, for a load beside a
    running server.
    """
    orders_of = await asyncio.to_thread(source.orders_by_household)
    wanted = list(orders_of)[:households]
    shop = await opened_shop(last_at=await asyncio.to_thread(source.last_at), now=now)
    totals = Totals(await asyncio.to_thread(source.counts, wanted), households=len(wanted))
    running = _Load(
        source,
        shop.facts,
        ZoneInfo(shop.facts.time_zone),
        shop.weeks,
        now,
        totals,
        progress,
        totals.counts.orders,
        pause_seconds,
    )
    complete = await _complete(source, shop.facts, wanted)
    totals.households_complete_before = len(complete)
    for part in in_parts(wanted, PART_SIZE):
        if complete.issuperset(part):
            _advance(running, known=sum(orders_of[household_id] for household_id in part))
        else:
            await _load_part(running, part)
    return totals


async def is_complete(source: Households, *, now: datetime) -> bool:
    """Tell whether every household of the data is loaded."""
    shop = await opened_shop(last_at=await asyncio.to_thread(source.last_at), now=now)
    everyone = await asyncio.to_thread(source.orders_by_household)
    return len(await _complete(source, shop.facts, list(everyone))) == len(everyone)


async def _complete(source: Households, shop: ShopFacts, household_ids: Sequence[int]) -> set[int]:
    """Return the households whose last order is recorded; their others were recorded before it."""
    last = await asyncio.to_thread(source.last_baskets)
    known = await known_orders(shop.id, [str(last[household_id]) for household_id in household_ids])
    return {household_id for household_id in household_ids if str(last[household_id]) in known}


async def _load_part(running: _Load, household_ids: Sequence[int]) -> None:
    baskets = await asyncio.to_thread(running.source.baskets, household_ids)
    visits = moved(baskets, weeks=running.weeks, time_zone=running.shop.time_zone)
    starts = month_starts(visits[0].at, running.now, time_zone=running.shop.time_zone)
    running.customers.clear()
    running.months.clear()
    for step in steps(visits, starts):
        if isinstance(step, datetime):
            await _expire(running, at=step)
        else:
            await _enrol(running, step)
            await _record(running, step)
            await _redeem(running, step)
            await asyncio.sleep(running.pause_seconds)


def moved(baskets: Iterable[Basket], *, weeks: int, time_zone: str) -> list[Visit]:
    """Return the baskets at their new moments, in order of these."""
    visits = [Visit(shifted(basket.bought_at, weeks=weeks, time_zone=time_zone), basket) for basket in baskets]
    return sorted(visits, key=lambda visit: (visit.at, visit.basket.basket_id))


def steps(
    visits: Iterable[Visit], starts: Iterable[datetime], *, size: int = ORDERS_MAX
) -> Iterator[list[Visit] | datetime]:
    """Yield, in order of time, batches of at most `size` visits and the starts of months, which no batch crosses."""
    waiting = list(starts)
    batch: list[Visit] = []
    for visit in visits:
        while waiting and waiting[0] <= visit.at:
            if batch:
                yield batch
                batch = []
            yield waiting.pop(0)
        if len(batch) == size:
            yield batch
            batch = []
        batch.append(visit)
    if batch:
        yield batch
    yield from waiting


async def _enrol(running: _Load, batch: Sequence[Visit]) -> None:
    """Enrol who buys for the first time, at that moment."""
    for visit in batch:
        household_id = visit.basket.household_id
        if household_id not in running.customers:
            application = application_of(household_id)
            once = Once(f"demo:{household_id}", application)
            enrolled = await enrol_customer(application, shop=running.shop, actor=DEMO, once=once, now=visit.at)
            assert enrolled.value.customer_id is not None
            running.customers[household_id] = enrolled.value.customer_id


def application_of(household_id: int) -> Application:
    """Return what the person of a household says of themselves."""
    one = person(household_id)
    return Application(
        email=one.email,
        phone=one.phone,
        card=one.card_number,
        external_id=one.external_id,
        first_name=one.first_name,
        last_name=one.last_name,
        locale=one.language,
        birthday=one.birthday,
    )


async def _record(running: _Load, batch: Sequence[Visit]) -> None:
    lines = await asyncio.to_thread(running.source.lines, [visit.basket.basket_id for visit in batch])
    orders = [order_of(visit, lines[visit.basket.basket_id]) for visit in batch]
    key = f"demo:{batch[0].basket.basket_id}:{batch[-1].basket.basket_id}:{len(batch)}"
    recorded = await record_orders(key, orders, actor=DEMO, now=batch[-1].at)
    known = 0
    for order, outcome in zip(orders, recorded.outcomes, strict=True):
        if isinstance(outcome, Refusal):
            raise DemoOrderRefused(f"Order {order.external_id}: {outcome}")
        known += outcome.replayed
        running.totals.lines_recorded += 0 if outcome.replayed else len(order.lines)
    _advance(running, recorded=len(orders) - known, known=known)


def order_of(visit: Visit, lines: Sequence[Line]) -> OrderAsked:
    """Return a basket as the order that a till would send."""
    basket = visit.basket
    return OrderAsked(
        idempotency_key=f"demo:{basket.basket_id}",
        shop="harvest",
        external_id=str(basket.basket_id),
        placed_at=visit.at,
        currency="USD",
        customer=IdentifierAsked("external", str(basket.household_id)),
        lines=tuple(
            LineAsked(
                sku=line.sku,
                name=line.name,
                category=line.category,
                brand=line.brand,
                quantity_milli=1_000 * line.quantity,
                amount_minor=line.amount_minor,
                list_amount_minor=line.list_amount_minor,
            )
            for line in lines
        ),
        discount_minor=basket.discount_minor,
        total_minor=basket.total_minor,
        channel=Channel.POS,
    )


async def _redeem(running: _Load, batch: Sequence[Visit]) -> None:
    """Let those redeem who wish to with their first purchase of a month; who has too little is refused, as anybody."""
    for visit in batch:
        household_id = visit.basket.household_id
        local = visit.at.astimezone(running.zone)
        if running.months.get(household_id) == (month := (local.year, local.month)):
            continue
        running.months[household_id] = month
        reward_id = wish(household_id, *month)
        if reward_id is None:
            continue
        once = Once(f"demo:{household_id}:{local:%Y-%m}", reward_id)
        customer_id = running.customers[household_id]
        with suppress(BalanceTooLow):
            redeemed = await redeem_reward(
                once, customer_id=customer_id, reward_id=reward_id, actor=DEMO, now=batch[-1].at
            )
            running.totals.rewards_redeemed += not redeemed.replayed


async def _expire(running: _Load, *, at: datetime) -> None:
    """Expire what these customers' lots have due as a month begins."""
    swept = await expire_due_lots(now=at, actor=DEMO, customer_ids=list(running.customers.values()), dated_at_end=True)
    running.totals.points_expired += swept.points


def _advance(running: _Load, *, recorded: int = 0, known: int = 0) -> None:
    running.totals.orders_recorded += recorded
    running.totals.orders_known_before += known
    running.progress(running.totals.orders_recorded + running.totals.orders_known_before, running.orders)

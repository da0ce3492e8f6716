"""A part of the households, side by side in order of time: they enrol, buy, redeem, and lose what they did not use.

Every step has a key that follows from the data, so that a second run of the part is told the former answers.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.earning.enrolment import Application, enrol_customer
from loyalty.earning.purchases import ORDERS_MAX, record_orders
from loyalty.ledger.expiry import expire_due_lots
from loyalty.ledger.posting import BalanceTooLow
from loyalty.once.answers import Once
from loyalty.orders.asked import Channel, IdentifierAsked, LineAsked, OrderAsked
from loyalty.refusals import Refusal
from loyalty.rewards.redemption import redeem_reward
from server.demo.households import Basket, Households
from server.demo.people import person
from server.demo.shifting import month_starts, shifted
from server.demo.shop import DEMO, HARVEST, DemoShop
from server.demo.wishes import wish


class DemoOrderRefused(Exception):
    """An order of the data was refused: a fault of ours."""


@dataclass
class Done:
    """What was new, and how much of it was known before."""

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


class Part:
    """Households that are loaded together. `done` is counted on as they are."""

    def __init__(self, source: Households, shop: DemoShop, household_ids: Sequence[int], done: Done) -> None:
        self._source, self._shop, self._household_ids, self._done = source, shop, household_ids, done
        self._zone = ZoneInfo(shop.facts.time_zone)
        self._customers: dict[int, UUID] = {}
        self._last_month: dict[int, tuple[int, int]] = {}

    async def batches(self, *, now: datetime) -> Iterator[list[Visit] | datetime]:
        """Return the steps of this part up to `now`, in order of time: batches of visits, and starts of months."""
        time_zone = self._shop.facts.time_zone
        baskets = await asyncio.to_thread(self._source.baskets, self._household_ids)
        visits = await asyncio.to_thread(moved, baskets, weeks=self._shop.weeks, time_zone=time_zone)
        return steps(visits, month_starts(visits[0].at, now, time_zone=time_zone))

    async def take(self, step: list[Visit] | datetime) -> None:
        """Take one step. A batch is recorded as of the moment of its last order."""
        if isinstance(step, datetime):
            await self._expire(at=step)
            return
        await self._enrol(step)
        await self._record(step)
        await self._redeem(step)

    async def _enrol(self, batch: Sequence[Visit]) -> None:
        """Enrol who buys for the first time, at that moment."""
        for visit in batch:
            household_id = visit.basket.household_id
            if household_id not in self._customers:
                application = application_of(household_id)
                once = Once(f"demo:{household_id}", application)
                enrolled = await enrol_customer(application, shop=self._shop.facts, actor=DEMO, once=once, now=visit.at)
                assert enrolled.value.customer_id is not None
                self._customers[household_id] = enrolled.value.customer_id

    async def _record(self, batch: Sequence[Visit]) -> None:
        lines = await asyncio.to_thread(self._source.lines, [visit.basket.basket_id for visit in batch])
        orders = [order_of(visit, lines[visit.basket.basket_id]) for visit in batch]
        key = f"demo:{orders[0].external_id}:{orders[-1].external_id}:{len(orders)}"
        recorded = await record_orders(key, orders, actor=DEMO, now=batch[-1].at)
        for order, outcome in zip(orders, recorded.outcomes, strict=True):
            if isinstance(outcome, Refusal):
                raise DemoOrderRefused(f"Order {order.external_id}: {outcome}")
            self._done.orders_known_before += outcome.replayed
            self._done.orders_recorded += not outcome.replayed
            self._done.lines_recorded += 0 if outcome.replayed else len(order.lines)

    async def _redeem(self, batch: Sequence[Visit]) -> None:
        """Let those redeem who wish to with their first purchase of a month; who has too little is refused."""
        for visit in batch:
            household_id = visit.basket.household_id
            local = visit.at.astimezone(self._zone)
            month = (local.year, local.month)
            if self._last_month.get(household_id) == month:
                continue
            self._last_month[household_id] = month
            if (reward_id := wish(household_id, *month)) is not None:
                once = Once(f"demo:{household_id}:{local:%Y-%m}", reward_id)
                await self._redeem_one(once, self._customers[household_id], reward_id, now=batch[-1].at)

    async def _redeem_one(self, once: Once, customer_id: UUID, reward_id: str, *, now: datetime) -> None:
        with suppress(BalanceTooLow):
            answer = await redeem_reward(once, customer_id=customer_id, reward_id=reward_id, actor=DEMO, now=now)
            self._done.rewards_redeemed += not answer.replayed

    async def _expire(self, *, at: datetime) -> None:
        """Expire what these customers' lots have due as a month begins."""
        customer_ids = list(self._customers.values())
        swept = await expire_due_lots(now=at, actor=DEMO, customer_ids=customer_ids, dated_at_end=True)
        self._done.points_expired += swept.points


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


def application_of(household_id: int) -> Application:
    """Return what the person of a household says of themselves."""
    one = person(household_id)
    return Application(
        email=one.email,
        email_verified=True,
        phone=one.phone,
        card=one.card_number,
        external_id=one.external_id,
        first_name=one.first_name,
        last_name=one.last_name,
        locale=one.language,
        birthday=one.birthday,
    )


def order_of(visit: Visit, lines: tuple[LineAsked, ...]) -> OrderAsked:
    """Return a basket as the order that a till would send."""
    basket = visit.basket
    return OrderAsked(
        idempotency_key=f"demo:{basket.basket_id}",
        shop=HARVEST.code,
        external_id=str(basket.basket_id),
        placed_at=visit.at,
        currency=HARVEST.currency,
        customer=IdentifierAsked("external", str(basket.household_id)),
        lines=lines,
        discount_minor=basket.discount_minor,
        total_minor=basket.total_minor,
        channel=Channel.POS,
    )

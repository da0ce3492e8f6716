"""Load the demo: the households' orders, recorded as `recordOrders` records them, in order of time.

A part of the households at a time, so that whoever stops in between has whole customers. Killed at any point, the next
load goes on: parts that are complete are left alone, and the others are gone through again, where every step that was
done before is told its former answer.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loyalty.orders.orders import known_orders
from server.demo.households import Counts, Households, in_parts
from server.demo.part import Done, Part
from server.demo.shop import DemoShop, opened_shop

PART_SIZE = 150

Progress = Callable[[int, int], None]
"""Told how many orders stand, and how many there are to be."""


@dataclass
class Totals(Done):
    """What stands after a load, and what of it is new. `counts` says what became of the data of these households."""

    households: int = 0
    households_complete_before: int = 0
    counts: Counts = field(default_factory=Counts)


async def load(
    source: Households,
    *,
    now: datetime,
    households: int | None = None,
    progress: Progress = lambda done, of: None,
    lanes: int = 1,
    pause_seconds: float = 0.0,
) -> Totals:
    """Load the first so many households, or all, and return what stands.

    Harmless when it is all there already. `lanes` is how many parts are loaded at the same time: with two, one is
    prepared while the database records the other. `pause_seconds` is left to others after each batch, for a load
    beside a running server.
    """
    orders_of = await asyncio.to_thread(source.orders_by_household)
    wanted = list(orders_of)[:households]
    totals = Totals(households=len(wanted), counts=await asyncio.to_thread(source.counts, wanted))
    shop = await _shop(source, now=now)
    complete = await _complete(source, shop, wanted)
    totals.households_complete_before = len(complete)
    parts = [part for part in in_parts(wanted, PART_SIZE) if not complete.issuperset(part)]
    totals.orders_known_before = totals.counts.orders - sum(orders_of[one] for part in parts for one in part)

    async def lane(source: Households, left: Iterator[Sequence[int]]) -> None:
        for household_ids in left:
            part = Part(source, shop, household_ids, totals)
            for step in await part.batches(now=now):
                await part.take(step)
                progress(totals.orders_recorded + totals.orders_known_before, totals.counts.orders)
                await asyncio.sleep(pause_seconds)

    progress(totals.orders_known_before, totals.counts.orders)
    left = iter(parts)
    await _all_or_none([asyncio.create_task(lane(source.beside(), left)) for _ in range(lanes)])
    return totals


async def is_complete(source: Households, *, now: datetime) -> bool:
    """Tell whether every household of the data is loaded."""
    everyone = list(await asyncio.to_thread(source.orders_by_household))
    return len(await _complete(source, await _shop(source, now=now), everyone)) == len(everyone)


async def _shop(source: Households, *, now: datetime) -> DemoShop:
    return await opened_shop(last_at=await asyncio.to_thread(source.last_at), now=now)


async def _complete(source: Households, shop: DemoShop, household_ids: Sequence[int]) -> set[int]:
    """Return the households whose last order is recorded; their others were recorded before it."""
    last = await asyncio.to_thread(source.last_baskets)
    known = await known_orders(shop.facts.id, [str(last[household_id]) for household_id in household_ids])
    return {household_id for household_id in household_ids if str(last[household_id]) in known}


async def _all_or_none(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for all tasks; where one fails or this one is cancelled, none goes on."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

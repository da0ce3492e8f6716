"""Units end on their day, once, whoever sweeps and however late."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest

from loyalty import transactions
from loyalty.access import NotPermitted
from loyalty.ledger.balances import ExpiringLot, entries_page, points_balance, wallets_of
from loyalty.ledger.expiry import Swept, expire_due_lots
from loyalty.ledger.outstanding import Outstanding, outstanding
from loyalty.ledger.posting import BalanceTooLow, Earn, Reserve, Void, post
from loyalty.shops.catalogue import ShopFacts
from tests.support.customers import a_customer, everybody
from tests.support.orders import DAY, Columns, columns, lots, spent
from tests.support.programme import TESTS, earned
from tests.support.shops import a_shop

pytestmark = pytest.mark.usefixtures("database")
END = datetime(2026, 3, 31, 21, tzinfo=UTC)
"""1 April begins in Tallinn, on summer time since 29 March: the last valid day is 31 March."""
INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def shop(database: str) -> ShopFacts:
    """Open a shop in Tallinn."""
    return await a_shop()


async def sweep(*, now: datetime, batch_size: int = 500) -> Swept:
    """Expire what is due."""
    return await expire_due_lots(now=now, actor=TESTS, batch_size=batch_size)


async def test_a_lot_ends_at_the_exclusive_moment_and_not_an_instant_before(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id
    await earned(anna, 100, expires_at=END, now=now)

    assert await sweep(now=END - INSTANT) == Swept(0, 0)
    assert await columns(anna, now=END - INSTANT) == Columns(available=100, earned=100)
    assert await sweep(now=END) == Swept(1, 100)

    assert await columns(anna, now=END) == Columns(earned=100)
    assert await lots(anna) == [(100, 0, 0, 0, 100, 0)]


async def test_an_expiry_says_the_last_day_in_the_shops_own_zone(now: datetime, database: str) -> None:
    # The same moment is 31 March in Tallinn's, and 30 March in New York's calendar.
    told = {}
    for zone in ("Europe/Tallinn", "America/New_York"):
        customer = await a_customer(shop=await a_shop(time_zone=zone))
        moment = END if zone == "Europe/Tallinn" else datetime(2026, 3, 31, 4, tzinfo=UTC)
        await earned(customer.id, 5, expires_at=moment, now=now)
        told[zone] = customer.id
    await sweep(now=END)

    for zone, day in (("Europe/Tallinn", "2026-03-31"), ("America/New_York", "2026-03-30")):
        [entry, _] = await entries_page(told[zone], first=2)
        assert (entry.kind, entry.points, orjson.loads(entry.explanation)) == ("expire", -5, {"expired_on": day})


async def test_what_is_due_but_not_swept_can_neither_be_seen_nor_spent(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id
    await earned(anna, 100, expires_at=END, now=now)
    await earned(anna, 30, expires_at=END + DAY, now=now)
    await earned(anna, 7, now=now)

    [wallet] = (await wallets_of([anna], now=END))[anna]
    assert (wallet.available_points, wallet.expiring) == (37, (ExpiringLot(30, END + DAY),))
    assert await points_balance(anna, now=END) == 37
    assert await points_balance(anna, now=END - INSTANT) == 137
    with pytest.raises(BalanceTooLow) as refused:
        await spent(anna, 38, now=END)
    assert refused.value.facts == {"balance_points": 37, "asked_points": 38}

    await spent(anna, 37, now=END)
    assert await sweep(now=END) == Swept(1, 100)
    assert await points_balance(anna, now=END) == 0


async def test_only_what_is_left_of_a_lot_ends(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id
    await earned(anna, 100, expires_at=END, now=now)
    await spent(anna, 60, now=now)

    assert await sweep(now=END) == Swept(1, 40)

    assert await lots(anna) == [(100, 0, 0, 60, 40, 0)]


async def test_lots_of_one_end_are_one_entry_and_ends_are_told_apart(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id
    for expires_at in (END, END, END + DAY, END + 2 * DAY):
        await earned(anna, 10, expires_at=expires_at, now=now)

    assert await sweep(now=END + DAY) == Swept(2, 30)

    [second, first, *_] = await entries_page(anna, first=9)
    assert [(entry.points, entry.expires_at, entry.occurred_at) for entry in (first, second)] == [
        (-20, END, END + DAY),
        (-10, END + DAY, END + DAY),
    ]
    assert await columns(anna, now=END + DAY) == Columns(available=10, earned=40)


async def test_swept_again_nothing_is_due(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id
    await earned(anna, 100, expires_at=END, now=now)
    await sweep(now=END)

    assert await sweep(now=END + 400 * DAY) == Swept(0, 0)

    assert await transactions.value("SELECT count(*) FROM entry WHERE kind = 'expire'") == 1


async def test_a_stopped_clock_changes_nothing_but_the_hour(now: datetime, shop: ShopFacts) -> None:
    daily, late = (await a_customer()).id, (await a_customer()).id
    for customer_id in (daily, late):
        for n in range(5):
            await earned(customer_id, 10 + n, expires_at=END + n * DAY, now=now)

    for n in range(4):
        await expire_due_lots(now=END + n * DAY, actor=TESTS, customer_ids=[daily])
    await expire_due_lots(now=END + 3 * DAY, actor=TESTS, customer_ids=[late])

    assert await lots(daily) == await lots(late)
    assert await columns(daily, now=END + 3 * DAY) == await columns(late, now=END + 3 * DAY)


async def test_a_sweep_goes_in_chunks_and_finds_everything(now: datetime, shop: ShopFacts) -> None:
    customer_ids = [(await a_customer()).id for _ in range(7)]
    for customer_id in customer_ids:
        await earned(customer_id, 10, expires_at=END, now=now)
        await earned(customer_id, 5, expires_at=END - DAY, now=now)

    assert await sweep(now=END, batch_size=3) == Swept(14, 105)

    assert await transactions.value("SELECT sum(available_points)::bigint FROM wallet") == 0
    assert await transactions.value("SELECT count(*) FROM entry WHERE kind = 'expire'") == 14


async def test_sweeps_side_by_side_with_spending_end_each_unit_once(now: datetime, shop: ShopFacts) -> None:
    customer_ids = [(await a_customer()).id for _ in range(30)]
    for customer_id in customer_ids:
        await earned(customer_id, 10, expires_at=END, now=now)
        await earned(customer_id, 10, expires_at=END + DAY, now=now)

    swept = await asyncio.gather(
        *(sweep(now=END, batch_size=4) for _ in range(4)), *(spent(one, 4, now=END) for one in customer_ids)
    )

    assert sum(one.points for one in swept if one is not None) == 300
    for customer_id in customer_ids:
        assert await lots(customer_id) == [(10, 0, 0, 0, 10, 0), (10, 0, 6, 4, 0, 0)]
    assert await columns(customer_ids[0], now=END) == Columns(available=6, earned=20)


async def test_history_that_is_loaded_afterwards_is_dated_at_the_end_of_its_lots(
    now: datetime, shop: ShopFacts
) -> None:
    anna, bjørn = (await a_customer()).id, (await a_customer()).id
    for customer_id in (anna, bjørn):
        await earned(customer_id, 10, expires_at=END, now=now)

    swept = await expire_due_lots(now=END + 9 * DAY, actor=TESTS, customer_ids=[anna], dated_at_end=True)

    assert swept == Swept(1, 10)
    [entry, _] = await entries_page(anna, first=2)
    assert (entry.occurred_at, entry.recorded_at) == (END, END + 9 * DAY)
    assert await points_balance(bjørn, now=END - DAY) == 10


async def test_held_units_do_not_end_until_they_are_let_go(now: datetime, shop: ShopFacts) -> None:
    anna, held = (await a_customer()).id, uuid4()
    await earned(anna, 100, expires_at=END, now=now)
    shared = {"customer_id": anna, "unit": "points", "reservation_id": held}
    await post([Reserve(**shared, points=60, reserved_until=END + DAY)], by=TESTS, now=END - DAY)  # type: ignore[arg-type]

    assert await sweep(now=END) == Swept(1, 40)
    await post([Void(**shared, restored_until=END + 30 * DAY)], by=TESTS, now=END + INSTANT)  # type: ignore[arg-type]

    assert await points_balance(anna, now=END + 30 * DAY - INSTANT) == 60
    assert await sweep(now=END + 30 * DAY) == Swept(1, 60)


async def test_units_that_wait_end_only_once_they_are_released(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id
    earn = Earn(customer_id=anna, unit="points", points=9, earned_at=now, expires_at=END, awaits="shipped")
    await post([earn], by=TESTS, now=now)

    assert await sweep(now=END) == Swept(0, 0)
    assert await columns(anna, now=END) == Columns(pending=9, earned=9)


async def test_what_is_outstanding_is_told_by_unit_and_end_without_what_is_due(now: datetime, shop: ShopFacts) -> None:
    anna, bjørn = (await a_customer()).id, (await a_customer()).id
    await earned(anna, 10, expires_at=END, now=now)
    await earned(anna, 20, expires_at=END + DAY, now=now)
    await earned(bjørn, 5, expires_at=END + DAY, now=now)
    await earned(bjørn, 1, now=now)
    earn = Earn(customer_id=bjørn, unit="points", points=9, earned_at=now, expires_at=END + DAY, awaits="shipped")
    await post([earn], by=TESTS, now=now)
    await spent(anna, 12, now=now)  # all of the first lot

    told = await outstanding(actor=TESTS, now=END)

    assert told == [Outstanding("points", END + DAY, 23, 9, 2), Outstanding("points", None, 1, 0, 1)]
    # A wallet's units and what waits: 18 + 6 available, 9 pending.
    assert sum(one.open_points + one.pending_points for one in told) == 18 + 6 + 9


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_only_jobs_sweep_and_only_who_reads_the_ledger_sees_what_is_outstanding(
    now: datetime, shop: ShopFacts, who: str
) -> None:
    actor = everybody(uuid4())[who]

    if who == "job":
        await expire_due_lots(now=now, actor=actor)
    else:
        with pytest.raises(NotPermitted):
            await expire_due_lots(now=now, actor=actor)
    if who in {"job", "admin", "support", "analyst", "marketer"}:
        assert await outstanding(actor=actor, now=now) == []
    else:
        with pytest.raises(NotPermitted):
            await outstanding(actor=actor, now=now)

"""What stands: wallets and entries, for many at once."""

from datetime import datetime
from uuid import UUID, uuid4

import pytest

from loyalty.customers.models import Customer
from loyalty.ledger.balances import (
    EntryFacts,
    ExpiringLot,
    WalletFacts,
    entries_by_id,
    entries_counts,
    entries_of_orders,
    entries_page,
    entries_pages,
    points_balance,
    wallets_of,
)
from loyalty.ledger.posting import Earn, Redeem, Reserve, post
from loyalty.shops.catalogue import ShopFacts
from tests.support.customers import a_customer
from tests.support.orders import ANNA, DAY, PLACED_AT, a_line, an_order, applied, back, recorded
from tests.support.programme import TESTS, a_shop, earned

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
async def shop(now: datetime, database: str) -> ShopFacts:
    """Open a shop: a point per full euro, for ever."""
    return (await a_shop(now=now))[0]


async def test_a_wallet_shows_what_can_be_spent_and_what_ends_when(now: datetime) -> None:
    anna = (await a_customer()).id
    for points, days in ((10, 30), (20, 60), (5, 30), (7, 1)):
        await earned(anna, points, expires_at=now + days * DAY, now=now)
    await earned(anna, 100, now=now)
    held = Reserve(customer_id=anna, unit="points", points=8, reservation_id=uuid4(), reserved_until=now + DAY)
    wait = Earn(customer_id=anna, unit="points", points=3, earned_at=now, awaits="shipped")
    await post([held, wait, Redeem(customer_id=anna, unit="points", points=4)], by=TESTS, now=now)

    [wallet] = (await wallets_of([anna], now=now))[anna]

    # First out is what ends first: 8 are held of the 7 that end tomorrow and one of the 10; 4 are spent of those.
    assert wallet == WalletFacts(
        customer_id=anna,
        unit="points",
        available_points=7 + 10 + 20 + 5 + 100 - 8 - 4,
        pending_points=3,
        reserved_points=8,
        owed_points=0,
        lifetime_earned_points=145,
        lifetime_redeemed_points=4,
        version=8,
        expiring=(ExpiringLot(10, now + 30 * DAY), ExpiringLot(20, now + 60 * DAY)),
    )
    assert await points_balance(anna, now=now) == 130


async def test_wallets_are_told_by_customer_in_order_of_unit(now: datetime) -> None:
    anna, bjørn, nobody = (await a_customer()).id, (await a_customer()).id, uuid4()
    for unit, points in (("stars", 2), ("points", 1)):
        await post([Earn(customer_id=anna, unit=unit, points=points, earned_at=now)], by=TESTS, now=now)

    told = await wallets_of([bjørn, nobody, anna], now=now)

    assert list(told) == [bjørn, nobody, anna]
    assert [(wallet.unit, wallet.available_points) for wallet in told[anna]] == [("points", 1), ("stars", 2)]
    assert told[bjørn] == told[nobody] == []
    assert (await points_balance(anna, "stars", now=now), await points_balance(bjørn, now=now)) == (2, 0)
    assert WalletFacts.empty(bjørn, "points").available_points == 0
    assert await wallets_of([], now=now) == {}


async def entries_of(customer_id: UUID) -> list[EntryFacts]:
    """Return a customer's entries, page by page of two."""
    told: list[EntryFacts] = []
    while page := await entries_page(customer_id, first=2, after=told[-1].place if told else None):
        told += page
    return told


async def test_entries_are_paged_newest_first_and_none_is_missed_or_told_twice(now: datetime) -> None:
    anna = (await a_customer()).id
    for n in range(7):
        await earned(anna, n + 1, now=now + n // 3 * DAY)  # three of each moment
    await post([Earn(customer_id=anna, unit="stars", points=9, earned_at=now)], by=TESTS, now=now)

    told = await entries_of(anna)

    in_points = [entry for entry in told if entry.unit == "points"]
    assert [entry.points for entry in in_points] == [7, 6, 5, 4, 3, 2, 1]
    assert len(told) == len({entry.id for entry in told}) == 8
    assert [one.points for one in await entries_page(anna, first=9, unit="stars")] == [9]
    assert await entries_counts([anna]) == {anna: 8}
    assert await entries_counts([anna], unit="points") == {anna: 7}


async def test_a_page_stays_in_place_while_entries_are_added(now: datetime) -> None:
    anna = (await a_customer()).id
    for n in range(4):
        await earned(anna, n + 1, now=now + n * DAY)

    first = await entries_page(anna, first=2)
    await earned(anna, 100, now=now + 9 * DAY)
    second = await entries_page(anna, first=2, after=first[-1].place)

    assert [entry.points for entry in first + second] == [4, 3, 2, 1]


async def test_many_customers_have_a_page_each(now: datetime) -> None:
    anna, bjørn, nobody = (await a_customer()).id, (await a_customer()).id, uuid4()
    for n in range(3):
        await earned(anna, n + 1, now=now + n * DAY)
    await earned(bjørn, 50, now=now)

    told = await entries_pages([bjørn, anna, nobody], first=2)

    assert [entry.points for entry in told[anna]] == [3, 2]
    assert [entry.points for entry in told[bjørn]] == [50]
    assert told[nobody] == []
    assert await entries_counts([anna, bjørn, nobody]) == {anna: 3, bjørn: 1, nobody: 0}


async def test_the_history_of_who_was_merged_is_part_of_the_kept_ones(now: datetime) -> None:
    anna, kept = (await a_customer()).id, (await a_customer()).id
    await earned(anna, 1, now=now)
    await earned(kept, 2, now=now + DAY)
    await earned(anna, 3, now=now + 2 * DAY)
    await Customer.filter(id=anna).update(merged_into_id=kept)

    assert [(entry.customer_id, entry.points) for entry in await entries_of(kept)] == [(anna, 3), (kept, 2), (anna, 1)]
    assert await entries_counts([kept, anna]) == {kept: 3, anna: 2}


async def test_an_entry_names_the_order_it_belongs_to(now: datetime, shop: ShopFacts) -> None:
    order = an_order(a_line(10_00, quantity=2), external_id="88", customer=ANNA)
    done = await recorded(order, now=now)
    came_back = await applied(shop, order, back(sku="A"), now=now + DAY)
    other = await recorded(an_order(5_00), now=now)

    [earn] = (await entries_by_id([*done.entry_ids, uuid4()])).values()
    of_orders = await entries_of_orders([other.order_id, done.order_id])

    assert (earn.order_id, earn.order_external_id, earn.order_placed_at) == (done.order_id, "88", PLACED_AT)
    assert (earn.shop_id, earn.recorded_at, earn.occurred_at) == (shop.id, now, PLACED_AT)
    assert [(one.kind, one.points) for one in of_orders[done.order_id]] == [("earn", 10), ("clawback", -5)]
    assert [one.id for one in of_orders[done.order_id]] == [*done.entry_ids, *came_back.entry_ids]
    assert [one.points for one in of_orders[other.order_id]] == [5]

"""Units that wait become available: when their date has come, or when what they wait for has happened."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest

from loyalty.access import NotPermitted
from loyalty.ledger.balances import entries_page
from loyalty.ledger.expiry import Swept, expire_due_lots
from loyalty.ledger.posting import Clawback, Earn, post
from loyalty.ledger.release import release_awaiting, release_due_lots
from loyalty.shops.catalogue import ShopFacts
from tests.support.customers import a_customer, everybody
from tests.support.orders import DAY, Columns, columns, lots
from tests.support.programme import TESTS
from tests.support.shops import a_shop

pytestmark = pytest.mark.usefixtures("shop")
INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def shop(database: str) -> ShopFacts:
    """Open a shop in Tallinn."""
    return await a_shop()


async def waiting(
    points: int,
    *,
    now: datetime,
    customer_id: UUID | None = None,
    available_at: datetime | None = None,
    awaits: str | None = None,
    order_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> UUID:
    """Have somebody earn units that wait, and return who."""
    customer_id = customer_id or (await a_customer()).id
    earn = Earn(
        customer_id=customer_id,
        unit="points",
        points=points,
        earned_at=now,
        available_at=available_at,
        awaits=awaits,
        order_id=order_id,
        expires_at=expires_at,
    )
    [posted] = await post([earn], by=TESTS, now=now)
    posted.or_refuse()
    return customer_id


async def test_a_lot_becomes_available_at_its_moment_and_not_an_instant_before(now: datetime) -> None:
    anna = await waiting(10, available_at=now + DAY, now=now)

    assert await release_due_lots(now=now + DAY - INSTANT, actor=TESTS) == Swept(0, 0)
    assert await columns(anna, now=now) == Columns(pending=10, earned=10)
    assert await release_due_lots(now=now + DAY, actor=TESTS) == Swept(1, 10)

    assert await columns(anna, now=now) == Columns(available=10, earned=10)
    [entry, _] = await entries_page(anna, first=2)
    assert (entry.kind, entry.points, orjson.loads(entry.explanation)) == ("release", 10, {"awaited": "date"})
    assert await release_due_lots(now=now + 9 * DAY, actor=TESTS) == Swept(0, 0)


async def test_a_release_goes_in_chunks_and_finds_everything(now: datetime) -> None:
    customer_ids = [await waiting(10 + n, available_at=now + n * DAY, now=now) for n in range(8)]

    assert await release_due_lots(now=now + 6 * DAY, actor=TESTS, batch_size=3) == Swept(7, 70 + 21)

    assert await columns(customer_ids[6], now=now) == Columns(available=16, earned=16)
    assert await columns(customer_ids[7], now=now) == Columns(pending=17, earned=17)


async def test_many_lots_of_one_customer_are_released_at_once(now: datetime) -> None:
    anna = await waiting(1, available_at=now, now=now)
    for n in range(2, 6):
        await waiting(n, customer_id=anna, available_at=now, now=now)

    assert await release_due_lots(now=now, actor=TESTS) == Swept(5, 15)

    assert await columns(anna, now=now) == Columns(available=15, earned=15)


async def test_an_event_releases_what_its_orders_earned_and_nothing_else(now: datetime) -> None:
    order, other = uuid4(), uuid4()
    anna = await waiting(10, awaits="shipped", order_id=order, now=now)
    await waiting(20, customer_id=anna, awaits="shipped", order_id=other, now=now)
    await waiting(30, customer_id=anna, awaits="paid", order_id=order, now=now)
    await waiting(40, customer_id=anna, available_at=now + DAY, order_id=order, now=now)

    assert await release_awaiting("shipped", [order], actor=TESTS, now=now) == Swept(1, 10)
    assert await release_awaiting("shipped", [order], actor=TESTS, now=now) == Swept(0, 0)
    assert await release_due_lots(now=now, actor=TESTS) == Swept(0, 0)

    assert await columns(anna, now=now) == Columns(available=10, pending=90, earned=100)
    [entry, *_] = await entries_page(anna, first=1)
    assert (entry.order_id, orjson.loads(entry.explanation)) == (order, {"awaited": "shipped"})


async def test_what_is_owed_is_taken_from_what_becomes_available(now: datetime) -> None:
    order = uuid4()
    anna = await waiting(10, available_at=now, now=now)
    owed = Clawback(customer_id=anna, unit="points", points=4, order_id=order, owing_allowed=True)
    await post([owed], by=TESTS, now=now)
    assert await columns(anna, now=now) == Columns(pending=10, owed=4, earned=6)

    assert await release_due_lots(now=now, actor=TESTS) == Swept(1, 10)

    assert await columns(anna, now=now) == Columns(available=6, earned=6)
    assert await lots(anna) == [(10, 0, 6, 0, 0, 4)]


async def test_what_was_taken_back_while_it_waited_is_not_released(now: datetime) -> None:
    order = uuid4()
    anna = await waiting(10, available_at=now + DAY, order_id=order, now=now)
    await post(
        [Clawback(customer_id=anna, unit="points", points=4, order_id=order, owing_allowed=True)], by=TESTS, now=now
    )

    assert await release_due_lots(now=now + DAY, actor=TESTS) == Swept(1, 6)

    assert await columns(anna, now=now) == Columns(available=6, earned=6)


async def test_what_waited_past_its_end_is_released_and_then_ends(now: datetime) -> None:
    anna = await waiting(10, available_at=now + 2 * DAY, expires_at=now + DAY, now=now)

    assert await release_due_lots(now=now + 2 * DAY, actor=TESTS) == Swept(1, 10)
    assert await columns(anna, now=now + 2 * DAY) == Columns(earned=10)  # due: nothing to spend
    assert await expire_due_lots(now=now + 2 * DAY, actor=TESTS) == Swept(1, 10)

    assert await lots(anna) == [(10, 0, 0, 0, 10, 0)]


async def test_releases_side_by_side_release_each_lot_once(now: datetime) -> None:
    customer_ids = [await waiting(10, available_at=now, now=now) for _ in range(20)]

    swept = await asyncio.gather(*(release_due_lots(now=now, actor=TESTS, batch_size=3) for _ in range(4)))

    assert sum(one.points for one in swept) == 200
    for customer_id in customer_ids:
        assert await lots(customer_id) == [(10, 0, 10, 0, 0, 0)]
    assert await columns(customer_ids[0], now=now) == Columns(available=10, earned=10)


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_only_jobs_release(now: datetime, who: str) -> None:
    order = uuid4()
    await waiting(10, awaits="shipped", order_id=order, now=now)
    actor = everybody(uuid4())[who]

    if who == "job":
        await release_due_lots(now=now, actor=actor)
        await release_awaiting("shipped", [order], actor=actor, now=now)
        return
    with pytest.raises(NotPermitted):
        await release_due_lots(now=now, actor=actor)
    with pytest.raises(NotPermitted):
        await release_awaiting("shipped", [order], actor=actor, now=now)

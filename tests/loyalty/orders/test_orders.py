"""Orders and their lines: read by page, by number and by id."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.orders.asked import IdentifierAsked
from loyalty.orders.orders import (
    count_orders,
    customers_orders,
    customers_orders_counts,
    lines_of,
    orders_by_id,
    orders_page,
)
from tests.support.customers import everybody
from tests.support.orders import ANNA, DAY, PLACED_AT, a_line, an_order, recorded
from tests.support.programme import a_shop
from tests.support.shops import a_shop as another_shop

pytestmark = pytest.mark.usefixtures("database")
STAFF = Actor.staff(UUID(int=7), Role.ANALYST)


async def test_orders_are_paged_by_when_they_were_placed_and_none_is_missed_or_told_twice(now: datetime) -> None:
    await a_shop(now=now)
    moments = [PLACED_AT - n // 2 * DAY for n in range(7)]  # two of each moment
    made = [(await recorded(an_order(placed_at=moment), now=now)).order_id for moment in moments]

    first = await orders_page(STAFF, first=3)
    newer = (await recorded(an_order(placed_at=now), now=now)).order_id
    second = await orders_page(STAFF, first=3, after=(first[-1].placed_at, first[-1].id))
    third = await orders_page(STAFF, first=3, after=(second[-1].placed_at, second[-1].id))

    told = [order.id for order in first + second + third]
    expected = sorted(made, key=lambda id_: (moments[made.index(id_)], id_), reverse=True)
    assert told == expected
    assert newer not in told
    assert await count_orders(STAFF) == 8


async def test_orders_are_asked_for_by_their_number_in_any_shop_or_in_ones_own(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    other = await another_shop(programme=shop.programme)
    one = await recorded(an_order(external_id="88", shop=shop.code), now=now)
    two = await recorded(an_order(external_id="88", customer=None, shop=other.code), now=now)
    await recorded(an_order(external_id="89", shop=shop.code), now=now)
    of_the_shop = Actor.key(uuid4(), frozenset({Permission.ORDERS_READ}), shop_id=shop.id)

    assert {order.id for order in await orders_page(STAFF, first=9, external_id="88")} == {one.order_id, two.order_id}
    assert [order.id for order in await orders_page(of_the_shop, first=9, external_id="88")] == [one.order_id]
    assert (await count_orders(STAFF, external_id="88"), await count_orders(STAFF, external_id="90")) == (2, 0)
    assert (await count_orders(of_the_shop), await count_orders(STAFF)) == (2, 3)


async def test_each_customer_has_a_page_of_their_own(now: datetime) -> None:
    await a_shop(now=now)
    hers = [await recorded(an_order(placed_at=PLACED_AT - n * DAY), now=now) for n in range(3)]
    his = await recorded(an_order(customer=IdentifierAsked("email", "bjorn@example.com")), now=now)
    await recorded(an_order(customer=None), now=now)
    anna, bjørn, nobody = hers[0].customer_id, his.customer_id, uuid4()
    assert anna is not None
    assert bjørn is not None

    first = await customers_orders(STAFF, [bjørn, anna, nobody], first=2)
    rest = await customers_orders(STAFF, [anna], first=2, after=(PLACED_AT - DAY, hers[1].order_id))

    assert [order.id for order in first[anna]] == [order.order_id for order in hers[:2]]
    assert ([order.id for order in first[bjørn]], first[nobody]) == ([his.order_id], [])
    assert [order.id for order in rest[anna]] == [hers[2].order_id]
    assert await customers_orders_counts(STAFF, [anna, bjørn, nobody]) == {anna: 3, bjørn: 1, nobody: 0}


async def test_lines_are_told_in_their_order_by_order_and_unknown_orders_have_none(now: datetime) -> None:
    await a_shop(now=now)
    lines = [a_line(n, sku=f"sku-{n}", quantity=n) for n in range(1, 6)]
    one = await recorded(an_order(*lines, discount_minor=3), now=now)
    two = await recorded(an_order(), now=now)
    nobody = uuid4()

    told = await lines_of([two.order_id, one.order_id, nobody])

    assert [(line.line_number, line.sku, line.quantity_milli) for line in told[one.order_id]] == [
        (n, f"sku-{n}", n * 1000) for n in range(1, 6)
    ]
    # 3 over 1 : 2 : 3 : 4 : 5: a fifth each of 1, 2, 3, 4, 5: .2 .4 .6 .8 1.0; two are left for .8 and .6.
    assert [line.discount_share_minor for line in told[one.order_id]] == [0, 0, 1, 1, 1]
    assert (len(told[two.order_id]), told[nobody]) == (1, [])
    assert list(await orders_by_id([one.order_id, nobody])) == [one.order_id]
    assert await lines_of([]) == {}


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_who_may_read_orders(now: datetime, who: str) -> None:
    await a_shop(now=now)
    await recorded(an_order(customer=ANNA), now=now + timedelta(seconds=1))
    actor = everybody(uuid4())[who]

    if who in {"analyst", "marketer", "support", "admin", "job"}:
        assert len(await orders_page(actor, first=9)) == await count_orders(actor) == 1
        return
    with pytest.raises(NotPermitted) as refused:
        await orders_page(actor, first=9)
    with pytest.raises(NotPermitted):
        await count_orders(actor)
    with pytest.raises(NotPermitted):
        await customers_orders(actor, [], first=9)
    with pytest.raises(NotPermitted):
        await customers_orders_counts(actor, [])
    assert refused.value.facts == {"permission": Permission.ORDERS_READ}

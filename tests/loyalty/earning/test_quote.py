"""What a basket would earn before it is bought."""

from datetime import datetime
from uuid import uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted
from loyalty.earning.quote import BalanceQuoted, quote
from loyalty.ledger.posting import Clawback, post
from loyalty.orders.asked import AmountInvalid, LineAsked, UnknownCurrency
from tests.support.programme import TESTS, a_member, a_reward, a_shop

pytestmark = pytest.mark.usefixtures("database")


def a_line(amount_minor: int, *, gift_card: bool = False) -> LineAsked:
    return LineAsked(sku="1", name="Thing", quantity_milli=1000, amount_minor=amount_minor, gift_card=gift_card)


async def test_a_basket_is_quoted_as_an_order_would_earn(now: datetime) -> None:
    shop, _ = await a_shop(now=now)

    quoted = await quote(
        shop,
        lines=[a_line(80_00), a_line(40_00), a_line(50_00, gift_card=True)],
        currency="EUR",
        discount_minor=17_00,
        tax_minor=20_00,
        customer_id=None,
        actor=Actor.public(),
        now=now,
    )

    # 80 + 40 carry 12 of the discount of 17 (the gift card 5); of the tax, 20 x 108 / 153 = 14.12:
    # 72.00 - 9.41 and 36.00 - 4.71 count: 93.88.
    [earned] = quoted.earned
    assert (earned.points, earned.basis_minor) == (93, 93_88)
    assert earned.explanation["lines"] == [[1, 62_59], [2, 31_29]]


async def test_without_a_customer_the_balance_begins_at_zero(now: datetime) -> None:
    shop, _ = await a_shop(rewards=[a_reward(points=100), a_reward(id="dear", points=121)], now=now)

    quoted = await quote(shop, lines=[a_line(120_00)], currency="EUR", customer_id=None, actor=Actor.public(), now=now)

    assert quoted.balances == (BalanceQuoted("points", 0, 120),)
    assert [(one.reward.id, one.balance_after_points) for one in quoted.in_reach] == [("free-shipping", 20)]


async def test_a_members_balance_counts(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=150, now=now)

    quoted = await quote(
        shop,
        lines=[a_line(60_00)],
        currency="EUR",
        customer_id=customer_id,
        actor=Actor.customer(customer_id),
        now=now,
    )

    assert quoted.balances == (BalanceQuoted("points", 150, 210),)
    assert [one.balance_after_points for one in quoted.in_reach] == [10]


async def test_what_is_owed_is_covered_first(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, now=now)
    owing = Clawback(customer_id=customer_id, unit="points", points=50, owing_allowed=True, order_id=uuid4())
    await a_wallet(customer_id, now=now)
    [posted] = await post([owing], by=TESTS, now=now)

    quoted = await quote(shop, lines=[a_line(60_00)], currency="EUR", customer_id=customer_id, actor=TESTS, now=now)

    assert posted.owed_points == 50
    assert quoted.balances == (BalanceQuoted("points", 0, 10),)


async def a_wallet(customer_id: object, *, now: datetime) -> None:
    await transactions.rows(
        "INSERT INTO wallet (id, customer_id, unit) VALUES (gen_random_uuid(), $1, 'points')", customer_id
    )


async def test_what_is_pending_is_not_in_reach(now: datetime) -> None:
    shop, _ = await a_shop(pending={"kind": "days", "days": 14}, now=now)

    quoted = await quote(shop, lines=[a_line(500_00)], currency="EUR", customer_id=None, actor=Actor.public(), now=now)

    assert [earned.points for earned in quoted.earned] == [500]
    assert (quoted.balances, quoted.in_reach) == ((BalanceQuoted("points", 0, 0),), ())


async def test_a_quote_writes_nothing(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=150, now=now)

    await quote(shop, lines=[a_line(60_00)], currency="EUR", customer_id=customer_id, actor=TESTS, now=now)

    assert await transactions.value("SELECT count(*) FROM entry") == 1
    assert await transactions.value("SELECT count(*) FROM customer_order") == 0


async def test_what_cannot_be_true_of_a_basket_is_refused(now: datetime) -> None:
    shop, _ = await a_shop(now=now)

    with pytest.raises(AmountInvalid):
        await quote(shop, lines=[a_line(-1)], currency="EUR", customer_id=None, actor=Actor.public(), now=now)
    with pytest.raises(UnknownCurrency):
        await quote(shop, lines=[a_line(1)], currency="XYZ", customer_id=None, actor=Actor.public(), now=now)


async def test_nobody_is_quoted_another_customers_balance(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=150, now=now)

    for actor in (Actor.public(), Actor.customer(uuid4())):
        with pytest.raises(NotPermitted):
            await quote(shop, lines=[a_line(1_00)], currency="EUR", customer_id=customer_id, actor=actor, now=now)

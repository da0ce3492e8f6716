"""Receipts: claimed once, in time, by whoever holds the code; and what is printed on them."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted
from loyalty.customers.models import Customer
from loyalty.earning.purchases import record_order
from loyalty.earning.receipt_facts import ReceiptFacts, receipt_facts
from loyalty.earning.receipts import (
    GUESSES_PER_HOUR,
    ClaimWindowClosed,
    ReceiptClaimed,
    ReceiptNotClaimable,
    claim_receipt,
)
from loyalty.ledger.balances import entries_by_id
from loyalty.once.answers import Answer, IdempotencyMismatch
from loyalty.orders.asked import OrderAsked
from loyalty.orders.orders import orders_by_id
from loyalty.orders.receipts import receipt_code
from loyalty.programme.versions import publish
from loyalty.refusals import Invalid, NotFound, TryAgain
from loyalty.rewards.redemption import NotAMember
from loyalty.shops.catalogue import ShopFacts, shop_secrets
from loyalty.throttles.attempts import Throttled
from tests.support.customers import a_customer, everybody
from tests.support.orders import (
    DAY,
    PLACED_AT,
    TILL,
    Columns,
    a_line,
    an_order,
    applied,
    back,
    columns,
    lots,
    recorded,
    spent,
    traces,
)
from tests.support.programme import TESTS, a_document, a_key, a_programme, a_rule, a_shop
from tests.support.shops import a_shop as another_shop

pytestmark = pytest.mark.usefixtures("database")
WRONG = "0000-0000-0000-0000"


@pytest.fixture
async def shop(now: datetime, database: str) -> ShopFacts:
    """Open a shop: a point per full euro; receipts can be claimed for 30 days."""
    return (await a_shop(now=now))[0]


async def code_of(order_id: UUID) -> str:
    """Return the code printed on the receipt."""
    order = (await orders_by_id([order_id]))[order_id]
    return receipt_code(order_id, (await shop_secrets(order.shop_id)).receipt_secret)


async def a_receipt(order: OrderAsked | None = None, *, now: datetime) -> str:
    """Record somebody's order and return the code on its receipt."""
    return await code_of((await recorded(order or an_order(10_00, customer=None), now=now)).order_id)


async def claim(code: str, customer_id: UUID, *, now: datetime, key: str | None = None) -> Answer[ReceiptClaimed]:
    """Claim for oneself."""
    actor = Actor.customer(customer_id)
    return await claim_receipt(a_key(code, key=key), code=code, customer_id=customer_id, actor=actor, now=now)


async def test_a_receipt_becomes_the_order_of_who_claims_it_and_earns_as_it_would_have(
    now: datetime, shop: ShopFacts
) -> None:
    lines = (a_line(19_99, sku="tea"), a_line(30_02, sku="cup"), a_line(50_00, sku="card", gift_card=True))
    order = an_order(*lines, customer=None, discount_minor=10_00, tax_minor=18_00)
    code = await a_receipt(order, now=now)
    anna = (await a_customer()).id

    done = (await claim(code.lower().replace("-", " "), anna, now=now + DAY)).value

    # As for an order with a customer: base 36.01 (see test_purchases), 36 points, by the day of the purchase.
    [entry] = (await entries_by_id(done.entry_ids)).values()
    assert (entry.kind, entry.points, entry.order_id, entry.occurred_at) == ("earn", 36, done.order_id, PLACED_AT)
    assert await columns(anna, now=now) == Columns(available=36, earned=36)
    claimed = (await orders_by_id([done.order_id]))[done.order_id]
    assert (claimed.customer_id, claimed.claimed_at) == (anna, now + DAY)
    assert await transactions.value("SELECT count(*) FROM order_line WHERE customer_id = $1", anna) == 3


async def test_a_receipt_earns_by_the_version_of_the_purchase(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    await publish(TESTS, shop.programme, a_document(earn=[a_rule((None, 9, "1.00"))]), now=now)
    anna = (await a_customer()).id

    await claim(code, anna, now=now + DAY)

    assert await columns(anna, now=now) == Columns(available=10, earned=10)


async def test_a_receipt_from_before_the_first_version_can_be_claimed_and_earns_nothing(now: datetime) -> None:
    await another_shop(programme="young")
    await publish(TESTS, "young", a_programme(), now=now)
    code = await a_receipt(now=now)
    anna = (await a_customer()).id

    done = (await claim(code, anna, now=now)).value

    assert done.entry_ids == ()
    assert (await orders_by_id([done.order_id]))[done.order_id].customer_id == anna


async def test_a_receipt_is_claimed_once(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    anna, bjørn = (await a_customer()).id, (await a_customer()).id
    await claim(code, anna, now=now)

    for customer_id in (anna, bjørn):
        with pytest.raises(ReceiptNotClaimable):
            await claim(code, customer_id, now=now)

    assert await columns(anna, now=now) == Columns(available=10, earned=10)
    assert await columns(bjørn, now=now) == Columns()


async def test_of_fifty_who_claim_at_once_one_does(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    people = [(await a_customer()).id for _ in range(50)]

    async def try_it(customer_id: UUID) -> bool:
        while True:
            try:
                await claim(code, customer_id, now=now)
                return True
            except ReceiptNotClaimable:
                return False
            except TryAgain:  # a queue for a small pool
                await asyncio.sleep(0.05)

    told = await asyncio.gather(*map(try_it, people))

    assert told.count(True) == 1
    winner = people[told.index(True)]
    assert await columns(winner, now=now) == Columns(available=10, earned=10)
    assert (await traces("wallet", "entry", "lot")) == {"wallet": 1, "entry": 1, "lot": 1}


async def test_one_key_sent_at_once_and_again_claims_once_and_is_told_the_same(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    anna = (await a_customer()).id

    told = await asyncio.gather(*(claim(code, anna, now=now, key="claim") for _ in range(5)))
    again = await claim(code, anna, now=now + timedelta(hours=2), key="claim")
    with pytest.raises(IdempotencyMismatch):
        await claim(WRONG, anna, now=now + timedelta(hours=2), key="claim")

    assert [answer.replayed for answer in told].count(False) == 1
    assert {answer.value for answer in told} == {again.value}
    assert await columns(anna, now=now) == Columns(available=10, earned=10)


@pytest.mark.parametrize("typed", [WRONG, "", "no code", "\x00", "0" * 40])
async def test_a_wrong_code_claims_nothing(now: datetime, shop: ShopFacts, typed: str) -> None:
    await a_receipt(now=now)
    anna = (await a_customer()).id

    with pytest.raises(ReceiptNotClaimable):
        await claim(typed, anna, now=now)

    assert await columns(anna, now=now) == Columns()
    assert (await traces("once_answer")) == {"once_answer": 1}  # the order's own


async def test_a_code_that_is_no_text_is_refused(now: datetime, shop: ShopFacts) -> None:
    anna = (await a_customer()).id

    with pytest.raises(Invalid):
        await claim("\ud800", anna, now=now)


async def test_guesses_are_counted_and_stopped_whatever_they_hit(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    anna, bjørn = (await a_customer()).id, (await a_customer()).id
    for _ in range(GUESSES_PER_HOUR):
        with pytest.raises(ReceiptNotClaimable):
            await claim(WRONG, anna, now=now)

    for typed in (WRONG, code):
        with pytest.raises(Throttled):
            await claim(typed, anna, now=now + timedelta(minutes=50))

    assert GUESSES_PER_HOUR == 10
    assert await columns(anna, now=now) == Columns()
    await claim(code, bjørn, now=now)


async def test_a_receipt_can_be_claimed_to_the_end_of_its_window_and_not_after(now: datetime, shop: ShopFacts) -> None:
    codes = [await a_receipt(now=now), await a_receipt(now=now)]
    anna = (await a_customer()).id
    end = PLACED_AT + 30 * DAY

    await claim(codes[0], anna, now=end - timedelta(microseconds=1))
    with pytest.raises(ClaimWindowClosed) as refused:
        await claim(codes[1], anna, now=end)

    assert refused.value.facts == {"claim_window_days": 30}
    assert await columns(anna, now=end) == Columns(available=10, earned=10)


async def test_what_came_back_before_the_claim_is_not_given(now: datetime, shop: ShopFacts) -> None:
    order = an_order(a_line(30_00, sku="tea", quantity=3), a_line(10_50, sku="cup"), customer=None)
    code = await a_receipt(order, now=now)
    await applied(shop, order, back(sku="tea"), now=now)
    anna = (await a_customer()).id

    done = (await claim(code, anna, now=now)).value

    # 40 points less floor(40 x 10.00 / 40.50) = 9; the next tea takes 19 - 9 = 10, and the rest the rest.
    entries = (await entries_by_id(done.entry_ids)).values()
    assert [(entry.kind, entry.points) for entry in entries] in (
        [("earn", 40), ("clawback", -9)],
        [("clawback", -9), ("earn", 40)],
    )
    assert await columns(anna, now=now) == Columns(available=31, earned=31)
    await applied(shop, order, back(sku="tea"), now=now)
    assert await columns(anna, now=now) == Columns(available=21, earned=21)
    await applied(shop, order, now=now)
    assert await columns(anna, now=now) == Columns()
    assert await transactions.value("SELECT count(*) FROM order_return WHERE customer_id = $1", anna) == 3


async def test_a_claim_and_a_return_at_once_end_as_one_after_the_other(now: datetime, shop: ShopFacts) -> None:
    for _ in range(20):
        order = an_order(a_line(30_00, sku="tea", quantity=3), customer=None)
        code = await a_receipt(order, now=now)
        anna = (await a_customer()).id

        await asyncio.gather(claim(code, anna, now=now), applied(shop, order, back(sku="tea"), now=now))

        assert await lots(anna) == [(30, 0, 20, 0, 0, 10)]


async def test_who_is_no_member_becomes_one_where_the_shop_enrols_by_itself(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    anna = (await a_customer(is_member=False)).id

    await claim(code, anna, now=now)

    enrolled = await Customer.get(id=anna)
    assert (enrolled.enrolled_at, await columns(anna, now=now)) == (now, Columns(available=10, earned=10))


async def test_who_is_no_member_does_not_use_up_a_receipt_that_would_earn_them_nothing(now: datetime) -> None:
    shop = await another_shop(enrols_automatically=False, programme="closed")
    await publish(TESTS, "closed", a_programme(), effective_at=PLACED_AT, now=now)
    code = await a_receipt(now=now)
    anna = (await a_customer(shop=shop, is_member=False)).id

    with pytest.raises(NotAMember):
        await claim(code, anna, now=now)
    await Customer.filter(id=anna).update(enrolled_at=now)
    await claim(code, anna, now=now)

    assert await columns(anna, now=now) == Columns(available=10, earned=10)


async def test_a_merged_customer_claims_for_the_one_who_was_kept(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)
    anna, kept = (await a_customer()).id, (await a_customer()).id
    await Customer.filter(id=anna).update(merged_into_id=kept)

    done = (await claim(code, anna, now=now)).value

    assert done.customer_id == kept
    assert await columns(kept, now=now) == Columns(available=10, earned=10)


async def test_an_order_claimed_meanwhile_is_told_as_it_stands_under_a_new_key(now: datetime, shop: ShopFacts) -> None:
    order = an_order(10_00, customer=None)
    first = await recorded(order, now=now)
    anna = (await a_customer()).id
    done = (await claim(await code_of(first.order_id), anna, now=now)).value

    same_key = (await record_order(order, actor=TILL, now=now)).value
    new_key = (await record_order(replace(order, idempotency_key="new"), actor=TILL, now=now)).value

    assert same_key == first
    assert (new_key.customer_id, new_key.entry_ids) == (anna, done.entry_ids)


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_who_may_claim_a_receipt_for_a_customer(now: datetime, shop: ShopFacts, who: str) -> None:
    code = await a_receipt(now=now)
    anna = (await a_customer()).id
    asked = a_key(code)

    if who in {"customer", "support", "admin", "job", "key that writes customers"}:
        await claim_receipt(asked, code=code, customer_id=anna, actor=everybody(anna)[who], now=now)
        assert await columns(anna, now=now) == Columns(available=10, earned=10)
        return
    with pytest.raises(NotPermitted):
        await claim_receipt(asked, code=code, customer_id=anna, actor=everybody(anna)[who], now=now)
    assert await columns(anna, now=now) == Columns()


async def test_nobody_can_be_claimed_for_who_is_not_there(now: datetime, shop: ShopFacts) -> None:
    code = await a_receipt(now=now)

    with pytest.raises(NotFound) as refused:
        await claim_receipt(a_key(code), code=code, customer_id=uuid4(), actor=TESTS, now=now)

    assert refused.value.facts == {"what": "customer"}


async def test_a_members_receipt_says_what_was_earned_and_what_that_makes(now: datetime, shop: ShopFacts) -> None:
    first = an_order(10_00)
    second = an_order(20_00)
    await recorded(first, now=now)

    told = await receipt_facts(await recorded(second, now=now))
    await recorded(an_order(500_00), now=now)
    replay = await receipt_facts((await record_order(second, actor=TILL, now=now + DAY)).value)

    assert told == replay
    assert told == ReceiptFacts(
        shop_id=shop.id,
        placed_at=PLACED_AT,
        unit="points",
        earned_points=20,
        balance_points=30,
        owed_points=0,
        available_at=None,
        pending=False,
        claim_code=None,
    )


async def test_a_receipt_says_what_is_still_owed(now: datetime, shop: ShopFacts) -> None:
    order = an_order(100_00)
    anna = (await recorded(order, now=now)).customer_id
    await spent(anna, 90, now=now)
    await applied(shop, order, now=now)

    told = await receipt_facts(await recorded(an_order(30_00), now=now))

    # 90 owed, 30 earned: nothing to spend, 60 still owed.
    assert (told.earned_points, told.balance_points, told.owed_points) == (30, 0, 60)


async def test_a_receipt_says_from_when_units_can_be_used(now: datetime) -> None:
    await a_shop(now=now, pending={"kind": "days", "days": 14})

    by_date = await receipt_facts(await recorded(an_order(10_00), now=now))
    nobodys = await receipt_facts(await recorded(an_order(10_00, customer=None), now=now))

    for told in (by_date, nobodys):
        assert (told.earned_points, told.pending, told.available_at) == (10, True, PLACED_AT + 14 * DAY)
    assert (by_date.balance_points, nobodys.balance_points) == (0, None)


async def test_a_receipt_says_so_where_units_wait_for_an_event(now: datetime) -> None:
    await a_shop(now=now, pending={"kind": "event", "event": "shipped"})

    told = await receipt_facts(await recorded(an_order(10_00), now=now))

    assert (told.earned_points, told.pending, told.available_at) == (10, True, None)


async def test_nobodys_receipt_says_how_to_claim_it(now: datetime, shop: ShopFacts) -> None:
    done = await recorded(an_order(10_50, customer=None), now=now)

    told = await receipt_facts(done)

    assert (told.earned_points, told.balance_points, told.claim_code) == (10, None, await code_of(done.order_id))
    assert told.claim_code is not None
    anna = (await a_customer()).id
    await claim(told.claim_code, anna, now=now)
    assert await columns(anna, now=now) == Columns(available=10, earned=10)


async def test_a_receipt_that_earned_nothing_says_nothing_of_a_balance(now: datetime, shop: ShopFacts) -> None:
    await recorded(an_order(10_00), now=now)

    told = await receipt_facts(await recorded(an_order(99), now=now))

    assert (told.earned_points, told.balance_points, told.owed_points, told.claim_code) == (0, None, 0, None)


async def test_a_receipt_tells_the_programmes_first_unit_alone(now: datetime) -> None:
    units = [{"code": code, "name": a_document()["name"]} for code in ("points", "stars")]
    rules = [a_rule((None, 1, "1.00")), a_rule((None, 1, "10.00"), id="more"), a_rule(id="stars", unit="stars")]
    await a_shop(now=now, units=units, earn=rules)

    told = await receipt_facts(await recorded(an_order(20_00), now=now))

    assert (told.unit, told.earned_points, told.balance_points) == ("points", 22, 22)

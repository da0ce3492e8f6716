"""Returns and cancellations: what had been earned is taken back, once, whatever comes first."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.access import NotPermitted
from loyalty.earning.returns import (
    AmbiguousSku,
    NothingLeftToReturn,
    OverReturned,
    ReturnAwaitsOrder,
    ReturnRecorded,
    UnknownLine,
    cancel_order,
    record_return,
)
from loyalty.ledger.balances import entries_by_id
from loyalty.ledger.expiry import expire_due_lots
from loyalty.once.answers import Answer, IdempotencyMismatch
from loyalty.orders.asked import (
    IdentifierAsked,
    MomentInvalid,
    NoLines,
    OrderAsked,
    QuantityInvalid,
    RepeatedSku,
    ReturnLineAsked,
    TooManyLines,
)
from loyalty.orders.orders import lines_of, orders_by_id
from loyalty.programme.versions import publish
from loyalty.refusals import Invalid, Refusal
from loyalty.shops.catalogue import ShopFacts
from tests.loyalty.ledger.conftest import Run
from tests.support.customers import everybody
from tests.support.orders import (
    DAY,
    PLACED_AT,
    TILL,
    Columns,
    a_line,
    an_order,
    applied,
    back,
    cancelled,
    columns,
    lots,
    recorded,
    returned,
    spent,
    traces,
)
from tests.support.programme import TESTS, a_document, a_key, a_rule, a_shop
from tests.support.shops import a_shop as another_shop

pytestmark = pytest.mark.usefixtures("database")

TEA_AND_CUP = (a_line(30_00, sku="tea", quantity=3), a_line(10_50, sku="cup"))
"""Base 40.50: 40 points."""


@pytest.fixture
async def shop(now: datetime, database: str) -> ShopFacts:
    """Open a shop: a point per full euro, available at once, for ever; points may be owed."""
    return (await a_shop(now=now))[0]


async def taken(done: ReturnRecorded) -> list[tuple[str, int]]:
    """Return the kind and points of the entries of a return."""
    return [(entry.kind, entry.points) for entry in (await entries_by_id(done.entry_ids)).values()]


async def test_a_partial_return_takes_back_its_share_rounded_down_and_the_last_one_the_rest(
    now: datetime, shop: ShopFacts
) -> None:
    order = an_order(*TEA_AND_CUP)
    anna = (await recorded(order, now=now)).customer_id

    # 40 x 10.00 / 40.50 = 9.88; 40 x 20.00 / 40.50 = 19.75, 9 of it before; 40 x 30.50 / 40.50 = 30.12; all 40.
    told = [await applied(shop, order, line, now=now) for line in (back(sku="tea"), back(sku="tea"), back(sku="cup"))]
    assert [await taken(one) for one in told] == [[("clawback", -9)], [("clawback", -10)], [("clawback", -11)]]
    assert await columns(anna, now=now) == Columns(available=10, earned=10)

    last = await applied(shop, order, now=now)

    assert await taken(last) == [("clawback", -10)]
    assert await columns(anna, now=now) == Columns()
    assert await lots(anna) == [(40, 0, 0, 0, 0, 40)]
    [tea, cup] = (await lines_of([last.order_id]))[last.order_id]
    assert (tea.returned_milli, cup.returned_milli) == (3_000, 1_000)


async def test_a_peers_worked_example_of_two_partial_refunds_holds_here(now: datetime) -> None:
    # help.mageloyalty.com, "How refunds affect points": an order of $100 earns 500 points; $20 come back, and 100
    # points, 400 remain; $30 come back, and 150, 250 remain.
    shop, _ = await a_shop(now=now, earn=[a_rule((None, 5, "1.00"))])
    order = an_order(a_line(100_00, sku="A", quantity=10), currency="USD")
    anna = (await recorded(order, now=now)).customer_id

    assert await taken(await applied(shop, order, back(2, sku="A"), now=now)) == [("clawback", -100)]
    assert await columns(anna, now=now) == Columns(available=400, earned=400)
    assert await taken(await applied(shop, order, back(3, sku="A"), now=now)) == [("clawback", -150)]
    assert await columns(anna, now=now) == Columns(available=250, earned=250)


async def test_a_peers_example_of_a_refund_of_three_quarters_holds_here(now: datetime, shop: ShopFacts) -> None:
    # support.nobullproject.com, "Refunds & Tier Status": 100 points for $100, $75 come back, 25 points remain.
    order = an_order(a_line(75_00, sku="shoes"), a_line(25_00, sku="socks"), currency="USD")
    anna = (await recorded(order, now=now)).customer_id

    await applied(shop, order, back(sku="shoes"), now=now)

    assert await columns(anna, now=now) == Columns(available=25, earned=25)


async def test_what_had_earned_nothing_takes_nothing_back(now: datetime, shop: ShopFacts) -> None:
    order = an_order(a_line(10_00, sku="tea"), a_line(50_00, sku="card", gift_card=True))
    anna = (await recorded(order, now=now)).customer_id

    done = await applied(shop, order, back(sku="card"), now=now)

    assert done.entry_ids == ()
    assert await columns(anna, now=now) == Columns(available=10, earned=10)


async def test_a_line_is_named_by_its_number_where_its_sku_stands_twice(now: datetime, shop: ShopFacts) -> None:
    order = an_order(a_line(10_00, sku="tea"), a_line(20_00, sku="tea"), a_line(5_00, sku="cup"))
    anna = (await recorded(order, now=now)).customer_id

    with pytest.raises(AmbiguousSku) as refused:
        await returned(shop, order, back(sku="cup"), back(sku="tea"), now=now)
    await applied(shop, order, back(line_number=2), now=now)
    await applied(shop, order, back(sku="tea", line_number=1), now=now)

    assert refused.value.facts == {"line_number": 2, "sku": "tea"}
    assert await columns(anna, now=now) == Columns(available=5, earned=5)


async def test_a_quantity_by_weight_comes_back_pro_rata(now: datetime, shop: ShopFacts) -> None:
    order = an_order(a_line(100_00, sku="ham", quantity=0.453))
    anna = (await recorded(order, now=now)).customer_id

    await applied(shop, order, back(0.151, sku="ham"), now=now)  # a third: 33.33 of 100

    assert await columns(anna, now=now) == Columns(available=67, earned=67)


async def test_units_that_wait_are_taken_back_first(now: datetime) -> None:
    shop, _ = await a_shop(now=now, pending={"kind": "days", "days": 14})
    order = an_order(a_line(10_00, quantity=2))
    anna = (await recorded(order, now=now)).customer_id

    await applied(shop, order, back(sku="A"), now=now)

    assert await columns(anna, now=now) == Columns(pending=5, earned=5)
    assert await lots(anna) == [(10, 5, 0, 0, 0, 5)]


async def test_units_that_are_spent_are_owed_and_the_next_purchase_pays_them(now: datetime, shop: ShopFacts) -> None:
    order = an_order(100_00)
    anna = (await recorded(order, now=now)).customer_id
    await spent(anna, 70, now=now)

    done = await applied(shop, order, now=now)

    assert await taken(done) == [("clawback", -100)]
    assert await columns(anna, now=now) == Columns(owed=70)

    await recorded(an_order(80_00), now=now)
    assert await columns(anna, now=now) == Columns(available=10, earned=80)


async def test_where_nothing_may_be_owed_what_is_spent_is_forgiven(now: datetime) -> None:
    shop, _ = await a_shop(now=now, owing_allowed=False)
    order = an_order(100_00)
    anna = (await recorded(order, now=now)).customer_id
    await spent(anna, 70, now=now)

    done = await applied(shop, order, now=now)

    assert await taken(done) == [("clawback", -30)]
    assert await columns(anna, now=now) == Columns()


async def test_units_that_expired_are_not_lost_twice(now: datetime) -> None:
    shop, _ = await a_shop(now=now, expiry={"kind": "after", "days": 30, "round_to": "day"})
    order = an_order(100_00)
    anna = (await recorded(order, now=now)).customer_id
    await spent(anna, 30, now=now)
    later = now + 40 * DAY
    await expire_due_lots(now=later, actor=TESTS)
    await recorded(an_order(50_00, placed_at=later), now=later)

    done = await applied(shop, order, now=later)

    # Of the 100, 70 expired and are lost already; 30 were spent, and come from the other order's 50.
    assert await taken(done) == [("clawback", -30)]
    assert await columns(anna, now=later) == Columns(available=20, earned=50)
    assert await lots(anna) == [(100, 0, 0, 30, 0, 70), (50, 0, 20, 0, 0, 30)]


async def test_a_return_goes_by_what_was_earned_and_not_by_the_programme_of_today(now: datetime) -> None:
    shop, _ = await a_shop(now=now, earn=[a_rule((None, 2, "1.00"))])
    order = an_order(a_line(30_00, quantity=3), placed_at=now)
    anna = (await recorded(order, now=now)).customer_id
    await publish(TESTS, shop.programme, a_document(earn=[a_rule((None, 50, "1.00"))], owing_allowed=False), now=now)
    await spent(anna, 55, now=now)

    done = await applied(shop, order, back(2, sku="A"), now=now + DAY)

    # Of 60 points two thirds; 5 are there, and 35 are owed, as was said when they were earned.
    assert await taken(done) == [("clawback", -40)]
    assert await columns(anna, now=now) == Columns(owed=35, earned=20)


async def test_each_rule_takes_back_its_own(now: datetime) -> None:
    units = [{"code": code, "name": a_document()["name"]} for code in ("points", "stars")]
    rules = [a_rule((None, 1, "1.00")), a_rule((None, 3, "10.00"), id="stars", unit="stars")]
    shop, _ = await a_shop(now=now, units=units, earn=rules)
    order = an_order(a_line(40_00, quantity=4))
    anna = (await recorded(order, now=now)).customer_id
    assert (await columns(anna, now=now, unit="stars")).available == 12

    done = await applied(shop, order, back(3, sku="A"), now=now)

    assert sorted(await taken(done)) == [("clawback", -30), ("clawback", -9)]
    assert (await columns(anna, now=now)).available == 10
    assert (await columns(anna, now=now, unit="stars")).available == 3


async def test_the_explanation_tells_of_what_was_returned(now: datetime, shop: ShopFacts) -> None:
    order = an_order(a_line(10_00, quantity=3), external_id="88")
    await recorded(order, now=now)
    await applied(shop, order, back(sku="A"), now=now)

    done = await applied(shop, order, back(sku="A"), now=now)

    told = await transactions.value("SELECT explanation FROM entry WHERE id = $1", done.entry_ids[0])
    # Two thirds of 10.00 is 6.66 in full cents, of 10 points 6, and 3 of them were taken before.
    assert orjson.loads(told) == {
        "order": "88",
        "basis_minor": 1000,
        "currency": "EUR",
        "returned_basis_minor": 666,
        "earned_points": 10,
        "clawed_back_before_points": 3,
        "completes": False,
        "taken_points": 3,
        "lost_points": 0,
        "owed_points": 0,
    }


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([back(3.001, sku="tea")], OverReturned(line_number=1, left_milli=3_000)),
        ([back(sku="tea"), back(1.001, sku="cup")], OverReturned(line_number=2, left_milli=1_000)),
        ([back(sku="tea"), back(sku="pot")], UnknownLine(line_number=2)),
        ([back(line_number=3)], UnknownLine(line_number=1)),
        ([back(sku="tea", line_number=2)], UnknownLine(line_number=1)),
        ([back(sku="tea"), back(sku="cup"), back(sku="tea")], RepeatedSku(line_number=3, sku="tea")),
        ([back(line_number=1), back(line_number=1)], RepeatedSku(line_number=2, sku="1")),
        ([back(line_number=1), back(sku="tea")], RepeatedSku(line_number=2, sku="tea")),
        ([back(0, sku="tea")], QuantityInvalid(line_number=1)),
        ([back(sku="tea"), back(-1, sku="cup")], QuantityInvalid(line_number=2)),
        ([back(10**12, sku="tea")], QuantityInvalid(line_number=1)),
        ([back()], Invalid(field="lines", problem="sku_or_line_number", line_number=1)),
        ([back(sku="")], Invalid(field="sku", problem="empty", line_number=1)),
        ([back(sku="\x00")], Invalid(field="sku", problem="unprintable", line_number=1)),
        ([back(sku="\ud800")], Invalid(field="sku", problem="unprintable", line_number=1)),
        ([back(line_number=0)], Invalid(field="lineNumber", line_number=1)),
        ([back(line_number=501)], Invalid(field="lineNumber", line_number=1)),
        ([], NoLines()),
        ([back(sku=str(n)) for n in range(501)], TooManyLines(count=501)),
    ],
)
async def test_what_is_not_true_of_the_order_is_refused_and_changes_nothing(
    now: datetime, shop: ShopFacts, lines: list[ReturnLineAsked], refusal: Refusal
) -> None:
    order = an_order(*TEA_AND_CUP)
    anna = (await recorded(order, now=now)).customer_id

    with pytest.raises(Refusal) as refused:
        await record_return(
            a_key(),
            shop=shop,
            order_external_id=order.external_id,
            lines=lines,
            returned_at=now,
            actor=TILL,
            now=now,
        )

    assert (type(refused.value), refused.value) == (type(refusal), refusal)
    assert await columns(anna, now=now) == Columns(available=40, earned=40)
    assert (await traces("order_return")) == {"order_return": 0}
    assert await transactions.value("SELECT sum(returned_milli)::bigint FROM order_line") == 0


@pytest.mark.parametrize(
    ("external_id", "returned_at", "refusal"),
    [
        ("", PLACED_AT, Invalid(field="orderExternalId", problem="empty")),
        ("\x00", PLACED_AT, Invalid(field="orderExternalId", problem="unprintable")),
        ("x" * 201, PLACED_AT, Invalid(field="orderExternalId", problem="too_long")),
        ("88", datetime(9999, 1, 1, tzinfo=UTC), MomentInvalid(field="returnedAt")),
        ("88", datetime(1969, 1, 1, tzinfo=UTC), MomentInvalid(field="returnedAt")),
    ],
)
async def test_what_cannot_be_true_of_any_order_does_not_wait_for_one(
    now: datetime, shop: ShopFacts, external_id: str, returned_at: datetime, refusal: Refusal
) -> None:
    with pytest.raises(Refusal) as refused:
        await returned(shop, an_order(external_id=external_id), now=now, returned_at=returned_at)

    assert refused.value == refusal
    assert (await traces("order_return", "once_answer")) == {"order_return": 0, "once_answer": 0}


async def test_more_than_is_left_is_refused(now: datetime, shop: ShopFacts) -> None:
    order = an_order(*TEA_AND_CUP)
    anna = (await recorded(order, now=now)).customer_id
    await applied(shop, order, back(2, sku="tea"), now=now)

    with pytest.raises(OverReturned) as refused:
        await returned(shop, order, back(sku="cup"), back(2, sku="tea"), now=now)

    assert refused.value.facts == {"line_number": 1, "left_milli": 1_000}
    assert await columns(anna, now=now) == Columns(available=21, earned=21)  # 40 less floor(40 x 20.00 / 40.50) = 19
    await applied(shop, order, now=now)
    with pytest.raises(NothingLeftToReturn):
        await returned(shop, order, now=now)
    assert await columns(anna, now=now) == Columns()


async def test_a_cancellation_takes_back_whatever_is_left_and_is_noted_once(now: datetime, shop: ShopFacts) -> None:
    order = an_order(*TEA_AND_CUP)
    anna = (await recorded(order, now=now)).customer_id
    await applied(shop, order, back(sku="tea"), now=now)

    done = await cancelled(shop, order, now=now)
    again = await cancelled(shop, order, now=now + DAY)

    assert isinstance(done, ReturnRecorded)
    assert isinstance(again, ReturnRecorded)
    assert (await taken(done), await taken(again)) == ([("clawback", -31)], [])
    assert await columns(anna, now=now) == Columns()
    assert (await orders_by_id([done.order_id]))[done.order_id].cancelled_at == now


async def test_a_return_sent_again_tells_the_same_and_takes_once(now: datetime, shop: ShopFacts) -> None:
    order = an_order(*TEA_AND_CUP)
    anna = (await recorded(order, now=now)).customer_id

    first = await returned(shop, order, back(sku="tea"), now=now, key="return")
    again = await returned(shop, order, back(sku="tea"), now=now + DAY, key="return")
    with pytest.raises(IdempotencyMismatch):
        await returned(shop, order, back(2, sku="tea"), now=now, key="return")

    assert (first.replayed, again) == (False, Answer(first.value, replayed=True))
    assert await columns(anna, now=now) == Columns(available=31, earned=31)
    assert (await traces("order_return")) == {"order_return": 1}


async def test_a_refused_return_sent_again_is_refused_the_same_though_it_would_fit_by_now(
    now: datetime, shop: ShopFacts
) -> None:
    order = an_order(a_line(10_00, sku="tea"))
    await recorded(order, now=now)
    await applied(shop, order, now=now)
    with pytest.raises(OverReturned) as first:
        await returned(shop, order, back(sku="tea"), now=now, key="return")
    await transactions.rows("UPDATE order_line SET returned_milli = 0")

    with pytest.raises(OverReturned) as again:
        await returned(shop, order, back(sku="tea"), now=now, key="return")

    assert first.value == again.value == OverReturned(line_number=1, left_milli=0)


async def test_a_return_of_a_receipt_nobody_claimed_takes_nothing_back(now: datetime, shop: ShopFacts) -> None:
    order = an_order(*TEA_AND_CUP, customer=None)
    await recorded(order, now=now)

    done = await applied(shop, order, back(sku="tea"), now=now)

    assert (done.customer_id, done.entry_ids) == (None, ())
    assert await transactions.value("SELECT returned_milli FROM order_line WHERE line_number = 1") == 1_000


async def test_a_return_before_its_order_waits_and_is_applied_when_the_order_comes(
    now: datetime, shop: ShopFacts
) -> None:
    order = an_order(*TEA_AND_CUP, external_id="88")

    first = await returned(shop, order, back(sku="tea"), now=now, key="return")
    assert isinstance(first.value, ReturnAwaitsOrder)
    assert first.value.order_external_id == "88"
    anna = (await recorded(order, now=now)).customer_id

    assert await columns(anna, now=now) == Columns(available=31, earned=31)
    again = await returned(shop, order, back(sku="tea"), now=now, key="return")
    assert again == Answer(first.value, replayed=True)
    [row] = await transactions.rows("SELECT id, state, customer_id, lines FROM order_return")
    assert (row["id"], row["state"], row["customer_id"]) == (first.value.awaiting_return_id, "applied", anna)
    assert row["lines"] == '[{"line_number": 1, "quantity_milli": 1000}]'


async def test_a_waiting_return_that_is_not_true_of_its_order_is_refused_and_the_order_stands(
    now: datetime, shop: ShopFacts
) -> None:
    order = an_order(*TEA_AND_CUP)
    await returned(shop, order, back(4, sku="tea"), now=now)
    await returned(shop, order, back(sku="tea"), now=now)

    anna = (await recorded(order, now=now)).customer_id

    assert await columns(anna, now=now) == Columns(available=31, earned=31)
    states = await transactions.rows("SELECT state FROM order_return ORDER BY state")
    assert [row["state"] for row in states] == ["applied", "refused"]


async def test_a_cancellation_before_its_order_cancels_it_as_it_comes(now: datetime, shop: ShopFacts) -> None:
    order = an_order(*TEA_AND_CUP)
    assert isinstance(await cancelled(shop, order, now=now), ReturnAwaitsOrder)

    done = await recorded(order, now=now)

    assert await columns(done.customer_id, now=now) == Columns()
    assert (await orders_by_id([done.order_id]))[done.order_id].cancelled_at == now


async def test_a_waiting_return_is_for_the_order_of_its_own_shop(now: datetime, shop: ShopFacts) -> None:
    other = await another_shop(programme=shop.programme)
    order = an_order(10_00, external_id="88", shop=shop.code)
    await returned(other, order, now=now)

    anna = (await recorded(order, now=now)).customer_id
    assert await columns(anna, now=now) == Columns(available=10, earned=10)

    await recorded(replace(order, idempotency_key="other", shop=other.code), now=now)
    assert await columns(anna, now=now) == Columns(available=10, earned=10)
    assert len(await lots(anna)) == 2


@pytest.mark.parametrize("last", ["cup", None], ids=["parts", "cancellation"])
async def test_returns_and_their_order_at_once_always_end_applied(
    now: datetime, shop: ShopFacts, last: str | None
) -> None:
    dice = random.Random(20260302)

    async def some_time(work: Awaitable[Any]) -> None:
        await asyncio.sleep(dice.random() * 0.004)
        await work

    for n in range(40):
        order = an_order(*TEA_AND_CUP, customer=IdentifierAsked("external", str(n)))
        second = returned(shop, order, back(sku="cup"), now=now) if last else cancelled(shop, order, now=now)
        first = returned(shop, order, back(sku="tea"), now=now) if last else recorded(order, now=now)
        await asyncio.gather(*map(some_time, (recorded(order, now=now), first, second, recorded(order, now=now))))

    # 40 points less floor(40 x 20.50 / 40.50) = 20; or nothing.
    balances = await transactions.rows("SELECT available_points, owed_points FROM wallet")
    assert [tuple(row) for row in balances] == [(20 if last else 0, 0)] * 40
    states = await transactions.rows("SELECT state, count(*) FROM order_return GROUP BY state")
    assert [tuple(row) for row in states] == [("applied", 80 if last else 40)]


@dataclass(frozen=True)
class Story:
    """What happens to one order. Numbers stand for choices: amount, pieces and gift card of each line; how many
    pieces come back at a time; whether it is cancelled; in which order all this is told, and what is told twice.
    """

    lines: list[tuple[int, int, bool]]
    discount_percent: int
    parts: list[tuple[int, int, bool]]
    cancels: bool
    shuffle: int
    twice: list[int]

    def order(self, name: str) -> OrderAsked:
        """Return the order, for a customer of its own."""
        lines = [
            a_line(amount, sku=f"sku-{n}", quantity=pieces, gift_card=gift_card)
            for n, (amount, pieces, gift_card) in enumerate(self.lines)
        ]
        discount = sum(amount for amount, _, _ in self.lines) * self.discount_percent // 100
        return an_order(*lines, customer=IdentifierAsked("external", name), discount_minor=discount, external_id=name)

    def returns(self) -> list[ReturnLineAsked]:
        """Return the partial returns, which are no more than was bought."""
        left = [pieces for _, pieces, _ in self.lines]
        lines = []
        for line, some, by_sku in self.parts:
            n = line % len(left)
            if pieces := min(some, left[n]):
                left[n] -= pieces
                lines.append(back(pieces, sku=f"sku-{n}") if by_sku else back(pieces, line_number=n + 1))
        return lines

    def told(self, number_of_events: int) -> list[int]:
        """Return the places of the events as they are told the second time."""
        places = list(range(number_of_events))
        random.Random(self.shuffle).shuffle(places)
        return places + [place % number_of_events for place in self.twice]


small = st.integers(1, 5)
stories = st.builds(
    Story,
    lines=st.lists(st.tuples(st.integers(0, 99_99), small, st.booleans()), min_size=1, max_size=3),
    discount_percent=st.integers(0, 100),
    parts=st.lists(st.tuples(st.integers(0, 2), small, st.booleans()), max_size=5),
    cancels=st.booleans(),
    shuffle=st.integers(0, 2**16),
    twice=st.lists(st.integers(0, 6), max_size=4),
)


async def _end(shop: ShopFacts, name: str, story: Story, now: datetime, *, shuffled: bool) -> tuple[Any, ...]:
    """Tell the story, in its own order or shuffled, and return what it leaves: wallet, lots, what came back."""
    order = story.order(name)
    events: list[Callable[[], Awaitable[Any]]] = [lambda: recorded(order, now=now)]
    for n, part in enumerate(story.returns()):
        events.append(partial(returned, shop, order, part, now=now, key=f"{name}/{n}"))
    if story.cancels:
        events.append(partial(cancelled, shop, order, now=now, key=f"{name}/cancel"))
    for place in story.told(len(events)) if shuffled else range(len(events)):
        # What comes back after the cancellation has come back with it.
        with suppress(*[OverReturned] if story.cancels else []):
            await events[place]()
    done = await recorded(order, now=now)
    wallet = await transactions.rows(
        "SELECT available_points, pending_points, reserved_points, owed_points, lifetime_earned_points,"
        " lifetime_redeemed_points FROM wallet WHERE customer_id = $1",
        done.customer_id,
    )
    lines = (await lines_of([done.order_id]))[done.order_id]
    cancelled_at = (await orders_by_id([done.order_id]))[done.order_id].cancelled_at
    return (
        list(map(tuple, wallet)),
        await lots(done.customer_id),
        [line.returned_milli for line in lines],
        cancelled_at,
    )


@given(stories)
@settings(
    max_examples=int(os.environ.get("REGULARS_EVENT_CASES") or 100),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
def test_one_orders_events_in_any_order_and_however_often_end_in_the_same(
    run: Run, now: datetime, shop: ShopFacts, story: Story
) -> None:
    async def told_twice() -> None:
        name = uuid4().hex
        straight = await _end(shop, f"{name}/1", story, now, shuffled=False)
        assert await _end(shop, f"{name}/2", story, now, shuffled=True) == straight

    run(told_twice())


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_only_those_who_may_record_orders_record_returns(now: datetime, shop: ShopFacts, who: str) -> None:
    order = an_order(a_line(10_00, quantity=2))
    anna = (await recorded(order, now=now)).customer_id
    assert anna is not None
    actor = everybody(anna)[who]
    asked: dict[str, Any] = {"shop": shop, "order_external_id": order.external_id, "actor": actor, "now": now}

    async def both() -> None:
        await record_return(a_key(), lines=[back(sku="A")], returned_at=now, **asked)
        await cancel_order(a_key(), **asked)

    if who in {"support", "admin", "job"}:
        await both()
        assert await columns(anna, now=now) == Columns()
        return
    with pytest.raises(NotPermitted):
        await both()
    with pytest.raises(NotPermitted):
        await cancel_order(a_key(), **asked)
    assert await columns(anna, now=now) == Columns(available=10, earned=10)

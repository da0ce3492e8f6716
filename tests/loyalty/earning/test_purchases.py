"""Record purchases: once each, whole or not at all, and for whom they are."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission
from loyalty.customers.identifiers import IdentifierInvalid
from loyalty.customers.models import Customer
from loyalty.earning.purchases import (
    CouponUnknown,
    OrderDiffers,
    OrderRecorded,
    TooManyOrders,
    record_order,
    record_orders,
)
from loyalty.ledger.balances import entries_by_id
from loyalty.ledger.posting import AmountTooLarge
from loyalty.once.answers import Answer, IdempotencyMismatch, KeyInvalid
from loyalty.orders.asked import (
    AmountInvalid,
    Channel,
    DiscountTooLarge,
    IdentifierAsked,
    MomentInvalid,
    NoLines,
    OrderAsked,
    QuantityInvalid,
    TaxTooLarge,
    TooManyLines,
    TotalMismatch,
    UnknownCurrency,
)
from loyalty.orders.orders import lines_of, orders_by_id
from loyalty.programme.versions import publish
from loyalty.refusals import Invalid, NotFound, Refusal
from tests.support.customers import everybody
from tests.support.orders import (
    ANNA,
    DAY,
    PLACED_AT,
    TILL,
    Columns,
    a_line,
    an_order,
    columns,
    lots,
    only,
    recorded,
    traces,
)
from tests.support.programme import TESTS, a_document, a_programme, a_rule, a_shop
from tests.support.shops import a_shop as another_shop

pytestmark = pytest.mark.usefixtures("database")
NOTHING = dict.fromkeys(
    ("customer", "customer_order", "order_line", "order_return", "wallet", "entry", "lot", "once_answer"), 0
)


async def points(order: OrderAsked, now: datetime) -> int:
    """Record the order and return what it earned."""
    done = await recorded(order, now=now)
    return sum(entry.points for entry in (await entries_by_id(done.entry_ids)).values())


async def test_an_order_earns_a_point_for_each_full_euro_of_what_was_paid_for_goods(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(
        a_line(19_99, sku="tea"),
        a_line(30_02, sku="cup", quantity=2),
        a_line(50_00, sku="card", gift_card=True),
        discount_minor=10_00,
        shipping_minor=4_90,
        tax_minor=18_00,
        total_minor=94_91,
    )

    done = await recorded(order, now=now)

    # Discount 10.00 over 19.99 : 30.02 : 50.00 = 199.88, 300.17, 499.95 cents; floors 199 + 300 + 499 = 998, the two
    # that are left go to .95 and .88: 2.00, 3.00, 5.00. Tax 18.00 over 17.99 : 27.02 : 45.00 (90.01) = 359.76, 540.34,
    # 899.90: floors 1798, two left to .90 and .76: 3.60, 5.40, 9.00. Base = (17.99 - 3.60) + (27.02 - 5.40) = 36.01.
    lines = (await lines_of([done.order_id]))[done.order_id]
    assert [(line.discount_share_minor, line.tax_share_minor) for line in lines] == [(200, 360), (300, 540), (500, 900)]
    assert await columns(done.customer_id, now=now) == Columns(available=36, earned=36)
    [entry] = (await entries_by_id(done.entry_ids)).values()
    assert (entry.kind, entry.points, entry.occurred_at, entry.order_id) == ("earn", 36, PLACED_AT, done.order_id)


async def test_what_is_recorded_is_what_was_asked(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    line = a_line(9_90, quantity=0.453, category="Tea", brand="Leaf", list_amount_minor=12_00, cost_minor=4_00)

    done = await recorded(an_order(line, external_id="88", channel=Channel.POS, shipping_minor=1_00), now=now)

    order = (await orders_by_id([done.order_id]))[done.order_id]
    assert (order.shop_id, order.external_id, order.customer_id) == (shop.id, "88", done.customer_id)
    assert (order.placed_at, order.recorded_at, order.currency, order.channel) == (PLACED_AT, now, "EUR", "pos")
    assert (order.total_minor, order.shipping_minor, order.claimed_at, order.cancelled_at) == (10_90, 1_00, None, None)
    [kept] = (await lines_of([done.order_id]))[done.order_id]
    assert (kept.sku, kept.name, kept.category, kept.brand) == ("A", "Tea", "Tea", "Leaf")
    assert (kept.quantity_milli, kept.returned_milli) == (453, 0)
    assert (kept.amount_minor, kept.list_amount_minor, kept.cost_minor, kept.gift_card) == (990, 1200, 400, False)


@pytest.mark.parametrize(
    ("currency", "amount_minor", "earned"),
    [("EUR", 99, 0), ("EUR", 1_00, 1), ("JPY", 250, 250), ("KWD", 1_999, 1)],
)
async def test_a_point_is_for_a_full_unit_of_the_orders_own_currency(
    now: datetime, currency: str, amount_minor: int, earned: int
) -> None:
    # ISO 4217: the yen has no decimals, the Kuwaiti dinar three.
    await a_shop(now=now)

    assert await points(an_order(amount_minor, currency=currency), now) == earned


async def test_an_order_of_nothing_but_gift_cards_and_one_that_costs_nothing_earn_nothing(now: datetime) -> None:
    await a_shop(now=now)

    assert await points(an_order(a_line(50_00, gift_card=True)), now) == 0
    assert await points(an_order(20_00, discount_minor=20_00), now) == 0
    assert await points(an_order(20_00, tax_minor=20_00), now) == 0


async def test_an_order_earns_by_the_version_that_held_when_it_was_placed(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    await publish(TESTS, shop.programme, a_document(earn=[a_rule((None, 3, "1.00"))]), effective_at=now + DAY, now=now)
    later = now + 2 * DAY

    assert await points(an_order(10_00, placed_at=now), later) == 10
    assert await points(an_order(10_00, placed_at=now + DAY), later) == 30


async def test_an_order_placed_before_the_first_version_is_recorded_and_earns_nothing(now: datetime) -> None:
    await another_shop(programme="young")
    await publish(TESTS, "young", a_programme(), effective_at=now - DAY, now=now)

    before = await recorded(an_order(10_00, placed_at=now - DAY - timedelta(microseconds=1)), now=now)
    after = await recorded(an_order(10_00, placed_at=now - DAY), now=now)

    assert (before.entry_ids, len(after.entry_ids)) == ((), 1)
    assert before.customer_id is not None
    assert await columns(before.customer_id, now=now) == Columns(available=10, earned=10)


async def test_units_wait_and_end_by_the_day_of_the_purchase(now: datetime) -> None:
    await a_shop(
        now=now,
        pending={"kind": "days", "days": 14},
        expiry={"kind": "after", "months": 12, "round_to": "month"},
    )

    done = await recorded(an_order(10_00, placed_at=datetime(2026, 2, 27, 23, tzinfo=UTC)), now=now)

    # 1 o'clock of 28 February in Tallinn; a year later, to the end of that month: 1 March 2027, 00:00 (UTC+2).
    [lot] = await transactions.rows("SELECT expires_at, available_at, pending_points FROM lot")
    assert lot["expires_at"] == datetime(2027, 2, 28, 22, tzinfo=UTC)
    assert lot["available_at"] == datetime(2026, 3, 13, 23, tzinfo=UTC)
    assert await columns(done.customer_id, now=now) == Columns(pending=10, earned=10)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"currency": "EUX"}, UnknownCurrency(currency="EUX")),
        ({"currency": "eur"}, UnknownCurrency(currency="eur")),
        ({"currency": "\ud800\x00€"}, UnknownCurrency(currency="€")),
        ({"lines": ()}, NoLines()),
        ({"lines": tuple(a_line(1, sku=str(n)) for n in range(501))}, TooManyLines(count=501)),
        ({"lines": (a_line(), a_line(quantity=0))}, QuantityInvalid(line_number=2)),
        ({"lines": (a_line(), a_line(quantity=-1))}, QuantityInvalid(line_number=2)),
        ({"lines": (a_line(quantity=10**12),)}, QuantityInvalid(line_number=1)),
        ({"lines": (a_line(quantity_milli=1_000_000_001),)}, QuantityInvalid(line_number=1)),
        ({"lines": (a_line(), a_line(-1))}, AmountInvalid(field="amountMinor", line_number=2)),
        ({"lines": (a_line(10**18),)}, AmountInvalid(field="amountMinor", line_number=1)),
        ({"lines": (a_line(2**63),)}, AmountInvalid(field="amountMinor", line_number=1)),
        ({"lines": (a_line(10**30),)}, AmountInvalid(field="amountMinor", line_number=1)),
        ({"lines": (a_line(10**12), a_line(1))}, AmountInvalid(field="lines")),
        ({"lines": (a_line(list_amount_minor=-1),)}, AmountInvalid(field="listAmountMinor", line_number=1)),
        ({"lines": (a_line(cost_minor=10**18),)}, AmountInvalid(field="costMinor", line_number=1)),
        ({"shipping_minor": -1}, AmountInvalid(field="shippingMinor")),
        ({"shipping_minor": 10**18}, AmountInvalid(field="shippingMinor")),
        ({"discount_minor": 10_01}, DiscountTooLarge(discount_minor=10_01, lines_minor=10_00)),
        ({"discount_minor": -1}, DiscountTooLarge(discount_minor=-1, lines_minor=10_00)),
        ({"discount_minor": 10**30}, DiscountTooLarge(discount_minor=10**18, lines_minor=10_00)),
        ({"tax_minor": 8_01, "discount_minor": 2_00}, TaxTooLarge(tax_minor=8_01, lines_minor=8_00)),
        ({"tax_minor": -1}, TaxTooLarge(tax_minor=-1, lines_minor=10_00)),
        ({"total_minor": 10_01}, TotalMismatch(total_minor=10_01, expected_minor=10_00, currency="EUR")),
        ({"total_minor": -(10**30)}, TotalMismatch(total_minor=-(10**18), expected_minor=10_00, currency="EUR")),
        ({"placed_at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}, MomentInvalid(field="placedAt")),
        ({"placed_at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}, MomentInvalid(field="placedAt")),
        ({"placed_at": datetime(2026, 3, 3, 12, 0, 1, tzinfo=UTC)}, MomentInvalid(field="placedAt")),
        ({"placed_at": datetime(2026, 3, 1, 12)}, MomentInvalid(field="placedAt")),  # noqa: DTZ001 - in no zone
        ({"external_id": ""}, Invalid(field="externalId", problem="empty")),
        ({"external_id": " \t"}, Invalid(field="externalId", problem="empty")),
        ({"external_id": "x" * 201}, Invalid(field="externalId", problem="too_long")),
        ({"external_id": "8\x008"}, Invalid(field="externalId", problem="unprintable")),
        ({"external_id": "8\udfff8"}, Invalid(field="externalId", problem="unprintable")),
        ({"lines": (a_line(sku=""),)}, Invalid(field="sku", problem="empty", line_number=1)),
        ({"lines": (a_line(), a_line(sku="\x00"))}, Invalid(field="sku", problem="unprintable", line_number=2)),
        ({"lines": (a_line(name=" "),)}, Invalid(field="name", problem="empty", line_number=1)),
        ({"lines": (a_line(name="Tea\ud800"),)}, Invalid(field="name", problem="unprintable", line_number=1)),
        ({"lines": (a_line(name="x" * 501),)}, Invalid(field="name", problem="too_long", line_number=1)),
        ({"lines": (a_line(category="\x00"),)}, Invalid(field="category", problem="unprintable", line_number=1)),
        ({"lines": (a_line(brand="\udc00"),)}, Invalid(field="brand", problem="unprintable", line_number=1)),
        ({"coupon_codes": ("\x00",)}, Invalid(field="couponCodes", problem="unprintable")),
        ({"coupon_codes": ("SPRING",)}, CouponUnknown(coupon_code="SPRING")),
        ({"customer": IdentifierAsked("email", "no address")}, IdentifierInvalid(kind="email")),
        ({"customer": IdentifierAsked("email", "a\x00@example.com")}, IdentifierInvalid(kind="email")),
        ({"customer": IdentifierAsked("external", "\ud800")}, IdentifierInvalid(kind="external")),
        ({"customer": IdentifierAsked("external", "")}, IdentifierInvalid(kind="external")),
        ({"customer": IdentifierAsked("shoe", "42")}, Invalid(field="customer")),
        ({"customer": IdentifierAsked("member_number", "1234567890")}, NotFound(what="customer")),
        ({"idempotency_key": ""}, KeyInvalid(length=0)),
        ({"idempotency_key": "k" * 201}, KeyInvalid(length=201)),
        ({"idempotency_key": "k\x00"}, KeyInvalid(length=2)),
        ({"idempotency_key": "\ud800"}, KeyInvalid(length=1)),
        ({"shop": "nowhere"}, NotFound(what="shop")),
        ({"lines": tuple(a_line(2 * 10**9, sku=str(n)) for n in range(500))}, AmountTooLarge()),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
async def test_what_cannot_be_true_is_refused_and_leaves_nothing(
    now: datetime, changes: dict[str, Any], refusal: Refusal
) -> None:
    await a_shop(now=now, earn=[a_rule((None, 500, "1.00"))])  # the last one would earn 5 x 10^12

    with pytest.raises(Refusal) as refused:
        await record_order(an_order(**changes), actor=TILL, now=now)

    assert (type(refused.value), refused.value) == (type(refusal), refusal)
    assert await traces() == NOTHING


async def test_what_is_wrong_with_one_order_does_not_touch_the_others_of_its_batch(now: datetime) -> None:
    await a_shop(now=now, earn=[a_rule((None, 500, "1.00"))])
    nobody = IdentifierAsked("member_number", "1234567890")
    orders = [
        an_order(10_00),
        an_order(a_line(quantity=0)),
        an_order(20_00),
        an_order(3 * 10**11, customer=IdentifierAsked("email", "too-large@example.com")),
        an_order(30_00, customer=nobody),
        an_order(40_00, currency="EUX"),
        an_order(50_00),
    ]

    done = await record_orders("batch", orders, actor=TILL, now=now)

    assert [type(outcome) for outcome in done.outcomes] == [
        Answer, QuantityInvalid, Answer, AmountTooLarge, NotFound, UnknownCurrency, Answer,
    ]  # fmt: skip
    assert not done.replayed
    anna = await Customer.get()
    assert await columns(anna.id, now=now) == Columns(available=80 * 500, earned=80 * 500)
    assert (await traces("customer_order", "entry", "once_answer")) == {
        "customer_order": 3, "entry": 3, "once_answer": 4,
    }  # fmt: skip


async def test_a_batch_has_one_to_five_hundred_orders_and_a_key(now: datetime) -> None:
    await a_shop(now=now)

    with pytest.raises(TooManyOrders) as refused:
        await record_orders("batch", [an_order()] * 501, actor=TILL, now=now)
    with pytest.raises(Invalid):
        await record_orders("batch", [], actor=TILL, now=now)
    with pytest.raises(KeyInvalid):
        await record_orders("", [an_order()], actor=TILL, now=now)

    assert refused.value.facts == {"count": 501, "count_max": 500}
    assert await traces() == NOTHING


async def test_a_batch_sent_again_tells_the_same(now: datetime) -> None:
    await a_shop(now=now)
    orders = [an_order(10_00), an_order(a_line(quantity=0)), an_order(20_00, customer=None)]

    first = await record_orders("batch", orders, actor=TILL, now=now)
    before = await traces()
    again = await record_orders("batch", orders, actor=TILL, now=now + DAY)

    assert (first.replayed, again.replayed) == (False, True)
    assert [getattr(outcome, "value", outcome) for outcome in first.outcomes] == [
        getattr(outcome, "value", outcome) for outcome in again.outcomes
    ]
    assert [outcome.replayed for outcome in again.outcomes if isinstance(outcome, Answer)] == [True, True]
    assert await traces() == before


async def test_a_batchs_key_with_other_orders_is_refused_and_records_nothing(now: datetime) -> None:
    await a_shop(now=now)
    orders = [an_order(10_00), an_order(a_line(quantity=0))]
    await record_orders("batch", orders, actor=TILL, now=now)
    before = await traces()

    for others in ([*orders, an_order()], orders[:1], orders[::-1], [orders[0], an_order(a_line(quantity=-1))]):
        with pytest.raises(IdempotencyMismatch):
            await record_orders("batch", others, actor=TILL, now=now)

    assert await traces() == before


async def test_an_order_sent_again_tells_the_same_and_earns_once(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00)

    first = await record_order(order, actor=TILL, now=now)
    before = await traces()
    again = await record_order(order, actor=TILL, now=now + DAY)

    assert again == Answer(first.value, replayed=True)
    assert await traces() == before


async def test_the_same_order_under_a_new_key_is_told_again(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00)
    first = await recorded(order, now=now)

    same_moment = PLACED_AT.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+02:00").tzinfo)
    again = await record_order(replace(order, idempotency_key="new", placed_at=same_moment), actor=TILL, now=now)
    replay = await record_order(replace(order, idempotency_key="new"), actor=TILL, now=now)

    assert again == replay == Answer(first, replayed=True)
    assert await columns(first.customer_id, now=now) == Columns(available=10, earned=10)


@pytest.mark.parametrize(
    "changes",
    [
        {"placed_at": PLACED_AT + timedelta(seconds=1)},
        {"currency": "SEK"},
        {"customer": None},
        {"customer": IdentifierAsked("email", "bjorn@example.com")},
        {"lines": (a_line(10_01, sku="sku-1"),)},
        {"lines": (a_line(10_00, sku="sku-1"), a_line(0))},
        {"discount_minor": 1},
        {"shipping_minor": 1},
        {"tax_minor": 1},
        {"channel": Channel.WEB},
    ],
    ids=lambda changes: ",".join(changes),
)
async def test_a_known_order_number_with_other_content_is_refused(now: datetime, changes: dict[str, Any]) -> None:
    await a_shop(now=now)
    order = an_order(10_00, external_id="88")
    first = await recorded(order, now=now)

    for _ in range(2):
        with pytest.raises(OrderDiffers) as refused:
            await record_order(replace(order, idempotency_key="new", **changes), actor=TILL, now=now)

    assert refused.value.facts == {"external_id": "88"}
    assert await columns(first.customer_id, now=now) == Columns(available=10, earned=10)
    assert (await traces("customer", "customer_order")) == {"customer": 1, "customer_order": 1}


async def test_a_key_with_another_order_is_refused(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00)
    await recorded(order, now=now)

    with pytest.raises(IdempotencyMismatch):
        await record_order(replace(order, external_id="other"), actor=TILL, now=now)
    done = await record_orders("batch", [replace(order, discount_minor=1), an_order(5_00)], actor=TILL, now=now)

    assert [type(outcome) for outcome in done.outcomes] == [IdempotencyMismatch, Answer]
    assert (await traces("customer_order")) == {"customer_order": 2}


async def test_an_order_number_is_one_shops_own(now: datetime) -> None:
    default, _ = await a_shop(now=now)
    other = await another_shop()
    order = an_order(10_00, shop=default.code)

    await recorded(order, now=now)
    done = await record_orders("k", [replace(order, idempotency_key="2", shop=other.code)], actor=TILL, now=now)

    assert only(done.outcomes, Answer) == [0]
    assert (await traces("customer", "customer_order", "entry")) == {"customer": 1, "customer_order": 2, "entry": 2}


async def test_which_shop_is_meant_must_be_clear_and_ones_own(now: datetime) -> None:
    default, _ = await a_shop(now=now)
    other = await another_shop()
    bound = Actor.key(uuid4(), frozenset({Permission.ORDERS_RECORD}), shop_id=other.id)

    with pytest.raises(Invalid) as unclear:
        await record_order(an_order(), actor=TILL, now=now)
    with pytest.raises(NotFound):
        await record_order(an_order(shop=default.code), actor=bound, now=now)
    done = (await record_order(an_order(), actor=bound, now=now)).value

    assert unclear.value.facts["field"] == "shop"
    assert (await orders_by_id([done.order_id]))[done.order_id].shop_id == other.id


async def test_twins_in_a_batch_are_one_order(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00)
    batch = [
        order,
        order,
        replace(order, idempotency_key="same order, other key"),
        replace(order, idempotency_key="other order of this number", discount_minor=1),
        replace(order, external_id="other order, same key"),
    ]

    done = await record_orders("batch", batch, actor=TILL, now=now)
    again = await record_orders("batch", batch, actor=TILL, now=now)

    first = done.outcomes[0]
    assert isinstance(first, Answer)
    assert done.outcomes[1:3] == (Answer(first.value, replayed=True),) * 2
    assert isinstance(done.outcomes[3], OrderDiffers)
    assert isinstance(done.outcomes[4], IdempotencyMismatch)
    assert again.outcomes == (Answer(first.value, replayed=True), *done.outcomes[1:])
    assert (await traces("customer_order", "entry", "once_answer")) == {
        "customer_order": 1, "entry": 1, "once_answer": 4,
    }  # fmt: skip


async def test_an_order_whose_first_appearance_was_refused_is_judged_by_itself(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00, customer=IdentifierAsked("member_number", "1234567890"))
    batch = [
        order,
        replace(order, idempotency_key="same again"),
        replace(order, idempotency_key="right", customer=ANNA),
    ]

    done = await record_orders("batch", batch, actor=TILL, now=now)

    assert [type(outcome) for outcome in done.outcomes] == [NotFound, NotFound, Answer]
    assert (await traces("customer_order", "entry")) == {"customer_order": 1, "entry": 1}


async def test_an_order_without_customer_is_a_receipt_and_earns_nothing_yet(now: datetime) -> None:
    await a_shop(now=now)

    done = await recorded(an_order(10_00, customer=None), now=now)

    assert (done.customer_id, done.entry_ids) == (None, ())
    hashes = await transactions.rows("SELECT receipt_code_hash FROM customer_order")
    assert [len(row["receipt_code_hash"]) for row in hashes] == [32]
    assert (await traces("customer", "wallet", "entry")) == {"customer": 0, "wallet": 0, "entry": 0}


async def test_who_is_unknown_becomes_a_member_where_the_shop_enrols_by_itself(now: datetime) -> None:
    await a_shop(now=now)

    first = await recorded(an_order(10_00, customer=IdentifierAsked("email", "Anna@Example.com")), now=now)
    second = await recorded(an_order(20_00, customer=IdentifierAsked("email", " anna@example.com ")), now=now)

    assert first.customer_id == second.customer_id
    anna = await Customer.get(id=first.customer_id)
    assert (anna.enrolled_at, anna.enrolled_through) == (now, "order")
    assert await columns(anna.id, now=now) == Columns(available=30, earned=30)


async def test_who_is_known_and_no_member_becomes_one_where_the_shop_enrols_by_itself(now: datetime) -> None:
    await a_shop(now=now)
    anna = (await recorded(an_order(10_00), now=now)).customer_id
    await Customer.filter(id=anna).update(enrolled_at=None)

    done = await recorded(an_order(10_00), now=now + DAY)

    assert done.customer_id == anna
    assert (await Customer.get(id=anna)).enrolled_at == now + DAY
    assert await columns(anna, now=now) == Columns(available=20, earned=20)


async def test_where_the_shop_enrols_nobody_only_members_earn(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    closed = await another_shop(enrols_automatically=False, programme=shop.programme)
    anna = (await recorded(an_order(10_00, shop=shop.code), now=now)).customer_id

    member = await recorded(an_order(10_00, shop=closed.code), now=now)
    await Customer.filter(id=anna).update(enrolled_at=None)
    no_member = await recorded(an_order(10_00, shop=closed.code), now=now)
    bjørn = IdentifierAsked("email", "bjorn@example.com")
    stranger = await recorded(an_order(10_00, shop=closed.code, customer=bjørn), now=now)

    assert (member.customer_id, len(member.entry_ids)) == (anna, 1)
    assert (no_member.customer_id, no_member.entry_ids) == (anna, ())
    assert (stranger.customer_id, stranger.entry_ids) == (None, ())
    assert (await Customer.get(id=anna)).enrolled_at is None
    assert await columns(anna, now=now) == Columns(available=20, earned=20)


async def test_the_same_order_recorded_by_ten_at_once_stands_once(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00)

    told = await asyncio.gather(
        *(record_order(replace(order, idempotency_key=f"key-{n % 5}"), actor=TILL, now=now) for n in range(10))
    )

    assert [answer.replayed for answer in told].count(False) == 1
    assert len({answer.value for answer in told}) == 1
    assert await columns(told[0].value.customer_id, now=now) == Columns(available=10, earned=10)
    assert (await traces("customer", "customer_order", "entry", "once_answer")) == {
        "customer": 1, "customer_order": 1, "entry": 1, "once_answer": 5,
    }  # fmt: skip


async def test_batches_in_opposite_order_enrol_everybody_once_and_wait_for_each_other(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    other = await another_shop(programme=shop.programme)
    people = [IdentifierAsked("email", f"person-{n}@example.com") for n in range(40)]

    def orders(run: int, shops: list[str]) -> list[OrderAsked]:
        return [
            an_order(10_00, customer=person, external_id=f"{run}-{n}", shop=shops[n % 2])
            for n, person in enumerate(people)
        ]

    for run in range(5):
        batches = [orders(2 * run, [shop.code, other.code]), orders(2 * run + 1, [other.code, shop.code])[::-1]]
        done = await asyncio.gather(
            *(record_orders(f"batch-{run}-{n}", batch, actor=TILL, now=now) for n, batch in enumerate(batches))
        )
        for told in done:
            assert only(told.outcomes, Answer) == list(range(40))

    assert (await traces("customer", "customer_order", "entry", "wallet")) == {
        "customer": 40, "customer_order": 400, "entry": 400, "wallet": 40,
    }  # fmt: skip
    assert await transactions.value("SELECT sum(available_points)::bigint FROM wallet") == 400 * 10


async def test_the_same_batch_sent_twice_at_once_stands_once(now: datetime) -> None:
    await a_shop(now=now)
    orders = [an_order(10_00, customer=IdentifierAsked("email", f"{n}@example.com")) for n in range(30)]

    done = await asyncio.gather(*(record_orders("batch", orders, actor=TILL, now=now) for _ in range(4)))

    assert [told.replayed for told in done].count(False) == 1
    values = [[outcome.value for outcome in told.outcomes if isinstance(outcome, Answer)] for told in done]
    assert values == [values[0]] * 4
    assert len(values[0]) == 30
    assert (await traces("customer_order", "entry")) == {"customer_order": 30, "entry": 30}


async def test_five_hundred_orders_are_one_batch(now: datetime) -> None:
    await a_shop(now=now)
    orders = [an_order(10_00, customer=IdentifierAsked("external", str(n % 50))) for n in range(500)]

    done = await record_orders("batch", orders, actor=TILL, now=now)

    assert only(done.outcomes, Answer) == list(range(500))
    assert (await traces("customer", "entry", "lot")) == {"customer": 50, "entry": 500, "lot": 500}


async def test_an_order_of_a_merged_customer_is_the_kept_ones(now: datetime) -> None:
    await a_shop(now=now)
    anna = (await recorded(an_order(10_00), now=now)).customer_id
    kept = (await recorded(an_order(10_00, customer=IdentifierAsked("email", "kept@example.com")), now=now)).customer_id
    await Customer.filter(id=anna).update(merged_into_id=kept)

    done = await recorded(an_order(10_00), now=now)

    assert done.customer_id == kept


@pytest.mark.parametrize("who", sorted(everybody(UUID(int=1))))
async def test_only_those_who_may_record_orders_do(now: datetime, who: str) -> None:
    await a_shop(now=now)
    may = who in {"support", "admin", "job"}
    actor = everybody(uuid4())[who]

    for record in (
        lambda: record_order(an_order(), actor=actor, now=now),
        lambda: record_orders("batch", [an_order()], actor=actor, now=now),
    ):
        if may:
            assert isinstance(await record(), object)
            continue
        with pytest.raises(NotPermitted):
            await record()

    assert (await traces("customer_order")) == {"customer_order": 2 if may else 0}


async def test_a_keys_answer_is_its_principals_own(now: datetime) -> None:
    await a_shop(now=now)
    order = an_order(10_00, idempotency_key="key")
    await recorded(order, now=now)
    other = Actor.key(uuid4(), frozenset({Permission.ORDERS_RECORD}))

    done = await record_order(an_order(20_00, idempotency_key="key"), actor=other, now=now)

    assert not done.replayed
    assert isinstance(done.value, OrderRecorded)
    assert await columns(done.value.customer_id, now=now) == Columns(available=30, earned=30)
    assert len(await lots(done.value.customer_id)) == 2

"""What can be true of an order, without a database; and how its discount and tax are split over its lines."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.orders.asked import MomentInvalid, check_moment, check_order, check_return_lines
from loyalty.orders.shares import shares
from tests.support.orders import a_line, an_order, back

amounts = st.lists(st.integers(0, 10**12 // 500), min_size=1, max_size=30)


def test_the_largest_order_there_can_be_is_let_through(now: datetime) -> None:
    lines = [a_line(10**12 // 500, sku=str(n), quantity=10**6, name="x" * 500) for n in range(500)]

    check_order(an_order(*lines, external_id="x" * 200, shipping_minor=10**12, tax_minor=10**12), now=now)


def test_texts_in_any_script_are_let_through(now: datetime) -> None:
    check_order(an_order(a_line(name="Õun 🍏 żółć 茶", category="", brand="")), now=now)


@pytest.mark.parametrize(
    ("moment", "good"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), True),
        (datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=2))), False),
        (datetime(2026, 3, 3, 12, tzinfo=UTC), True),
        (datetime(2026, 3, 3, 12, 0, 0, 1, tzinfo=UTC), False),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))), False),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), False),
        (datetime(2026, 3, 1), False),  # noqa: DTZ001 - in no zone
    ],
)
def test_a_moment_lies_between_1970_and_tomorrow_and_says_its_zone(now: datetime, moment: datetime, good: bool) -> None:
    if good:
        check_moment(moment, "placedAt", now=now)
        return
    with pytest.raises(MomentInvalid):
        check_moment(moment, "placedAt", now=now)


def test_two_lines_of_one_sku_can_come_back_when_they_are_told_by_number() -> None:
    check_return_lines([back(sku="tea", line_number=1), back(sku="tea", line_number=2)])


def test_a_discount_and_a_tax_are_split_by_what_lines_cost_and_what_is_left_of_it() -> None:
    order = an_order(a_line(33_33), a_line(33_33), a_line(33_34), discount_minor=10_00, tax_minor=15_00)

    split = shares(order)

    # 10.00 over 3333 : 3333 : 3334: 333.3, 333.3, 333.4; the cent that is left goes to the last.
    # 15.00 over what is left, 3000 : 3000 : 3000: five each.
    assert split.discount_minor == (333, 333, 334)
    assert split.tax_minor == (500, 500, 500)


def test_among_equals_the_earlier_line_takes_the_cent_that_is_left() -> None:
    # shopify.dev, FinancialSummaryDiscountAllocation: four cents over three equal pieces are 1, 1 and 2.
    split = shares(an_order(a_line(10), a_line(10), a_line(10), discount_minor=4))

    assert split.discount_minor == (2, 1, 1)
    assert sorted(split.discount_minor) == [1, 1, 2]


@given(amounts, st.integers(0, 100), st.integers(0, 100))
def test_no_line_carries_more_than_it_cost_and_nothing_is_lost(
    costs: list[int], discount_percent: int, tax_percent: int
) -> None:
    discount = sum(costs) * discount_percent // 100
    tax = (sum(costs) - discount) * tax_percent // 100
    order = an_order(*(a_line(cost) for cost in costs), discount_minor=discount, tax_minor=tax)

    split = shares(order)

    assert (sum(split.discount_minor), sum(split.tax_minor)) == (discount, tax)
    for cost, off, taxed in zip(costs, split.discount_minor, split.tax_minor, strict=True):
        assert 0 <= off <= cost
        assert 0 <= taxed <= cost - off


def test_the_content_of_an_order_does_not_depend_on_key_shop_zone_or_the_total_it_names() -> None:
    order = an_order(10_00, external_id="88", idempotency_key="a", shop="one", total_minor=10_00)
    local = order.placed_at.astimezone(timezone(timedelta(hours=-5)))
    same = an_order(10_00, external_id="88", idempotency_key="b", shop="two", placed_at=local)

    assert order.content_hash() == same.content_hash()
    assert len(order.content_hash()) == 32

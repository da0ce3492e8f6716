"""The data as it was published, and as orders.

Counts of households, lines and baskets and the example of household 208 are those of the data's publisher,
84.51° (completejourney, README and package documentation).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty.orders.asked import LineAsked
from server.demo.households import Basket, DemoDataMissing, Households, data_folder, in_parts

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def households() -> Iterator[Households]:
    """Return the real data, or skip where it is not installed."""
    try:
        with Households.opened(data_folder()) as opened:
            yield opened
    except DemoDataMissing as missing:
        pytest.skip(str(missing))


def orders_of(households: Households, household_id: int) -> list[tuple[Basket, tuple[LineAsked, ...]]]:
    baskets = households.baskets([household_id])
    lines = households.lines([basket.basket_id for basket in baskets])
    return [(basket, lines[basket.basket_id]) for basket in baskets]


def test_the_data_is_whole(households: Households) -> None:
    counts = households.counts()

    assert len(households.orders_by_household()) == 2_469
    assert counts.lines == 1_469_307
    assert counts.baskets == 155_848


def test_every_line_and_basket_has_one_fate(households: Households) -> None:
    counts = households.counts()

    assert counts.lines_counted_as_one == 29
    assert counts.lines_dropped == 5_862
    assert counts.lines_taken_as_discount == 2_978
    assert counts.lines_of_excess_coupons == 529
    assert counts.baskets_without_lines == 328
    assert counts.baskets_without_total == 199
    assert counts.orders == sum(households.orders_by_household().values()) == 155_321
    assert counts.order_lines == 1_460_248


def test_the_counts_of_households_add_up_to_the_counts_of_all(households: Households) -> None:
    ids = list(households.orders_by_household())

    some, rest = households.counts(ids[:1_000]), households.counts(ids[1_000:])

    assert some + rest == households.counts()


def test_all_amounts_are_whole_cents_before_they_are_rounded(households: Households) -> None:
    [(deviation,)] = households._rows(
        "SELECT max(greatest(abs(sales_value * 100 - round(sales_value * 100)),"
        " abs(coupon_disc * 100 - round(coupon_disc * 100)), abs(retail_disc * 100 - round(retail_disc * 100)),"
        f" abs(coupon_match_disc * 100 - round(coupon_match_disc * 100))))"
        f" FROM read_parquet('{data_folder() / 'transactions.parquet'}')"
    )

    assert deviation < 1e-9


def test_the_last_basket_is_of_the_last_evening_of_2017_in_the_shop(households: Households) -> None:
    assert households.last_at() == datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
    assert households.last_at().astimezone(NEW_YORK) == datetime(2017, 12, 31, 23, 1, 20, tzinfo=NEW_YORK)


def test_a_coupon_gave_one_dollar_off_on_13_november_2017(households: Households) -> None:
    orders = orders_of(households, 208)

    bought = [
        (basket.bought_at.astimezone(NEW_YORK).date().isoformat(), line)
        for basket, lines in orders
        for line in lines
        if line.sku == "896292"
    ]

    [line] = [line for day, line in bought if day == "2017-11-13"]
    assert (line.quantity_milli, line.amount_minor, line.list_amount_minor) == (2_000, 300, 658)
    assert len(bought) == 8


def test_household_208_has_all_its_baskets_in_order_of_time(households: Households) -> None:
    orders = orders_of(households, 208)

    moments = [basket.bought_at for basket, _ in orders]
    assert len(orders) == 72
    assert moments == sorted(moments)
    assert sum(len(lines) for _, lines in orders) == 756 - 7 - 4


def test_the_total_of_an_order_is_what_was_paid(households: Households) -> None:
    for part in in_parts(list(households.orders_by_household())[:60], 30):
        baskets = households.baskets(part)
        lines = households.lines([basket.basket_id for basket in baskets])
        for basket in baskets:
            paid = sum(line.amount_minor for line in lines[basket.basket_id]) - basket.discount_minor
            assert paid == basket.total_minor > 0


def test_no_line_is_without_quantity_below_zero_or_above_its_shelf_price(households: Households) -> None:
    for part in in_parts(list(households.orders_by_household())[:300], 300):
        for lines in households.lines([basket.basket_id for basket in households.baskets(part)]).values():
            assert 0 < len(lines) <= 161
            assert all(
                line.quantity_milli > 0 and 0 <= line.amount_minor <= (line.list_amount_minor or 0) for line in lines
            )
            assert all(line.name.strip() and len(line.name) <= 100 for line in lines)


def test_a_coupon_on_the_basket_is_a_discount_and_not_a_line(households: Households) -> None:
    # Household 1519, 1 January: product 5978656 with quantity 0 and a coupon of 2.00.
    [(basket, lines)] = [order for order in orders_of(households, 1519) if order[0].basket_id == 31198795316]

    assert basket.discount_minor == 200
    assert "5978656" not in {line.sku for line in lines}


def test_goods_are_named_as_people_read_them(households: Households) -> None:
    names = {line.sku: line for _, lines in orders_of(households, 208) for line in lines}

    assert all(line.name[0].isupper() or not line.name[0].isalpha() for line in names.values())
    assert {line.brand for line in names.values()} <= {"National", "Private", None}


def test_parts_are_whole_and_in_order() -> None:
    assert [list(part) for part in in_parts([1, 2, 4, 7, 9], 2)] == [[1, 2], [4, 7], [9]]

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.amounts import (
    Money,
    Rounding,
    currency_decimals,
    known_currencies,
    rounded,
    split_by_largest_remainder,
)

WEIGHTS = st.lists(st.integers(0, 10**15), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("seats", "parts"),
    [
        (10, [4, 4, 2]),
        (11, [5, 5, 1]),
    ],
)
def test_a_split_follows_hamiltons_apportionment(seats: int, parts: list[int]) -> None:
    """The Alabama paradox with three states of 6, 6 and 2, as Wikipedia's "Apportionment paradox" tells it."""
    assert split_by_largest_remainder(seats, [6, 6, 2]) == parts


@pytest.mark.parametrize(
    ("seats", "parts"),
    [
        (323, [183, 124, 14, 2]),
        (324, [184, 125, 13, 2]),
    ],
)
def test_a_split_of_many_follows_hamiltons_apportionment(seats: int, parts: list[int]) -> None:
    """Four states of 5670, 3850, 420 and 60: the "Alabama paradox" of the AcademicKids encyclopedia."""
    assert split_by_largest_remainder(seats, [5670, 3850, 420, 60]) == parts


def test_what_is_left_of_equal_remainders_goes_to_the_earlier_ones() -> None:
    assert split_by_largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert split_by_largest_remainder(2, [1, 1, 1, 1]) == [1, 1, 0, 0]


def test_nothing_is_split_over_weights_that_are_all_zero() -> None:
    assert split_by_largest_remainder(0, [0, 0]) == [0, 0]
    assert split_by_largest_remainder(5, []) == []


@given(total=st.integers(0, 10**15), weights=WEIGHTS)
def test_the_parts_sum_to_the_whole_and_each_is_its_share_rounded_up_or_down(total: int, weights: list[int]) -> None:
    parts = split_by_largest_remainder(total, weights)

    whole = sum(weights)
    assert sum(parts) == (total if whole else 0)
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(total * weight, whole) if whole else Fraction(0)
        assert share - 1 < part < share + 1


@given(total=st.integers(0, 10**15), weights=WEIGHTS)
def test_a_heavier_weight_never_gets_less(total: int, weights: list[int]) -> None:
    parts = split_by_largest_remainder(total, sorted(weights, reverse=True))

    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize(
    ("value", "floor", "ceiling", "half_up"),
    [
        (Fraction(0), 0, 0, 0),
        (Fraction(7, 3), 2, 3, 2),
        (Fraction(5, 2), 2, 3, 3),
        (Fraction(8, 3), 2, 3, 3),
        (Fraction(3), 3, 3, 3),
    ],
)
def test_rounding_does_what_its_name_says(value: Fraction, floor: int, ceiling: int, half_up: int) -> None:
    assert rounded(value, Rounding.FLOOR) == floor
    assert rounded(value, Rounding.CEILING) == ceiling
    assert rounded(value, Rounding.HALF_UP) == half_up


@pytest.mark.parametrize(
    ("currency", "decimals"), [("EUR", 2), ("NOK", 2), ("SEK", 2), ("PLN", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)]
)
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, decimals: int) -> None:
    assert currency_decimals(currency) == decimals


def test_money_in_its_main_unit_is_exact() -> None:
    assert str(Money(1_234_560, "NOK").amount) == "12345.60"
    assert str(Money(12_346, "JPY").amount) == "12346"
    assert str(Money(10**15, "EUR").amount) == "10000000000000.00"


def test_a_currency_nobody_knows_is_not_known() -> None:
    assert "EUR" in known_currencies()
    assert "QQQ" not in known_currencies()

"""Expected values are CLDR's patterns: decimal and group signs, the place of the currency, no-break spaces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.words.languages import LANGUAGES
from loyalty.words.money import money_worded, number_worded, quantity_worded


@pytest.mark.parametrize(
    ("language", "currency", "worded"),
    [
        ("en", "USD", "$12,345.60"),
        ("en", "EUR", "€12,345.60"),
        ("en", "NOK", "NOK\u00a012,345.60"),
        ("nb", "NOK", "12\u00a0345,60\u00a0kr"),
        ("sv", "SEK", "12\u00a0345,60\u00a0kr"),
        ("pl", "PLN", "12\u00a0345,60\u00a0zł"),
        ("et", "EUR", "12\u00a0345,60\u00a0€"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(language: str, currency: str, worded: str) -> None:
    assert money_worded(1234560, currency, language) == worded


def test_money_has_as_many_decimals_as_its_currency() -> None:
    assert money_worded(12346, "JPY", "en") == "¥12,346"
    assert money_worded(1234, "KWD", "en") == "KWD\u00a01.234"


@pytest.mark.parametrize(
    ("language", "worded"),
    [
        ("en", "1,234,567"),
        ("nb", "1\u00a0234\u00a0567"),
        ("sv", "1\u00a0234\u00a0567"),
        ("pl", "1\u00a0234\u00a0567"),
        ("et", "1\u00a0234\u00a0567"),
    ],
)
def test_numbers_are_grouped_as_the_reader_groups_them(language: str, worded: str) -> None:
    assert number_worded(1_234_567, language) == worded


def test_a_unit_with_decimals_shows_them() -> None:
    assert number_worded(150, "en", 2) == "1.50"
    assert number_worded(150, "sv", 2) == "1,50"
    assert number_worded(-5, "en", 2) == "-0.05"


def test_a_quantity_shows_the_decimals_it_has() -> None:
    assert quantity_worded(453, "en") == "0.453"
    assert quantity_worded(453, "pl") == "0,453"
    assert quantity_worded(2_000, "et") == "2"


@given(number=st.integers(), language=st.sampled_from(LANGUAGES), decimals=st.integers(0, 6))
def test_no_number_is_too_large_to_be_written(number: int, language: str, decimals: int) -> None:
    digits = "".join(character for character in number_worded(number, language, decimals) if character.isdigit())

    assert int(digits) == abs(number)

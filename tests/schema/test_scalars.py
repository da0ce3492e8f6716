"""What the scalars understand, and that they never fail on what they do not."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty import amounts
from schema.scalars import Money
from tests.support.tiny_schema import a_context, a_schema

SCHEMA = a_schema()
KINDS = {
    "big": "BigInt",
    "small": "Int",
    "quantity": "Quantity",
    "decimal": "Decimal",
    "at": "DateTime",
    "day": "Date",
    "currency": "CurrencyCode",
    "locale": "Locale",
    "text": "String",
}
EDGES = [
    sign * (edge + step) for edge in (0, 1, 2**31, 2**53, 10**18, 2**63) for step in (-1, 0, 1) for sign in (1, -1)
]


async def understood(argument: str, value: Any) -> str | None:
    """Return what the echo understood of a variable, or None when it was refused as bad input."""
    text = f"query ($v: {KINDS[argument]}) {{ echo({argument}: $v) }}"
    result = await SCHEMA.execute(text, {"v": value}, a_context())
    if result.errors:
        assert {(error.extensions or {})["code"] for error in result.errors} == {"BAD_USER_INPUT"}
        return None
    assert result.data is not None
    return str(result.data["echo"])


async def understood_literal(argument: str, literal: str) -> str | None:
    """Return what the echo understood of a literal, or None when it was refused as bad input."""
    result = await SCHEMA.execute(f"{{ echo({argument}: {literal}) }}", None, a_context())
    if result.errors:
        assert {(error.extensions or {})["code"] for error in result.errors} == {"BAD_USER_INPUT"}
        return None
    assert result.data is not None
    return str(result.data["echo"])


@pytest.mark.parametrize("number", EDGES)
async def test_a_big_int_is_exact_up_to_ten_to_the_eighteenth(number: int) -> None:
    known = str(number) if abs(number) <= 10**18 else None

    assert await understood("big", number) == known
    assert await understood("big", str(number)) == known
    assert await understood_literal("big", str(number)) == known
    assert await understood_literal("big", f'"{number}"') == known


@pytest.mark.parametrize("number", EDGES)
async def test_an_int_is_exact_up_to_thirty_one_bits(number: int) -> None:
    known = str(number) if -(2**31) <= number < 2**31 else None

    assert await understood("small", number) == known
    assert await understood_literal("small", str(number)) == known


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, 0), (-5, -5), (2**53 - 1, 2**53 - 1), (2**53, str(2**53)), (-(2**53), str(-(2**53))), (10**18, str(10**18))],
)
async def test_a_big_int_is_written_as_a_string_where_readers_would_lose_digits(number: int, written: object) -> None:
    result = await SCHEMA.execute("query ($v: BigInt!) { big(of: $v) }", {"v": number}, a_context())

    assert result.data == {"big": written}


@pytest.mark.parametrize(
    "value", ["", " 1", "1 ", "+1", "1_000", "0x1", "1e3", "1.0", "٣", "NaN", True, 1.5, float(2**60), [], {}]
)
async def test_a_big_int_is_digits_and_nothing_else(value: object) -> None:
    assert await understood("big", value) is None


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("0.453", "0.453"),
        (0.453, "0.453"),
        (2, "2.000"),
        ("2.5000", "2.500"),
        ("1000000000000", "1000000000000.000"),
        (10**12, "1000000000000.000"),
        ("-1", "-1.000"),
        ("0", "0.000"),
        ("0.4535", None),
        ("1e3", None),
        ("NaN", None),
        ("Infinity", None),
        (1e300, None),
        (5e-324, None),
        (10**30, None),
        ("1" * 5_000, None),
        (True, None),
        ("", None),
    ],
)
async def test_a_quantity_has_up_to_three_decimals(value: object, known: str | None) -> None:
    assert await understood("quantity", value) == known


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("2026-03-02T14:00:00+02:00", "2026-03-02 12:00:00+00:00"),
        ("2026-03-02t12:00:00z", "2026-03-02 12:00:00+00:00"),
        ("2026-03-02 12:00:00.5Z", "2026-03-02 12:00:00.500000+00:00"),
        ("2026-03-02T12:00:00.123456789Z", "2026-03-02 12:00:00.123456+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31 23:59:59+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00+00:00"),
        # RFC 3339, section 5.8: the examples that are not leap seconds.
        ("1985-04-12T23:20:50.52Z", "1985-04-12 23:20:50.520000+00:00"),
        ("1996-12-19T16:39:57-08:00", "1996-12-20 00:39:57+00:00"),
        ("1937-01-01T12:00:27.87+00:20", "1937-01-01 11:40:27.870000+00:00"),
        ("9999-12-31T23:59:59-12:00", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("2026-03-02T12:00:00", None),
        ("2026-03-02", None),
        ("20260302T120000Z", None),
        ("2026-02-30T12:00:00Z", None),
        ("2026-03-02T24:00:00Z", None),
        ("1990-12-31T23:59:60Z", None),
        ("2026-03-02T12:00:00+25:00", None),
        ("10000-01-01T00:00:00Z", None),
        ("٢٠٢٦-03-02T12:00:00Z", None),
        (1772452800, None),
    ],
)
async def test_a_moment_has_its_offset(value: object, known: str | None) -> None:
    assert await understood("at", value) == known


@pytest.mark.parametrize(
    ("value", "known"),
    [("2028-02-29", "2028-02-29"), ("2026-02-29", None), ("20260302", None), ("2026-W10-1", None), (20260302, None)],
)
async def test_a_day_is_one_of_the_calendar(value: object, known: str | None) -> None:
    assert await understood("day", value) == known


@pytest.mark.parametrize(("value", "known"), [("EUR", "EUR"), ("ZZZ", "ZZZ"), ("eur", None), ("EURO", None), (1, None)])
async def test_a_currency_is_three_capitals(value: object, known: str | None) -> None:
    assert await understood("currency", value) == known


@pytest.mark.parametrize(
    ("value", "known"), [("nb", "nb"), ("et-EE", "et-EE"), ("e", None), ("en\n", None), ("", None)]
)
async def test_a_locale_is_a_language_tag(value: object, known: str | None) -> None:
    assert await understood("locale", value) == known


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.from_regex(r"[-0-9.eE:TZ+]{1,40}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(argument=st.sampled_from(sorted(KINDS)), value=ANYTHING)
@settings(max_examples=400, deadline=None)
async def test_a_scalar_understands_or_says_what_it_expected(argument: str, value: object) -> None:
    await understood(argument, value)


@given(
    argument=st.sampled_from(sorted(KINDS)),
    literal=st.sampled_from(["null", "true", "[]", "{}", "NaN", "[[1]]", "{a: 1}", "-0", "1e400", "1.5", '"é"', "RED"])
    | st.from_regex(r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,9})?", fullmatch=True)
    | st.text("0123456789-:TZ+. ", max_size=30).map(lambda text: f'"{text}"'),
)
@settings(max_examples=300, deadline=None)
async def test_the_same_holds_for_what_stands_in_the_document(argument: str, literal: str) -> None:
    await understood_literal(argument, literal)


@pytest.mark.parametrize(
    ("minor", "currency", "amount"), [(1250, "EUR", "12.50"), (1250, "JPY", "1250"), (-5, "KWD", "-0.005")]
)
def test_money_says_the_same_amount_twice(minor: int, currency: str, amount: str) -> None:
    # The decimals of EUR, JPY and KWD are those of ISO 4217, table A.1.
    money = Money.of(amounts.Money(minor, currency))

    assert (money.amount, money.amount_minor, money.currency) == (Decimal(amount), minor, currency)

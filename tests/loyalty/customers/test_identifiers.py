"""What can be an identifier, and which are the same."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.customers.identifiers import (
    IdentifierInvalid,
    IdentifierKind,
    luhn_check_digit,
    new_member_numbers,
    normalised,
)
from loyalty.identity import new_id
from loyalty.shops.catalogue import ShopFacts
from tests.support.shops import OPENED_AT


def in_country(country: str) -> ShopFacts:
    return ShopFacts(
        id=new_id(OPENED_AT),
        code="here",
        name="Here",
        currency="EUR",
        time_zone="UTC",
        language="en",
        country=country,
        programme="default",
        enrols_automatically=True,
        return_window_days=30,
        claim_window_days=30,
        goodwill_limit_points=0,
        goodwill_budget_points=0,
        publishable_key="reg_pk_test",
        allowed_origins=(),
    )


HERE = in_country("EE")


@pytest.mark.parametrize("country", ["EE", "NO", "SE", "PL", "GB", "US", "LV", "FI", "DK", "DE", "IT", "AU"])
@pytest.mark.parametrize("kind", [phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE])
def test_a_phone_number_is_the_same_however_it_is_written(country: str, kind: int) -> None:
    # libphonenumber's own example numbers, per country and type.
    example = phonenumbers.example_number_for_type(country, kind)
    assert example is not None
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)

    written = [phonenumbers.format_number(example, form) for form in (0, 1, 2, 3)]
    keys = {normalised(IdentifierKind.PHONE, one, shop=in_country(country)).value_key for one in written}

    assert keys == {e164}


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("512 34567", "EE", "+37251234567"),
        ("00 372 512 34567", "EE", "+37251234567"),
        ("070-123 45 67", "SE", "+46701234567"),
        ("+46 (0)70 123 45 67", "EE", "+46701234567"),
        ("22\u00a022\u00a055\u00a055", "NO", "+4722225555"),
        ("+12025550123", "PL", "+12025550123"),
    ],
)
def test_a_phone_number_without_prefix_is_one_of_the_shops_country(written: str, country: str, e164: str) -> None:
    assert normalised(IdentifierKind.PHONE, written, shop=in_country(country)).value_key == e164


def test_an_email_is_kept_as_written_and_compared_without_case() -> None:
    email = normalised(IdentifierKind.EMAIL, "  Kari.Nordmann@Example.COM ", shop=HERE)

    assert email.value == "Kari.Nordmann@Example.COM"
    assert email.value_key == "kari.nordmann@example.com"


@pytest.mark.parametrize(
    ("written", "value_key"),
    [
        ("łukasz@example.com", "łukasz@example.com"),
        ("kari@xn--brd-ula.example.com", "kari@bård.example.com"),
        ("STRASSE@EXAMPLE.COM", "strasse@example.com"),
    ],
)
def test_an_email_may_have_more_letters_than_ascii(written: str, value_key: str) -> None:
    assert normalised(IdentifierKind.EMAIL, written, shop=HERE).value_key == value_key


@pytest.mark.parametrize(
    ("kind", "written", "value_key"),
    [
        (IdentifierKind.CARD, "1234 5678-9012", "123456789012"),
        (IdentifierKind.CARD, "１２３４–５６７８", "12345678"),
        (IdentifierKind.CARD, "AB 12", "ab12"),
        (IdentifierKind.BARCODE, "4 006381 333931", "4006381333931"),
        (IdentifierKind.MEMBER_NUMBER, "100 000 000 9", "1000000009"),
    ],
)
def test_cards_and_codes_are_compared_without_spaces_and_dashes(
    kind: IdentifierKind, written: str, value_key: str
) -> None:
    assert normalised(kind, written, shop=HERE).value_key == value_key


def test_a_shops_own_id_is_one_in_that_shop_alone() -> None:
    here = normalised(IdentifierKind.EXTERNAL, " Cust-1 ", shop=HERE)
    there = normalised(IdentifierKind.EXTERNAL, "Cust-1", shop=in_country("EE"))

    assert here.value_key == "Cust-1"
    assert here.scope == str(HERE.id)
    assert here.place != there.place


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (IdentifierKind.EMAIL, ""),
        (IdentifierKind.EMAIL, "kari"),
        (IdentifierKind.EMAIL, "kari@"),
        (IdentifierKind.EMAIL, "a@b@example.com"),
        (IdentifierKind.EMAIL, "kari\x00@example.com"),
        (IdentifierKind.EMAIL, "a@" + "b" * 300 + ".com"),
        (IdentifierKind.PHONE, "phone"),
        (IdentifierKind.PHONE, "112"),
        (IdentifierKind.PHONE, "+999 123456"),
        (IdentifierKind.PHONE, "1" * 10_000),
        (IdentifierKind.CARD, " - "),
        (IdentifierKind.CARD, "1" * 65),
        (IdentifierKind.CARD, "12\ud80034"),
        (IdentifierKind.BARCODE, ""),
        (IdentifierKind.EXTERNAL, " "),
        (IdentifierKind.EXTERNAL, "x" * 201),
        (IdentifierKind.EXTERNAL, "a\x00b"),
        (IdentifierKind.MEMBER_NUMBER, "12a4"),
    ],
)
def test_what_cannot_be_an_identifier_is_refused_by_its_kind(kind: IdentifierKind, written: str) -> None:
    with pytest.raises(IdentifierInvalid) as refused:
        normalised(kind, written, shop=HERE)

    assert refused.value.facts == {"kind": kind.value}
    assert refused.value.stored is False


@given(kind=st.sampled_from(IdentifierKind), text=st.text(max_size=300))
def test_any_text_is_an_identifier_or_refused(kind: IdentifierKind, text: str) -> None:
    try:
        once = normalised(kind, text, shop=HERE)
    except IdentifierInvalid:
        return

    assert normalised(kind, once.value, shop=HERE) == once
    assert "\x00" not in once.value
    once.value.encode()
    assert all(word and " " not in word for word in once.search_words)


@pytest.mark.parametrize(
    ("digits", "check_digit"),
    [
        ("7992739871", "3"),  # the example of the Luhn algorithm's Wikipedia article
        ("400000000000000", "2"),  # ISO/IEC 7812 card numbers that payment providers publish for tests
        ("411111111111111", "1"),
        ("37828224631000", "5"),
        ("0", "0"),
    ],
)
def test_the_check_digit_is_luhns(digits: str, check_digit: str) -> None:
    assert luhn_check_digit(digits) == check_digit


@given(digits=st.text("0123456789", min_size=2, max_size=12), place=st.integers(0, 11), other=st.integers(1, 9))
def test_one_wrong_digit_is_noticed(digits: str, place: int, other: int) -> None:
    place %= len(digits)
    wrong = digits[:place] + str((int(digits[place]) + other) % 10) + digits[place + 1 :]

    assert luhn_check_digit(wrong) != luhn_check_digit(digits)


def test_member_numbers_are_ten_digits_with_a_check_digit_and_different() -> None:
    numbers = new_member_numbers(2_000)

    assert len(set(numbers)) == 2_000
    assert all(len(number) == 10 and number[0] != "0" for number in numbers)
    assert all(luhn_check_digit(number[:-1]) == number[-1] for number in numbers)

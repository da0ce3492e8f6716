"""The invented people."""

import re
from collections import Counter

import phonenumbers
import pytest

from loyalty.words.languages import LANGUAGES
from server.demo.names import NAMES
from server.demo.people import card_number, person

EVERYONE = range(1, 2_501)


def test_a_household_is_the_same_person_on_every_machine() -> None:
    assert (person(208).first_name, person(208).last_name, person(208).language) == ("Natalia", "Sikora", "pl")


def test_there_are_people_of_every_language() -> None:
    spoken = Counter(person(household_id).language for household_id in EVERYONE)

    assert spoken == dict.fromkeys(LANGUAGES, 500)


def test_nobody_shares_an_address_a_card_or_a_telephone() -> None:
    people = [person(household_id) for household_id in EVERYONE]
    phones = [one.phone for one in people if one.phone]

    assert len({one.email for one in people}) == len(people)
    assert len({one.card_number for one in people}) == len(people)
    assert len({one.external_id for one in people}) == len(people)
    assert len(set(phones)) == len(phones) > 300


@pytest.mark.parametrize("language", NAMES)
def test_every_name_makes_an_address_of_plain_letters(language: str) -> None:
    for household_id in EVERYONE:
        one = person(household_id)
        if one.language == language:
            local, _, domain = one.email.partition("@")
            first, last, number = local.split(".")
            assert re.fullmatch("[a-z]+", first + last)
            assert (number, domain) == (str(household_id), "example.com")
            assert len(first) >= len(one.first_name)
            assert len(last) >= len(one.last_name.replace("'", ""))


def test_polish_women_and_men_bear_their_own_form_of_a_family_name() -> None:
    polish = [one for one in map(person, EVERYONE) if one.language == "pl"]

    assert {one.last_name for one in polish if one.first_name in NAMES["pl"].men} & {"Kowalska", "Zielińska"} == set()
    assert {one.last_name for one in polish if one.first_name in NAMES["pl"].women} & {"Kowalski", "Zieliński"} == set()
    assert not any("/" in one.last_name for one in polish)


def test_a_card_number_ends_with_the_check_digit_of_an_ean_13() -> None:
    # The rule by GS1's own example: 629104150021 has the check digit 3.
    digits = "6291041500213"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    assert weighed % 10 == 0

    for household_id in (1, 208, 2_500):
        number = card_number(household_id)
        weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(number))
        assert (len(number), number[:2], weighed % 10) == (13, "29", 0)


def test_telephone_numbers_are_of_ranges_kept_for_fiction() -> None:
    for household_id in EVERYONE:
        phone = person(household_id).phone
        if phone is not None:
            assert phonenumbers.is_valid_number(phonenumbers.parse(phone))
            fictional_american = phone[:2] == "+1" and phone[5:10] == "55501"
            fictional_swedish = 46701740605 <= int(phone[1:]) <= 46701740699
            assert fictional_american or fictional_swedish

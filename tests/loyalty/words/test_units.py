"""Plural categories: CLDR's plural rules with their sample numbers."""

import pytest

from loyalty.words.languages import LANGUAGES
from loyalty.words.units import units_worded


@pytest.mark.parametrize(
    ("points", "worded"),
    [
        (1, "1 punkt"),
        (2, "2 punkty"),
        (4, "4 punkty"),
        (5, "5 punktów"),
        (12, "12 punktów"),
        (14, "14 punktów"),
        (21, "21 punktów"),
        (22, "22 punkty"),
        (112, "112 punktów"),
        (122, "122 punkty"),
        (0, "0 punktów"),
        (1_000_000, "1\u00a0000\u00a0000 punktów"),
    ],
)
def test_polish_counts_one_few_and_many(points: int, worded: str) -> None:
    assert units_worded(points, "pl") == worded


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [
        ("en", "1 point", "1,200 points"),
        ("nb", "1 poeng", "1\u00a0200 poeng"),
        ("sv", "1 poäng", "1\u00a0200 poäng"),
        ("et", "1 punkt", "1\u00a0200 punkti"),
    ],
)
def test_the_others_count_one_and_other(language: str, one: str, many: str) -> None:
    assert units_worded(1, language) == one
    assert units_worded(-1_200, language) == many


def test_part_of_a_unit_takes_the_form_for_parts() -> None:
    assert units_worded(150, "pl", decimals=2) == "1,50 punktu"
    assert units_worded(150, "en", decimals=2) == "1.50 points"


def test_points_are_counted_right_whatever_form_a_programme_names_them_by() -> None:
    name = {"en": "Points", "nb": "poeng", "sv": "poäng", "pl": "punkty", "et": "punktid"}

    assert [units_worded(1, language, unit_name=name) for language in LANGUAGES] == [
        "1 point",
        "1 poeng",
        "1 poäng",
        "1 punkt",
        "1 punkt",
    ]


def test_a_unit_of_ones_own_is_counted_with_the_forms_it_is_given() -> None:
    stars = {"en": "star|stars", "pl": "gwiazdka|gwiazdki|gwiazdek"}

    assert [units_worded(count, "pl", unit_name=stars) for count in (1, 2, 5)] == [
        "1 gwiazdka",
        "2 gwiazdki",
        "5 gwiazdek",
    ]
    assert units_worded(2, "sv", unit_name=stars) == "2 stars"


def test_a_unit_with_one_form_is_shown_as_it_is() -> None:
    assert units_worded(1, "en", unit_name="Krone-Kroner") == "1 Krone-Kroner"

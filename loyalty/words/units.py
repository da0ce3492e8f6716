"""An amount of a unit with its name: "1 point", "2 points"; "2 punkty", "5 punktów".

A programme names its unit per language. A name may list the forms that counting needs, divided by "|",
in CLDR's order: "star|stars", "gwiazdka|gwiazdki|gwiazdek". A name with one form is shown as it is,
except the names of points themselves, whose forms are known.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache, lru_cache

from loyalty.words import wording
from loyalty.words.languages import LANGUAGES
from loyalty.words.money import number_worded

UnitName = Mapping[str, str] | str
"""A unit's name per language, or one for all."""


def units_worded(points: int, language: str, *, unit_name: UnitName = "points", decimals: int = 0) -> str:
    """Return how many of the unit, without a sign: "1,200 points".

    `points` is in the unit's smallest part, of which `decimals` digits stand behind the decimal sign.
    """
    return _units_worded(abs(points), language, name_in(language, unit_name) or "points", decimals)


def name_in(language: str, name: UnitName) -> str:
    """Return a name in a language, else in English, else in any."""
    if isinstance(name, str):
        return name
    return name.get(language) or name.get("en") or next(iter(name.values()), "")


@lru_cache(8_192)
def _units_worded(points: int, language: str, name: str, decimals: int) -> str:
    count = Decimal(points).scaleb(-decimals) if decimals else points
    category = wording.plural_category(count, language)
    forms = wording.forms("unit.points", language) if name.casefold() in _names_of_points() else name.split("|")
    form = forms[min(wording.categories(language).index(category), len(forms) - 1)]
    return f"{number_worded(points, language, decimals)} {form}"


@cache
def _names_of_points() -> frozenset[str]:
    counted = {form for language in LANGUAGES for form in wording.forms("unit.points", language)}
    named = {wording.worded("unit.points.name", language) for language in LANGUAGES}
    return frozenset(name.casefold() for name in counted | named)

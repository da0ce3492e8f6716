"""A text by its key, in one of the five languages, with its facts and plurals.

Texts stand in catalogues/<language>.po under symbolic keys ("refusal.balance-too-low"). They name their facts
in braces, and a fact is written by the unit in its name: `*_points` and other numbers with the language's digit
grouping, `*_milli` as a quantity, `*_minor` as money of the `currency` among the facts, `*_seconds` and `*_days` as
a length of time, `*_on` as a day, `*_at` as a moment in `time_zone`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from loyalty.refusals import Refusal
from loyalty.words.dates import day_worded, duration_worded, moment_worded
from loyalty.words.languages import known, locale_of
from loyalty.words.money import money_worded, number_worded, quantity_worded

CATALOGUES = Path(__file__).parent / "catalogues"

_CATEGORIES = ("zero", "one", "two", "few", "many", "other")
_LABELS = {"field": "field", "kind": "identifier", "permission": "permission", "role": "role"}
"""Facts whose values are words of the API, and the group of texts that says them in the reader's language."""
_VARIANTS = ("what", "problem", "kind", "reason")
"""Facts for whose value a refusal may have a text of its own: "refusal.not-found.order"."""


def worded(
    key: str, language: str, /, count: int | Decimal | None = None, *, time_zone: str = "UTC", **facts: object
) -> str:
    """Return the text of `key` with its facts.

    `count` chooses the plural form and is the fact `count` unless one is given. A text that a language lacks
    is told in English, and one that is nowhere is told by its key, as gettext does: a missing word stops nobody.
    """
    return _told(key, language, count, facts if count is None else {"count": count, **facts}, time_zone)


def refusal_worded(refusal: Refusal, language: str, *, time_zone: str = "UTC") -> str:
    """Return what rule said no and what can be done, in the reader's language.

    A refusal of one line of an order starts with the line's number. Moments are told in `time_zone`.
    """
    facts = {"code": refusal.code, **refusal.facts}
    text = _told(_refusal_key(refusal.code, facts), language, None, facts, time_zone)
    line_number = facts.get("line_number")
    if line_number is None:
        return text
    return worded("refusal.on-line", language, line_number=line_number, text=text)


def has(key: str) -> bool:
    """Return whether there is such a text (in English, and so in every language)."""
    return key in _texts("en")


def label(group: str, name: str, language: str) -> str:
    """Return the word for a name of the API ("identifier", "MEMBER_NUMBER"), or the name where we have none."""
    key = f"{group}.{_dashed(name)}"
    return worded(key, language) if has(key) else name


def forms(key: str, language: str) -> tuple[str, ...]:
    """Return the forms of a text: one, or one per category of `categories(language)`."""
    return _texts(known(language) or "en").get(key) or _texts("en").get(key) or (key,)


@lru_cache(64)
def categories(language: str) -> tuple[str, ...]:
    """Return the language's plural categories in CLDR's order; "other" is the last."""
    tags = locale_of(language).plural_form.tags
    return tuple(category for category in _CATEGORIES if category in tags or category == "other")


@lru_cache(8_192)
def plural_category(count: int | Decimal, language: str) -> str:
    """Return the plural category of a number (CLDR): 22 is "few" in Polish and "other" in English."""
    return locale_of(language).plural_form(count)


@cache
def _texts(language: str) -> Mapping[str, tuple[str, ...]]:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=str(locale_of(language)), abort_invalid=True)
    return {_key(message): _forms(message) for message in catalogue if message.id}


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _told(key: str, language: str, count: int | Decimal | None, facts: Mapping[str, object], time_zone: str) -> str:
    language = known(language) or "en"
    choices = forms(key, language)
    position = 0
    if count is not None and len(choices) > 1:
        position = categories(language).index(plural_category(count, language))
    return choices[position].format_map(_Facts(facts, language, time_zone))


def _refusal_key(code: str, facts: Mapping[str, object]) -> str:
    general = f"refusal.{_dashed(code)}"
    values = [facts[name] for name in _VARIANTS if isinstance(facts.get(name), str)]
    candidates = [*(f"{general}.{_dashed(str(value))}" for value in values), general]
    return next(filter(has, candidates), "refusal.unknown")


def _dashed(name: str) -> str:
    """Return a name of the API as it stands in a key: "listAmountMinor" and "LIST_AMOUNT_MINOR" as one."""
    return re.sub(r"[_ :]|(?<=[a-z])(?=[A-Z])", "-", name).lower()


class _Facts(dict[str, object]):
    """The facts of one text, each written as its name says; one that is not there is a dash."""

    def __init__(self, facts: Mapping[str, object], language: str, time_zone: str) -> None:
        super().__init__(facts)
        self._language = language
        self._time_zone = time_zone

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            return "–"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return self._number(name, value)
        if isinstance(value, Decimal):
            return number_worded(int(value.scaleb(_places(value))), self._language, _places(value))
        return self._words(name, value)

    def _number(self, name: str, value: int) -> str:
        unit = name.rpartition("_")[2]
        if unit == "minor" and isinstance(currency := self.get("currency"), str):
            return money_worded(value, currency, self._language)
        worded_as: dict[str, Callable[[int, str], str]] = {
            "seconds": duration_worded,
            "days": _days_worded,
            "milli": quantity_worded,
        }
        return worded_as.get(unit, number_worded)(value, self._language)

    def _words(self, name: str, value: object) -> str:
        if group := _LABELS.get(name):
            named = label(group, str(value), self._language)
            return f"{named} ({value})" if name == "permission" and named != value else named
        if name.endswith(("_on", "_at")):
            return self._time(name, value)
        return str(value)

    def _time(self, name: str, value: object) -> str:
        try:
            if name.endswith("_at"):
                at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
                return moment_worded(at, self._language, time_zone=self._time_zone)
            return day_worded(value if isinstance(value, date) else date.fromisoformat(str(value)), self._language)
        except (ValueError, OverflowError, KeyError):
            return str(value)


def _days_worded(days: int, language: str) -> str:
    # CLDR counts in days of 24 hours ("døgn", "ööpäev"); a period of days is of another kind.
    return worded("time.days", language, days)


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0

"""The people of the demo. All of them are invented; the data knows households by number alone.

Everything about a person follows from the household's number, so the same household is the same person on every
machine. Addresses are of example.com (RFC 2606), telephone numbers of ranges kept free for fiction: 555-0100 to
555-0199 of American area codes, and 070-174 06 05 to 99 of the Swedish authority PTS. Norway, Poland and Estonia keep
no such range, so nobody there has a telephone.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

from server.demo.names import NAMES

LANGUAGES = tuple(NAMES)
_AMERICAN_AREAS = ("212", "332", "347", "646", "718", "917", "929")
_SWEDISH_NUMBERS = 95
_FIRST_BIRTHDAY = date(1938, 1, 1)
_BIRTHDAYS = 68 * 365
_PLAIN = str.maketrans({"ø": "o", "æ": "ae", "ł": "l", "đ": "d", "ß": "ss"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented. `external_id` is the household's number in the data; `phone` is E.164."""

    external_id: str
    first_name: str
    last_name: str
    language: str
    email: str
    card_number: str
    phone: str | None
    birthday: date | None


def person(household_id: int) -> Person:
    """Return the person who stands for this household."""
    chance = _Chance(household_id)
    language = LANGUAGES[household_id % len(LANGUAGES)]
    names = NAMES[language]
    woman = chance.below(2) == 1
    first_names = names.women if woman else names.men
    first_name = first_names[chance.below(len(first_names))]
    last_name = names.family(chance.below(len(names.families)), woman=woman)
    return Person(
        external_id=str(household_id),
        first_name=first_name,
        last_name=last_name,
        language=language,
        email=f"{_ascii(first_name)}.{_ascii(last_name)}.{household_id}@example.com",
        card_number=card_number(household_id),
        phone=_phone(household_id, language),
        birthday=_FIRST_BIRTHDAY + timedelta(days=chance.below(_BIRTHDAYS)) if chance.below(3) else None,
    )


def card_number(household_id: int) -> str:
    """Return thirteen digits: 29 (GS1: for use inside a company), the household's number, and EAN-13's check digit."""
    digits = f"29{household_id:010d}"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"


def _phone(household_id: int, language: str) -> str | None:
    """Return a number nobody has, for about half of those whose country keeps some free; each number once."""
    place, odd = divmod(household_id // len(LANGUAGES), 2)
    if odd:
        return None
    if language == "en" and place < 100 * len(_AMERICAN_AREAS):
        return f"+1{_AMERICAN_AREAS[place // 100]}55501{place % 100:02d}"
    if language == "sv" and place < _SWEDISH_NUMBERS:
        return f"+467017406{place + 5:02d}"
    return None


def _ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(_PLAIN))
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha())


class _Chance:
    """Numbers that look like chance and follow from the household alone, whatever the version of Python."""

    def __init__(self, household_id: int) -> None:
        digest = hashlib.blake2b(f"harvest:{household_id}".encode(), digest_size=32).digest()
        self._left = int.from_bytes(digest)

    def below(self, limit: int) -> int:
        self._left, drawn = divmod(self._left, limit)
        return drawn

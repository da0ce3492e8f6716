"""What can be a customer's name, language and birthday."""

import unicodedata
from datetime import UTC, date, datetime, timedelta

from loyalty.refusals import Invalid
from loyalty.words import languages

NAME_LENGTH_MAX = 100
BORN_FROM = date(1900, 1, 1)


def checked_name(field: str, name: str) -> str:
    """Return the name with single spaces and composed letters (NFC).

    Raises:
        Invalid: it is longer than 100 characters or holds what cannot be written.
    """
    tidy = unicodedata.normalize("NFC", " ".join(name.split()))
    if len(tidy) > NAME_LENGTH_MAX:
        raise Invalid(field=field, problem="too_long")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in tidy):
        raise Invalid(field=field)
    return tidy


def checked_locale(locale: str) -> str:
    """Return the product's language for a language tag.

    Raises:
        Invalid: it is none of ours.
    """
    language = languages.known(locale)
    if language is None:
        raise Invalid(field="locale", problem="unknown")
    return language


def checked_birthday(birthday: date, *, now: datetime) -> date:
    """Return the birthday.

    Raises:
        Invalid: it is before 1900 or after today, wherever on Earth today is latest.
    """
    if birthday > (now.astimezone(UTC) + timedelta(hours=14)).date():
        raise Invalid(field="birthday", problem="in_future")
    if birthday < BORN_FROM:
        raise Invalid(field="birthday")
    return birthday

"""The languages of the product, and which of them a reader gets."""

from functools import lru_cache

from babel import Locale

LANGUAGES = ("en", "nb", "sv", "pl", "et")
"""As the API, the catalogues and `Accept-Language` name them (BCP 47)."""

_LOCALES = {"en": "en", "nb": "nb_NO", "sv": "sv_SE", "pl": "pl_PL", "et": "et_EE"}
_WRITTEN_AS = {"no": "nb", "nn": "nb"}
_HEADER_CHARACTERS_MAX = 1_000


@lru_cache(64)
def locale_of(language: str) -> Locale:
    """Return the CLDR locale by which dates, numbers and plurals of this language are written, else English."""
    return Locale.parse(_LOCALES[known(language) or LANGUAGES[0]])


@lru_cache(256)
def known(tag: str | None) -> str | None:
    """Return our language for a language tag, or None when we do not speak it.

    The tag is cut from its end until it matches (RFC 4647, section 3.4, "lookup"), so "sv-FI" is "sv";
    our languages have no subtags, so that leaves the first one. Norwegian in either form is "nb".
    """
    primary = (tag or "").strip().replace("_", "-").partition("-")[0].lower()
    language = _WRITTEN_AS.get(primary, primary)
    return language if language in LANGUAGES else None


def chosen(accept_language: str | None, *fallbacks: str | None) -> str:
    """Return the language in which to answer.

    The first match of the header's languages, best liked first, then of the fallbacks in their order
    (the person's language, the shop's), then English. A header that makes no sense counts as absent.
    """
    for tag in (*_by_preference(accept_language or ""), *fallbacks):
        if language := known(tag):
            return language
    return LANGUAGES[0]


def _by_preference(header: str) -> list[str]:
    """Return the header's tags, best liked first, equals in their order, without refused ones (RFC 9110, 12.4.2)."""
    weighed = [_weighed(part) for part in header[:_HEADER_CHARACTERS_MAX].split(",")]
    return [tag for tag, weight in sorted(weighed, key=lambda pair: -pair[1]) if weight > 0]


def _weighed(part: str) -> tuple[str, float]:
    tag, *parameters = part.split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            return tag, _weight(value.strip())
    return tag, 1.0


def _weight(value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0

"""Money, numbers and quantities as people write them in each language (CLDR, by Babel)."""

import re
from decimal import Context, Decimal, InvalidOperation, localcontext
from functools import lru_cache

from babel.numbers import format_currency, format_decimal

from loyalty.amounts import Money
from loyalty.words.languages import locale_of

_REMEMBERED = 8_192
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
"""Where currency spacing (UTS 35, part 3, "Currency formats") asks for a no-break space and Babel writes none."""


@lru_cache(_REMEMBERED)
def money_worded(amount_minor: int, currency: str, language: str) -> str:
    """Return an amount with its currency: 1234560 NOK is "12 345,60 kr" in Norwegian, with no-break spaces."""
    amount = Money(amount_minor, currency).amount
    try:
        written = format_currency(amount, currency, locale=locale_of(language))
    except InvalidOperation:
        with localcontext(_wide_enough_for(amount)):
            written = format_currency(amount, currency, locale=locale_of(language))
    return _spaced(written)


@lru_cache(_REMEMBERED)
def rate_amount_worded(amount: Decimal, currency: str | None, language: str) -> str:
    """Return an amount in the currency's main unit, with all the decimals it has and at least the currency's.

    Without currency, where it holds in any, it is a number with two decimals at least.
    """
    locale = locale_of(language)
    if currency is None:
        return format_decimal(amount, format="#,##0.00##", locale=locale)
    return _spaced(format_currency(amount, currency, locale=locale, decimal_quantization=False))


@lru_cache(_REMEMBERED)
def number_worded(number: int, language: str, decimals: int = 0) -> str:
    """Return a whole number with the language's digit grouping.

    `decimals` says how many of its digits stand behind the decimal sign: 150 with 2 is "1.50".
    """
    exact = Decimal(number).scaleb(-decimals, _wide_enough_for(Decimal(number)))
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    try:
        return format_decimal(exact, format=pattern, locale=locale_of(language))
    except InvalidOperation:
        with localcontext(_wide_enough_for(exact)):
            return format_decimal(exact, format=pattern, locale=locale_of(language))


@lru_cache(_REMEMBERED)
def quantity_worded(quantity_milli: int, language: str) -> str:
    """Return a quantity given in thousandths, with as many decimals as it needs: 453 is "0.453", 2000 is "2"."""
    return format_decimal(Decimal(quantity_milli).scaleb(-3), format="#,##0.###", locale=locale_of(language))


def _spaced(written: str) -> str:
    return _LETTER_BEFORE_DIGIT.sub("\u00a0", written)


def _wide_enough_for(number: Decimal) -> Context:
    return Context(prec=len(number.as_tuple().digits) + 30)

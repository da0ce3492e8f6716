"""The scalars both schemas share, and `Money`.

Whatever a caller sends, a scalar either understands it or says what it expected: never a fault, never a guess.
What a value may be beyond its form (a date in the year 9999, an amount of 10^18) the rules decide.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from loyalty import amounts
from schema.codes import Code, Published

BIG_INT_MAX = 10**18
SAFE_INTEGER_MAX = 2**53 - 1
"""Beyond it, JavaScript and many JSON readers lose digits, so we write a string."""

BigInt = NewType("BigInt", int)
CurrencyCode = NewType("CurrencyCode", str)
Quantity = NewType("Quantity", Decimal)
Locale = NewType("Locale", str)

_DIGITS = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_QUANTITY = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,3}0*)?")
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})\d{0,6})?(?:([Zz])|([+-]\d{2}:\d{2}))", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


def _expected(what: str) -> Published:
    return Published(Code.BAD_USER_INPUT, f"Expected {what}.")


def _big_int(value: object) -> int:
    match value:
        case bool():
            pass
        case int():
            if abs(value) <= BIG_INT_MAX:
                return value
        case float() if value.is_integer() and abs(value) <= SAFE_INTEGER_MAX:
            return int(value)
        case str() if _DIGITS.fullmatch(value) and abs(int(value)) <= BIG_INT_MAX:
            return int(value)
    raise _expected("a whole number between -10^18 and 10^18, as a number or a string of digits")


def _big_int_out(value: int) -> int | str:
    return value if -SAFE_INTEGER_MAX <= value <= SAFE_INTEGER_MAX else str(value)


def _written(value: object) -> str:
    """Return a number as its shortest text (a float's is exact to 15 digits), a string as it is, else nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, int) and abs(value) > 10**30:
        return ""
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def _decimal(value: object) -> Decimal:
    written = _written(value)
    if _DECIMAL.fullmatch(written):
        return Decimal(written)
    raise _expected('a decimal number, as a number or a string such as "12.50"')


def _quantity(value: object) -> Decimal:
    written = _written(value)
    if _QUANTITY.fullmatch(written):
        try:
            return Decimal(written).quantize(Decimal("0.001"))
        except InvalidOperation:
            pass
    raise _expected('a quantity with up to three decimals, as a number or a string such as "0.453"')


def _decimal_out(value: Decimal) -> str:
    """Return the shortest plain text: "0.453", "2", never an exponent."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(value: object) -> datetime:
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value)):
        day, time, fraction, zulu, offset = found.groups()
        try:
            text = f"{day}T{time}.{(fraction or '0'):0<6}{'+00:00' if zulu else offset}"
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _expected('a moment with its offset (RFC 3339), such as "2026-03-02T14:00:00+02:00"')


def _moment_out(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _expected('a day, such as "2026-03-02"')


def _text(pattern: re.Pattern[str], what: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise _expected(what)

    return parse


SCALARS: Mapping[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number between -10^18 and 10^18. Beyond 2^53 it is written as a string of digits; "
        "a string is always accepted.",
        serialize=_big_int_out,
        parse_value=_big_int,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number, written as a string such as "12.50". A number is accepted.',
        serialize=str,
        parse_value=_decimal,
    ),
    Quantity: strawberry.scalar(
        name="Quantity",
        description="How much of something: a decimal with up to three places, written as a string such as "
        '"0.453". A number is accepted.',
        serialize=_decimal_out,
        parse_value=_quantity,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='A moment (RFC 3339) with its offset from UTC, such as "2026-03-02T14:00:00+02:00". '
        "Answers are in UTC.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_moment_out,
        parse_value=_moment,
    ),
    date: strawberry.scalar(
        name="Date",
        description='A day in the calendar, such as "2026-03-02".',
        serialize=date.isoformat,
        parse_value=_day,
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description='Three capitals of ISO 4217, such as "EUR". An unknown one is refused by the operation.',
        parse_value=_text(_CURRENCY, 'three capitals of ISO 4217, such as "EUR"'),
    ),
    Locale: strawberry.scalar(
        name="Locale",
        description='A language tag (BCP 47), such as "nb" or "et-EE".',
        parse_value=_text(_LOCALE, 'a language tag (BCP 47), such as "nb" or "et-EE"'),
    ),
}
"""For `StrawberryConfig(scalar_map=...)`; `schema.execution.configuration` passes it."""


@strawberry.type(description="An amount of money.")
class Money:
    """An amount as people write it and as machines add it."""

    amount: Decimal = strawberry.field(description='The amount in the currency\'s main unit, exactly: "12.50".')
    amount_minor: BigInt = strawberry.field(description="The amount in the currency's smallest part: 1250.")
    currency: CurrencyCode = strawberry.field(description="The currency (ISO 4217).")

    @classmethod
    def of(cls, money: amounts.Money) -> "Money":
        """Return the money of the rules as the schemas show it."""
        return cls(amount=money.amount, amount_minor=BigInt(money.amount_minor), currency=CurrencyCode(money.currency))

    @classmethod
    def of_minor(cls, amount_minor: int, currency: str) -> "Money":
        """Return an amount in the currency's smallest part as the schemas show it."""
        return cls.of(amounts.Money(amount_minor, currency))

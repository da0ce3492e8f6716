"""What a caller says was bought or returned, and what cannot be true of it.

Pure: no database, no clock. Amounts in the currency's smallest part, quantities in thousandths.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

import orjson

from loyalty.amounts import known_currencies
from loyalty.refusals import Invalid, Refusal

LINES_MAX = 500
QUANTITY_MILLI_MAX = 1_000_000_000
AMOUNT_MINOR_MAX = 10**12
TEXT_LENGTH_MAX = 500
EXTERNAL_ID_LENGTH_MAX = 200
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD_MAX = timedelta(days=1)


class NoLines(Invalid):
    """An order has at least one line."""

    code = "NO_LINES"

    def __init__(self) -> None:
        Refusal.__init__(self)


class TooManyLines(Invalid):
    """An order has at most 500 lines."""

    code = "TOO_MANY_LINES"

    def __init__(self, *, count: int, count_max: int = LINES_MAX) -> None:
        Refusal.__init__(self, count=count, count_max=count_max)


class QuantityInvalid(Invalid):
    """A quantity is more than nothing and at most a million, with up to three decimals."""

    code = "QUANTITY_INVALID"

    def __init__(self, *, line_number: int) -> None:
        Refusal.__init__(self, line_number=line_number)


class AmountInvalid(Invalid):
    """An amount is not negative and at most 10^12 of the currency's smallest part. No line: an amount of the order."""

    code = "AMOUNT_INVALID"

    def __init__(self, *, field: str, line_number: int | None = None) -> None:
        Refusal.__init__(self, field=field, line_number=line_number)


class UnknownCurrency(Invalid):
    """ISO 4217 knows no such currency."""

    code = "UNKNOWN_CURRENCY"

    def __init__(self, *, currency: str) -> None:
        Refusal.__init__(self, currency=currency)


class MomentInvalid(Invalid):
    """A moment lies between 1970 and tomorrow."""

    code = "MOMENT_INVALID"

    def __init__(self, *, field: str) -> None:
        Refusal.__init__(self, field=field)


class DiscountTooLarge(Invalid):
    """The order's discount is not negative and not more than its lines come to."""

    code = "DISCOUNT_TOO_LARGE"

    def __init__(self, *, discount_minor: int, lines_minor: int) -> None:
        Refusal.__init__(self, discount_minor=discount_minor, lines_minor=lines_minor)


class TaxTooLarge(Invalid):
    """The tax contained in the lines is not negative and not more than they come to after the discount."""

    code = "TAX_TOO_LARGE"

    def __init__(self, *, tax_minor: int, lines_minor: int) -> None:
        Refusal.__init__(self, tax_minor=tax_minor, lines_minor=lines_minor)


class TotalMismatch(Invalid):
    """The total is not lines - discount + shipping."""

    code = "TOTAL_MISMATCH"

    def __init__(self, *, total_minor: int, expected_minor: int, currency: str) -> None:
        Refusal.__init__(self, total_minor=total_minor, expected_minor=expected_minor, currency=currency)


class RepeatedSku(Invalid):
    """A return names each line once. With the same sku on two lines of the order, name the line number."""

    code = "REPEATED_SKU"

    def __init__(self, *, line_number: int, sku: str) -> None:
        Refusal.__init__(self, line_number=line_number, sku=sku)


class Channel(StrEnum):
    """Where it was bought."""

    WEB = "web"
    MOBILE = "mobile"
    POS = "pos"


@dataclass(frozen=True, slots=True)
class IdentifierAsked:
    """Whom an order belongs to. `kind` is email, phone, card, barcode, external or member_number."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAsked:
    """One line. `amount_minor` is what it cost after its own discount."""

    sku: str
    name: str
    quantity_milli: int
    amount_minor: int
    category: str | None = None
    brand: str | None = None
    list_amount_minor: int | None = None
    cost_minor: int | None = None
    gift_card: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAsked:
    """One order. The discount comes on top of the lines' own; the tax is contained in the lines' amounts."""

    idempotency_key: str
    external_id: str
    placed_at: datetime
    currency: str
    lines: tuple[LineAsked, ...]
    shop: str | None = None
    customer: IdentifierAsked | None = None
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    total_minor: int | None = None
    coupon_codes: tuple[str, ...] = ()
    channel: Channel | None = None

    @property
    def lines_minor(self) -> int:
        """Return what the lines come to."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def expected_total_minor(self) -> int:
        """Return lines - discount + shipping."""
        return self.lines_minor - self.discount_minor + self.shipping_minor

    def content_hash(self, customer: Sequence[str] | None = None) -> bytes:
        """Return SHA-256 of everything but the key and the shop: in one shop, two orders are the same when this is.

        `customer` is what the identifier means, so that its spelling makes no other order.
        """
        content = orjson.dumps(
            [
                self.external_id,
                self.placed_at.astimezone(UTC),
                self.currency,
                self.lines,
                self.customer if customer is None else list(customer),
                self.discount_minor,
                self.shipping_minor,
                self.tax_minor,
                self.coupon_codes,
                self.channel,
            ]
        )
        return hashlib.sha256(content).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLineAsked:
    """What came back of one line, named by its number (from 1) or by its sku."""

    quantity_milli: int
    sku: str | None = None
    line_number: int | None = None


def check_order(order: OrderAsked, *, now: datetime) -> None:
    """Let an order pass that can be true.

    Raises:
        Invalid: one of its kinds, naming the line.
    """
    check_text(order.external_id, "externalId", length_max=EXTERNAL_ID_LENGTH_MAX)
    check_moment(order.placed_at, "placedAt", now=now)
    if order.currency not in known_currencies():
        raise UnknownCurrency(currency="".join(filter(str.isprintable, order.currency[:3])))
    if not order.lines:
        raise NoLines
    if len(order.lines) > LINES_MAX:
        raise TooManyLines(count=len(order.lines))
    for line_number, line in enumerate(order.lines, start=1):
        _check_line(line, line_number)
    for code in order.coupon_codes:
        check_text(code, "couponCodes")
    _check_sums(order)


def check_text(
    text: str, field: str, *, length_max: int = TEXT_LENGTH_MAX, line_number: int | None = None, empty: bool = False
) -> None:
    """Let a text pass that is printable, not empty (unless it may be) and not too long."""
    problem = _text_problem(text, length_max, empty)
    if problem is not None:
        raise Invalid(field=field, problem=problem, line_number=line_number)


def _text_problem(text: str, length_max: int, empty: bool) -> str | None:
    if not text.strip() and not empty:
        return "empty"
    if len(text) > length_max:
        return "too_long"
    return None if "\x00" not in text and _encodable(text) else "unprintable"


def _encodable(text: str) -> bool:
    # A lone surrogate can come out of JSON and cannot go into a database.
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def check_moment(moment: datetime, field: str, *, now: datetime) -> None:
    """Let a moment pass that lies between 1970 and tomorrow, and says in which zone."""
    if moment.utcoffset() is None or not EARLIEST <= moment <= now + AHEAD_MAX:
        raise MomentInvalid(field=field)


@lru_cache(maxsize=20_000)
def _article_problem(sku: str, name: str, category: str, brand: str) -> tuple[str, str] | None:
    """Return which text of an article is wrong and how, or None. A shop sells the same articles all day."""
    for field, text, empty in (
        ("sku", sku, False),
        ("name", name, False),
        ("category", category, True),
        ("brand", brand, True),
    ):
        if (problem := _text_problem(text, TEXT_LENGTH_MAX, empty)) is not None:
            return field, problem
    return None


def _check_line(line: LineAsked, line_number: int) -> None:
    wrong = _article_problem(line.sku, line.name, line.category or "", line.brand or "")
    if wrong is not None:
        raise Invalid(field=wrong[0], problem=wrong[1], line_number=line_number)
    if not 0 < line.quantity_milli <= QUANTITY_MILLI_MAX:
        raise QuantityInvalid(line_number=line_number)
    if not 0 <= line.amount_minor <= AMOUNT_MINOR_MAX:
        raise AmountInvalid(field="amountMinor", line_number=line_number)
    if line.list_amount_minor is not None and not 0 <= line.list_amount_minor <= AMOUNT_MINOR_MAX:
        raise AmountInvalid(field="listAmountMinor", line_number=line_number)
    if line.cost_minor is not None and not 0 <= line.cost_minor <= AMOUNT_MINOR_MAX:
        raise AmountInvalid(field="costMinor", line_number=line_number)


def _check_sums(order: OrderAsked) -> None:
    lines_minor = order.lines_minor
    if lines_minor > AMOUNT_MINOR_MAX:
        raise AmountInvalid(field="lines")
    if not 0 <= order.shipping_minor <= AMOUNT_MINOR_MAX:
        raise AmountInvalid(field="shippingMinor")
    if not 0 <= order.discount_minor <= lines_minor:
        raise DiscountTooLarge(discount_minor=_told(order.discount_minor), lines_minor=lines_minor)
    if not 0 <= order.tax_minor <= lines_minor - order.discount_minor:
        raise TaxTooLarge(tax_minor=_told(order.tax_minor), lines_minor=lines_minor - order.discount_minor)
    if order.total_minor is not None and order.total_minor != order.expected_total_minor:
        raise TotalMismatch(
            total_minor=_told(order.total_minor), expected_minor=order.expected_total_minor, currency=order.currency
        )


def _told(amount_minor: int) -> int:
    """Keep a fact within what a refusal can carry over the wire."""
    return max(-(10**18), min(amount_minor, 10**18))


def check_return_lines(lines: Sequence[ReturnLineAsked]) -> None:
    """Let the lines of a return pass that can be true of some order.

    Raises:
        Invalid: a line names neither sku nor number, a quantity is not positive, or a line is named twice.
    """
    if not lines:
        raise NoLines
    if len(lines) > LINES_MAX:
        raise TooManyLines(count=len(lines))
    named: set[tuple[str | None, int | None]] = set()
    for position, line in enumerate(lines, start=1):
        if line.sku is None and line.line_number is None:
            raise Invalid(field="lines", problem="sku_or_line_number", line_number=position)
        if line.sku is not None:
            check_text(line.sku, "sku", line_number=position)
        if line.line_number is not None and not 1 <= line.line_number <= LINES_MAX:
            raise Invalid(field="lineNumber", line_number=position)
        if not 0 < line.quantity_milli <= QUANTITY_MILLI_MAX:
            raise QuantityInvalid(line_number=position)
        name = (None if line.line_number is not None else line.sku, line.line_number)
        if name in named:
            raise RepeatedSku(line_number=position, sku=line.sku or str(line.line_number))
        named.add(name)

"""Money, and units from money. Whole numbers only; every division says how it rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_precision

POINTS_PER_ENTRY_MAX = 10**12
POINTS_PER_WALLET_MAX = 10**15
AMOUNT_MINOR_MAX = 10**15


_X_MONEY = frozenset({"XAF", "XCD", "XCG", "XOF", "XPF"})
"""Currencies of several countries; the other codes with X are no money (ISO 4217, table A.1)."""


@cache
def known_currencies() -> frozenset[str]:
    """Return the ISO 4217 codes that CLDR knows, of money: neither metals, nor tests, nor no currency at all."""
    return frozenset(code for code in get_global("all_currencies") if not code.startswith("X") or code in _X_MONEY)


def currency_decimals(currency: str) -> int:
    """Return how many decimals the currency has: 2 for EUR, 0 for JPY."""
    return get_currency_precision(currency)


@dataclass(frozen=True, order=True)
class Money:
    """An amount in the currency's smallest part."""

    amount_minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """Return the amount in the currency's main unit, exactly."""
        return Decimal(self.amount_minor).scaleb(-currency_decimals(self.currency))


class Rounding(StrEnum):
    """How a fraction of a unit becomes whole. Named in the programme document."""

    FLOOR = "floor"
    CEILING = "ceiling"
    HALF_UP = "half_up"


def rounded(value: Fraction, rounding: Rounding) -> int:
    """Return `value`, which is not negative, as a whole number."""
    match rounding:
        case Rounding.FLOOR:
            return value.numerator // value.denominator
        case Rounding.CEILING:
            return -(-value.numerator // value.denominator)
        case Rounding.HALF_UP:
            return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def split_by_largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` over `weights` so that the parts sum to it exactly.

    Each part is the floor of its exact share; what is left goes, one by one, to the largest remainders,
    and among equal remainders to the earlier position (Hare-Niemeyer). `total` and weights are not negative.
    With all weights zero every part is zero and the caller must not have had anything to split.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    left = total - sum(parts)
    for position in sorted(range(len(weights)), key=lambda i: -remainders[i])[:left]:
        parts[position] += 1
    return parts

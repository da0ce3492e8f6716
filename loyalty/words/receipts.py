"""The lines that a till prints under a purchase."""

from datetime import date

from loyalty.words.units import UnitName, units_worded
from loyalty.words.wording import worded


def receipt_lines(
    *,
    language: str,
    earned_points: int,
    balance_points: int | None = None,
    owed_points: int = 0,
    available_on: date | None = None,
    pending: bool = False,
    claim_code: str | None = None,
    claim_by: date | None = None,
    unit_name: UnitName = "points",
    decimals: int = 0,
) -> list[str]:
    """Return what a member reads about this purchase, or what a stranger needs to claim it.

    `earned_points` is what the purchase earned; with `available_on`, or `pending` where no day is known, it cannot
    be used yet. With `claim_code` the purchase belongs to nobody, and the lines say how to claim it.
    """

    def units(points: int) -> str:
        return units_worded(points, language, unit_name=unit_name, decimals=decimals)

    if claim_code is not None:
        return _claim_lines(language, units(earned_points) if earned_points > 0 else None, claim_code, claim_by)
    lines = [_earned_line(language, units(earned_points) if earned_points > 0 else None, available_on, pending)]
    if balance_points is not None:
        lines.append(worded("receipt.balance", language, units=units(balance_points)))
    if owed_points:
        lines.append(worded("receipt.owed", language, units=units(owed_points)))
    return lines


def _earned_line(language: str, units: str | None, available_on: date | None, pending: bool) -> str:
    if units is None:
        return worded("receipt.nothing", language)
    if available_on is not None:
        return worded("receipt.earned.available-on", language, units=units, available_on=available_on)
    return worded("receipt.earned.later" if pending else "receipt.earned", language, units=units)


def _claim_lines(language: str, units: str | None, claim_code: str, claim_by: date | None) -> list[str]:
    if units is None:
        return [worded("receipt.claim.nothing", language, claim_code=claim_code)]
    lines = [worded("receipt.claim", language, units=units, claim_code=claim_code)]
    return lines if claim_by is None else [*lines, worded("receipt.claim-by", language, claim_by_on=claim_by)]

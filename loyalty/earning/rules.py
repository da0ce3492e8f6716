"""How many units a purchase earns, and how many a return takes back. Pure: facts in, results out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

from loyalty.amounts import Rounding, rounded
from loyalty.orders.asked import OrderAsked
from loyalty.orders.shares import Shares
from loyalty.programme.document import Base, PendingEvent, Programme, PurchaseRule, Rate
from loyalty.programme.expiry import available_at, expires_at
from loyalty.shops.days import local_date


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line: what it cost after its own discount, and its shares of the order's discount and of the tax in it."""

    line_number: int
    amount_minor: int
    discount_share_minor: int = 0
    tax_share_minor: int = 0
    gift_card: bool = False


@dataclass(frozen=True, slots=True)
class PurchaseFacts:
    """One order, as far as earning goes. `order` is the shop's own order number; `placed_at` is aware."""

    order: str
    currency: str
    placed_at: datetime
    lines: tuple[LineFacts, ...]


@dataclass(frozen=True, slots=True)
class Earned:
    """What one rule gives: `points` in the unit's smallest part, above zero.

    Pending until `available_at`, or until the event `awaits`; both None: available at once. `expires_at` is exclusive,
    None for never. `explanation` is kept with the entry, and a return is reckoned from it.
    """

    rule_id: str
    unit: str
    points: int
    basis_minor: int
    currency: str
    earned_at: datetime
    expires_at: datetime | None
    available_at: datetime | None
    awaits: str | None
    explanation: dict[str, Any]


def earned_for_purchase(
    document: Programme, facts: PurchaseFacts, time_zone: str, *, version: int
) -> tuple[Earned, ...]:
    """Return what each rule of the document gives for an order, in the document's order; rules that give nothing
    are left out.

    points = rounded(base x points / per amount), once over the whole order. `version` is the document's number,
    `time_zone` the shop's: expiry is counted from the day on which the order was placed there.
    """
    until = expires_at(document.expiry, facts.placed_at, time_zone)
    from_then = available_at(document, facts.placed_at)
    awaits = document.pending.event if isinstance(document.pending, PendingEvent) else None
    waiting = _waiting(from_then, awaits, time_zone)
    return tuple(
        Earned(
            rule_id=rule.id,
            unit=rule.unit,
            points=points,
            basis_minor=explanation["basis_minor"],
            currency=facts.currency,
            earned_at=facts.placed_at,
            expires_at=until,
            available_at=from_then,
            awaits=awaits,
            explanation={**explanation, **waiting},
        )
        for rule, points, explanation in _explained(document, facts, version)
        if points > 0
    )


def purchase_facts(asked: OrderAsked, split: Shares) -> PurchaseFacts:
    """Return what earning needs to know of an order, with each line's shares of the discount and of the tax."""
    return PurchaseFacts(
        order=asked.external_id,
        currency=asked.currency,
        placed_at=asked.placed_at,
        lines=tuple(
            LineFacts(line_number, line.amount_minor, discount_minor, tax_minor, line.gift_card)
            for line_number, (line, discount_minor, tax_minor) in enumerate(
                zip(asked.lines, split.discount_minor, split.tax_minor, strict=True), start=1
            )
        ),
    )


def line_base_minor(line: LineFacts, base: Base) -> int:
    """Return what of a line counts: its amount less its discount share and, unless tax counts, its tax share.

    Never below zero, and zero for a gift card unless those count.
    """
    if line.gift_card and not base.gift_cards:
        return 0
    return max(0, line.amount_minor - line.discount_share_minor - (0 if base.tax else line.tax_share_minor))


def clawed_back(points: int, basis_minor: int, returned: Iterable[tuple[int, int, int]], *, completes: bool) -> int:
    """Return how many of the `points` that one rule gave for an order must have been taken back by now, in all.

    `returned` has, for each line of the stored explanation, its base in the currency's smallest part, how many
    thousandths of it have come back so far, and how many were bought. The result is
    floor(points x returned base / base), reckoned exactly; all of the points once the order has come back whole.
    """
    if completes:
        return points
    if basis_minor == 0:
        return 0
    back = sum((Fraction(base * milli, bought) for base, milli, bought in returned), start=Fraction())
    return rounded(points * back / basis_minor, Rounding.FLOOR)


def _waiting(from_then: datetime | None, awaits: str | None, time_zone: str) -> dict[str, str]:
    """Return what the explanation says of units that cannot be used yet; nothing of others."""
    if awaits is not None:
        return {"awaits": awaits}
    return {} if from_then is None else {"available_on": local_date(from_then, time_zone).isoformat()}


def _explained(
    document: Programme, facts: PurchaseFacts, version: int
) -> Iterator[tuple[PurchaseRule, int, dict[str, Any]]]:
    for rule in document.earn:
        rate = rule.rate_for(facts.currency)
        if rate is None:
            continue
        lines = [
            [line.line_number, line_base_minor(line, rule.base)]
            for line in facts.lines
            if rule.base.gift_cards or not line.gift_card
        ]
        basis_minor = sum(base for _, base in lines)
        points_per_step, step_minor = _step(rate, facts.currency)
        points = rounded(Fraction(basis_minor * points_per_step, step_minor), rule.rounding)
        yield (
            rule,
            points,
            {
                "rule": rule.id,
                "version": version,
                "order": facts.order,
                "basis_minor": basis_minor,
                "currency": facts.currency,
                "points_per_step": points_per_step,
                "step_minor": step_minor,
                "rounding": rule.rounding.value,
                "multiplier": 1,
                "lines": lines,
            },
        )


@lru_cache(1_024)
def _step(rate: Rate, currency: str) -> tuple[int, int]:
    """Return the rate in whole numbers: so many points for so many of the currency's smallest part."""
    per_minor = rate.per_minor(currency)
    return rate.points * per_minor.denominator, per_minor.numerator

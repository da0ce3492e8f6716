"""What a programme promises, in words for its members. Takes plain values; the document stands above."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from babel.lists import format_list

from loyalty.words.languages import locale_of
from loyalty.words.money import money_worded, number_worded, rate_amount_worded
from loyalty.words.units import UnitName, name_in, units_worded
from loyalty.words.wording import has, label, worded

Rate = tuple[int, str, str | None]
"""So many points for each amount in main units ("1.00") of a currency; None: of the order's own."""


def earn_rule_worded(
    rates: Sequence[Rate],
    *,
    language: str,
    rounding: str = "floor",
    counts_tax: bool = False,
    counts_shipping: bool = False,
    counts_gift_cards: bool = False,
    unit_name: UnitName = "points",
    decimals: int = 0,
) -> str:
    """Return how much a purchase earns and what of it counts.

    `rates` are told in their order; `rounding` is one of `loyalty.amounts.Rounding`, over each whole order.
    """
    key = f"terms.earn.{rounding.replace('_', '-')}"
    sentences = []
    for points, per_amount, currency in rates:
        units = units_worded(points, language, unit_name=unit_name, decimals=decimals)
        step = rate_amount_worded(Decimal(per_amount), currency, language)
        sentences.append(worded(key if has(key) else "terms.earn.floor", language, units=units, step=step))
    if any(currency is None for _, _, currency in rates):
        sentences.append(worded("terms.earn.order-currency", language))
    sentences += [worded(f"terms.earn.{what}", language) for what in ("per-order", "after-discounts")]
    counted = {"tax": counts_tax, "shipping": counts_shipping, "gift-cards": counts_gift_cards}
    if left_out := [name for name, counts in counted.items() if not counts]:
        sentences.append(_not_counted(left_out, language))
    return " ".join(sentences)


def expiry_worded(expiry: Mapping[str, object], *, language: str) -> str:
    """Return when what is earned expires.

    `expiry` is {"kind": "never"} or {"kind": "after", "days" or "months": n, "round_to": "day|week|month|year"}.
    """
    period = next((name for name in ("days", "months") if isinstance(expiry.get(name), int)), None)
    if expiry.get("kind") == "never" or period is None:
        return worded("terms.expiry.never", language)
    count = expiry[period]
    assert isinstance(count, int)
    text = worded(f"terms.expiry.{period}", language, count=count)
    end = f"terms.expiry.end-of-{expiry.get('round_to')}"
    return worded(end, language, text=text) if has(end) else f"{text}."


def pending_worded(pending: Mapping[str, object], *, language: str) -> str:
    """Return when what is earned can be used.

    `pending` is {"kind": "none"}, {"kind": "days", "days": n} or {"kind": "event", "event": name}.
    """
    days, event = pending.get("days"), pending.get("event")
    if pending.get("kind") == "days" and isinstance(days, int):
        return worded("terms.pending.days", language, count=days)
    if pending.get("kind") == "event" and isinstance(event, str):
        return worded("terms.pending.event", language, event=label("event", event, language))
    return worded("terms.pending.none", language)


def returns_worded(*, owing_allowed: bool, language: str) -> str:
    """Return what happens to what goods earned when they come back."""
    sentences = [worded("terms.returns", language)]
    if owing_allowed:
        sentences.append(worded("terms.returns.owing", language))
    return " ".join(sentences)


def reward_worded(
    name: Mapping[str, str] | str,
    price_points: int,
    *,
    language: str,
    minimum_spend_minor: int | None = None,
    currency: str | None = None,
    valid_days: int | None = None,
    unit_name: UnitName = "points",
    decimals: int = 0,
) -> str:
    """Return a reward with its price and conditions: "5.00 off for 500 points, valid for 30 days"."""
    units = units_worded(price_points, language, unit_name=unit_name, decimals=decimals)
    parts = [worded("terms.reward", language, reward=name_in(language, name), units=units)]
    if minimum_spend_minor:
        minimum = money_or_number(minimum_spend_minor, currency, language)
        parts.append(worded("terms.reward.minimum", language, minimum=minimum))
    if valid_days is not None:
        parts.append(worded("terms.reward.valid-days", language, count=valid_days))
    return ", ".join(parts)


def reward_named(kind: str, *, language: str, amount_minor: int = 0, currency: str | None = None) -> str:
    """Return the usual name of a kind of reward ("amount_off", "free_shipping"): "5.00 off"."""
    key = f"reward.{kind.replace('_', '-')}"
    return worded(key, language, amount=money_or_number(amount_minor, currency, language)) if has(key) else kind


def money_or_number(amount_minor: int, currency: str | None, language: str) -> str:
    """Return an amount with its currency, or, where it holds in any currency, as a number with two decimals."""
    if currency is None:
        return number_worded(amount_minor, language, 2)
    return money_worded(amount_minor, currency, language)


def _not_counted(names: list[str], language: str) -> str:
    words = [worded(f"terms.not-counted.{name}", language) for name in names]
    return worded("terms.earn.not-counted", language, list=format_list(words, locale=locale_of(language)))

"""Why an entry stands in the ledger, in words.

Entries store their reasons as structure (rule, numbers, references) and are worded when read, in the reader's
language. Old entries and those of other versions may lack facts: what is not there is left out, never guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from loyalty.words.money import number_worded
from loyalty.words.terms import money_or_number
from loyalty.words.units import UnitName, name_in, units_worded
from loyalty.words.wording import has, label, worded

Explanation = Mapping[str, object]
_DECIMALS_MAX = 6


@dataclass(frozen=True)
class _Reader:
    """Who reads: the language, and what the unit is called."""

    language: str
    unit_name: UnitName
    time_zone: str
    decimals: int

    def units(self, points: int) -> str:
        return units_worded(points, self.language, unit_name=self.unit_name, decimals=self.decimals)

    def told(self, key: str, **facts: object) -> str:
        return worded(key, self.language, None, time_zone=self.time_zone, **facts)

    def counted(self, key: str, points: int) -> str:
        return worded(key, self.language, points, units=self.units(points))

    def number(self, points: int) -> str:
        return number_worded(abs(points), self.language, self.decimals)


def explained(
    kind: str,
    points: int,
    explanation: Explanation,
    *,
    language: str,
    unit_name: UnitName = "points",
    time_zone: str = "UTC",
    decimals: int = 0,
) -> str:
    """Return why the entry is there: "120 points for order 88: 1 point per full €1.00 of €120.00."

    `kind` is the entry's kind, `points` its signed amount in the unit's smallest part. Facts that are missing or
    not of their type are left out; no explanation is a fault.
    """
    reader = _Reader(language, unit_name, time_zone, decimals)
    sentences = _TOLD.get(kind, _other)(points, explanation, reader)
    absorbed_points = _whole(explanation, "absorbed_points")
    if absorbed_points:
        sentences.append(reader.told("entry.absorbed", units=reader.units(absorbed_points)))
    return " ".join(sentences)


def balance_explained(
    balance_points: int,
    parts: Sequence[tuple[str, int, Explanation]],
    *,
    language: str,
    decimals: int = 0,
) -> str:
    """Return a balance as a sum of entries: "340 = 120 (order 88) − 20 (return, order 88) + 240 (all else)".

    `parts` are (kind, points, explanation) of the entries to be named, in the order in which they are told.
    What they do not account for is told as one last part.
    """
    reader = _Reader(language, "points", "UTC", decimals)
    terms = [(points, _in_short(kind, explanation, reader)) for kind, points, explanation in parts if points]
    rest = balance_points - sum(points for points, _ in terms)
    if rest:
        terms.append((rest, reader.told("sum.rest")))
    total = f"{'−' if balance_points < 0 else ''}{reader.number(balance_points)}"
    return f"{total} = {_summed(terms, reader)}" if terms else total


def _earn(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
    order = _text(explanation, "order")
    head = reader.told(
        _key("entry.earn", points == 0 and "nothing", order and "order"), **_facts(points, order, reader)
    )
    sentences = [_with_detail(head, _rate(explanation, reader))]
    if awaited := _text(explanation, "awaits"):
        sentences.append(reader.told("entry.earn.awaits", event=label("event", awaited, reader.language)))
    elif available_on := _text(explanation, "available_on"):
        sentences.append(reader.told("entry.earn.available-on", available_on=available_on))
    return sentences


def _rate(explanation: Explanation, reader: _Reader) -> str:
    """Return by which rule the points follow from the money: "1 point per full €1.00 of €120.00, × 2"."""
    basis_minor, step_minor = _whole(explanation, "basis_minor"), _whole(explanation, "step_minor")
    if basis_minor is None:
        return ""
    currency = _currency(explanation)
    basis = money_or_number(basis_minor, currency, reader.language)
    points_per_step = _whole(explanation, "points_per_step")
    if points_per_step is None or step_minor is None:
        return reader.told("entry.earn.basis", basis=basis)
    key = _key("entry.earn.rate", (_text(explanation, "rounding") or "floor").replace("_", "-"))
    step = money_or_number(step_minor, currency, reader.language)
    rate = reader.told(
        key if has(key) else "entry.earn.rate.floor", units=reader.units(points_per_step), step=step, basis=basis
    )
    return rate + "".join(f", {times}" for times in _times(explanation, reader))


def _times(explanation: Explanation, reader: _Reader) -> list[str]:
    """Return "× 2" where something multiplied the points, and why if that has a name."""
    try:
        multiplier = Decimal(_text(explanation, "multiplier") or "1").normalize()
    except InvalidOperation:
        return []
    exponent = multiplier.as_tuple().exponent
    if multiplier == 1 or not isinstance(exponent, int) or not -_DECIMALS_MAX <= exponent <= _DECIMALS_MAX:
        return []
    places = max(0, -exponent)
    why = _name(explanation, "multiplier_name", reader)
    return [f"× {number_worded(int(multiplier.scaleb(places)), reader.language, places)}{f' ({why})' if why else ''}"]


def _clawback(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
    order = _text(explanation, "order")
    whole = bool(order) and explanation.get("completes") is True
    key = _key("entry.clawback", points == 0 and "nothing", "whole" if whole and points else order and "order")
    sentences = [f"{reader.told(key, **_facts(points, order, reader))}."]
    for name in ("owed", "lost"):
        if counted_points := _whole(explanation, f"{name}_points"):
            sentences.append(reader.counted(f"entry.clawback.{name}", counted_points))
    sentences += _what_the_order_gave(explanation, reader)
    if before_points := _whole(explanation, "clawed_back_before_points"):
        sentences.append(reader.counted("entry.clawback.before", before_points))
    return sentences


def _what_the_order_gave(explanation: Explanation, reader: _Reader) -> list[str]:
    earned_points = _whole(explanation, "earned_points")
    if earned_points is None:
        return []
    earned = reader.units(earned_points)
    basis_minor, returned_minor = _whole(explanation, "basis_minor"), _whole(explanation, "returned_basis_minor")
    currency = _currency(explanation)
    if basis_minor is None or returned_minor is None or currency is None or explanation.get("completes") is True:
        return [reader.told("entry.clawback.earned", earned=earned)]
    basis, returned = (money_or_number(amount, currency, reader.language) for amount in (basis_minor, returned_minor))
    return [reader.told("entry.clawback.basis", earned=earned, basis=basis, returned=returned)]


def _about_reward(kind: str) -> Callable[[int, Explanation, _Reader], list[str]]:
    def told(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
        reward = _name(explanation, "reward", reader)
        key = _key(f"entry.{kind}", reward and "reward")
        return [f"{reader.told(key, units=reader.units(points), reward=reward)}."]

    return told


def _expire(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
    expired_on = _text(explanation, "expired_on")
    key = _key("entry.expire", expired_on and "on")
    return [f"{reader.told(key, units=reader.units(points), expired_on=expired_on)}."]


def _adjust(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
    told = reader.told(_key("entry.adjust", "add" if points >= 0 else "take"), units=reader.units(points))
    reason = _text(explanation, "reason")
    return [f"{told} ({label('reason', reason, reader.language)})." if reason else f"{told}."]


def _release(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
    awaited = _text(explanation, "awaited") or "date"
    event = label("event", awaited, reader.language)
    key = _key("entry.release", awaited != "date" and "event")
    return [f"{reader.told(key, units=reader.units(points), event=event)}."]


def _transfer(direction: str) -> Callable[[int, Explanation, _Reader], list[str]]:
    def told(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
        key = _key(f"entry.transfer-{direction}", explanation.get("why") == "merge" and "merge")
        against = (points < 0) == (direction == "in") and points != 0  # more was owed than there was to move
        return [f"{reader.told(key, units=('−' if against else '') + reader.units(points))}."]

    return told


def _other(points: int, explanation: Explanation, reader: _Reader) -> list[str]:
    return [f"{reader.told('entry.other', units=reader.units(points))}."]


_TOLD: Mapping[str, Callable[[int, Explanation, _Reader], list[str]]] = {
    "earn": _earn,
    "release": _release,
    "expire": _expire,
    "adjust": _adjust,
    "clawback": _clawback,
    "transfer_in": _transfer("in"),
    "transfer_out": _transfer("out"),
    **{kind: _about_reward(kind) for kind in ("redeem", "reserve", "capture", "void", "reverse")},
}


def _in_short(kind: str, explanation: Explanation, reader: _Reader) -> str:
    if reason := kind == "adjust" and _text(explanation, "reason"):
        return label("reason", reason, reader.language)
    if reward := kind in {"redeem", "reserve"} and _name(explanation, "reward", reader):
        return reward
    key = "sum.transfer" if kind.startswith("transfer") else f"sum.{'redeem' if kind == 'capture' else kind}"
    order = _text(explanation, "order")
    if order and has(f"{key}.order"):
        return ", ".join([reader.told(f"{key}.order", order=order), *_times(explanation, reader)])
    return reader.told(key if has(key) else "sum.rest")


def _summed(terms: Sequence[tuple[int, str]], reader: _Reader) -> str:
    told = [f"{'−' if points < 0 else '+'} {reader.number(points)} ({why})" for points, why in terms]
    first = told[0].removeprefix("+ ").replace("− ", "−", 1)
    return " ".join([first, *told[1:]])


def _with_detail(head: str, detail: str) -> str:
    return f"{head}: {detail}." if detail else f"{head}."


def _facts(points: int, order: str | None, reader: _Reader) -> dict[str, object]:
    return {"units": reader.units(points), "order": order}


def _key(*parts: str | bool | None) -> str:
    return ".".join(part for part in parts if isinstance(part, str) and part)


def _text(explanation: Explanation, name: str) -> str | None:
    value = explanation.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def _whole(explanation: Explanation, name: str) -> int | None:
    value = explanation.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _currency(explanation: Explanation) -> str | None:
    currency = _text(explanation, "currency")
    return currency if currency and len(currency) == 3 and currency.isascii() and currency.isupper() else None


def _name(explanation: Explanation, name: str, reader: _Reader) -> str | None:
    """Return a name that is stored per language, in the reader's, or one that is stored as it is."""
    value = explanation.get(name)
    if isinstance(value, Mapping):
        return name_in(reader.language, {str(key): str(text) for key, text in value.items()}) or None
    return _text(explanation, name)

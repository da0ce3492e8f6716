"""A rule said no: by a code, with facts that can be stored and told again."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from typing import Any, get_args, get_type_hints

import orjson
import pytest

import loyalty
from loyalty.ledger.posting import BalanceTooLow
from loyalty.orders.asked import AmountInvalid
from loyalty.refusals import Fact, Invalid, NotFound, Refusal, TryAgain


def every_refusal() -> list[type[Refusal]]:
    """Return every refusal of the rules."""
    for module in pkgutil.walk_packages(loyalty.__path__, "loyalty."):
        importlib.import_module(module.name)
    return [kind for code, kind in sorted(Refusal.by_code.items()) if kind.__module__.startswith("loyalty.")]


def an_example(kind: type[Refusal]) -> Refusal:
    """Return a refusal of this kind, with any facts."""
    examples: dict[Any, Fact] = {int: 7, str: "some text", bool: True}
    hints = {name: hint for name, hint in get_type_hints(kind.__init__).items() if name != "return"}
    named = {
        name: examples[next(one for one in (hint, *get_args(hint)) if one in examples)]
        for name, hint in hints.items()
        if name != "facts"
    }
    return kind(**named)


REFUSALS = every_refusal()


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_every_refusal_is_told_again_from_what_is_stored(kind: type[Refusal]) -> None:
    refusal = an_example(kind)

    stored = orjson.dumps({"code": refusal.code, "facts": refusal.facts})
    told = orjson.loads(stored)
    again = Refusal.told_again(told["code"], told["facts"])

    assert (type(again), again, again.facts, str(again)) == (kind, refusal, refusal.facts, str(refusal))


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_every_refusal_survives_a_copy(kind: type[Refusal]) -> None:
    refusal = an_example(kind)

    for again in (copy.copy(refusal), pickle.loads(pickle.dumps(refusal))):  # noqa: S301 - our own
        assert (type(again), again) == (kind, refusal)
        for name, fact in refusal.facts.items():
            assert getattr(again, name) == fact


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_code_of_its_own_and_says_what_it_is(kind: type[Refusal]) -> None:
    assert kind.code == kind.code.upper()
    assert inspect.getdoc(kind)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    assert all(one.kind in (one.KEYWORD_ONLY, one.VAR_KEYWORD) for one in parameters)


def test_what_is_wrong_with_the_input_is_not_stored_and_what_the_rules_mean_is() -> None:
    assert BalanceTooLow(balance_points=1, asked_points=2).stored
    assert not any(kind.stored for kind in REFUSALS if issubclass(kind, Invalid))
    assert not any(kind.stored for kind in (NotFound, TryAgain))


def test_a_refusal_shows_its_facts_by_name() -> None:
    refusal = BalanceTooLow(balance_points=5, asked_points=7)

    assert (refusal.facts, str(refusal)) == (
        {"balance_points": 5, "asked_points": 7},
        "BALANCE_TOO_LOW(balance_points=5, asked_points=7)",
    )
    assert getattr(refusal, "balance_points", None) == 5
    refusal.facts["balance_points"] = 9
    assert refusal.facts["balance_points"] == 5


def test_two_refusals_are_the_same_when_code_and_facts_are() -> None:
    one = AmountInvalid(field="amountMinor", line_number=2)

    assert one == AmountInvalid(field="amountMinor", line_number=2)
    assert hash(one) == hash(AmountInvalid(field="amountMinor", line_number=2))
    assert one != AmountInvalid(field="amountMinor", line_number=3)
    assert one != Invalid(field="amountMinor", line_number=2)
    assert one != "AMOUNT_INVALID"


def test_two_kinds_cannot_share_a_code() -> None:
    with pytest.raises(AssertionError):

        class _Other(Refusal):
            code = "NOT_FOUND"

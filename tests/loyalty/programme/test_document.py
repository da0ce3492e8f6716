"""A programme is a document; a bad one is refused with the path and a sentence."""

from pathlib import Path
from typing import Any

import pytest

from loyalty.programme.document import Programme
from loyalty.programme.reading import DOCUMENT_BYTES_MAX, ProgrammeInvalid, json_schema, parsed, stored_form
from tests.support.programme import a_document, a_name, a_programme, a_reward, a_rule

DOCS = Path(__file__).parents[3] / "docs"
NAME_WITHOUT_POLISH = {language: text for language, text in a_name("Club").items() if language != "pl"}


def refused(document: object) -> ProgrammeInvalid:
    with pytest.raises(ProgrammeInvalid) as refusal:
        parsed(document)
    return refusal.value


def test_what_is_stored_reads_back_as_the_same_programme() -> None:
    programme = a_programme(expiry={"kind": "after", "days": 30, "round_to": "week"})

    assert parsed(stored_form(programme)) == programme


def test_what_is_not_said_has_its_default() -> None:
    rule = a_programme().earn[0]

    assert (rule.rounding, rule.base.tax, rule.base.gift_cards, rule.base.shipping) == ("floor", False, False, False)
    assert (a_programme().reservation_minutes, a_programme().restored_days) == (30, 30)


def test_the_published_schema_is_current() -> None:
    published = (DOCS / "programme.schema.json").read_text()

    assert published == json_schema(), (
        "Write it again: python -c 'from loyalty.programme.reading import json_schema; print(json_schema(), end=\"\")'"
        " > docs/programme.schema.json"
    )


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"bonus": 1}, "bonus", "There is no such field."),
        ({"format": 2}, "format", "This should be 1."),
        ({"name": NAME_WITHOUT_POLISH}, "name.pl", "This is required."),
        ({"name": a_name(" ")}, "name.en", None),
        ({"owing_allowed": 1}, "owing_allowed", "This should be a valid boolean."),
        ({"units": []}, "units", None),
        ({"units": [{"code": "Points!", "name": a_name("points")}]}, "units.0.code", None),
        (
            {"units": a_document()["units"] * 2},
            "units.1.code",
            "The same code stands here twice.",
        ),
        ({"earn": [a_rule(), a_rule()]}, "earn.1.id", "The same id stands here twice."),
        ({"earn": [a_rule(unit="stars")]}, "earn.0.unit", "The programme has no unit stars."),
        ({"earn": [a_rule(rates=[])]}, "earn.0.rates", None),
        ({"earn": [a_rule(("EUR", -1, "1.00"))]}, "earn.0.rates.0.points", "This should be greater than 0."),
        ({"earn": [a_rule(("EUR", 1, "0.00"))]}, "earn.0.rates.0.per_amount", "The amount must be above zero."),
        ({"earn": [a_rule(("EUR", 1, "1e5"))]}, "earn.0.rates.0.per_amount", None),
        ({"earn": [a_rule(("XYZ", 1, "1"))]}, "earn.0.rates.0.currency", "No currency has the code XYZ."),
        (
            {"earn": [a_rule(("EUR", 1, "1"), ("EUR", 2, "1"))]},
            "earn.0.rates.1.currency",
            "The same currency stands here twice.",
        ),
        ({"earn": [a_rule(rounding="up")]}, "earn.0.rounding", None),
        ({"pending": {"kind": "later"}}, "pending", "This kind is none of 'none', 'days', 'event'."),
        ({"pending": {}}, "pending", "The kind is missing."),
        ({"pending": {"kind": "days", "days": 0}}, "pending.days", "This should be greater than 0."),
        ({"expiry": {"kind": "after", "round_to": "month"}}, "expiry", "Say either months or days."),
        (
            {"expiry": {"kind": "after", "months": 1, "days": 1, "round_to": "day"}},
            "expiry",
            "Say either months or days.",
        ),
        ({"expiry": {"kind": "after", "days": 0, "round_to": "day"}}, "expiry.days", "This should be greater than 0."),
        ({"rewards": [a_reward(), a_reward()]}, "rewards.1.id", "The same id stands here twice."),
        ({"rewards": [a_reward(unit="stars")]}, "rewards.0.unit", "The programme has no unit stars."),
        ({"rewards": [a_reward(points=10**12 + 1)]}, "rewards.0.points", None),
        ({"rewards": [a_reward(kind="amount_off", amount_minor=500)]}, "rewards.0.currency", "This is required."),
        ({"rewards": [a_reward(amount_minor=500)]}, "rewards.0.amount_minor", "There is no such field."),
    ],
)
def test_a_bad_document_is_refused_with_the_path_and_a_sentence(
    changes: dict[str, Any], path: str, problem: str | None
) -> None:
    refusal = refused(a_document(**changes))

    assert refusal.facts["path"] == path
    assert problem is None or refusal.facts["problem"] == problem
    assert str(refusal.facts["problem"]).endswith(".")


@pytest.mark.parametrize("text", ["", "[", "{", "nonsense", "[" * 100_000, '{"format": NaN}', "[]", "null"])
def test_what_is_no_document_at_all_is_refused(text: str) -> None:
    refusal = refused(text)

    assert refusal.facts["path"] in ("", "format")


def test_ten_megabytes_are_refused_unread() -> None:
    refusal = refused("{" + " " * 10_000_000 + "}")

    assert refusal.facts["problem"] == f"The document is larger than {DOCUMENT_BYTES_MAX:,} bytes."


def test_a_programme_cannot_be_changed() -> None:
    programme = a_programme()

    with pytest.raises(ValueError, match="frozen"):
        programme.owing_allowed = False  # type: ignore[misc]


def test_a_currency_without_a_rate_of_its_own_has_the_rate_of_any() -> None:
    [rule] = a_programme(earn=[a_rule(("SEK", 1, "10"), (None, 1, "1"))]).earn

    rates = [rule.rate_for(currency) for currency in ("SEK", "EUR")]

    assert [rate.per_amount for rate in rates if rate] == ["10", "1"]


def test_a_currency_that_no_rate_is_for_has_none() -> None:
    [rule] = a_programme(earn=[a_rule(("SEK", 1, "10"))]).earn

    assert rule.rate_for("EUR") is None


def test_the_demo_is_such_a_document() -> None:
    text = (DOCS.parent / "server" / "demo" / "programme.json").read_text()

    assert isinstance(parsed(text), Programme)

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.ledger.models import ENTRY_KINDS
from loyalty.words.explanations import balance_explained, explained
from loyalty.words.languages import LANGUAGES

PURCHASE = {
    "rule": "purchase",
    "version": 3,
    "order": "88",
    "basis_minor": 12_000,
    "currency": "EUR",
    "points_per_step": 1,
    "step_minor": 100,
    "rounding": "floor",
    "multiplier": 1,
    "lines": [[1, 12_000]],
}
RETURN = {
    "order": "88",
    "basis_minor": 12_000,
    "currency": "EUR",
    "returned_basis_minor": 2_000,
    "earned_points": 120,
    "clawed_back_before_points": 0,
    "completes": False,
    "taken_points": 20,
    "lost_points": 0,
    "owed_points": 0,
}
REWARD = {"reward": {"en": "5.00 off", "nb": "5,00 i rabatt", "sv": "5,00 i rabatt", "pl": "5,00 rabatu"}}


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "120 points for order 88: 1 point per full €1.00 of €120.00."),
        ("nb", "120 poeng for ordre 88: 1 poeng per hele 1,00\u00a0€ av 120,00\u00a0€."),
        ("sv", "120 poäng för order 88: 1 poäng per fulla 1,00\u00a0€ av 120,00\u00a0€."),
        ("pl", "120 punktów za zamówienie 88: 1 punkt za każde pełne 1,00\u00a0€ z kwoty 120,00\u00a0€."),
        ("et", "120 punkti tellimuse 88 eest: 1 punkt iga täis 1,00\u00a0€ eest summalt 120,00\u00a0€."),
    ],
)
def test_what_a_purchase_earned_is_told_with_its_rule_and_its_numbers(language: str, told: str) -> None:
    assert explained("earn", 120, PURCHASE, language=language) == told


def test_a_multiplier_is_told_with_its_reason() -> None:
    weekend = {**PURCHASE, "multiplier": "2", "multiplier_name": {"en": "weekend"}}

    assert explained("earn", 240, weekend, language="en") == (
        "240 points for order 88: 1 point per full €1.00 of €120.00, × 2 (weekend)."
    )
    assert "× 1,5" in explained("earn", 180, {**PURCHASE, "multiplier": "1.50"}, language="nb")


def test_why_a_purchase_earned_nothing_is_told_too() -> None:
    assert explained("earn", 0, {**PURCHASE, "basis_minor": 80}, language="en") == (
        "Nothing earned for order 88: 1 point per full €1.00 of €0.80."
    )


def test_what_went_to_cover_a_debt_is_told() -> None:
    assert explained("earn", 120, {**PURCHASE, "absorbed_points": 22}, language="pl").endswith(
        " Z tego na pokrycie zadłużenia: 22 punkty."
    )


def test_what_waits_is_told_with_what_it_waits_for() -> None:
    assert explained("earn", 5, {"available_on": "2026-04-01"}, language="en") == (
        "5 points earned. Can be used from April 1, 2026."
    )
    assert explained("earn", 5, {"awaits": "delivered"}, language="en") == (
        "5 points earned. Cannot be used yet; awaited: the goods have arrived."
    )


def test_what_a_return_took_back_is_told_with_what_the_order_gave() -> None:
    assert explained("clawback", -20, RETURN, language="en") == (
        "20 points taken back: goods from order 88 were returned."
        " The order had earned 120 points on €120.00; goods for €20.00 have come back so far."
    )


def test_what_a_return_could_not_take_is_told() -> None:
    short = {**RETURN, "taken_points": 14, "owed_points": 5, "lost_points": 1, "clawed_back_before_points": 30}

    assert explained("clawback", -19, short, language="en") == (
        "19 points taken back: goods from order 88 were returned."
        " Of this, 5 points were not there to take and will be covered by what is earned next."
        " 1 point from that order had already expired and is not taken a second time."
        " The order had earned 120 points on €120.00; goods for €20.00 have come back so far."
        " 30 points were taken back before."
    )


def test_the_return_of_a_whole_order_is_told_as_that() -> None:
    assert explained("clawback", -120, {**RETURN, "completes": True}, language="nb") == (
        "120 poeng trukket tilbake: hele ordre 88 er returnert. Ordren ga 120 poeng."
    )


@pytest.mark.parametrize(
    ("kind", "points", "told"),
    [
        ("redeem", -500, "500 punktów – wykorzystano na nagrodę „5,00 rabatu”."),
        ("reserve", -500, "500 punktów – zarezerwowano na nagrodę „5,00 rabatu”."),
        ("capture", 0, "Wykorzystano rezerwację na nagrodę „5,00 rabatu”."),
        ("void", 500, "500 punktów – zwolniono rezerwację na nagrodę „5,00 rabatu”."),
        ("reverse", 500, "500 punktów – zwrócono na konto: cofnięto wymianę na nagrodę „5,00 rabatu”."),
    ],
)
def test_the_way_of_a_reward_is_told_by_its_name(kind: str, points: int, told: str) -> None:
    assert explained(kind, points, REWARD, language="pl") == told


def test_a_reward_without_a_name_in_the_readers_language_is_told_in_english() -> None:
    assert explained("redeem", -500, REWARD, language="et") == "500 punkti kulus preemiale „5.00 off“."


def test_expiry_is_told_with_the_last_valid_day() -> None:
    assert explained("expire", -22, {"expired_on": "2026-03-31"}, language="pl") == (
        "22 punkty – upłynął termin ważności; ostatni dzień: 31 marca 2026."
    )


def test_a_correction_is_told_with_its_reason() -> None:
    assert (
        explained("adjust", 50, {"reason": "GOODWILL"}, language="en")
        == "50 points added by customer service (goodwill)."
    )
    assert explained("adjust", -5, {"reason": "COMPLAINT"}, language="sv") == (
        "5 poäng har dragits av av kundtjänst (reklamation)."
    )


def test_release_and_merge_are_told() -> None:
    assert (
        explained("release", 3, {"awaited": "date"}, language="en")
        == "3 points can now be used: the waiting time is over."
    )
    assert (
        explained("release", 3, {"awaited": "delivered"}, language="nb") == "3 poeng kan nå brukes: varene er levert."
    )
    assert explained("transfer_in", 3, {"why": "merge"}, language="et") == (
        "3 punkti sama inimese teiselt kontolt, mis on nüüd selle kontoga ühendatud."
    )


def test_a_merge_that_brings_a_debt_is_told_below_zero() -> None:
    told = "points from another account of the same person, now merged into this one."

    assert explained("transfer_in", -5, {"why": "merge"}, language="en") == f"−5 {told}"
    assert explained("transfer_in", 5, {"why": "merge"}, language="en") == f"5 {told}"


def test_a_unit_of_ones_own_is_named_in_its_forms() -> None:
    stars = {"en": "star|stars", "pl": "gwiazdka|gwiazdki|gwiazdek"}

    assert explained("redeem", -1, {}, language="pl", unit_name=stars) == "Wykorzystano: 1 gwiazdka."
    assert explained("earn", 22, {}, language="pl", unit_name=stars) == "Naliczono: 22 gwiazdki."


def test_a_balance_is_told_as_the_sum_of_its_entries() -> None:
    parts: list[tuple[str, int, Mapping[str, object]]] = [
        ("earn", 240, {**PURCHASE, "multiplier": "2"}),
        ("clawback", -20, RETURN),
        ("redeem", -500, REWARD),
    ]

    assert balance_explained(340, parts, language="en") == (
        "340 = 240 (order 88, × 2) − 20 (return, order 88) − 500 (5.00 off) + 620 (all else)"
    )
    assert balance_explained(-280, parts, language="sv") == (
        "−280 = 240 (order 88, × 2) − 20 (retur, order 88) − 500 (5,00 i rabatt)"
    )
    assert balance_explained(0, [], language="pl") == "0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *PURCHASE,
        *RETURN,
        "reward",
        "awaits",
        "available_on",
        "awaited",
        "reason",
        "expired_on",
        "absorbed_points",
        "why",
    ]
)


@given(
    kind=st.sampled_from([*ENTRY_KINDS, "unheard-of"]),
    points=st.integers(),
    explanation=st.dictionaries(NAMES, JSON),
    language=st.sampled_from(LANGUAGES),
    decimals=st.integers(0, 4),
)
def test_no_explanation_is_a_fault(
    kind: str, points: int, explanation: dict[str, object], language: str, decimals: int
) -> None:
    assert explained(kind, points, explanation, language=language, decimals=decimals)
    assert balance_explained(points, [(kind, points, explanation)], language=language, decimals=decimals)

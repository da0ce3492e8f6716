import pytest

from loyalty.words.languages import LANGUAGES
from loyalty.words.terms import (
    earn_rule_worded,
    expiry_worded,
    pending_worded,
    returns_worded,
    reward_named,
    reward_worded,
)


def test_the_earn_rule_is_told_with_what_counts() -> None:
    assert earn_rule_worded([(1, "1.00", "EUR")], language="en") == (
        "Earn 1 point for every full €1.00 you spend. Each order is counted on its own."
        " What counts is the price after discounts. Not counted: tax, shipping, and gift cards."
    )
    assert earn_rule_worded([(2, "10", "PLN")], language="pl", counts_tax=True, counts_gift_cards=True) == (
        "Za każde pełne 10,00\u00a0zł wydane na zakupy: 2 punkty. Każde zamówienie liczy się osobno."
        " Liczy się cena po rabatach. Poza naliczaniem: dostawa."
    )


def test_a_rate_in_any_currency_says_so() -> None:
    told = earn_rule_worded([(1, "1.00", None)], language="nb", rounding="half_up")

    assert told.startswith(
        "Få 1 poeng per 1,00 du handler for, avrundet til nærmeste hele. Beløpet er i ordrens valuta."
    )


def test_a_rate_per_currency_is_told_for_each_and_of_less_than_the_smallest_coin_exactly() -> None:
    told = earn_rule_worded([(1, "1.00", "EUR"), (3, "0.0015", "NOK")], language="sv")

    assert told.startswith("Få 1 poäng per fulla 1,00\u00a0€ du handlar för. Få 3 poäng per fulla 0,0015\u00a0Nkr du")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "What you earn expires 12 months after the purchase, at the end of that month."),
        ("nb", "Det du tjener opp, utløper 12 måneder etter kjøpet, ved slutten av den måneden."),
        ("sv", "Det du tjänar in förfaller 12 månader efter köpet, vid slutet av den månaden."),
        ("pl", "Ważność: 12 miesięcy od zakupu, do końca tego miesiąca."),
        ("et", "Kogutu aegub 12 kuud pärast ostu, selle kuu lõpus."),
    ],
)
def test_expiry_is_told_with_its_rounding(language: str, told: str) -> None:
    assert expiry_worded({"kind": "after", "months": 12, "days": None, "round_to": "month"}, language=language) == told


def test_expiry_in_days_and_never() -> None:
    assert expiry_worded({"kind": "after", "days": 1, "round_to": "day"}, language="sv") == (
        "Det du tjänar in förfaller 1 dag efter köpet, vid slutet av den dagen."
    )
    assert expiry_worded({"kind": "never"}, language="et") == "Kogutu ei aegu."


def test_when_units_can_be_used_is_told() -> None:
    assert pending_worded({"kind": "none"}, language="en") == "What you earn can be used at once."
    assert pending_worded({"kind": "days", "days": 14}, language="pl") == "Do wykorzystania po 14 dniach od zakupu."
    assert pending_worded({"kind": "event", "event": "delivered"}, language="sv") == (
        "Det du tjänar in kan användas när detta har hänt: varorna har levererats."
    )


def test_a_reward_is_told_with_its_price_and_conditions() -> None:
    five_off = {
        language: reward_named("amount_off", language=language, amount_minor=500, currency="EUR")
        for language in LANGUAGES
    }

    assert reward_worded(five_off, 500, language="en", valid_days=1) == "€5.00 off for 500 points, valid for 1 day"
    assert reward_worded(five_off, 500, language="sv", minimum_spend_minor=2_000, currency="EUR") == (
        "5,00\u00a0€ i rabatt för 500 poäng, vid köp för minst 20,00\u00a0€"
    )
    assert reward_named("free_shipping", language="pl") == "Bezpłatna dostawa"
    assert reward_named("unheard_of", language="pl") == "unheard_of"


def test_what_a_return_does_is_told() -> None:
    assert returns_worded(owing_allowed=False, language="en") == "When goods come back, what they earned is taken back."
    assert returns_worded(owing_allowed=True, language="en").endswith("what is earned next covers it.")

from datetime import date

from loyalty.words.receipts import receipt_lines


def test_a_member_reads_what_the_purchase_earned_and_what_is_there_now() -> None:
    assert receipt_lines(language="en", earned_points=120, balance_points=340) == [
        "You earned 120 points",
        "Your balance: 340 points",
    ]
    assert receipt_lines(language="et", earned_points=1, balance_points=2) == [
        "Sulle kogunes 1 punkt",
        "Sinu saldo: 2 punkti",
    ]


def test_what_cannot_be_used_yet_is_told_with_its_day() -> None:
    [line] = receipt_lines(language="nb", earned_points=120, available_on=date(2026, 4, 1))

    assert line == "Du tjente 120 poeng, som kan brukes fra 1. april 2026"
    assert receipt_lines(language="en", earned_points=5, pending=True) == ["You earned 5 points, to be used later"]


def test_a_purchase_that_earns_nothing_says_so() -> None:
    assert receipt_lines(language="sv", earned_points=0, balance_points=0, owed_points=5) == [
        "Ingen intjäning den här gången",
        "Ditt saldo: 0 poäng",
        "Skuld sedan tidigare: 5 poäng",
    ]


def test_a_stranger_reads_how_to_claim_what_the_purchase_earned() -> None:
    assert receipt_lines(language="en", earned_points=120, claim_code="ABCD-EFGH", claim_by=date(2026, 4, 1)) == [
        "Not a member yet? Claim 120 points with code ABCD-EFGH",
        "Claim by April 1, 2026",
    ]
    assert receipt_lines(language="pl", earned_points=0, claim_code="ABCD-EFGH") == [
        "Jeszcze poza programem? Kod do rejestracji paragonu: ABCD-EFGH"
    ]

"""How many units a purchase earns, and how many a return takes back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.earning.rules import Earned, LineFacts, PurchaseFacts, clawed_back, earned_for_purchase
from tests.support.programme import a_name, a_programme, a_rule

PLACED_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def bought(*lines: LineFacts | int, currency: str = "EUR") -> PurchaseFacts:
    facts = [LineFacts(n, line) if isinstance(line, int) else line for n, line in enumerate(lines, start=1)]
    return PurchaseFacts("88", currency, PLACED_AT, tuple(facts))


def earned(purchase: PurchaseFacts, **document: Any) -> tuple[Earned, ...]:
    return earned_for_purchase(a_programme(**document), purchase, "Europe/Tallinn", version=3)


def points(purchase: PurchaseFacts, *rates: tuple[str | None, int, str], **rule: Any) -> int:
    return sum(one.points for one in earned(purchase, earn=[a_rule(*rates, **rule)]))


LEGO_INSIDERS = (
    ("USD", 13, "2.00"),
    ("CAD", 5, "1.00"),
    ("GBP", 8, "1.00"),
    ("EUR", 15, "2.00"),
    ("AUD", 9, "2.00"),
    ("NZD", 4, "1.00"),
    ("DKK", 1, "1.00"),
)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "expected_points"),
    [(100_00, "USD", 650), (400_00, "USD", 2_600), (20_00, "EUR", 150), (10_00, "GBP", 80), (249_95, "DKK", 249)],
)
def test_lego_insiders_earns_per_currency(amount_minor: int, currency: str, expected_points: int) -> None:
    # lego.com/es-us, help topic "Earning and spending LEGO Insiders points": 6.5 points for each USD, 7.5 for EUR,
    # 8 for GBP, 1 for DKK; 650 points are 5 USD, 2,600 are 20 USD.
    assert points(bought(amount_minor, currency=currency), *LEGO_INSIDERS) == expected_points


def test_h_and_m_earns_one_point_per_pound() -> None:
    # www2.hm.com/en_gb, member information: 1 point for every 1 GBP.
    assert points(bought(29_99, 70_00, currency="GBP"), ("GBP", 1, "1.00")) == 99


@pytest.mark.parametrize(("amount_minor", "toys"), [(399_99, 0), (400_00, 1), (799_99, 1), (800_00, 2)])
def test_magnit_gives_one_toy_per_full_400_roubles_in_one_receipt(amount_minor: int, toys: int) -> None:
    # skrepyshi.ru, rules of "Skrepyshi 3" (2021): one toy for every 400 roubles in one receipt.
    assert points(bought(amount_minor, currency="RUB"), ("RUB", 1, "400.00")) == toys


@pytest.mark.parametrize(
    ("currency", "amount_minor"),
    [("EUR", 12_34), ("JPY", 12), ("KWD", 12_340)],
)
def test_one_per_full_main_unit_means_it_in_every_currency(currency: str, amount_minor: int) -> None:
    # ISO 4217: EUR has two decimals, JPY none, KWD three.
    assert points(bought(amount_minor, currency=currency)) == 12


def test_a_step_below_the_currencys_smallest_part_is_reckoned_exactly() -> None:
    assert points(bought(7, currency="JPY"), (None, 1, "0.50")) == 14


@pytest.mark.parametrize(("rounding", "expected_points"), [("floor", 10), ("ceiling", 11), ("half_up", 11)])
def test_the_rounding_is_the_documents(rounding: str, expected_points: int) -> None:
    assert points(bought(10_50), rounding=rounding) == expected_points


def test_points_are_rounded_once_over_the_order() -> None:
    assert points(bought(50, 50)) == 1


def test_discounts_tax_and_gift_cards_do_not_count() -> None:
    lines = (
        LineFacts(1, 100_00, discount_share_minor=10_00, tax_share_minor=15_00),
        LineFacts(2, 50_00, gift_card=True),
    )

    [one] = earned(bought(*lines))

    assert (one.points, one.basis_minor, one.explanation["lines"]) == (75, 75_00, [[1, 75_00]])


def test_tax_and_gift_cards_count_where_the_document_says_so() -> None:
    lines = (LineFacts(1, 100_00, tax_share_minor=15_00), LineFacts(2, 50_00, gift_card=True))

    assert points(bought(*lines), base={"tax": True, "gift_cards": True}) == 150


def test_a_line_never_counts_below_zero() -> None:
    assert points(bought(LineFacts(1, 1_00, discount_share_minor=1_00, tax_share_minor=50), 5_00)) == 5


def test_nothing_is_earned_below_the_first_step() -> None:
    assert earned(bought(99)) == ()


def test_a_currency_without_a_rate_earns_nothing() -> None:
    assert points(bought(100_00, currency="USD"), ("EUR", 1, "1.00")) == 0


def test_every_rule_earns_in_its_own_unit() -> None:
    units = [{"code": code, "name": a_name(code)} for code in ("points", "stars")]
    rules = [a_rule(), a_rule((None, 1, "10.00"), id="stars", unit="stars")]

    given_by = [(one.rule_id, one.unit, one.points) for one in earned(bought(25_00), units=units, earn=rules)]

    assert given_by == [("purchase", "points", 25), ("stars", "stars", 2)]


def test_the_explanation_says_how_the_points_follow() -> None:
    [one] = earned(bought(12_34, 8_00))

    assert one.explanation == {
        "rule": "purchase",
        "version": 3,
        "order": "88",
        "basis_minor": 20_34,
        "currency": "EUR",
        "points_per_step": 1,
        "step_minor": 100,
        "rounding": "floor",
        "multiplier": 1,
        "lines": [[1, 12_34], [2, 8_00]],
    }


def test_points_last_as_the_document_says_from_the_day_of_the_purchase() -> None:
    [one] = earned(bought(1_00), expiry={"kind": "after", "months": 12, "round_to": "month"})

    assert (one.earned_at, one.expires_at) == (PLACED_AT, datetime(2027, 3, 31, 21, tzinfo=UTC))
    assert (one.available_at, one.awaits) == (None, None)


def test_pending_points_say_from_which_day_they_can_be_used() -> None:
    [one] = earned(bought(1_00), pending={"kind": "days", "days": 14})

    assert (one.available_at, one.awaits) == (datetime(2026, 3, 16, 12, tzinfo=UTC), None)
    assert one.explanation["available_on"] == "2026-03-16"


def test_pending_points_say_what_they_wait_for() -> None:
    [one] = earned(bought(1_00), pending={"kind": "event", "event": "delivered"})

    assert (one.available_at, one.awaits, one.explanation["awaits"]) == (None, "delivered", "delivered")


amounts = st.integers(0, 10**9)
rates = st.tuples(st.none(), st.integers(1, 1_000), st.sampled_from(["0.01", "0.50", "1.00", "2.00", "7.50", "400"]))


@given(amounts, amounts, rates, st.sampled_from(["floor", "ceiling", "half_up"]))
def test_who_pays_more_never_earns_less(
    amount_minor: int, more_minor: int, rate: tuple[None, int, str], rounding: str
) -> None:
    less = points(bought(amount_minor), rate, rounding=rounding)
    more = points(bought(amount_minor + more_minor), rate, rounding=rounding)

    assert less <= more


@given(st.lists(amounts, min_size=1, max_size=6), rates)
def test_splitting_an_order_never_earns_more(amounts_minor: list[int], rate: tuple[None, int, str]) -> None:
    split = sum(points(bought(amount), rate) for amount in amounts_minor)

    assert split <= points(bought(*amounts_minor), rate)


@given(st.lists(amounts, min_size=1, max_size=6), rates, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(amounts_minor: list[int], rate: tuple[None, int, str], dice: Any) -> None:
    shuffled = dice.sample(amounts_minor, len(amounts_minor))

    assert points(bought(*amounts_minor), rate) == points(bought(*shuffled), rate)


# Returns. A line is (base, bought in thousandths); what came back grows from nothing to everything.


def test_a_return_takes_back_pro_rata_rounded_down() -> None:
    # 120 points for 80.00 and 40.00 (2x weekend would be stored all the same); one of three of the second comes back:
    # 120 x 13.33.. / 120 = 13.33.., so 13.
    assert clawed_back(120, 120_00, [(80_00, 0, 1000), (40_00, 1000, 3000)], completes=False) == 13


def test_the_return_that_completes_the_order_takes_the_rest() -> None:
    lines = [(33_33, 1000, 1000), (33_33, 1000, 1000), (33_34, 500, 1000)]

    assert clawed_back(100, 100_00, lines, completes=False) == 83
    assert clawed_back(100, 100_00, [(base, bought, bought) for base, _, bought in lines], completes=True) == 100


def test_points_that_no_line_counted_for_go_with_the_whole_order() -> None:
    assert clawed_back(50, 0, [(0, 500, 1000)], completes=False) == 0
    assert clawed_back(50, 0, [(0, 1000, 1000)], completes=True) == 50


def test_what_does_not_count_takes_nothing_back() -> None:
    assert clawed_back(100, 100_00, [(100_00, 0, 1000), (0, 1000, 1000)], completes=False) == 0


def test_weights_are_reckoned_exactly() -> None:
    # 0.151 kg of 0.453 kg is a third to the gram: 99 x 151 / 453 = 33 and no part less.
    assert clawed_back(99, 10_00, [(10_00, 151, 453)], completes=False) == 33


lines = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 5_000)), min_size=1, max_size=5)


def _back(lines: Sequence[tuple[int, int]], back: Sequence[int], points: int) -> int:
    returned = [(base, milli, bought) for (base, bought), milli in zip(lines, back, strict=True)]
    completes = all(milli == bought for (_, bought), milli in zip(lines, back, strict=True))
    return clawed_back(points, sum(base for base, _ in lines), returned, completes=completes)


@given(lines, st.integers(1, 10**6), st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5_000)), max_size=12))
def test_what_is_taken_back_only_grows_and_ends_with_everything(
    lines: list[tuple[int, int]], points: int, returns: list[tuple[int, int]]
) -> None:
    bought = [milli for _, milli in lines]
    back = [0] * len(lines)
    taken = [_back(lines, back, points)]

    for place, milli in returns:
        line = place % len(lines)
        back[line] = min(bought[line], back[line] + milli)
        taken.append(_back(lines, back, points))
    taken.append(_back(lines, bought, points))

    assert taken == sorted(taken)
    assert taken[0] == 0
    assert taken[-1] == points


@given(lines, st.integers(1, 10**6), st.data())
def test_the_order_of_returns_does_not_matter(lines: list[tuple[int, int]], points: int, data: st.DataObject) -> None:
    back = [data.draw(st.integers(0, bought)) for _, bought in lines]
    places = data.draw(st.permutations(range(len(lines))))

    there = _back(lines, back, points)
    elsewhere = _back([lines[place] for place in places], [back[place] for place in places], points)

    assert there == elsewhere

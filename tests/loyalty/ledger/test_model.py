"""The model keeps the laws of docs/ledger.md by itself."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.ledger.model import LawBroken, Ledger
from loyalty.ledger.model_state import Asked, Columns, Movement, Result
from tests.support.ledger import START, Draw, World, draws, random_draw, seeded, state_of

ANNA, BJØRN = UUID(int=1), UUID(int=2)
ORDER, OTHER_ORDER = UUID(int=11), UUID(int=12)
DAY = timedelta(days=1)


def ask(ledger: Ledger, kind: str, days: int = 0, of: UUID = ANNA, **details: object) -> Result:
    asked = Asked(kind=kind, customer_id=of, unit="points", **details)  # type: ignore[arg-type]
    return ledger.apply(asked, START + days * DAY)


def earned(*lots: tuple[int, int | None], order: UUID | None = None) -> Ledger:
    """Return a ledger in which Anna earned lots of (points, days until expiry)."""
    ledger = Ledger()
    for points, days in lots:
        expires_at = None if days is None else START + days * DAY
        ask(ledger, "earn", points=points, earned_at=START, expires_at=expires_at, order_id=order)
    return ledger


def parts(ledger: Ledger, of: UUID = ANNA) -> list[dict[str, int]]:
    return [{part: n for part, n in lot.parts.items() if n} for lot in ledger.wallet(of, "points").lots]


def columns(ledger: Ledger, of: UUID = ANNA) -> Columns:
    return ledger.wallet(of, "points").columns


def test_the_first_to_expire_is_spent_first_and_what_never_expires_last() -> None:
    ledger = earned((10, None), (10, 9), (10, 3), (10, 3))

    result = ask(ledger, "redeem", points=25)

    assert result.entry is not None
    assert result.entry.movements == (
        Movement(3, "open", "redeemed", 10),
        Movement(4, "open", "redeemed", 10),
        Movement(2, "open", "redeemed", 5),
    )
    assert (result.entry.points, result.entry.balance_after) == (-25, 15)


def test_a_lot_cannot_be_spent_from_the_very_moment_it_expires() -> None:
    ledger = earned((10, 3))

    assert ask(ledger, "redeem", days=3, points=1).code == "balance_too_low"
    assert ask(ledger, "expire", days=3, expires_at=START + 3 * DAY).code == "ok"
    assert parts(ledger) == [{"expired": 10}]


def test_nothing_expires_before_its_time_or_twice() -> None:
    ledger = earned((10, 3))

    assert ask(ledger, "expire", days=2, expires_at=START + 3 * DAY).code == "nothing_due"
    assert ask(ledger, "expire", days=3, expires_at=START + 2 * DAY).code == "nothing_due"
    assert ask(ledger, "expire", days=4, expires_at=START + 3 * DAY).code == "ok"
    assert ask(ledger, "expire", days=4, expires_at=START + 3 * DAY).code == "nothing_due"


def test_a_clawback_takes_pending_then_the_orders_own_then_what_is_lost_then_the_rest_then_owes() -> None:
    ledger = earned((10, None), (20, 9))
    ask(ledger, "earn", points=5, earned_at=START, awaits="shipment", order_id=ORDER)
    ask(ledger, "earn", points=6, earned_at=START, expires_at=START + DAY, order_id=ORDER)
    ask(ledger, "expire", days=1, expires_at=START + DAY)
    ask(ledger, "earn", days=1, points=7, earned_at=START, expires_at=START + 2 * DAY, order_id=ORDER)

    result = ask(ledger, "clawback", days=5, points=60, order_id=ORDER, owing_allowed=True)

    assert parts(ledger) == [{"reversed": 10}, {"reversed": 20}, {"reversed": 5}, {"reversed": 6}, {"reversed": 7}]
    assert result.entry is not None
    assert result.entry.points == -54
    assert result.entry.deltas == Columns(-37, -5, 0, 12, -60, 0)


def test_without_owing_the_rest_of_a_clawback_is_forgiven() -> None:
    ledger = earned((10, None), order=ORDER)

    result = ask(ledger, "clawback", points=25, order_id=ORDER, owing_allowed=False)

    assert result.entry is not None
    assert (result.entry.points, columns(ledger)) == (-10, Columns(lifetime_earned=-15))


def test_what_is_owed_is_taken_from_whatever_comes_next() -> None:
    ledger = Ledger()
    ask(ledger, "clawback", points=25, order_id=ORDER, owing_allowed=True)

    first = ask(ledger, "earn", points=20, earned_at=START)
    second = ask(ledger, "adjust", points=20)

    assert first.entry is not None
    assert (first.entry.points, first.entry.balance_after) == (20, 0)
    assert second.entry is not None
    assert second.entry.deltas == Columns(available=15, owed=-5)
    assert parts(ledger) == [{"reversed": 20}, {"open": 15, "reversed": 5}]


def test_a_captured_reservation_is_spent_and_cannot_be_voided() -> None:
    ledger, held = earned((10, 3), (10, 9)), uuid4()
    ask(ledger, "reserve", points=15, reservation_id=held, reserved_until=START + DAY)

    assert columns(ledger) == Columns(5, 0, 15, 0, 20, 0)
    assert ask(ledger, "capture", reservation_id=held).code == "ok"
    assert ask(ledger, "void", reservation_id=held, restored_until=START).code == "reservation_not_open"
    assert columns(ledger) == Columns(5, 0, 0, 0, 20, 15)


def test_a_reservation_whose_time_is_up_can_only_be_voided_and_its_lots_live_on() -> None:
    ledger, held = earned((10, 3), (10, 9)), uuid4()
    ask(ledger, "reserve", points=15, reservation_id=held, reserved_until=START + 4 * DAY)

    assert ask(ledger, "capture", days=4, reservation_id=held).code == "reservation_expired"
    assert ask(ledger, "void", days=4, reservation_id=held, restored_until=START + 34 * DAY).code == "ok"
    lots = ledger.wallet(ANNA, "points").lots
    assert [lot.expires_at for lot in lots] == [START + 34 * DAY, START + 9 * DAY]
    assert columns(ledger).available == 20


def test_a_reversal_puts_units_back_into_the_lots_they_came_from_once() -> None:
    ledger = earned((10, 3), (10, 9))
    ask(ledger, "redeem", points=15)

    assert ask(ledger, "reverse", days=1, related=3, restored_until=START + 31 * DAY).code == "ok"
    assert ask(ledger, "reverse", days=1, related=3, restored_until=START + 31 * DAY).code == "already_reversed"
    assert ask(ledger, "reverse", days=1, related=1, restored_until=START + 31 * DAY).code == "nothing_to_reverse"
    assert parts(ledger) == [{"open": 10}, {"open": 10}]
    assert columns(ledger).lifetime_redeemed == 0


def test_a_restoration_pays_what_is_owed_only_with_the_units_it_restored() -> None:
    ledger = earned((10, 3))
    ask(ledger, "redeem", points=4)
    ask(ledger, "clawback", days=3, points=5, order_id=OTHER_ORDER, owing_allowed=True)

    result = ask(ledger, "reverse", days=3, related=2, restored_until=START + 33 * DAY)

    assert result.entry is not None
    assert result.entry.movements == (Movement(1, "redeemed", "open", 4), Movement(1, "open", "reversed", 4))
    assert columns(ledger) == Columns(6, 0, 0, 1, 5, 0)


def test_everything_moves_to_another_customer_lot_by_lot() -> None:
    ledger = earned((10, None), (20, 3), order=ORDER)
    ask(ledger, "earn", points=5, earned_at=START, available_at=START + DAY)
    ask(ledger, "redeem", points=4)
    ask(ledger, "clawback", of=BJØRN, points=12, order_id=OTHER_ORDER, owing_allowed=True)

    result = ask(ledger, "transfer", days=4, to_customer_id=BJØRN)

    assert result.entry is not None
    assert (result.entry.kind, result.entry.sequence, result.entry.points) == ("transfer_out", 5, -31)
    assert columns(ledger) == Columns()
    assert parts(ledger, BJØRN) == [{"open": 4, "reversed": 12}, {"open": 10}, {"pending": 5}]
    assert columns(ledger, BJØRN) == Columns(14, 5, 0, 0, 23, 4)


def test_a_transfer_of_everything_waits_for_reservations_and_needs_something() -> None:
    ledger = earned((10, None))
    ask(ledger, "reserve", points=1, reservation_id=uuid4(), reserved_until=START)

    assert ask(ledger, "transfer", to_customer_id=BJØRN).code == "reserved_units"
    assert ask(ledger, "transfer", of=BJØRN, to_customer_id=ANNA).code == "nothing_to_transfer"
    assert ask(ledger, "transfer", to_customer_id=BJØRN, points=10).code == "balance_too_low"
    assert ask(ledger, "transfer", to_customer_id=BJØRN, points=9).code == "ok"


def test_a_wallet_holds_at_most_a_thousand_billions() -> None:
    ledger = earned((10**15 - 1, None))

    assert ask(ledger, "adjust", points=2).code == "too_large"
    assert ask(ledger, "earn", points=2, earned_at=START, awaits="shipment").code == "too_large"
    assert ask(ledger, "earn", points=1, earned_at=START).code == "ok"


def test_a_reference_is_posted_once_per_kind() -> None:
    ledger = Ledger()
    first = ask(ledger, "earn", points=10, earned_at=START, external_reference="order 88")

    again = ask(ledger, "earn", of=BJØRN, points=99, earned_at=START, external_reference="order 88")
    other = ask(ledger, "redeem", points=10, external_reference="order 88")

    assert (again.code, again.entry) == ("exists", first.entry)
    assert other.code == "ok"


def test_a_refused_posting_changes_nothing_and_makes_no_wallet() -> None:
    ledger = earned((10, 3))
    before = state_of(ledger)

    assert ask(ledger, "redeem", points=11).code == "balance_too_low"
    assert ask(ledger, "adjust", of=BJØRN, points=-1).code == "balance_too_low"
    assert ask(ledger, "release", lot=1).code == "nothing_pending"
    assert state_of(ledger) == before
    assert set(ledger.wallets) == {(ANNA, "points")}


def test_a_broken_law_is_named() -> None:
    ledger = earned((10, 3))
    ledger.wallets[ANNA, "points"].lots[0].parts["open"] = 9

    with pytest.raises(LawBroken, match="available is the sum of its lots"):
        ledger.check_laws()


@given(st.lists(st.tuples(st.integers(0, 30), draws), max_size=60))
@settings(max_examples=150, deadline=None)
def test_all_laws_hold_after_every_posting(steps: list[tuple[int, Draw]]) -> None:
    world = World([ANNA, BJØRN, UUID(int=3)])

    for hours, draw in steps:
        world.pass_time(hours)
        before = state_of(world.ledger)
        result = world.ledger.apply(world.asked(draw), world.now)
        world.ledger.check_laws()
        if result.code != "ok":
            assert state_of(world.ledger) == before


@given(st.lists(st.tuples(st.integers(0, 30), draws), max_size=60))
@settings(max_examples=60, deadline=None)
def test_replaying_the_entries_gives_the_same_state(steps: list[tuple[int, Draw]]) -> None:
    world = World([ANNA, BJØRN, UUID(int=3)])
    taken = []

    for hours, draw in steps:
        world.pass_time(hours)
        asked = world.asked(draw)
        if world.ledger.apply(asked, world.now).code == "ok":
            taken.append((asked, world.now))
    again = Ledger()
    for asked, moment in taken:
        assert again.apply(asked, moment).code == "ok"

    assert state_of(again) == state_of(world.ledger)


def test_all_laws_hold_over_a_long_life() -> None:
    posted = effective = 0

    with seeded() as dice:
        for _ in range(100):
            world = World([uuid4() for _ in range(6)])
            for step in range(500):
                world.pass_time(dice.randrange(6))
                result = world.ledger.apply(world.asked(random_draw(dice)), world.now)
                posted, effective = posted + 1, effective + (result.code == "ok")
                if step % 50 == 0:
                    world.ledger.check_laws()
            world.ledger.check_laws()

        assert posted == 50_000
        assert effective > 20_000

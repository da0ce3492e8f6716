"""A reward held for a checkout: captured, voided, or given up when its time is up."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Permission, Role
from loyalty.ledger.balances import points_balance, wallets_of
from loyalty.ledger.posting import BalanceTooLow, Expire, ReservationExpired, ReservationNotOpen, post
from loyalty.once.answers import Answer
from loyalty.refusals import NotFound, TryAgain
from loyalty.rewards.entitlements import Held, entitlements_of, reservations_of
from loyalty.rewards.redemption import (
    ReservationsExpired,
    Reserved,
    capture_reservation,
    expire_reservations,
    reserve_reward,
    void_reservation,
)
from tests.support.programme import TESTS, a_key, a_member, a_shop, all_actors, earned

pytestmark = pytest.mark.usefixtures("database")

TILL = Actor.key(uuid4(), frozenset({Permission.REWARDS_REDEEM}))
JOB = Actor.system("expire-reservations")


async def reserve(customer_id: UUID, *, now: datetime) -> Reserved:
    answer = await reserve_reward(
        a_key(), customer_id=customer_id, reward_id="free-shipping", actor=Actor.customer(customer_id), now=now
    )
    return answer.value


async def the_held(customer_id: UUID, *, now: datetime) -> Held:
    [held] = (await entitlements_of([customer_id], limit=10, now=now))[customer_id]
    return held


async def standing(customer_id: UUID, *, now: datetime) -> tuple[int, int, str]:
    """Return what is available, what is reserved, and the state of the one entitlement."""
    [wallet] = (await wallets_of([customer_id], now=now))[customer_id]
    return wallet.available_points, wallet.reserved_points, (await the_held(customer_id, now=now)).state


async def test_a_checkout_holds_the_points_for_as_long_as_the_programme_says(now: datetime) -> None:
    shop, _ = await a_shop(reservation_minutes=45, now=now)
    customer_id = await a_member(shop, balance_points=250, now=now)

    reserved = await reserve(customer_id, now=now)

    held = await the_held(customer_id, now=now)
    assert await standing(customer_id, now=now) == (50, 200, "reserved")
    assert (held.id, held.reservation_id) == (reserved.entitlement_id, reserved.reservation_id)
    assert (held.reserved_until, held.entry_id) == (now + timedelta(minutes=45), reserved.entry_id)


async def test_held_points_cannot_be_spent_twice(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=399, now=now)
    await reserve(customer_id, now=now)

    with pytest.raises(BalanceTooLow):
        await reserve(customer_id, now=now)

    assert await standing(customer_id, now=now) == (199, 200, "reserved")


async def test_a_captured_reservation_is_a_used_reward(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=250, now=now)
    reserved = await reserve(customer_id, now=now)

    await capture_reservation(a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=now)

    assert await standing(customer_id, now=now) == (50, 0, "used")
    assert (await the_held(customer_id, now=now)).closed_at == now


async def test_a_reservation_is_captured_until_its_time_is_up_and_not_then(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=250, now=now)
    reserved = await reserve(customer_id, now=now)

    with pytest.raises(ReservationExpired):
        await capture_reservation(
            a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=now + timedelta(minutes=30)
        )

    assert await standing(customer_id, now=now) == (50, 200, "reserved")
    await capture_reservation(
        a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=now + timedelta(minutes=29, seconds=59)
    )


async def test_a_voided_reservation_gives_the_points_back_to_the_same_lots(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=150, now=now)
    await earned(customer_id, 150, expires_at=now + timedelta(days=5), now=now)
    before = await lots(customer_id)
    reserved = await reserve(customer_id, now=now)

    await void_reservation(a_key(), reservation_id=reserved.reservation_id, actor=Actor.customer(customer_id), now=now)

    assert await lots(customer_id) == before
    assert await standing(customer_id, now=now) == (300, 0, "returned")


async def lots(customer_id: UUID) -> list[tuple[object, ...]]:
    found = await transactions.rows(
        "SELECT id, open_points, reserved_points, expires_at FROM lot WHERE customer_id = $1 ORDER BY sequence",
        customer_id,
    )
    return [tuple(row) for row in found]


async def test_points_that_expired_while_they_were_held_come_back_for_thirty_days(now: datetime) -> None:
    shop, _ = await a_shop(reservation_minutes=60, now=now)
    ends_at = now + timedelta(minutes=10)
    customer_id = await a_member(shop, balance_points=200, expires_at=ends_at, now=now)
    reserved = await reserve(customer_id, now=now)
    later = now + timedelta(minutes=20)

    await void_reservation(a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=later)

    [wallet] = (await wallets_of([customer_id], now=later))[customer_id]
    # To the end of 1 April 2026 in Tallinn.
    assert [(lot.points, lot.expires_at) for lot in wallet.expiring] == [(200, datetime(2026, 4, 1, 21, tzinfo=UTC))]


async def test_what_comes_back_gives_no_more_time_to_points_whose_time_is_up(now: datetime) -> None:
    shop, _ = await a_shop(reservation_minutes=60, now=now)
    customer_id = await a_member(shop, balance_points=300, expires_at=now + timedelta(minutes=10), now=now)
    reserved = await reserve(customer_id, now=now)
    later = now + timedelta(minutes=20)

    await void_reservation(a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=later)

    assert await standing(customer_id, now=later) == (200, 0, "returned")
    assert await transactions.value("SELECT expired_points FROM lot") == 100


@pytest.mark.parametrize("first", ["capture", "void"])
@pytest.mark.parametrize("second", ["capture", "void"])
async def test_a_reservation_is_closed_once(first: str, second: str, now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=250, now=now)
    reserved = await reserve(customer_id, now=now)
    close = {"capture": capture_reservation, "void": void_reservation}
    await close[first](a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=now)
    closed = await standing(customer_id, now=now)

    with pytest.raises(ReservationNotOpen):
        await close[second](a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=now)

    assert await standing(customer_id, now=now) == closed


async def test_capturing_with_the_same_key_is_told_again(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=250, now=now)
    reserved = await reserve(customer_id, now=now)
    once = a_key()
    first = await capture_reservation(once, reservation_id=reserved.reservation_id, actor=TILL, now=now)

    again = await capture_reservation(
        once, reservation_id=reserved.reservation_id, actor=TILL, now=now + timedelta(days=3)
    )

    assert again == Answer(first.value, replayed=True)


@pytest.mark.parametrize("close", [capture_reservation, void_reservation])
async def test_a_reservation_nobody_made_is_not_found(close: object, now: datetime) -> None:
    assert callable(close)

    with pytest.raises(NotFound) as refusal:
        await close(a_key(), reservation_id=uuid4(), actor=TILL, now=now)

    assert refusal.value.facts == {"what": "reservation"}


ACTORS = [name for name, _ in all_actors(uuid4(), other_customer_id=uuid4())]
SHOP_SIDE = {Role.ADMIN.value, Role.SUPPORT.value, "key", "job"}


@pytest.mark.parametrize("name", ACTORS)
async def test_only_the_shops_side_captures(name: str, now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)
    reserved = await reserve(customer_id, now=now)
    actor = dict(all_actors(customer_id, other_customer_id=uuid4()))[name]

    if name in SHOP_SIDE:
        await capture_reservation(a_key(), reservation_id=reserved.reservation_id, actor=actor, now=now)
    else:
        with pytest.raises(NotPermitted):
            await capture_reservation(a_key(), reservation_id=reserved.reservation_id, actor=actor, now=now)

    assert (await standing(customer_id, now=now))[2] == ("used" if name in SHOP_SIDE else "reserved")


@pytest.mark.parametrize("name", ACTORS)
async def test_customers_void_their_own_and_do_not_hear_of_others(name: str, now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)
    reserved = await reserve(customer_id, now=now)
    actor = dict(all_actors(customer_id, other_customer_id=uuid4()))[name]
    may = name in SHOP_SIDE | {"customer"}

    if may:
        await void_reservation(a_key(), reservation_id=reserved.reservation_id, actor=actor, now=now)
    else:
        with pytest.raises(NotFound if name == "other customer" else NotPermitted):
            await void_reservation(a_key(), reservation_id=reserved.reservation_id, actor=actor, now=now)

    assert (await standing(customer_id, now=now))[2] == ("returned" if may else "reserved")


@pytest.mark.parametrize("name", ACTORS)
async def test_customers_reserve_for_themselves_and_the_shops_side_for_them(name: str, now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=200, now=now)
    actor = dict(all_actors(customer_id, other_customer_id=uuid4()))[name]
    asked = reserve_reward(a_key(), customer_id=customer_id, reward_id="free-shipping", actor=actor, now=now)

    if name in SHOP_SIDE | {"customer"}:
        assert not (await asked).replayed
    else:
        with pytest.raises(NotPermitted):
            await asked
        assert await points_balance(customer_id, now=now) == 200


async def test_what_checkouts_hold_just_now_is_told(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id, other_id = [await a_member(shop, balance_points=400, now=now) for _ in range(2)]
    reserved = await reserve(customer_id, now=now)
    closed = await reserve(customer_id, now=now)
    await void_reservation(a_key(), reservation_id=closed.reservation_id, actor=TILL, now=now)

    held = await reservations_of([customer_id, other_id], now=now)
    later = await reservations_of([customer_id], now=now + timedelta(minutes=30))

    assert [one.reservation_id for one in held[customer_id]] == [reserved.reservation_id]
    assert (held[other_id], later[customer_id]) == ([], [])


async def test_reservations_whose_time_is_up_are_voided_and_their_rewards_returned(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customers = [await a_member(shop, balance_points=250, now=now) for _ in range(7)]
    for customer_id in customers[:6]:
        await reserve(customer_id, now=now)
    await reserve(customers[6], now=now + timedelta(minutes=1))

    swept = await expire_reservations(actor=JOB, batch_size=4, now=now + timedelta(minutes=30))

    assert swept == ReservationsExpired(6, 1_200)
    assert {await standing(one, now=now) for one in customers[:6]} == {(250, 0, "returned")}
    assert await standing(customers[6], now=now) == (50, 200, "reserved")


async def test_sweeping_again_finds_nothing(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    await reserve(await a_member(shop, balance_points=250, now=now), now=now)
    later = now + timedelta(hours=1)
    await expire_reservations(actor=JOB, now=later)

    assert await expire_reservations(actor=JOB, now=later) == ReservationsExpired(0, 0)


async def test_two_reservations_of_one_customer_are_swept_together(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customer_id = await a_member(shop, balance_points=500, now=now)
    for _ in range(2):
        await reserve(customer_id, now=now)

    swept = await expire_reservations(actor=JOB, now=now + timedelta(hours=1))

    assert swept == ReservationsExpired(2, 400)
    assert await points_balance(customer_id, now=now) == 500


@pytest.mark.parametrize("name", [name for name in ACTORS if name not in ("job", "key without scope")])
async def test_only_jobs_sweep(name: str, now: datetime) -> None:
    actor = dict(all_actors(uuid4(), other_customer_id=uuid4()))[name]

    with pytest.raises(NotPermitted):
        await expire_reservations(actor=actor, now=now)


async def test_sweeps_and_tills_at_once_close_each_reservation_once(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    customers = [await a_member(shop, balance_points=400, now=now) for _ in range(10)]
    reserved = [await reserve(customer_id, now=now) for customer_id in customers for _ in range(2)]
    later = now + timedelta(minutes=30)

    async def voided(reservation_id: UUID) -> int:
        key = a_key()
        while True:
            try:
                await void_reservation(key, reservation_id=reservation_id, actor=TILL, now=later)
                return 1
            except ReservationNotOpen:
                return 0
            except TryAgain:
                continue

    async def swept() -> int:
        return (await expire_reservations(actor=JOB, batch_size=3, now=later)).reservations

    closed = await asyncio.gather(*(voided(one.reservation_id) for one in reserved), *(swept() for _ in range(4)))

    assert sum(closed) == 20
    assert {await points_balance(customer_id, now=later) for customer_id in customers} == {400}
    assert await transactions.value("SELECT count(*) FROM entry WHERE kind = 'void'") == 20
    assert await transactions.value("SELECT count(*) FROM entitlement WHERE state = 'returned'") == 20


async def test_points_that_are_held_do_not_expire(now: datetime) -> None:
    shop, _ = await a_shop(now=now)
    ends_at = now + timedelta(minutes=10)
    customer_id = await a_member(shop, balance_points=250, expires_at=ends_at, now=now)
    reserved = await reserve(customer_id, now=now)
    [expired] = await post([Expire(customer_id=customer_id, unit="points", expires_at=ends_at)], by=TESTS, now=ends_at)

    await capture_reservation(a_key(), reservation_id=reserved.reservation_id, actor=TILL, now=ends_at)

    assert expired.points == -50
    assert await standing(customer_id, now=ends_at) == (0, 0, "used")

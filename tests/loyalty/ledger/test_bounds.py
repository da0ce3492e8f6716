"""What the ledger refuses because it would be too much, and what it takes for a fault."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.access import Actor
from loyalty.ledger.posting import Clawback, Earn, Posting, Redeem, Reserve, Reverse, Transfer, post
from loyalty.ledger.verification import verify
from tests.support.customers import a_customer

SYSTEM = Actor.system("test")


def an_earn(customer_id: UUID, points: int, now: datetime, **more: object) -> Earn:
    return Earn(customer_id=customer_id, unit="points", points=points, earned_at=now, **more)  # type: ignore[arg-type]


async def a_full_wallet(now: datetime) -> UUID:
    customer_id: UUID = (await a_customer()).id
    for _ in range(2):
        await post([an_earn(customer_id, 10**12, now) for _ in range(500)], by=SYSTEM, now=now)
    return customer_id


async def test_a_transfer_that_would_overfill_the_taker_is_too_large(database: str, now: datetime) -> None:
    full, giver = await a_full_wallet(now), (await a_customer()).id
    await post([an_earn(giver, 5, now)], by=SYSTEM, now=now)

    [told] = await post([Transfer(customer_id=giver, to_customer_id=full, unit="points")], by=SYSTEM, now=now)

    assert told.code == "too_large"
    assert (await verify(now)).agrees


async def test_a_full_wallet_can_be_given_away_whole(database: str, now: datetime) -> None:
    full, taker = await a_full_wallet(now), (await a_customer()).id

    [told] = await post([Transfer(customer_id=full, to_customer_id=taker, unit="points")], by=SYSTEM, now=now)

    assert (told.code, told.points) == ("ok", -(10**15))
    assert (await verify(now)).agrees


async def test_owing_has_a_bound(database: str, now: datetime) -> None:
    customer_id = (await a_customer()).id
    owing = [
        Clawback(customer_id=customer_id, unit="points", points=10**12, order_id=uuid4(), owing_allowed=True)
        for _ in range(500)
    ]
    await post(owing, by=SYSTEM, now=now)
    for posting in owing:
        posting.entry_id = None
    await post(owing, by=SYSTEM, now=now)

    one_more = Clawback(customer_id=customer_id, unit="points", points=1, order_id=uuid4(), owing_allowed=True)
    [told] = await post([one_more], by=SYSTEM, now=now)

    assert told.code == "too_large"
    assert await transactions.value("SELECT owed_points FROM wallet") == 10**15


@pytest.mark.parametrize("points", [-5, 0])
async def test_only_a_correction_takes_a_sign(database: str, now: datetime, points: int) -> None:
    one, other = (await a_customer()).id, (await a_customer()).id
    signed: list[Posting] = [
        an_earn(one, points, now),
        Redeem(customer_id=one, unit="points", points=points),
        Reserve(customer_id=one, unit="points", points=points, reservation_id=uuid4(), reserved_until=now),
        Clawback(customer_id=one, unit="points", points=points, order_id=uuid4(), owing_allowed=True),
        Transfer(customer_id=one, to_customer_id=other, unit="points", points=points),
    ]

    for posting in signed:
        with pytest.raises(AssertionError):
            await post([posting], by=SYSTEM, now=now)

    assert await transactions.value("SELECT count(*) FROM entry") == 0


async def test_what_is_given_back_to_an_expired_lot_lasts_a_while(database: str, now: datetime) -> None:
    customer_id = (await a_customer()).id
    await post([an_earn(customer_id, 100, now, expires_at=now + timedelta(days=1))], by=SYSTEM, now=now)
    [spent] = await post([Redeem(customer_id=customer_id, unit="points", points=10)], by=SYSTEM, now=now)
    later = now + timedelta(days=2)
    assert spent.entry_id is not None

    await post(
        [
            Reverse(
                customer_id=customer_id,
                unit="points",
                related_entry_id=spent.entry_id,
                restored_until=later + timedelta(days=30),
            )
        ],
        by=SYSTEM,
        now=later,
    )

    assert await transactions.value("SELECT expires_at FROM lot") == later + timedelta(days=30)

"""Two hundred at once, and the last units go to one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from loyalty import transactions
from loyalty.ledger import posting
from loyalty.ledger.verification import verify
from loyalty.refusals import TryAgain
from tests.support.ledger import START, SYSTEM, a_customer, seeded, some_customers
from tests.support.ledger_crowd import broken_laws

DAY = timedelta(days=1)
CONTENDERS = 200


async def insist(asked: Sequence[posting.Posting], now: datetime) -> list[posting.Posted]:
    """Post, and again while there is no connection to be had: contenders queue for a small pool."""
    while True:
        try:
            return await posting.post(asked, by=SYSTEM, now=now)
        except TryAgain:
            await asyncio.sleep(0.05)


async def contend(asked: Sequence[posting.Posting], now: datetime) -> Counter[tuple[str, str]]:
    """Post each at once, every one alone; return how often each kind came to each code."""
    async with asyncio.TaskGroup() as at_once:
        tasks = [at_once.create_task(insist([each], now)) for each in asked]
    told = [task.result() for task in tasks]
    return Counter((each.kind, result.code) for each, [result] in zip(asked, told, strict=True))


async def a_balance(points: int, now: datetime, *, lots: int = 1, expires_at: datetime | None = None) -> UUID:
    customer_id = await a_customer()
    earned = [
        posting.Earn(
            customer_id=customer_id, unit="points", points=points // lots, earned_at=now, expires_at=expires_at
        )
        for _ in range(lots)
    ]
    for told in await posting.post(earned, by=SYSTEM, now=now):
        told.or_refuse()
    return customer_id


async def stands(customer_id: UUID) -> tuple[int, int]:
    found = await transactions.row(
        "SELECT available_points, reserved_points FROM wallet WHERE customer_id = $1", customer_id
    )
    assert found is not None
    assert await broken_laws([customer_id]) == []
    assert (await verify(START, customer_id=customer_id)).first_difference is None
    return found["available_points"], found["reserved_points"]


def redeem(customer_id: UUID, points: int) -> posting.Redeem:
    return posting.Redeem(customer_id=customer_id, unit="points", points=points)


def expire(customer_id: UUID, expires_at: datetime) -> posting.Expire:
    return posting.Expire(customer_id=customer_id, unit="points", expires_at=expires_at)


async def test_the_last_units_are_redeemed_once(database: str, now: datetime) -> None:
    customer_id = await a_balance(10, now, lots=2)

    told = await contend([redeem(customer_id, 10) for _ in range(CONTENDERS)], now)

    assert told == {("redeem", "ok"): 1, ("redeem", "balance_too_low"): 199}
    assert await stands(customer_id) == (0, 0)


async def test_as_many_redeem_as_there_is_for(database: str, now: datetime) -> None:
    customer_id = await a_balance(30, now, lots=10)

    told = await contend([redeem(customer_id, 7) for _ in range(CONTENDERS)], now)

    assert told == {("redeem", "ok"): 4, ("redeem", "balance_too_low"): 196}
    assert await stands(customer_id) == (2, 0)


async def test_the_last_units_are_reserved_once(database: str, now: datetime) -> None:
    customer_id = await a_balance(10, now)

    told = await contend(
        [
            posting.Reserve(
                customer_id=customer_id,
                unit="points",
                points=10,
                reservation_id=uuid4(),
                reserved_until=now + DAY,
            )
            for _ in range(CONTENDERS)
        ],
        now,
    )

    assert told == {("reserve", "ok"): 1, ("reserve", "balance_too_low"): 199}
    assert await stands(customer_id) == (0, 10)


async def test_a_lot_is_either_redeemed_or_expired(database: str, now: datetime) -> None:
    customer_id = await a_balance(10, now, expires_at=now + DAY)
    just_before, at = now + DAY - timedelta(microseconds=1), now + DAY

    told: list[list[posting.Posted]] = await asyncio.gather(
        *(insist([redeem(customer_id, 10)], just_before) for _ in range(CONTENDERS // 2)),
        *(insist([expire(customer_id, at)], at) for _ in range(CONTENDERS // 2)),
    )

    assert Counter(result.code for [result] in told)["ok"] == 1
    assert await stands(customer_id) == (0, 0)


async def test_at_its_very_expiry_a_lot_expires_and_is_not_redeemed(database: str, now: datetime) -> None:
    customer_id = await a_balance(10, now, expires_at=now + DAY)

    told = await contend(
        [asked for _ in range(CONTENDERS // 2) for asked in (redeem(customer_id, 10), expire(customer_id, now + DAY))],
        now + DAY,
    )

    assert told == {("redeem", "balance_too_low"): 100, ("expire", "ok"): 1, ("expire", "nothing_due"): 99}


async def test_a_reservation_is_either_captured_or_voided(database: str, now: datetime) -> None:
    customer_id, held = await a_balance(10, now), uuid4()
    [reserved] = await posting.post(
        [
            posting.Reserve(
                customer_id=customer_id, unit="points", points=10, reservation_id=held, reserved_until=now + DAY
            )
        ],
        by=SYSTEM,
        now=now,
    )
    reserved.or_refuse()
    mine: dict[str, Any] = {"customer_id": customer_id, "unit": "points", "reservation_id": held}

    told = await contend(
        [
            asked
            for _ in range(CONTENDERS // 2)
            for asked in (posting.Capture(**mine), posting.Void(**mine, restored_until=now + DAY))
        ],
        now,
    )

    assert told["capture", "ok"] + told["void", "ok"] == 1
    assert told["capture", "reservation_not_open"] + told["void", "reservation_not_open"] == 199
    assert await stands(customer_id) in ((0, 0), (10, 0))


async def test_a_redemption_is_reversed_once(database: str, now: datetime) -> None:
    customer_id = await a_balance(10, now)
    [spent] = await posting.post([redeem(customer_id, 10)], by=SYSTEM, now=now)

    told = await contend(
        [
            posting.Reverse(
                customer_id=customer_id,
                unit="points",
                related_entry_id=spent.or_refuse(),
                restored_until=now + DAY,
            )
            for _ in range(CONTENDERS)
        ],
        now,
    )

    assert told == {("reverse", "ok"): 1, ("reverse", "already_reversed"): 199}
    assert await stands(customer_id) == (10, 0)


async def test_one_reference_is_posted_once_whoever_asks(database: str, now: datetime) -> None:
    customers = await some_customers(CONTENDERS)

    told = await contend(
        [
            posting.Earn(
                customer_id=customer_id, unit="points", points=10, earned_at=now, external_reference="order 88"
            )
            for customer_id in customers
        ],
        now,
    )

    assert told == {("earn", "ok"): 1, ("earn", "exists"): 199}
    assert await transactions.value("SELECT sum(available_points) FROM wallet") == 10
    assert await broken_laws(customers) == []


async def test_a_wallet_is_made_once_and_numbers_all_entries(database: str, now: datetime) -> None:
    customer_id = await a_customer()

    told = await contend(
        [posting.Earn(customer_id=customer_id, unit="points", points=1, earned_at=now) for _ in range(CONTENDERS)],
        now,
    )

    assert told == {("earn", "ok"): 200}
    assert await stands(customer_id) == (200, 0)
    found = await transactions.rows("SELECT sequence FROM entry ORDER BY sequence")
    assert [row["sequence"] for row in found] == list(range(1, 201))


async def test_units_sent_back_and_forth_neither_block_nor_get_lost(database: str, now: datetime) -> None:
    anna, bjørn = await a_balance(100, now, lots=4), await a_balance(100, now, lots=4)

    told = await contend(
        [
            posting.Transfer(customer_id=giving, unit="points", to_customer_id=taking, points=3)
            for _ in range(CONTENDERS // 2)
            for giving, taking in ((anna, bjørn), (bjørn, anna))
        ],
        now,
    )

    assert set(told) <= {("transfer", "ok"), ("transfer", "balance_too_low")}
    assert (await stands(anna))[0] + (await stands(bjørn))[0] == 200


async def test_batches_over_the_same_customers_in_any_order_all_go_through(database: str, now: datetime) -> None:
    customers = await some_customers(20)

    with seeded() as dice:
        batches = [dice.sample(customers, 20) for _ in range(60)]
        await asyncio.gather(
            *(
                insist([posting.Adjust(customer_id=each, unit="points", points=1) for each in batch], now)
                for batch in batches
            )
        )

    found = await transactions.rows("SELECT available_points FROM wallet")
    assert [row["available_points"] for row in found] == [60] * 20
    assert await broken_laws(customers) == []


async def test_a_task_cancelled_anywhere_leaves_no_connection_behind(database: str, now: datetime) -> None:
    customer_id = await a_balance(10_000, now, lots=5)

    with seeded() as dice:
        for _ in range(20):
            tasks = [asyncio.ensure_future(insist([redeem(customer_id, 1)], now)) for _ in range(10)]
            for task in tasks:
                for _ in range(dice.randrange(8)):
                    await asyncio.sleep(dice.choice((0, 0, 0.0005)))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    pool = transactions.client()._pool
    assert pool is not None
    assert pool.get_idle_size() == pool.get_size()
    spent = await transactions.value("SELECT count(*) FROM entry WHERE kind = 'redeem'")
    assert await stands(customer_id) == (10_000 - spent, 0)


@pytest.mark.parametrize("change", ["UPDATE {} SET points = points + 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("table", ["entry", "lot_movement"])
async def test_what_was_posted_cannot_be_changed(database: str, now: datetime, table: str, change: str) -> None:
    customer_id = await a_balance(10, now)
    await posting.post([redeem(customer_id, 4)], by=SYSTEM, now=now)

    with pytest.raises(Exception, match="the ledger is append-only"):
        await transactions.rows(change.format(table))

    assert await stands(customer_id) == (6, 0)

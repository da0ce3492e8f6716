"""What PostgreSQL posts is what the model says, after every batch, alone and in a crowd."""

import asyncio
import random
from datetime import datetime
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.ledger import posting
from loyalty.ledger.verification import verify
from tests.loyalty.ledger.conftest import Run
from tests.support.ledger import START, SYSTEM, Draw, World, a_customer, draws, random_draw, seeded, some_customers
from tests.support.ledger_crowd import Crowd, broken_laws
from tests.support.ledger_pair import Pair


@given(st.lists(st.tuples(st.integers(0, 30), st.lists(draws, min_size=1, max_size=12)), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_few_postings_do_what_the_specification_says(run: Run, batches: list[tuple[int, list[Draw]]]) -> None:
    async def posted() -> None:
        pair = Pair(World(await some_customers(3)))
        for hours, batch in batches:
            pair.world.pass_time(hours)
            await pair.post(batch)

    run(posted())


async def test_a_long_life_goes_as_the_specification_says(database: str) -> None:
    with seeded() as dice:
        for _ in range(8):
            pair = Pair(World(await some_customers(4)))
            while pair.posted < 500:
                pair.world.pass_time(dice.randrange(30))
                size = dice.choice((1, 1, 1, 2, 5, 10, 20, 50))
                await pair.post([random_draw(dice) for _ in range(size)])
            pair.world.ledger.check_laws()


async def test_all_laws_hold_in_a_crowd_and_its_entries_replay(database: str) -> None:
    with seeded() as dice:
        crowd = await Crowd.of(12)
        for _ in range(12):
            sizes = [dice.choice((1, 1, 2, 5, 10, 30)) for _ in range(16)]
            workers = [random.Random(dice.random()) for _ in sizes]

            await asyncio.gather(*(crowd.post(mine, size) for mine, size in zip(workers, sizes, strict=True)))

            assert await broken_laws(crowd.customers) == []
        report = await verify(START)
        assert report.first_difference is None
        assert report.entries >= crowd.codes["ok"] > 300
        assert set(crowd.codes) <= KNOWN_CODES


KNOWN_CODES = {
    "ok",
    "exists",
    "balance_too_low",
    "nothing_pending",
    "reservation_not_open",
    "reservation_expired",
    "nothing_due",
    "nothing_to_reverse",
    "already_reversed",
    "reserved_units",
    "nothing_to_transfer",
    "too_large",
}


def an_earn(customer_id: UUID, points: int, now: datetime) -> posting.Earn:
    return posting.Earn(customer_id=customer_id, unit="points", points=points, earned_at=now)


async def test_a_wallet_is_full_at_ten_to_the_fifteenth(database: str, now: datetime) -> None:
    customer_id = await a_customer()
    filling = [*([10**12] * 999), 10**12 - 1, 1, 1]

    told = await posting.post([an_earn(customer_id, points, now) for points in filling], by=SYSTEM, now=now)

    assert [result.code for result in told[-3:]] == ["ok", "ok", "too_large"]
    assert await transactions.value("SELECT available_points FROM wallet") == 10**15
    assert (await verify(now)).agrees


async def test_what_is_too_large_leaves_room_for_what_is_smaller(database: str, now: datetime) -> None:
    customer_id = await a_customer()
    filling = [*([10**12] * 999), 10**12 - 1, 2, 1]

    told = await posting.post([an_earn(customer_id, points, now) for points in filling], by=SYSTEM, now=now)

    assert [result.code for result in told[-3:]] == ["ok", "too_large", "ok"]


async def test_a_clawback_is_owed_even_where_no_wallet_is_yet(database: str, now: datetime) -> None:
    customer_id = await a_customer()
    asked = posting.Clawback(customer_id=customer_id, unit="points", points=7, order_id=uuid4(), owing_allowed=True)

    [told] = await posting.post([asked], by=SYSTEM, now=now)

    assert (told.code, told.points) == ("ok", -7)
    assert await transactions.value("SELECT owed_points FROM wallet WHERE customer_id = $1", customer_id) == 7
    assert (await verify(now)).agrees

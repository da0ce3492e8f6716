"""A key has one effect and one answer, however often and by however many it is sent."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.access import Actor
from loyalty.amounts import POINTS_PER_ENTRY_MAX
from loyalty.ledger import posting
from loyalty.ledger.verification import verify
from loyalty.once.answers import Answer, IdempotencyMismatch, KeyInvalid, Once, answered
from loyalty.refusals import TryAgain
from tests.loyalty.ledger.conftest import Run
from tests.support.ledger import START, SYSTEM, a_customer


@dataclass(frozen=True)
class Spent:
    """What the operation of these tests answers."""

    entry_id: UUID
    balance_after_points: int


async def spend(
    once: Once, customer_id: UUID, points: int, now: datetime, *, by: Actor = SYSTEM, reference: str | None = None
) -> Answer[Spent]:
    """Redeem points once per key: what an operation of the rules looks like."""

    async def effects() -> Spent:
        if points > POINTS_PER_ENTRY_MAX:
            raise posting.AmountTooLarge
        asked = posting.Redeem(customer_id=customer_id, unit="points", points=points, external_reference=reference)
        [told] = await posting.post([asked], by=by, now=now)
        return Spent(told.or_refuse(), told.balance_after_points)

    return await answered(once, "spend", by, effects, shape=Spent, now=now)


async def insist(once: Once, customer_id: UUID, points: int, now: datetime) -> Answer[Spent]:
    """Spend, and again while the same key is in flight: 64 at once queue for a small pool."""
    while True:
        try:
            return await spend(once, customer_id, points, now)
        except TryAgain:
            await asyncio.sleep(0.05)


async def top_up(customer_id: UUID, points: int, now: datetime) -> None:
    asked = posting.Earn(customer_id=customer_id, unit="points", points=points, earned_at=now)
    [told] = await posting.post([asked], by=SYSTEM, now=now)
    told.or_refuse()


async def somebody_with(points: int, now: datetime) -> UUID:
    customer_id = await a_customer()
    await top_up(customer_id, points, now)
    return customer_id


async def balance(customer_id: UUID) -> int:
    assert (await verify(START, customer_id=customer_id)).first_difference is None
    found: int = await transactions.value(
        "SELECT available_points FROM wallet WHERE customer_id = $1 AND unit = 'points'", customer_id
    )
    return found


async def stored(key: str) -> list[tuple[str | None, str | None]]:
    found = await transactions.rows("SELECT answer, refusal FROM once_answer WHERE key = $1", key)
    return [(row["answer"], row["refusal"]) for row in found]


@given(st.lists(st.tuples(st.text(min_size=1, max_size=200), st.integers(2, 10)), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
def test_a_key_sent_again_tells_the_same_and_does_nothing(run: Run, now: datetime, keys: list[tuple[str, int]]) -> None:
    async def replayed() -> None:
        customer_id = await somebody_with(1_000, now)
        for number, (text, times) in enumerate(keys):
            once = Once(f"{uuid4()}{text.replace(chr(0), '')}"[:200], {"customer": customer_id, "points": number + 1})
            first = await spend(once, customer_id, number + 1, now)
            before = await stored(once.key)
            for _ in range(times - 1):
                again = await spend(once, customer_id, number + 1, now)
                assert (again.value, again.replayed) == (first.value, True)
            assert not first.replayed
            assert await stored(once.key) == before
        assert await balance(customer_id) == 1_000 - sum(range(1, len(keys) + 1))

    run(replayed())


async def test_the_same_key_sixty_four_times_at_once_has_one_effect(database: str, now: datetime) -> None:
    customer_id = await somebody_with(1_000, now)

    told = await asyncio.gather(*(insist(Once("at once", {"points": 7}), customer_id, 7, now) for _ in range(64)))

    assert [answer.replayed for answer in told].count(False) == 1
    assert len({answer.value for answer in told}) == 1
    assert await balance(customer_id) == 993
    assert len(await stored("at once")) == 1


async def test_a_replay_tells_the_stored_text_byte_for_byte(database: str, now: datetime) -> None:
    customer_id, once = await somebody_with(100, now), Once("text", {"points": 7})

    first = await spend(once, customer_id, 7, now)
    [(text, refusal)] = await stored("text")
    for _ in range(9):
        await spend(once, customer_id, 7, now)

    expected = {"entry_id": str(first.value.entry_id), "balance_after_points": 93}
    assert text == orjson.dumps(expected).decode()
    assert refusal is None
    assert await stored("text") == [(text, None)]


async def test_the_same_key_with_other_input_is_refused_and_does_nothing(database: str, now: datetime) -> None:
    customer_id = await somebody_with(100, now)
    await spend(Once("key", {"points": 7}), customer_id, 7, now)

    with pytest.raises(IdempotencyMismatch):
        await spend(Once("key", {"points": 8}), customer_id, 8, now)

    assert await balance(customer_id) == 93


async def test_somebody_elses_key_neither_collides_nor_leaks(database: str, now: datetime) -> None:
    anna, bjørn = await somebody_with(100, now), await somebody_with(100, now)

    hers = await spend(Once("key", {"points": 7}), anna, 7, now, by=Actor.customer(anna))
    his = await spend(Once("key", {"points": 9}), bjørn, 9, now, by=Actor.customer(bjørn))

    assert (hers.replayed, his.replayed) == (False, False)
    assert hers.value.entry_id != his.value.entry_id
    assert (await balance(anna), await balance(bjørn)) == (93, 91)


async def test_a_refusal_is_told_again_after_a_top_up(database: str, now: datetime) -> None:
    customer_id, once = await somebody_with(5, now), Once("key", {"points": 7})
    with pytest.raises(posting.BalanceTooLow) as first:
        await spend(once, customer_id, 7, now)

    await top_up(customer_id, 100, now)
    with pytest.raises(posting.BalanceTooLow) as again:
        await spend(once, customer_id, 7, now)

    assert first.value.facts == again.value.facts == {"balance_points": 5, "asked_points": 7}
    assert await balance(customer_id) == 105
    assert (await spend(Once("new key", {"points": 7}), customer_id, 7, now)).value.balance_after_points == 98


async def test_input_that_cannot_be_is_not_remembered(database: str, now: datetime) -> None:
    customer_id = await somebody_with(5, now)

    with pytest.raises(posting.AmountTooLarge):
        await spend(Once("key", {}), customer_id, 10**12 + 1, now)
    with pytest.raises(KeyInvalid):
        await spend(Once("", {}), customer_id, 1, now)
    with pytest.raises(KeyInvalid):
        await spend(Once("k" * 201, {}), customer_id, 1, now)

    assert await stored("key") == []
    assert (await spend(Once("key", {}), customer_id, 1, now)).value.balance_after_points == 4


async def test_a_fault_leaves_neither_effects_nor_an_answer(database: str, now: datetime) -> None:
    customer_id = await somebody_with(100, now)

    async def fails() -> Spent:
        asked = posting.Redeem(customer_id=customer_id, unit="points", points=7)
        await posting.post([asked], by=SYSTEM, now=now)
        raise RuntimeError("the machine stumbles")

    with pytest.raises(RuntimeError):
        await answered(Once("key", {}), "spend", SYSTEM, fails, shape=Spent, now=now)

    assert await stored("key") == []
    assert await balance(customer_id) == 100


async def test_a_reference_outlives_its_key(database: str, now: datetime) -> None:
    customer_id = await somebody_with(100, now)
    first = await spend(Once("key", {}), customer_id, 7, now, reference="order 88")
    await transactions.rows("DELETE FROM once_answer")

    again = await spend(Once("key", {}), customer_id, 7, now, reference="order 88")

    assert (again.replayed, again.value.entry_id) == (False, first.value.entry_id)
    assert await balance(customer_id) == 93

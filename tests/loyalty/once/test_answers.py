"""The idempotency contract: one key has one effect and one answer. (docs: the table in the design of the contract.)"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.access import Actor
from loyalty.once.answers import (
    KEY_LENGTH_MAX,
    Answer,
    IdempotencyMismatch,
    KeyInvalid,
    Once,
    answered,
    canonical_hash,
    check_key,
)
from loyalty.refusals import Invalid, Refusal, TryAgain

ANNA = Actor.customer(UUID(int=1))


@dataclass(frozen=True)
class Done:
    """What the operation of these tests answers."""

    unit: str


@dataclass(frozen=True)
class Waits:
    """Another answer it may give."""

    waiting_unit: str
    since: datetime


class NotNow(Refusal):
    """A refusal the rules mean."""

    code = "TESTS_NOT_NOW"

    def __init__(self, *, unit: str) -> None:
        super().__init__(unit=unit)


class Unclear(Refusal):
    """A refusal about the input."""

    code = "TESTS_UNCLEAR"
    stored = False


pytestmark = pytest.mark.usefixtures("database")
Effects = Callable[[], Awaitable[Done | Waits]]


async def open_unit(code: str | None = None) -> Done:
    """Leave one row: what an operation does."""
    made = code or uuid4().hex
    await transactions.rows("INSERT INTO unit (code, opened_at) VALUES ($1, now())", made)
    return Done(made)


async def ask(
    effects: Effects,
    *,
    key: str = "key",
    input: Any = None,
    operation: str = "open_unit",
    actor: Actor = ANNA,
    now: datetime,
) -> Answer[Done | Waits]:
    """Run the effects once per key."""
    return await answered(Once(key, input), operation, actor, effects, shape=Done | Waits, now=now)


async def units() -> int:
    """Return how often the operation took effect."""
    return int(await transactions.value("SELECT count(*) FROM unit"))


async def stored() -> list[tuple[Any, ...]]:
    """Return what stands in the table of answers."""
    found = await transactions.rows(
        "SELECT principal, operation, key, answer, refusal, answered_at FROM once_answer ORDER BY answered_at, key"
    )
    return [tuple(row) for row in found]


async def test_the_first_time_the_answer_is_stored_with_the_effects(now: datetime) -> None:
    answer = await ask(lambda: open_unit("stars"), now=now)

    assert answer == Answer(Done("stars"), replayed=False)
    assert await stored() == [(f"customer:{UUID(int=1)}", "open_unit", "key", '{"unit":"stars"}', None, now)]


async def test_the_second_time_the_stored_answer_is_told_and_nothing_done(now: datetime) -> None:
    first = await ask(open_unit, input={"a": 1, "b": [2]}, now=now)
    before = await stored()

    again = await ask(open_unit, input={"b": [2], "a": 1}, now=now)

    assert again == Answer(first.value, replayed=True)
    assert (await units(), await stored()) == (1, before)


async def test_an_answer_of_either_kind_is_told_as_what_it_was(now: datetime) -> None:
    async def wait() -> Waits:
        return Waits("stars", since=now)

    first = await ask(wait, now=now)
    again = await ask(wait, now=now)

    assert (first.value, again.value) == (Waits("stars", now), Waits("stars", now))


async def test_the_same_key_with_another_input_is_refused_and_nothing_done(now: datetime) -> None:
    await ask(open_unit, input=1, now=now)

    with pytest.raises(IdempotencyMismatch) as refused:
        await ask(open_unit, input=2, now=now)

    assert refused.value.facts == {"key": "key"}
    assert await units() == 1


async def test_a_key_belongs_to_one_principal_of_one_kind_and_one_operation(now: datetime) -> None:
    same_id = UUID(int=1)
    others = [
        {"actor": Actor.customer(UUID(int=2))},
        {"actor": Actor.staff(same_id)},
        {"actor": Actor.key(same_id, frozenset())},
        {"actor": Actor.system(str(same_id))},
        {"operation": "close_unit"},
    ]
    await ask(open_unit, input="hers", now=now)

    for other in others:
        told = await ask(open_unit, input="another", now=now, **other)  # type: ignore[arg-type]
        assert not told.replayed

    assert await units() == 1 + len(others)


async def test_sixty_four_at_once_have_one_effect_and_one_answer(now: datetime) -> None:
    told = await asyncio.gather(*(ask(open_unit, now=now) for _ in range(64)))

    assert [answer.replayed for answer in told].count(False) == 1
    assert len({answer.value for answer in told}) == 1
    assert (await units(), len(await stored())) == (1, 1)


class InFlight:
    """An operation that has taken effect and has not committed."""

    def __init__(self, now: datetime, *, key: str = "key") -> None:
        self._acted, self._go_on = asyncio.Event(), asyncio.Event()
        self._fails = False
        self._task = asyncio.create_task(self._run(now, key))

    async def _run(self, now: datetime, key: str) -> Done:
        async def effects() -> Done:
            done = await open_unit()
            await transactions.rows(
                "INSERT INTO once_answer (id, principal, operation, key, input_hash, answer, answered_at)"
                " VALUES ($1, $2, 'open_unit', $3, $4, $5, $6)",
                uuid4(),
                ANNA.reference,
                key,
                Once(key, None).input_hash("open_unit"),
                f'{{"unit":"{done.unit}"}}',
                now,
            )
            self._acted.set()
            await self._go_on.wait()
            if self._fails:
                raise NotNow(unit=done.unit)
            return done

        return await transactions.in_one_transaction(effects)

    async def acted(self) -> None:
        """Wait until it has taken effect."""
        await self._acted.wait()

    async def commit(self) -> Done:
        """Let it commit, and return what it did."""
        self._go_on.set()
        return await self._task

    async def fail(self) -> None:
        """Let it fail, and forget what it did."""
        self._fails = True
        self._go_on.set()
        with pytest.raises(NotNow):
            await self._task


async def test_a_key_in_flight_is_waited_for_and_told(now: datetime) -> None:
    first = InFlight(now)
    await first.acted()

    second = asyncio.create_task(ask(open_unit, now=now))
    await asyncio.sleep(0.05)
    assert not second.done()
    done = await first.commit()

    assert await second == Answer(done, replayed=True)
    assert await units() == 1


async def test_a_key_in_flight_that_comes_to_nothing_is_done_by_who_waited(now: datetime) -> None:
    first = InFlight(now)
    await first.acted()

    second = asyncio.create_task(ask(open_unit, now=now))
    await asyncio.sleep(0.05)
    await first.fail()

    assert not (await second).replayed
    assert await units() == 1


async def test_a_key_in_flight_for_too_long_is_to_be_tried_again(now: datetime) -> None:
    first = InFlight(now)
    await first.acted()

    async def impatient() -> Done:
        await transactions.rows("SET LOCAL lock_timeout = '50ms'")
        return await open_unit()

    with pytest.raises(TryAgain):
        await ask(impatient, now=now)
    done = await first.commit()

    assert await ask(open_unit, now=now) == Answer(done, replayed=True)
    assert await units() == 1


async def test_locks_are_waited_for_two_seconds(now: datetime) -> None:
    assert await transactions.value("SHOW lock_timeout") == "2s"
    assert await transactions.in_one_transaction(lambda: transactions.value("SHOW lock_timeout")) == "2s"


async def test_a_refusal_the_rules_mean_is_stored_and_told_again_and_its_effects_undone(now: datetime) -> None:
    async def refused() -> Done:
        await open_unit("stars")
        raise NotNow(unit="stars")

    with pytest.raises(NotNow) as first:
        await ask(refused, now=now)
    with pytest.raises(NotNow) as again:
        await ask(open_unit, now=now)

    assert first.value == again.value == NotNow(unit="stars")
    assert await units() == 0
    [(*_, answer, refusal, answered_at)] = await stored()
    assert (answer, refusal, answered_at) == (None, '{"code":"TESTS_NOT_NOW","facts":{"unit":"stars"}}', now)


async def test_a_refusal_about_the_input_is_not_stored(now: datetime) -> None:
    async def refused() -> Done:
        await open_unit()
        raise Unclear

    with pytest.raises(Unclear):
        await ask(refused, now=now)
    assert (await units(), await stored()) == (0, [])

    assert not (await ask(open_unit, now=now)).replayed
    assert await units() == 1


async def test_a_fault_is_not_stored(now: datetime) -> None:
    async def stumbles() -> Done:
        await open_unit()
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError):
        await ask(stumbles, now=now)

    assert (await units(), await stored()) == (0, [])


@pytest.mark.parametrize("refusal", [NotNow(unit="gone"), Unclear()])
async def test_who_is_refused_because_of_the_same_keys_own_effects_is_told_its_answer(
    now: datetime, refusal: Refusal
) -> None:
    # As when two claim a receipt with one key: the second finds it claimed, by the first.
    first = InFlight(now)
    await first.acted()

    async def finds_it_gone() -> Done:
        done = await first.commit()
        assert done
        raise refusal

    told = await ask(finds_it_gone, now=now)

    assert told == Answer(await first.commit(), replayed=True)
    assert len(await stored()) == 1


@pytest.mark.parametrize("key", ["k", "k" * KEY_LENGTH_MAX, "key with spaces, øåß and 🔑", "\n"])
async def test_a_key_is_any_text_of_up_to_two_hundred_characters(now: datetime, key: str) -> None:
    await ask(open_unit, key=key, now=now)

    assert (await ask(open_unit, key=key, now=now)).replayed


@pytest.mark.parametrize("key", ["", "k" * (KEY_LENGTH_MAX + 1), "\x00", "k\x00", "\ud800", "k\udfff"])
async def test_a_key_that_cannot_be_kept_is_refused(now: datetime, key: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        await ask(open_unit, key=key, now=now)
    with pytest.raises(KeyInvalid):
        check_key(key)

    assert refused.value.facts == {"length": len(key), "length_max": 200}
    assert (await units(), await stored()) == (0, [])


@pytest.mark.parametrize("input", ["\ud800", {"note": ["\udfff"]}, {"\ud800": 1}, 2**64, -(2**63) - 1, [10**30]])
async def test_an_input_that_is_no_json_is_refused_before_anything_is_done(now: datetime, input: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await ask(open_unit, input=input, now=now)

    assert refused.value.facts == {"field": "input", "problem": "unprintable", "line_number": None}
    assert (await units(), await stored()) == (0, [])


def test_the_hash_is_sha_256_of_the_canonical_json() -> None:
    # printf '{"amount":5,"customer":"anna"}' | sha256sum
    expected = "0952ae086b845e1c634880c98c5c7c3a35c6b96834a4f9848876c5bdaa7c5c61"

    assert canonical_hash({"customer": "anna", "amount": 5}).hex() == expected


class _Colour(StrEnum):
    RED = "red"


@dataclass
class _Line:
    sku: str
    amount: Decimal


def test_what_operations_take_as_input_has_one_form() -> None:
    inputs = {
        "at": datetime(2026, 3, 2, 12, tzinfo=UTC),
        "on": date(2026, 3, 2),
        "id": UUID(int=1),
        "colour": _Colour.RED,
        "lines": (_Line("a", Decimal("1.50")),),
        "none": None,
    }
    plain = (
        '{"at":"2026-03-02T12:00:00Z","colour":"red","id":"00000000-0000-0000-0000-000000000001",'
        '"lines":[{"amount":"1.50","sku":"a"}],"none":null,"on":"2026-03-02"}'
    )

    assert canonical_hash(inputs) == hashlib.sha256(plain.encode()).digest()
    assert canonical_hash(dict(reversed(inputs.items()))) == canonical_hash(inputs)


leaves = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"]))
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3), max_leaves=8
)


@given(documents, documents)
def test_two_inputs_have_one_hash_only_when_they_are_the_same(one: Any, other: Any) -> None:
    assert (canonical_hash(one) == canonical_hash(other)) == (one == other)


async def test_a_lost_connection_before_the_commit_is_done_again_and_once(now: datetime) -> None:
    tries = 0

    async def effects() -> Done:
        nonlocal tries
        tries += 1
        done = await open_unit()
        if tries == 1:
            await transactions.rows("SELECT pg_terminate_backend(pg_backend_pid())")
        return done

    told = await ask(effects, now=now)

    assert (told.replayed, tries, await units()) == (False, 2, 1)


async def test_under_lost_connections_every_key_has_exactly_one_effect(now: datetime) -> None:
    working = True

    async def killer() -> int:
        killed = 0
        while working:
            await asyncio.sleep(0.02)
            killed += await transactions.value(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'tests' AND pid <> pg_backend_pid()"
                " AND xact_start IS NOT NULL ORDER BY random() LIMIT 1) AS victim"
            )
        return killed

    async def insist(key: str) -> Answer[Done | Waits]:
        while True:
            try:
                return await ask(open_unit, key=key, now=now)
            except TryAgain:
                await asyncio.sleep(0.01)

    killing = asyncio.create_task(killer())
    told = []
    for run in range(30):
        told += await asyncio.gather(*(insist(f"{run}/{n % 5}") for n in range(10)))
    working = False
    killed = await killing

    assert killed > 0
    assert len({answer.value for answer in told}) == 150
    assert (await units(), len(await stored())) == (150, 150)

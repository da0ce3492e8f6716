"""One operation, one transaction: whole or not at all, tried again where that is safe, and no connection lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.exceptions import IntegrityError

from loyalty import transactions
from loyalty.access import Actor
from loyalty.ledger.models import Unit
from loyalty.once.answers import Once, answered
from loyalty.refusals import TryAgain
from loyalty.transactions import Conflict, OutcomeUnknown, in_one_transaction, in_transaction, row, rows, value
from server.database import answers, opened
from tests.support.database import connection

pytestmark = pytest.mark.usefixtures("database")
THEN = datetime(2026, 3, 2, 12, tzinfo=UTC)
SMALL = 3


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[str]:
    """Have the rules use a pool of three connections."""
    async with opened(database_url, pool_max=SMALL, application_name="tests", everywhere=False):
        await value("SELECT 1")  # makes the pool, which a cancelled task may not have done
        yield database_url


async def open_unit(code: str | None = None) -> str:
    """Leave one row."""
    made = code or uuid4().hex
    await rows("INSERT INTO unit (code, opened_at) VALUES ($1, $2)", made, THEN)
    return made


async def units() -> int:
    """Return how many rows were left."""
    return int(await value("SELECT count(*) FROM unit"))


def in_use() -> int:
    """Return how many of the pool's connections somebody holds."""
    pool = transactions.client()._pool
    assert pool is not None
    return int(pool.get_size() - pool.get_idle_size())


async def all_given_back() -> None:
    """Find that every connection comes back to the pool, and that as many as there may be can be had at once."""
    async with asyncio.timeout(5):
        while in_use():
            await asyncio.sleep(0.01)
    pool = transactions.client()._pool
    assert pool is not None
    at_once = asyncio.Barrier(pool.get_max_size())

    async def hold() -> None:
        assert await value("SELECT 1") == 1
        await at_once.wait()

    async with asyncio.timeout(5):
        await asyncio.gather(*(in_one_transaction(hold) for _ in range(pool.get_max_size())))


async def test_effects_are_committed_whole() -> None:
    async def effects() -> int:
        assert in_transaction()
        await open_unit("points")
        await Unit.create(code="stars", opened_at=THEN)
        return await units()

    assert not in_transaction()
    assert await in_one_transaction(effects) == 2
    assert not in_transaction()
    assert await units() == 2


@pytest.mark.parametrize("fault", [RuntimeError(), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_what_fails_leaves_nothing_and_tells_why(fault: BaseException) -> None:
    async def effects() -> None:
        await open_unit()
        raise fault

    with pytest.raises(type(fault)) as told:
        await in_one_transaction(effects)

    assert told.value is fault
    assert (await units(), in_use()) == (0, 0)


async def test_a_transaction_inside_another_is_part_of_it() -> None:
    async def inner() -> None:
        await open_unit("inner")

    async def outer() -> None:
        await open_unit("outer")
        await in_one_transaction(inner)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await in_one_transaction(outer)

    assert await units() == 0


async def test_a_statement_by_itself_returns_what_it_says() -> None:
    assert [tuple(one) for one in await rows("INSERT INTO unit VALUES ('a', $1), ('b', $1) RETURNING code", THEN)] == [
        ("a",),
        ("b",),
    ]
    assert await value("SELECT code FROM unit ORDER BY code") == "a"
    found = await row("SELECT code, opened_at FROM unit ORDER BY code DESC")
    assert found is not None
    assert tuple(found) == ("b", THEN)
    assert await row("SELECT 1 FROM unit WHERE code = 'c'") is None
    assert await value("SELECT 1 FROM unit WHERE code = 'c'") is None


async def test_writers_in_opposite_order_all_succeed() -> None:
    for code in ("a", "b"):
        await open_unit(code)
    tries = 0
    met = asyncio.Barrier(2)

    async def write(first: str, second: str) -> None:
        nonlocal tries
        tries += 1
        await rows("UPDATE unit SET opened_at = opened_at + interval '1 second' WHERE code = $1", first)
        if tries <= 2:
            await met.wait()
        await rows("UPDATE unit SET opened_at = opened_at + interval '1 second' WHERE code = $1", second)

    await asyncio.gather(in_one_transaction(lambda: write("a", "b")), in_one_transaction(lambda: write("b", "a")))

    assert tries == 3  # one of them began again
    moments = await rows("SELECT extract(epoch FROM opened_at - $1)::int AS seconds FROM unit", THEN)
    assert [one["seconds"] for one in moments] == [2, 2]


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.SerializationError("could not serialize access"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.TooManyConnectionsError("too many clients"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("another operation is in progress"),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_the_database_asks_to_repeat_is_repeated_five_times_and_no_more(error: Exception) -> None:
    for faults, tries in ((1, 2), (4, 5), (9, 5)):
        numbers = count(1)

        async def effects(numbers: Any = numbers, faults: int = faults) -> int:
            await open_unit()
            number = next(numbers)
            if number <= faults:
                raise error
            return int(number)

        if faults < 5:
            assert await in_one_transaction(effects) == tries
        else:
            with pytest.raises(TryAgain):
                await in_one_transaction(effects)
            assert next(numbers) == 6

    assert await units() == 2


async def test_a_fault_of_ours_is_not_repeated() -> None:
    tries = 0

    async def effects(sql: str, *values: Any) -> None:
        nonlocal tries
        tries += 1
        await rows(sql, *values)

    for sql, values in (("SELECT $1::int", ["text"]), ("SELECT $1::int", []), ("SELECT $1::text", ["\ud800"])):
        with pytest.raises((asyncpg.InterfaceError, asyncpg.DataError)):
            await in_one_transaction(lambda sql=sql, values=values: effects(sql, *values))  # type: ignore[misc]
        with pytest.raises((asyncpg.InterfaceError, asyncpg.DataError)):
            await rows(sql, *values)

    assert tries == 3


async def test_a_conflict_begins_again_and_finds_what_the_other_did() -> None:
    tries = 0

    async def effects() -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            await open_unit("mine")
            raise Conflict
        return str(await value("SELECT count(*) FROM unit"))

    assert await in_one_transaction(effects) == "0"


async def test_a_conflict_without_end_is_to_be_tried_again() -> None:
    async def effects() -> None:
        raise Conflict

    with pytest.raises(TryAgain):
        await in_one_transaction(effects)


async def test_a_lock_that_is_not_to_be_had_is_to_be_tried_again(database: str) -> None:
    await open_unit("points")
    async with connection(database) as other, other.transaction():
        await other.execute("SELECT FROM unit FOR UPDATE")

        async def effects() -> None:
            await rows("SET LOCAL lock_timeout = '30ms'")
            await rows("UPDATE unit SET opened_at = now()")

        with pytest.raises(TryAgain):
            await in_one_transaction(effects)

    await all_given_back()


async def test_a_broken_constraint_is_named() -> None:
    await open_unit("points")

    with pytest.raises(asyncpg.UniqueViolationError) as raw:
        await open_unit("points")
    with pytest.raises(IntegrityError) as translated:
        await Unit.create(code="points", opened_at=THEN)

    assert transactions.violated_constraint(raw.value) == "unit_pkey"
    assert transactions.violated_constraint(translated.value) == "unit_pkey"
    assert transactions.violated_constraint(RuntimeError()) is None


async def test_a_connection_that_is_lost_before_the_commit_is_replaced_and_the_work_done_once() -> None:
    tries = 0

    async def effects() -> None:
        nonlocal tries
        tries += 1
        await open_unit()
        if tries < 3:
            await rows("SELECT pg_terminate_backend(pg_backend_pid())")

    await in_one_transaction(effects)

    assert (tries, await units()) == (3, 1)
    await all_given_back()


async def test_a_connection_that_is_lost_between_two_statements_is_replaced_too(database: str) -> None:
    tries = 0

    async with connection(database) as killer:

        async def effects() -> None:
            nonlocal tries
            tries += 1
            await open_unit()
            if tries == 1:
                await killer.execute("SELECT pg_terminate_backend($1)", await value("SELECT pg_backend_pid()"))
                await asyncio.sleep(0.05)

        await in_one_transaction(effects)

    assert (tries, await units()) == (2, 1)
    await all_given_back()


async def test_a_statement_by_itself_whose_connection_is_lost_is_to_be_tried_again() -> None:
    with pytest.raises(TryAgain):
        await rows("SELECT pg_terminate_backend(pg_backend_pid())")

    assert await value("SELECT 1") == 1
    await all_given_back()


class LostAcknowledgement:
    """Loses the acknowledgement of the next commit: the work is done, and nobody hears of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> None:
        self._commit = TransactionWrapper.commit
        self._next, self._committed = True, committed
        patched: Callable[[TransactionWrapper], Awaitable[None]] = lambda wrapper: self.commit(wrapper)  # noqa: E731
        monkeypatch.setattr(TransactionWrapper, "commit", patched)

    async def commit(self, wrapper: TransactionWrapper) -> None:
        """Commit or not, and break the connection."""
        lost, self._next = self._next, False
        if not lost or self._committed:
            await self._commit(wrapper)
        if lost:
            wrapper._connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


@pytest.mark.parametrize("committed", [True, False])
async def test_a_lost_acknowledgement_is_told_where_nobody_can_look_whether_it_is_done(
    monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    LostAcknowledgement(monkeypatch, committed=committed)

    with pytest.raises(OutcomeUnknown):
        await in_one_transaction(open_unit)

    assert await units() == int(committed)
    await all_given_back()


@pytest.mark.parametrize("committed", [True, False])
async def test_a_lost_acknowledgement_never_doubles_what_has_a_key(
    monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    LostAcknowledgement(monkeypatch, committed=committed)

    told = await answered(Once("key", None), "open_unit", Actor.system("tests"), open_unit, shape=str, now=THEN)

    assert (told.replayed, await units()) == (committed, 1)
    await all_given_back()


async def test_killed_at_any_moment_what_has_a_key_is_done_once(database: str) -> None:
    dice = random.Random(7)
    async with connection(database) as killer:
        for n in range(60):
            backends: asyncio.Queue[int] = asyncio.Queue()

            async def effects(backends: asyncio.Queue[int] = backends) -> str:
                backends.put_nowait(await value("SELECT pg_backend_pid()"))
                return await open_unit()

            once = Once(str(n), None)
            work = asyncio.create_task(answered(once, "open_unit", Actor.system("tests"), effects, shape=str, now=THEN))
            backend = await backends.get()
            await asyncio.sleep(dice.random() * 0.004)
            await killer.execute("SELECT pg_terminate_backend($1)", backend)
            await work

    assert await in_one_transaction(units) == 60
    await all_given_back()


async def test_cancelled_tasks_lose_no_connection(small: str) -> None:
    dice = random.Random(11)

    async def effects() -> None:
        await open_unit()
        await rows("SELECT pg_sleep(0.002)")
        await open_unit()

    cancelled = 0
    for n in range(200):
        work = asyncio.create_task(in_one_transaction(effects))
        # The first at each of the steps of the loop, the others at any moment.
        for _ in range(n if n < 40 else 0):
            await asyncio.sleep(0)
        if n >= 40:
            await asyncio.sleep(dice.random() * 0.008)
        work.cancel()
        if n % 3 == 0:
            await asyncio.sleep(0)
            work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        cancelled += work.cancelled()

    assert cancelled > 100
    assert await units() % 2 == 0
    await all_given_back()


async def test_cancelled_statements_and_models_lose_no_connection(small: str) -> None:
    dice = random.Random(13)
    for n in range(100):
        work = asyncio.ensure_future(rows("SELECT pg_sleep(0.002)") if n % 2 else Unit.all().count())
        await asyncio.sleep(dice.random() * 0.004 if n > 20 else 0)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    await all_given_back()


async def test_many_cancelled_at_once_while_the_pool_is_full_lose_no_connection(small: str) -> None:
    async def effects() -> None:
        await open_unit()
        await asyncio.sleep(0.01)

    works = [asyncio.create_task(in_one_transaction(effects)) for _ in range(30)]
    await asyncio.sleep(0.02)
    for work in works:
        work.cancel()
    told = await asyncio.gather(*works, return_exceptions=True)

    assert sum(isinstance(one, asyncio.CancelledError) for one in told) >= 20
    await all_given_back()


async def test_a_time_limit_ends_an_operation_and_gives_its_connection_back(small: str) -> None:
    async def slow() -> None:
        await open_unit()
        await rows("SELECT pg_sleep(5)")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await in_one_transaction(slow)

    assert await units() == 0
    await all_given_back()


async def test_when_the_pool_is_exhausted_whoever_comes_is_told_to_try_again_in_two_seconds(small: str) -> None:
    go_on = asyncio.Event()
    holders = [asyncio.create_task(in_one_transaction(go_on.wait)) for _ in range(SMALL)]
    await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()

    told = await asyncio.gather(
        in_one_transaction(open_unit), value("SELECT 1"), Unit.all().count(), answers(), return_exceptions=True
    )

    waited = loop.time() - began
    assert [type(one) for one in told[:3]] == [TryAgain] * 3
    assert told[3] is False
    assert 1.9 < waited < 3
    go_on.set()
    await asyncio.gather(*holders)
    assert await units() == 0
    await all_given_back()


async def test_a_connection_never_comes_back_inside_a_transaction(small: str) -> None:
    async def leaves_it_broken() -> None:
        with suppress(asyncpg.PostgresError):
            await rows("SELECT 1 / 0")

    with suppress(AssertionError):
        await in_one_transaction(leaves_it_broken)

    left_open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state ~ 'in transaction'"
    assert await value(left_open) == 0
    await all_given_back()


async def test_effects_that_hide_a_failed_statement_are_not_acknowledged() -> None:
    async def hides() -> str:
        await open_unit("points")
        with suppress(asyncpg.PostgresError):
            await rows("SELECT 1 / 0")
        return "done"

    with pytest.raises(AssertionError):
        await in_one_transaction(hides)

    assert await units() == 0

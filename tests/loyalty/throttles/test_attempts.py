"""Attempts are counted, and refused when there are too many."""

import asyncio
from datetime import datetime, timedelta

import pytest

from loyalty import transactions
from loyalty.throttles import attempts
from loyalty.throttles.attempts import Throttled, attempt, attempts_made, forget_past_attempts, forgive

WINDOW = timedelta(minutes=15)

pytestmark = pytest.mark.usefixtures("database")


async def tried(times: int, *, now: datetime, subject: str = "anna", kind: str = "guess") -> int:
    """Return how many of so many attempts, one after the other, were let through."""
    let_through = 0
    for _ in range(times):
        try:
            await attempt(kind, subject, limit=3, window=WINDOW, now=now)
            let_through += 1
        except Throttled:
            pass
    return let_through


async def test_no_more_than_the_limit_is_let_through(now: datetime) -> None:
    assert await tried(10, now=now) == 3


async def test_whoever_waits_as_told_gets_in_and_not_a_second_earlier(now: datetime) -> None:
    await tried(3, now=now)

    with pytest.raises(Throttled) as refused:
        await attempt("guess", "anna", limit=3, window=WINDOW, now=now)
    wait = timedelta(seconds=int(str(refused.value.facts["retry_after_seconds"])))

    assert await tried(1, now=now + wait - timedelta(seconds=1)) == 0
    assert await tried(1, now=now + wait) == 1


async def test_refused_attempts_do_not_prolong_the_wait(now: datetime) -> None:
    await tried(3, now=now)

    for minute in range(16):
        await tried(50, now=now + timedelta(minutes=minute))

    assert await tried(1, now=now + timedelta(minutes=17)) == 1


async def test_no_stretch_of_the_window_holds_more_than_the_limit(now: datetime) -> None:
    moments = [now + timedelta(seconds=37 * step) for step in range(200)]

    let_through = [moment for moment in moments if await tried(1, now=moment)]

    assert max(sum(start <= at < start + WINDOW for at in let_through) for start in let_through) == 3


async def test_subjects_and_kinds_are_counted_apart(now: datetime) -> None:
    await tried(3, now=now)

    assert await tried(1, now=now, subject="bert") == 1
    assert await tried(1, now=now, kind="other") == 1


async def test_of_a_hundred_at_once_only_the_limit_gets_through(now: datetime) -> None:
    let_through = await asyncio.gather(*(tried(1, now=now) for _ in range(100)))

    assert sum(let_through) == 3


async def test_an_attempt_counts_although_the_operation_is_undone(now: datetime) -> None:
    async def refused_operation() -> None:
        await transactions.value("SELECT 1")
        raise ValueError

    await attempt("guess", "anna", limit=3, window=WINDOW, now=now)
    with pytest.raises(ValueError):
        await transactions.in_one_transaction(refused_operation)

    assert await attempts_made("guess", "anna", window=WINDOW, now=now) == 1


async def test_an_attempt_inside_the_operations_transaction_is_a_mistake_of_ours(now: datetime) -> None:
    with pytest.raises(AssertionError, match="before the transaction"):
        await transactions.in_one_transaction(lambda: attempt("guess", "anna", limit=3, window=WINDOW, now=now))


async def test_forgiven_attempts_do_not_count(now: datetime) -> None:
    await tried(3, now=now)

    await forgive("guess", "anna")

    assert await tried(10, now=now) == 3


async def test_no_personal_value_is_kept_and_another_key_gives_another_hash(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_subject_key", b"first")
    await tried(1, now=now, subject="anna@example.com")
    monkeypatch.setattr(attempts, "_subject_key", b"second")
    await tried(1, now=now, subject="anna@example.com")

    stored = await transactions.rows("SELECT attempt_count::text AS row FROM attempt_count")

    assert len(stored) == 2
    assert not any("anna" in row["row"] for row in stored)


async def test_upkeep_removes_only_counts_that_no_window_reaches(now: datetime) -> None:
    await tried(1, now=now)
    later = now + timedelta(days=34)
    await tried(1, now=later)

    assert await forget_past_attempts(now=later) == 1
    assert await attempts_made("guess", "anna", window=WINDOW, now=later) == 1

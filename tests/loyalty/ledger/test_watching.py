"""Who watches a balance hears of each change; nobody else costs anybody anything."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import pytest

from loyalty import transactions
from loyalty.ledger import watching
from loyalty.ledger.posting import Transfer, post
from loyalty.ledger.watching import CHANNEL, BalanceNews
from tests.support.database import connection
from tests.support.ledger import a_customer, some_customers
from tests.support.programme import TESTS, earned

SOON = 5.0
A_WHILE = 0.2


@pytest.fixture
async def news(database: str) -> AsyncIterator[BalanceNews]:
    """Have this process listen for news."""
    listening = BalanceNews(database)
    task = asyncio.create_task(listening.run())
    await _until(lambda: _backends(), 1)
    yield listening
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def heard(database: str) -> AsyncIterator[list[str]]:
    """Return what the database tells on the channel."""
    told: list[str] = []
    async with connection(database) as listener:
        await listener.add_listener(CHANNEL, lambda *about: told.append(about[-1]))
        yield told
        await listener.remove_listener(CHANNEL, lambda *about: None)
        await listener.reset()


async def _backends() -> int:
    """Return how many connections listen for news."""
    found = await transactions.value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'regulars balance news'"
        " AND datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'"
    )
    return int(found)


async def _until(asked: object, expected: int) -> None:
    async with asyncio.timeout(SOON):
        while await asked() != expected:  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def watches() -> int:
    """Return how many watches stand."""
    return int(await transactions.value("SELECT count(*) FROM balance_watch"))


async def step(changes: AsyncGenerator[None, None]) -> None:
    """Wait for a step."""
    await asyncio.wait_for(anext(changes), SOON)


async def still(changes: AsyncGenerator[None, None]) -> asyncio.Task[None]:
    """Find that there is no step for a while, and return what waits for the next one."""
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.wait({waiting}, timeout=A_WHILE)
    assert not waiting.done()
    return waiting


async def test_a_watcher_steps_at_once_and_after_each_change(news: BalanceNews, now: datetime) -> None:
    anna = await a_customer()
    async with news.watch(anna) as changes:
        await step(changes)
        for _ in range(3):
            waiting = await still(changes)
            await earned(anna, 10, now=now)
            await asyncio.wait_for(waiting, SOON)


async def test_changes_that_come_while_one_looks_are_one_step(news: BalanceNews, now: datetime) -> None:
    anna = await a_customer()
    async with news.watch(anna) as changes:
        await step(changes)
        for _ in range(5):
            await earned(anna, 10, now=now)
        await asyncio.sleep(A_WHILE)

        await step(changes)
        (await still(changes)).cancel()


async def test_what_is_not_committed_is_no_news(news: BalanceNews, now: datetime) -> None:
    anna = await a_customer()

    async def undone() -> None:
        await earned(anna, 10, now=now)
        raise RuntimeError

    async with news.watch(anna) as changes:
        await step(changes)
        with suppress(RuntimeError):
            await transactions.in_one_transaction(undone)
        (await still(changes)).cancel()


async def test_nobody_elses_balance_steps(news: BalanceNews, now: datetime) -> None:
    anna, bjørn = await some_customers(2)
    async with news.watch(anna) as changes:
        await step(changes)
        async with news.watch(bjørn) as his:
            await step(his)
            await earned(bjørn, 10, now=now)
            await step(his)
        (await still(changes)).cancel()


async def test_only_who_is_watched_is_told_of_in_the_database(
    news: BalanceNews, heard: list[str], now: datetime
) -> None:
    watched, unwatched, left = await some_customers(3)
    async with news.watch(left):
        pass
    async with news.watch(watched) as changes:
        await step(changes)
        for customer_id in (unwatched, left, watched):
            await earned(customer_id, 10, now=now)
        await step(changes)
        await asyncio.sleep(A_WHILE)

    assert heard == [str(watched)]
    assert await watches() == 0


async def test_a_watch_that_was_not_renewed_ends(news: BalanceNews, heard: list[str], now: datetime) -> None:
    anna = await a_customer()
    async with news.watch(anna) as changes:
        await step(changes)
        await transactions.rows("UPDATE balance_watch SET watched_until = now() - interval '1 second'")
        await earned(anna, 10, now=now)
        (await still(changes)).cancel()

    assert heard == []


async def test_units_that_move_are_news_for_both(news: BalanceNews, now: datetime) -> None:
    anna, bjørn = await some_customers(2)
    await earned(anna, 10, now=now)
    async with news.watch(anna) as hers, news.watch(bjørn) as his:
        await step(hers)
        await step(his)

        await post([Transfer(customer_id=anna, unit="points", to_customer_id=bjørn)], by=TESTS, now=now)

        await step(hers)
        await step(his)


async def test_a_hundred_who_watch_one_balance_all_step_and_are_one_watch(news: BalanceNews, now: datetime) -> None:
    anna, steps = await a_customer(), 0

    async def look() -> None:
        nonlocal steps
        async with news.watch(anna) as changes:
            await step(changes)
            looking.append(None)
            await step(changes)
            steps += 1

    looking: list[None] = []
    tasks = [asyncio.create_task(look()) for _ in range(100)]
    async with asyncio.timeout(SOON):
        while len(looking) < 100:
            await asyncio.sleep(0.01)
    assert await watches() == 1
    await earned(anna, 10, now=now)
    await asyncio.gather(*tasks)

    assert (steps, await watches()) == (100, 0)


async def test_who_goes_away_leaves_no_watch(news: BalanceNews) -> None:
    async def look(customer_id: UUID) -> None:
        async with news.watch(customer_id) as changes:
            async for _ in changes:
                pass

    tasks = [asyncio.create_task(look(customer_id)) for customer_id in await some_customers(10)]
    await _until(watches, 10)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    await _until(watches, 0)


async def test_after_a_lost_connection_everybody_looks_anew_and_hears_again(
    news: BalanceNews, database: str, now: datetime
) -> None:
    anna = await a_customer()
    async with news.watch(anna) as changes:
        await step(changes)
        waiting = await still(changes)
        for _ in range(2):
            killed = await transactions.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'regulars balance news' AND datname = current_database()"
            )
            assert killed == 1
            await asyncio.wait_for(waiting, SOON)  # what was missed meanwhile is seen now
            await _until(_backends, 1)

            waiting = await still(changes)
            await earned(anna, 10, now=now)
            await asyncio.wait_for(waiting, SOON)
            waiting = await still(changes)
        waiting.cancel()


async def test_news_are_listened_for_again_when_there_was_no_database(database: str, now: datetime) -> None:
    news = BalanceNews("postgresql://nobody@127.0.0.1:1/none")
    task = asyncio.create_task(news.run())
    await asyncio.sleep(A_WHILE)

    news._url = database
    await _until(_backends, 1)
    anna = await a_customer()
    async with news.watch(anna) as changes:
        await step(changes)
        await earned(anna, 10, now=now)
        await step(changes)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_posting_that_did_not_see_the_watch_is_looked_for_once_more(
    news: BalanceNews, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SETTLED_SECONDS", 2 * A_WHILE)
    anna, posted, commit = await a_customer(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        await earned(anna, 10, now=now)
        posted.set()
        await commit.wait()

    posting = asyncio.create_task(transactions.in_one_transaction(slow))
    await posted.wait()
    async with news.watch(anna) as changes:
        await step(changes)
        assert await transactions.value("SELECT count(*) FROM wallet") == 0
        commit.set()
        await posting

        await step(changes)

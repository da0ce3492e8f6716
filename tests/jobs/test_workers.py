"""A piece of work is done to its end, by one process at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobs import workers
from jobs.workers import Background, work
from server.database import alone


async def test_two_workers_never_do_one_piece_together(database_url: str) -> None:
    at_work, most_at_work, done = 0, 0, 0

    async def piece() -> None:
        nonlocal at_work, most_at_work, done
        at_work += 1
        most_at_work = max(most_at_work, at_work)
        await asyncio.sleep(0.05)
        at_work -= 1
        done += 1

    pieces = [Background("piece", piece, lambda: alone(database_url, "piece"))]
    await asyncio.gather(work(pieces), work(pieces))

    assert (most_at_work, done) == (1, 2)


async def test_work_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "RETRY_SECONDS", 0.01)
    tries = 0

    async def piece() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("the database is away")

    await work([Background("piece", piece, _nobody_else)])

    assert tries == 3


async def test_who_is_no_longer_alone_stops_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "RETRY_SECONDS", 0.01)
    begun: list[asyncio.Event] = []

    @asynccontextmanager
    async def lost_the_first_time() -> AsyncIterator[asyncio.Event]:
        lost = asyncio.Event()
        begun.append(lost)
        yield lost

    async def piece() -> None:
        if len(begun) == 1:
            begun[0].set()
            await asyncio.Event().wait()

    await work([Background("piece", piece, lost_the_first_time)])

    assert len(begun) == 2


@asynccontextmanager
async def _nobody_else() -> AsyncIterator[asyncio.Event]:
    yield asyncio.Event()

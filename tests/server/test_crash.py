"""The web process is killed while it records orders, as a machine that loses its power would (threats.md, figure 6)."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.crashing import Crashes, a_shop_that_sells, nursery
from tests.support.database import CHECKOUT

KILLS = 20


@pytest.fixture
async def crashes(database: str) -> Crashes:
    """Return a shop that is about to sell."""
    return await a_shop_that_sells(seed=random.SystemRandom().randrange(2**32))


async def test_a_killed_process_loses_nothing_it_acknowledged_and_leaves_nothing_half_done(
    crashes: Crashes, database: str, tmp_path: Path
) -> None:
    with nursery(database, crashes.port, str(tmp_path)) as web:
        for _ in range(KILLS):
            pid = web.web()
            await crashes.ready()
            await crashes.complete()
            await crashes.sell_until_killed(pid)
            await crashes.check()
        web.web()
        await crashes.ready()
        await crashes.complete()

    await crashes.check()
    await crashes.verify()
    assert crashes.kills == KILLS
    assert crashes.completed >= KILLS
    assert len(crashes.acknowledged) >= KILLS


async def test_so_does_a_process_that_was_started_as_people_start_it(
    crashes: Crashes, database: str, tmp_path: Path
) -> None:
    with nursery(database, crashes.port, str(tmp_path)) as web:
        process = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, "-m", "server", "web"], cwd=CHECKOUT, env=web.environment
        )
        try:
            await crashes.ready()
            await crashes.sell_until_killed(process.pid)
        finally:
            process.kill()
            process.wait()
        await crashes.check()
        web.web()
        await crashes.ready()
        await crashes.complete()

    await crashes.check()
    await crashes.verify()

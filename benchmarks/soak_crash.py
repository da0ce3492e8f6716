"""Kill the web process while it records orders, a thousand times, and check that nothing is lost, doubled or half done.

    python -m benchmarks.soak_crash --kills 1000

Needs nothing: it starts the tests' PostgreSQL unless REGULARS_DATABASE_URL names a server. After each kill what was
acknowledged must be there; what was not is sent again under its own keys. Each fifty kills the shop is a new one, and
the ledger of the old one is replayed from zero.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time

from server.database import opened
from tests.support.crashing import Crashes, a_shop_that_sells, nursery
from tests.support.database import Cleaner, test_server, worker_database

KILLS_PER_SHOP = 50


def main() -> int:
    """Run the soak; print the counts and the seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    asked = parser.parse_args()
    print(f"{asked.kills:,} kills, seed {asked.seed}", flush=True)
    began, killed, orders, sent_again, known = time.monotonic(), 0, 0, 0, 0
    with test_server() as server_url, worker_database(server_url) as url:
        cleaner = Cleaner(url)
        while killed < asked.kills:
            cleaner.clean()
            kills = min(KILLS_PER_SHOP, asked.kills - killed)
            try:
                shop = asyncio.run(_soaked(url, kills, asked.seed + killed))
            except AssertionError as failure:
                print(f"FAILED after {killed:,} kills: {failure}", flush=True)
                return 1
            killed += kills
            orders, sent_again = orders + len(shop.sold), sent_again + shop.completed
            known += shop.known
            print(f"  {killed:,} kills, {orders:,} orders, {time.monotonic() - began:,.0f} s", flush=True)
        cleaner.close()
    print(
        f"{killed:,} kills, seed {asked.seed}: {orders:,} orders, each there once and whole;"
        f" {sent_again:,} batches sent again, {known:,} of which had been recorded; {time.monotonic() - began:,.0f} s"
    )
    return 0


async def _soaked(url: str, kills: int, seed: int) -> Crashes:
    async with opened(url, application_name="soak"):
        crashes = await a_shop_that_sells(seed)
        with tempfile.TemporaryDirectory() as data_dir, nursery(url, crashes.port, data_dir) as web:
            for _ in range(kills):
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
    return crashes


if __name__ == "__main__":
    sys.exit(main())

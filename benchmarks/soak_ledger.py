"""Post to the ledger from many workers at once, for long, and check that every law holds and every entry replays.

    python -m benchmarks.soak_ledger --operations 1000000

Needs nothing: it starts the tests' PostgreSQL unless REGULARS_DATABASE_URL names a server. Customers come in cohorts;
each cohort is replayed from zero when it is done. Stops at the first broken law. The seed rolls the same postings;
which worker comes first is not in its power.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from loyalty import transactions
from loyalty.ledger.replay import Differs, replay
from loyalty.ledger.verification import standings_of
from server.database import opened
from tests.support.database import test_server, worker_database
from tests.support.ledger_crowd import Crowd, broken_laws

COHORT_CUSTOMERS = 24
COHORT_OPERATIONS = 20_000
BATCH_SIZES = (1, 1, 1, 2, 5, 10, 20, 50)


@dataclass
class Soak:
    """How far the soak is."""

    operations: int
    seed: int
    workers: int
    laws_every: int
    posted: int = 0
    verified: int = 0
    checks: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    unchecked: int = 0

    async def run(self) -> None:
        """Post cohort after cohort."""
        dice = random.Random(self.seed)
        while self.posted < self.operations:
            crowd = await Crowd.of(COHORT_CUSTOMERS)
            goal = min(self.operations, self.posted + COHORT_OPERATIONS)
            rolls = [random.Random(dice.random()) for _ in range(self.workers)]
            async with asyncio.TaskGroup() as tasks:
                for mine in rolls:
                    tasks.create_task(self._work(crowd, mine, goal))
            self.codes += crowd.codes
            await self._replayed(crowd)

    async def _work(self, crowd: Crowd, dice: random.Random, goal: int) -> None:
        while self.posted < goal:
            size = min(dice.choice(BATCH_SIZES), goal - self.posted)
            self.posted += size
            await crowd.post(dice, size)
            self.unchecked += size
            if self.unchecked >= self.laws_every:
                self.unchecked = 0
                self.checks += 1
                if broken := await broken_laws(crowd.customers):
                    raise AssertionError("; ".join(broken))

    async def _replayed(self, crowd: Crowd) -> None:
        found = await transactions.rows("SELECT id FROM wallet WHERE customer_id = ANY($1::uuid[])", crowd.customers)
        replay(await standings_of([row["id"] for row in found]))  # they transfer to each other alone: one family
        self.verified += 1


def main() -> int:
    """Run the soak; print count, seed and rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--laws-every", type=int, default=100, help="operations between two checks of all laws")
    asked = parser.parse_args()
    soak = Soak(asked.operations, asked.seed, asked.workers, asked.laws_every)
    print(f"{asked.operations:,} operations, {asked.workers} workers, seed {asked.seed}", flush=True)
    began = time.monotonic()
    with test_server() as server_url, worker_database(server_url) as url:
        return asyncio.run(_soaked(soak, url, began))


async def _soaked(soak: Soak, url: str, began: float) -> int:
    async with opened(url, pool_max=soak.workers + 2, application_name="soak"):
        progress = asyncio.create_task(_told(soak, began))
        try:
            await soak.run()
        except BaseExceptionGroup as failures:
            print(f"FAILED after {soak.posted:,} operations, seed {soak.seed}: {failures.exceptions[0]!r}", flush=True)
            return 1
        except (AssertionError, Differs) as failure:
            print(f"FAILED after {soak.posted:,} operations, seed {soak.seed}: {failure}", flush=True)
            return 1
        finally:
            progress.cancel()
    seconds = time.monotonic() - began
    print(f"codes: {dict(soak.codes.most_common())}")
    print(
        f"{soak.posted:,} operations, seed {soak.seed}: every law held at {soak.checks:,} checks,"
        f" {soak.verified} cohorts replayed; {seconds:,.0f} s, {soak.posted / seconds:,.0f} operations/s"
    )
    return 0


async def _told(soak: Soak, began: float) -> None:
    while True:
        await asyncio.sleep(30)
        rate = soak.posted / (time.monotonic() - began)
        print(f"  {soak.posted:,} posted, {soak.checks:,} checks, {rate:,.0f} operations/s", flush=True)


if __name__ == "__main__":
    sys.exit(main())

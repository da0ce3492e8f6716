"""`python -m benchmarks --size 10k`: measure, and print the figures as docs/benchmarks.md holds them."""

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from types import FrameType

from benchmarks import batches, demo, mutations, profile
from benchmarks.measuring import Comparison
from benchmarks.scratch import Scratch, scratch
from benchmarks.seeding import Seeded, seeded
from loyalty.clock import SystemClock
from server.database import opened

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
SECONDS = 3.0

Workload = Callable[[Scratch, Seeded, float], AsyncIterator[Comparison]]
WORKLOADS: dict[str, Workload] = {"w1": profile.measured, "w3": mutations.measured, "w4": batches.measured}


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=f"{', '.join(WORKLOADS)}, demo; none: all")
    parser.add_argument("--size", choices=SIZES, default="10k", help="customers")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each side runs in each round")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _ends)  # so that what was started is stopped, and the folder removed
    names = asked.workloads or [*WORKLOADS, "demo"]
    if unknown := set(names) - {*WORKLOADS, "demo"}:
        parser.error(f"there is no workload {', '.join(sorted(unknown))}")
    print(f"{asked.size} customers, {asked.seconds:g} s a side and round, load {os.getloadavg()[0]:.1f} at the start\n")
    if set(names) & WORKLOADS.keys():
        with scratch() as at:
            asyncio.run(_measured(at, names, SIZES[asked.size], asked.seconds))
    if "demo" in names:
        print(demo.measured())


def _ends(number: int, frame: FrameType | None) -> None:
    raise SystemExit(1)


async def _measured(at: Scratch, names: list[str], customers: int, seconds: float) -> None:
    async with opened(at.url, application_name="seeding", everywhere=False):
        data = await seeded(customers, now=SystemClock().now())
    for name in names:
        if name in WORKLOADS:
            async for comparison in WORKLOADS[name](at, data, seconds):
                print(comparison.told(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

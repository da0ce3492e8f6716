"""How far the load is: a bar for people, log lines for the background; and the totals in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from server.demo.households import Counts
from server.demo.load import Progress as Told
from server.demo.load import Totals

LOGGED_EVERY_PERCENT = 5


@contextmanager
def bar(title: str, console: Console | None = None) -> Iterator[Told]:
    """Show a bar while the context is open, and yield what moves it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("orders"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)


def logged(log: structlog.stdlib.BoundLogger) -> Told:
    """Return what writes a line into the log at every twentieth of the way."""
    told = -1

    def tell(done: int, of: int) -> None:
        nonlocal told
        reached = 100 * done // of // LOGGED_EVERY_PERCENT if of else 100 // LOGGED_EVERY_PERCENT
        if reached > told:
            told = reached
            log.info("demo orders loaded", orders=done, orders_to_load=of)

    return tell


def in_words(totals: Totals) -> str:
    """Return the totals as lines to print: what stands, what is new, and what became of the data."""
    counts = totals.counts
    return "\n".join(
        [
            f"{totals.households:,} households with {counts.orders:,} orders of {counts.order_lines:,} lines",
            f"  {totals.orders_recorded:,} orders recorded now, {totals.orders_known_before:,} known before",
            f"  {totals.points_expired:,} points expired now, {totals.rewards_redeemed:,} rewards redeemed now",
            *_of_the_data(counts),
        ]
    )


def _of_the_data(counts: Counts) -> list[str]:
    return [
        f"The data: {counts.lines:,} lines in {counts.baskets:,} baskets, of which",
        f"  {counts.baskets_without_lines:,} baskets without lines were left out",
        f"  {counts.baskets_without_total:,} baskets with a total of zero or less were left out,"
        f" with {counts.lines_left_out:,} lines",
        f"  {counts.lines_dropped:,} lines of quantity 0 without an amount were dropped",
        f"  {counts.lines_counted_as_one:,} lines of quantity 0 with an amount have quantity 1",
        f"  {counts.lines_taken_as_discount:,} coupons on whole baskets became discounts of their orders",
        f"  {counts.lines_of_excess_coupons:,} lines whose coupon exceeded their price cost nothing;"
        " the excess is a discount of their orders",
    ]

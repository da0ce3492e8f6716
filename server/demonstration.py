"""When the demo is loaded: a part of it before the first start is ready, the rest in the background."""

import asyncio

import structlog
from rich.console import Console

from loyalty.clock import Clock
from loyalty.shops.catalogue import all_shops
from server.demo.households import DemoDataMissing, Households, data_folder
from server.demo.load import Totals, load
from server.demo.people import person
from server.demo.progress import bar, in_words, logged
from server.demo.shop import HARVEST
from server.settings import Settings

LANES = 2
"""Parts that are loaded side by side while nobody else is served."""

PAUSE_SECONDS = 0.2
"""Left to requests after each batch of the background load."""

log = structlog.get_logger("regulars.demo")


async def load_first_part(settings: Settings, clock: Clock, out: Console) -> None:
    """Load the households that a first start shows, with a bar."""
    try:
        await load_households(settings.demo_households, clock, out)
    except DemoDataMissing as missing:
        out.print(f"[yellow]{missing} The demo stays away until it is.[/yellow]")


async def load_households(households: int | None, clock: Clock, out: Console) -> Totals:
    """Load so many households, or all, with a bar, and print what stands.

    Raises:
        DemoDataMissing: the data is not installed.
    """
    with await asyncio.to_thread(Households.opened, data_folder()) as source:
        with bar("Demo", out) as told:
            totals = await load(source, now=clock.now(), households=households, progress=told, lanes=LANES)
        out.print(in_words(totals), highlight=False, soft_wrap=True)
        return totals


async def load_the_rest(settings: Settings, clock: Clock) -> None:
    """Load all households that are not loaded yet, if this installation is the demo's."""
    shops = {shop.code for shop in await all_shops()}
    if not settings.demo or not shops <= {HARVEST.code}:
        return
    try:
        with await asyncio.to_thread(Households.opened, data_folder()) as source:
            await load(source, now=clock.now(), progress=logged(log), pause_seconds=PAUSE_SECONDS)
    except DemoDataMissing as missing:
        log.warning(str(missing))


def some_email(settings: Settings) -> str:
    """Return the address of somebody who has a token to ask for."""
    return person(1).email if settings.demo else "somebody@example.com"

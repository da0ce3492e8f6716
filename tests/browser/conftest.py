"""One browser and one server for all tests of this folder, a clean database and a visitor for each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from loyalty.clock import FixedClock
from loyalty.shops.catalogue import forget_shops
from tests.conftest import NOW
from tests.support.browser import CHROMIUM, DESK, Look, Site, Visit, opened_browser, opened_site, visiting
from tests.support.database import Cleaner

Visiting = Callable[..., Awaitable[Visit]]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """Return Chromium, or skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here; with it (Debian: chromium) the pages would be tried in a browser.")
    async with opened_browser() as opened:
        yield opened


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def _served(browser: Browser, _cleaner: tuple[str, Cleaner]) -> AsyncIterator[Site]:
    async with opened_site(_cleaner[0], FixedClock(NOW)) as site:
        yield site


@pytest.fixture
def site(_served: Site, database_url: str, now: datetime) -> Site:
    """Return the application over a clean database, at `now`."""
    _served.clock.at = now
    forget_shops()
    return _served


@pytest_asyncio.fixture(loop_scope="package")
async def visit(browser: Browser, site: Site) -> AsyncIterator[Visiting]:
    """Return what makes a visitor with a look; whatever they complained of in the end fails the test."""
    async with AsyncExitStack() as stack:
        made: list[Visit] = []

        async def visitor(look: Look = DESK) -> Visit:
            made.append(await stack.enter_async_context(visiting(browser, site, look)))
            return made[-1]

        yield visitor
        assert [trouble for one in made for trouble in one.troubles + one.elsewhere] == []

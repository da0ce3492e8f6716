"""What every test may ask for: a moment, a clock, and a clean database built by the real migrations."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from loyalty.clock import FixedClock
from server.database import opened
from tests.support.database import Cleaner, test_server, worker_database

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """Return the moment at which tests happen: a Monday at noon, UTC."""
    return NOW


@pytest.fixture
def clock(now: datetime) -> FixedClock:
    """Return a clock that stands at `now`."""
    return FixedClock(now)


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """Return the URL of the tests' PostgreSQL server."""
    with test_server() as url:
        yield url


@pytest.fixture(scope="session")
def _cleaner(database_server: str) -> Iterator[tuple[str, Cleaner]]:
    with worker_database(database_server) as url:
        cleaner = Cleaner(url)
        yield url, cleaner
        cleaner.close()


@pytest.fixture
def database_url(_cleaner: tuple[str, Cleaner]) -> str:
    """Return the URL of a migrated database without rows, which nobody has opened: for processes and applications."""
    url, cleaner = _cleaner
    cleaner.clean()
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[str]:
    """Have the rules use a migrated database without rows, and return its URL."""
    async with opened(database_url, application_name="tests"):
        yield database_url

"""The real application for the tests of what it answers."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from tests.support.api import Api, opened_api


@pytest.fixture
async def api(database: str, now: datetime) -> AsyncIterator[Api]:
    """Return the application over a clean database with one shop."""
    async with opened_api(now) as opened:
        yield opened

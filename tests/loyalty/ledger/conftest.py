"""How hypothesis, which calls plain functions, reaches the database."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context

import pytest

Run = Callable[[Awaitable[None]], None]


@pytest.fixture
async def run(database: str) -> Run:
    """Return what runs a coroutine over the database from a test that is not one itself."""
    loop, context = asyncio.get_running_loop(), copy_context()

    async def awaited(work: Awaitable[None]) -> None:
        await work

    return lambda work: loop.run_until_complete(loop.create_task(awaited(work), context=context))

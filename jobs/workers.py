"""Workers: long work in the background, each piece by one process at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog

RETRY_SECONDS = 5.0

log = structlog.get_logger("regulars.work")


@dataclass(frozen=True)
class Background:
    """Work that goes on where it stopped, however often it is started. `alone` keeps other processes from it."""

    name: str
    run: Callable[[], Awaitable[None]]
    alone: Callable[[], AbstractAsyncContextManager[asyncio.Event]]


async def work(pieces: Sequence[Background]) -> None:
    """Do each piece to its end, one after the other; start it again when its connection is lost or it fails."""
    for piece in pieces:
        while True:
            if await _finished(piece):
                break
            await asyncio.sleep(RETRY_SECONDS)


async def _finished(piece: Background) -> bool:
    async with piece.alone() as lost:
        running = asyncio.ensure_future(piece.run())
        losing = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({running, losing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            losing.cancel()
            running.cancel()
            await asyncio.wait({running, losing})
        if running.cancelled():
            return False
        if (error := running.exception()) is not None:
            log.error("work failed and will be tried again", piece=piece.name, exc_info=error)
            return False
        return True

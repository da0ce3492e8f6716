"""News of balances, for those who watch them.

A posting notifies only where a watch stands: notifications make commits queue up behind each other. So a watch is a
row with an end, renewed while somebody looks, and one connection of its own listens for all watchers of a process.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from loyalty.refusals import TryAgain
from loyalty.tables import credentials
from loyalty.transactions import rows

CHANNEL = "balance"
WATCHED_FOR = timedelta(minutes=2)
RENEWED_EVERY_SECONDS = 45.0
RETRY_SECONDS = 0.5
SETTLED_SECONDS = 3.0
"""By then every posting has ended that did not see a new watch: those who watch look once more."""

_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TryAgain)

log = logging.getLogger(__name__)


class BalanceNews:
    """Listens for one process. `run` keeps it going; `watch` follows one customer."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._watchers: dict[UUID, set[asyncio.Event]] = {}
        self._ids: dict[UUID, UUID] = {}

    async def run(self) -> None:
        """Listen until cancelled; after a lost connection listen again and tell every watcher to look anew."""
        while True:
            try:
                await self._listen()
            except _LOST as lost:
                log.warning("balance news lost their connection", extra={"why": str(lost)})
            await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def watch(self, customer_id: UUID) -> AsyncIterator[AsyncGenerator[None, None]]:
        """Yield an iterator that steps at once, and after each change of the customer's balances.

        Changes that come while the last one is looked at are one step; a step may come without a change.
        """
        changed = asyncio.Event()
        self._watchers.setdefault(customer_id, set()).add(changed)
        settled = asyncio.get_running_loop().call_later(SETTLED_SECONDS, changed.set)
        try:
            await self._renew([customer_id])
            yield _steps(changed)
        finally:
            settled.cancel()
            watchers = self._watchers[customer_id]
            watchers.discard(changed)
            if not watchers:
                del self._watchers[customer_id]
                await self._leave(self._ids.pop(customer_id, None))

    async def _listen(self) -> None:
        settings = {"application_name": "regulars balance news"}
        connection = await asyncpg.connect(**credentials(self._url), timeout=5, server_settings=settings)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._told)
            self._wake_all()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), RENEWED_EVERY_SECONDS)
                if not lost.is_set():
                    await connection.fetchval("SELECT 1", timeout=5)  # finds a connection that is only half there
                    await self._renew(list(self._watchers))
        finally:
            connection.terminate()

    def _told(self, connection: object, process: int, channel: str, customer_id: object) -> None:
        for changed in self._watchers.get(UUID(str(customer_id)), ()):
            changed.set()

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for changed in watchers:
                changed.set()

    async def _renew(self, customer_ids: list[UUID]) -> None:
        if not customer_ids:
            return
        ids = [self._ids.setdefault(customer_id, uuid4()) for customer_id in customer_ids]
        # Watches are about who looks at this moment, so they go by the database's clock, not by business time.
        await rows(
            "INSERT INTO balance_watch (id, customer_id, watched_until)"
            " SELECT id, customer_id, now() + $3::interval FROM unnest($1::uuid[], $2::uuid[]) AS w(id, customer_id)"
            " ON CONFLICT (id) DO UPDATE SET watched_until = excluded.watched_until",
            ids,
            customer_ids,
            WATCHED_FOR,
        )

    async def _leave(self, watch_id: UUID | None) -> None:
        if watch_id is not None:
            with suppress(*_LOST):  # the watch ends by itself
                await rows("DELETE FROM balance_watch WHERE id = $1 OR watched_until < now()", watch_id)


async def _steps(changed: asyncio.Event) -> AsyncGenerator[None, None]:
    yield
    while True:
        await changed.wait()
        changed.clear()
        yield

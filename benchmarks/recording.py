"""The application in this process, asked a few times, to take down the statements it sends."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from benchmarks.scratch import Scratch
from benchmarks.statements import CUSTOMER, Recorder, Statement, statements_of
from loyalty import transactions
from loyalty.clock import SystemClock
from server.app import create_app
from server.settings import Settings

WARMING = 7
"""Requests before the one that is taken down: what is remembered is remembered then, and plans are made."""

_numbers = itertools.count(777_000_777_000)


@dataclass(frozen=True)
class Recorded:
    """One request: what it sent to the database, and what it answered."""

    statements: list[Statement]
    answer: bytes

    @property
    def round_trips(self) -> int:
        """Return how often the request waited for the database."""
        return len(self.statements)


class Recording:
    """The application with one connection, which is listened to."""

    def __init__(self, client: httpx.AsyncClient, recorder: Recorder, kept: Sequence[UUID]) -> None:
        self._client, self._recorder, self._kept = client, recorder, kept

    async def recorded(self, path: str, authorization: str, body: str, proof: str) -> Recorded:
        """Take down one request; `body` has `@N` and `@C` where the numbers stand."""
        for _ in range(WARMING):
            await self._asked(path, authorization, body, f"{next(_numbers)}", proof)
        operation = f"{next(_numbers)}"
        self._recorder.heard.clear()
        self._recorder.listens = True
        answer = await self._asked(path, authorization, body, operation, proof)
        await transactions.value("SELECT 1")  # what was logged is handed over with the loop's next turn
        self._recorder.listens = False
        heard = [one for one in self._recorder.heard if one[0] != "SELECT 1"]
        async with transactions.client().acquire_connection() as connection:
            return Recorded(await statements_of(heard, operation, self._kept, connection), answer)

    async def _asked(self, path: str, authorization: str, body: str, number: str, proof: str) -> bytes:
        content = body.replace("@N", number).replace("@C", CUSTOMER)
        headers = {"authorization": authorization, "content-type": "application/json"}
        answer = await self._client.post(path, content=content.encode(), headers=headers)
        assert proof in answer.text, answer.text
        return answer.content


@contextlib.asynccontextmanager
async def recording(at: Scratch) -> AsyncIterator[Recording]:
    """Open the application on the scratch database."""
    given: dict[str, Any] = {"database_url": at.url, "secret": at.secret, "pool_max": 1, "demo": False}
    app = create_app(Settings(**given), SystemClock())
    recorder = Recorder()
    async with app.router.lifespan_context(app):
        kept = await transactions.rows(
            "SELECT id FROM shop UNION ALL SELECT id FROM programme_version UNION ALL SELECT id FROM api_key"
        )
        async with transactions.client().acquire_connection() as connection:
            connection.add_query_logger(recorder)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield Recording(client, recorder, [row["id"] for row in kept])

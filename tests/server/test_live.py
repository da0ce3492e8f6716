"""A balance as it changes, over a socket and over an event stream, from the real application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from loyalty.programme.first import publish_first
from loyalty.shops.catalogue import forget_shops, open_first_shop
from loyalty.transactions import value
from server.app import create_app
from server.settings import Settings
from tests.support.api import ADMIN, CLOCK, SECRET, Api, Caller, a_line, an_order, by_email
from tests.support.staff import a_key
from tests.support.world import done

SUBSCRIPTION = "subscription { balanceChanged { unit availablePoints pendingPoints owedPoints expiring { points } } }"
WITHIN_SECONDS = 1.0
MARI = "mari@example.com"


@dataclass
class Live:
    """The application as it is served, and who calls it."""

    api: Api
    address: str

    async def bought(self, external_id: str, amount_minor: int = 1_000) -> None:
        """Record an order of Mari's."""
        order = an_order(external_id, a_line(amount_minor), customer=by_email(MARI))
        assert (await done(self.api.till, "recordOrder", order))["__typename"] == "OrderRecorded"


@pytest.fixture
async def live(database_url: str, now: datetime) -> AsyncIterator[Live]:
    """Serve the application on a free port of this machine, with one shop."""
    CLOCK.at = now
    settings = Settings(database_url=SecretStr(database_url), secret=SecretStr(SECRET))
    config = uvicorn.Config(
        create_app(settings, CLOCK), host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    address = f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    forget_shops()
    shop = await open_first_shop(now=now)
    await publish_first(shop.programme, currency=shop.currency, now=now)
    _, secret = await a_key(now=now)
    async with httpx.AsyncClient(base_url=f"http://{address}") as http:
        yield Live(Api(http, shop, now, Caller(http, ADMIN, {"authorization": f"Bearer {secret}"})), address)
    server.should_exit = True
    await serving
    forget_shops()


@asynccontextmanager
async def socket(
    live: Live, caller: Caller | None, protocol: str = "graphql-transport-ws"
) -> AsyncIterator[ClientConnection]:
    """Open a socket and say who is there."""
    async with connect(f"ws://{live.address}/graphql", subprotocols=[Subprotocol(protocol)]) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": caller.headers if caller else {}}))
        assert await heard(connection) == {"type": "connection_ack"}
        yield connection


async def heard(connection: ClientConnection, within_seconds: float = 5) -> Any:
    """Return the next message."""
    return json.loads(await asyncio.wait_for(connection.recv(), within_seconds))


async def watching(connection: ClientConnection) -> Any:
    """Begin to watch, and return the first value."""
    await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIPTION}}))
    return balance(await heard(connection, WITHIN_SECONDS))


def balance(message: Any) -> int:
    """Return what can be spent, as a message tells it."""
    assert message["type"] == "next", message
    return int(message["payload"]["data"]["balanceChanged"]["availablePoints"])


class TestASocket:
    async def test_tells_the_balance_at_once_and_again_within_a_second_of_an_order(self, live: Live) -> None:
        mari, _ = await live.api.member(MARI, balance_points=5)

        async with socket(live, mari) as connection:
            first = await watching(connection)
            started = time.monotonic()
            await live.bought("1", 1_200)
            following = balance(await heard(connection, WITHIN_SECONDS))

        assert (first, following) == (5, 17)
        assert time.monotonic() - started < WITHIN_SECONDS

    async def test_tells_a_wallet_that_is_new_and_what_several_orders_come_to(self, live: Live) -> None:
        mari, _ = await live.api.member(MARI)

        async with socket(live, mari) as connection:
            assert await watching(connection) == 0
            for number in range(5):
                await live.bought(f"{number}")
            last = 0
            while last < 50:
                last = balance(await heard(connection, WITHIN_SECONDS))

        assert last == 50

    async def test_tells_nobody_of_another_s_balance(self, live: Live) -> None:
        await live.api.member(MARI)
        bo, _ = await live.api.member("bo@example.com")

        async with socket(live, bo) as connection:
            assert await watching(connection) == 0
            await live.bought("1")
            with pytest.raises(TimeoutError):
                await heard(connection, 0.5)

    async def test_closes_within_a_second_or_so_of_the_token_s_end(self, live: Live) -> None:
        mari, _ = await live.api.member(MARI)

        async with socket(live, mari) as connection:
            await watching(connection)
            CLOCK.advance(timedelta(hours=24, seconds=61))
            started = time.monotonic()
            with pytest.raises(ConnectionClosed):
                await heard(connection)

        assert connection.close_code == 4401
        assert time.monotonic() - started < 2

    async def test_of_somebody_who_is_not_signed_in_watches_nothing(self, live: Live) -> None:
        async with socket(live, None) as connection:
            await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIPTION}}))
            told = await heard(connection)

        [error] = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"

    async def test_with_a_bad_token_is_refused(self, live: Live) -> None:
        url = f"ws://{live.address}/graphql"
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
            await connection.send(json.dumps({"type": "connection_init", "payload": {"authorization": "Bearer none"}}))
            with pytest.raises(ConnectionClosed):
                await heard(connection)

        assert connection.close_code in (4401, 4403)

    async def test_of_the_legacy_protocol_is_refused(self, live: Live) -> None:
        with pytest.raises((InvalidStatus, ConnectionClosed, AssertionError)):
            async with connect(f"ws://{live.address}/graphql", subprotocols=[Subprotocol("graphql-ws")]) as connection:
                assert connection.subprotocol == "graphql-ws"
                await connection.send(json.dumps({"type": "connection_init", "payload": {}}))
                await heard(connection)

    async def test_leaves_no_watch_behind(self, live: Live) -> None:
        mari, _ = await live.api.member(MARI)
        async with socket(live, mari) as connection:
            await watching(connection)
            assert await value("SELECT count(*) FROM balance_watch") == 1

        async with asyncio.timeout(3):
            while await value("SELECT count(*) FROM balance_watch"):
                await asyncio.sleep(0.02)


class TestAnEventStream:
    async def test_tells_the_balance_at_once_and_again_within_a_second_of_an_order(self, live: Live) -> None:
        mari, _ = await live.api.member(MARI, balance_points=5)

        async with stream(live, mari) as events:
            first = await anext(events)
            await live.bought("1", 1_200)
            async with asyncio.timeout(WITHIN_SECONDS):
                following = await anext(events)

        assert [told["data"]["balanceChanged"]["availablePoints"] for told in (first, following)] == [5, 17]
        assert first["data"]["balanceChanged"] == {
            "unit": "points",
            "availablePoints": 5,
            "pendingPoints": 0,
            "owedPoints": 0,
            "expiring": [],
        }

    async def test_ends_with_the_token(self, live: Live) -> None:
        mari, _ = await live.api.member(MARI)

        async with stream(live, mari) as events:
            await anext(events)
            CLOCK.advance(timedelta(hours=24, seconds=61))
            async with asyncio.timeout(3):
                last = [told async for told in events]

        assert [error["extensions"]["code"] for told in last for error in told["errors"]] == ["UNAUTHENTICATED"]


@asynccontextmanager
async def stream(live: Live, caller: Caller) -> AsyncIterator[AsyncIterator[Any]]:
    """Open an event stream, and yield what it tells."""
    headers = {**caller.headers, "accept": "text/event-stream"}
    body = {"query": SUBSCRIPTION}
    async with live.api.http.stream("POST", "/graphql", json=body, headers=headers, timeout=10) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response)


async def _events(response: httpx.Response) -> AsyncIterator[Any]:
    async for line in response.aiter_lines():
        if line.startswith("data:") and (data := line.removeprefix("data:").strip()):
            told = json.loads(data)
            if told:
                yield told.get("payload", told)

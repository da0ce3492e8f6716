"""Operations over sockets: who may open one, what it carries, and when it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from server.graphql import endpoint
from tests.support.tiny_schema import CANARY, LOADS, Tokens, an_app

PROTOCOL = "graphql-transport-ws"
ORIGIN = "https://shop.example"


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serve an application on a free port, and yield where its sockets are."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}/graphql"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def tokens() -> Tokens:
    """Return the credentials that count."""
    return Tokens()


@pytest.fixture
async def url(tokens: Tokens) -> AsyncIterator[str]:
    """Serve the tiny schema, and return where its sockets are."""
    async with serving(an_app(tokens=tokens, recheck_seconds=0.05, origins=lambda: {ORIGIN})) as url:
        yield url


class Socket:
    """A socket and what one says over it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self) -> Any:
        received = await asyncio.wait_for(self.connection.recv(), 5)
        assert isinstance(received, str)
        return json.loads(received)

    async def subscribe(self, query: str | None, id: str = "1", **more: Any) -> None:
        await self.send({"type": "subscribe", "id": id, "payload": {"query": query, **more}})

    async def close_code(self) -> int | None:
        """Return the code with which the socket closes next."""
        with pytest.raises(ConnectionClosed):
            while True:
                await self.next()
        return self.connection.close_code


@asynccontextmanager
async def connected(url: str, *protocols: str, origin: str | None = None) -> AsyncIterator[Socket]:
    """Open a socket that nobody has let in yet."""
    names = [Subprotocol(protocol) for protocol in protocols or (PROTOCOL,)]
    async with connect(url, subprotocols=names, origin=Origin(origin) if origin else None) as connection:
        yield Socket(connection)


@asynccontextmanager
async def opened(url: str, payload: dict[str, Any] | None = None) -> AsyncIterator[Socket]:
    """Open a socket and be let in."""
    async with connected(url) as socket:
        await socket.send({"type": "connection_init", **({} if payload is None else {"payload": payload})})
        assert await socket.next() == {"type": "connection_ack"}
        yield socket


async def test_a_subscription_ticks_and_completes(url: str) -> None:
    async with opened(url, {"Authorization": "Bearer support"}) as socket:
        await socket.subscribe("subscription { ticks(count: 2) }")

        messages = [await socket.next() for _ in range(3)]

    told = "staff:00000000-0000-0000-0000-000000000007"
    assert messages == [
        {"id": "1", "type": "next", "payload": {"data": {"ticks": f"{told} 0"}, "extensions": {"cost": 0}}},
        {"id": "1", "type": "next", "payload": {"data": {"ticks": f"{told} 1"}, "extensions": {"cost": 0}}},
        {"id": "1", "type": "complete"},
    ]


async def test_queries_run_over_a_socket_too(url: str) -> None:
    async with opened(url) as socket:
        await socket.subscribe("{ actor }")

        assert (await socket.next())["payload"]["data"] == {"actor": "public:"}


async def test_a_bad_token_is_turned_away(url: str) -> None:
    async with connected(url) as socket:
        await socket.send({"type": "connection_init", "payload": {"authorization": "Bearer stolen"}})

        assert await socket.close_code() == 4403


async def test_a_socket_closes_soon_after_its_credentials_end(url: str, tokens: Tokens) -> None:
    async with opened(url, {"authorization": "Bearer support"}) as socket:
        await socket.subscribe("subscription { ticks(count: -1) }")
        await socket.next()

        del tokens.actors["support"]
        before = time.monotonic()

        assert await socket.close_code() == 4401
        assert time.monotonic() - before < 1


async def test_a_quiet_socket_is_looked_at_when_it_asks_again(url: str, tokens: Tokens) -> None:
    async with opened(url, {"authorization": "Bearer support"}) as socket:
        del tokens.actors["support"]
        await asyncio.sleep(0.2)

        await socket.subscribe("{ actor }")

        assert await socket.close_code() == 4401


async def test_nothing_is_answered_before_the_socket_is_let_in(url: str) -> None:
    async with connected(url) as socket:
        await socket.subscribe("{ actor }")

        assert await socket.close_code() == 4401


async def test_whoever_does_not_say_who_they_are_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint.INIT_WITHIN.total_seconds() == 5
    monkeypatch.setattr(endpoint, "INIT_WITHIN", endpoint.INIT_WITHIN / 50)
    async with serving(an_app()) as url, connected(url) as socket:
        assert await socket.close_code() == 4408


@pytest.mark.parametrize("protocol", ["graphql-ws", "mqtt"])
async def test_older_protocols_are_refused(url: str, protocol: str) -> None:
    async with connected(url, protocol) as socket:
        assert await socket.close_code() == 4406


async def test_a_page_of_a_foreign_origin_does_not_get_a_socket(url: str) -> None:
    with pytest.raises(InvalidStatus):
        async with connected(url, origin="https://evil.example"):
            pass

    async with connected(url, origin=ORIGIN) as socket:
        await socket.send({"type": "connection_init"})
        assert await socket.next() == {"type": "connection_ack"}


async def test_one_socket_carries_five_operations(url: str) -> None:
    async with opened(url) as socket:
        for number in range(5):
            await socket.subscribe("subscription { ticks(count: -1) }", id=str(number))
            await socket.next()

        for _ in range(1_000):
            await socket.subscribe("subscription { ticks(count: -1) }", id="6")
            refused = await socket.next()
            assert (refused["type"], refused["payload"][0]["extensions"]) == ("error", {"code": "RATE_LIMITED"})

        await socket.send({"type": "complete", "id": "0"})
        await socket.subscribe("{ actor }", id="7")
        assert (await socket.next())["payload"]["data"] == {"actor": "public:"}


@pytest.mark.parametrize(
    ("query", "code"),
    [("{", "BAD_USER_INPUT"), ("{ nothing }", "BAD_USER_INPUT"), ("{ __schema { types { name } } }", "FORBIDDEN")],
)
async def test_a_mistake_ends_the_operation_and_not_the_socket(url: str, query: str, code: str) -> None:
    async with opened(url) as socket:
        await socket.subscribe(query)

        refused = await socket.next()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", code)
        await socket.subscribe("{ actor }", id="2")
        assert (await socket.next())["type"] == "next"


async def test_what_fails_does_not_tell_why(url: str) -> None:
    async with opened(url) as socket:
        await socket.subscribe("subscription { breaks }")

        messages = [await socket.next() for _ in range(2)]

    assert messages[1]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert CANARY not in str(messages)


async def test_a_document_may_be_named_by_its_hash(url: str) -> None:
    async with opened(url) as socket:
        await socket.subscribe(None, documentId="sha256:" + "0" * 64)

        assert (await socket.next())["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        "1",
        '"connection_init"',
        "{}",
        '{"type": 1}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": {}, "payload": {"query": "{ actor }"}}',
        '{"type": "subscribe", "id": "1", "payload": "x"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ actor }", "variables": []}}',
        '{"type": "complete", "id": []}',
        '{"type": "unheard of"}',
        "[" * 1_000,
        "{",
        '{"type": "ping", "payload": "' + "x" * 70_000 + '"}',
        b"\x00\x01",
    ],
)
async def test_odd_messages_close_the_socket_in_an_orderly_way(url: str, message: str | bytes) -> None:
    async with opened(url) as socket:
        await socket.connection.send(message)

        assert await socket.close_code() == 4400


@pytest.mark.parametrize("payload", [5, [], "x", {"authorization": 5}, {"Authorization": ["Bearer support"]}])
async def test_odd_credentials_let_nobody_in_as_somebody(url: str, payload: object) -> None:
    async with connected(url) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        if isinstance(payload, dict):
            assert await socket.next() == {"type": "connection_ack"}
            await socket.subscribe("{ actor }")
            assert (await socket.next())["payload"]["data"] == {"actor": "public:"}
        else:
            assert await socket.close_code() == 4400


async def test_each_operation_loads_for_itself(url: str) -> None:
    LOADS.clear()
    async with opened(url) as socket:
        for id in ("1", "2"):
            await socket.subscribe("{ doubled(of: 4) }", id=id)
            assert [(await socket.next())["type"] for _ in range(2)] == ["next", "complete"]

    assert LOADS == [[4], [4]]

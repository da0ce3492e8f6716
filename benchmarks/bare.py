"""The limits as servers: ASGI and asyncpg, and nothing that a product needs beside them.

They do not check who asks, keep no rule and refuse nothing. They are what the machine could do.
"""

import base64
import os
import pickle
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from benchmarks.statements import Statement, filling
from loyalty.tables import credentials

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = Callable[["asyncpg.Pool", Mapping[bytes, bytes], bytes], Awaitable[bytes]]


async def _no_reset(connection: object) -> None:
    """As the application: nothing is left on a connection that a reset would undo."""


class Bare:
    """One path, one answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._pool: asyncpg.Pool | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or open and close the pool."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        assert self._pool is not None
        content = await self._answer(self._pool, dict(scope["headers"]), body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        size = int(os.environ["BENCH_POOL_MAX"])
        self._pool = await asyncpg.create_pool(
            **credentials(os.environ["BENCH_DATABASE_URL"]),
            min_size=1,
            max_size=size,
            reset=_no_reset,
            server_settings={"timezone": "UTC", "jit": "off"},
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})


PROFILE = """
SELECT jsonb_build_object('data', jsonb_build_object('me', jsonb_build_object(
    'memberNumber', c.member_number,
    'displayName', concat_ws(' ', nullif(c.first_name, ''), nullif(c.last_name, '')),
    'tier', NULL,
    'wallet', (
        SELECT jsonb_build_object(
            'unit', w.unit, 'availablePoints', w.available_points - coalesce((
                SELECT sum(l.open_points) FROM lot l
                WHERE l.wallet_id = w.id AND l.open_points > 0 AND l.expires_at <= now()
            ), 0),
            'pendingPoints', w.pending_points, 'reservedPoints', w.reserved_points, 'owedPoints', w.owed_points,
            'lifetimeEarnedPoints', w.lifetime_earned_points
        ) FROM wallet w WHERE w.customer_id = c.id AND w.unit = 'points'
    ),
    'entitlements', jsonb_build_object('nodes', coalesce((
        SELECT jsonb_agg(jsonb_build_object('rewardName', h.terms->'name'->>'en', 'state', upper(h.state),
            'points', h.points) ORDER BY h.issued_at DESC, h.id DESC)
        FROM (SELECT * FROM entitlement WHERE customer_id = c.id ORDER BY issued_at DESC, id DESC LIMIT 5) AS h
    ), '[]')),
    'entries', (
        SELECT jsonb_build_object(
            'nodes', jsonb_agg(jsonb_build_object(
                'kind', upper(e.kind), 'unit', e.unit, 'points', e.points,
                'balanceAfterPoints', e.balance_after_points,
                'occurredAt', to_char(e.occurred_at, CASE
                    WHEN date_trunc('second', e.occurred_at) = e.occurred_at THEN 'YYYY-MM-DD"T"HH24:MI:SSOF:00'
                    ELSE 'YYYY-MM-DD"T"HH24:MI:SS.USOF:00'
                END),
                'order', CASE WHEN e.external_id IS NOT NULL THEN jsonb_build_object('externalId', e.external_id) END
            ) ORDER BY e.n) FILTER (WHERE e.n <= 20),
            'pageInfo', jsonb_build_object('hasNextPage', count(*) > 20)
        ) FROM (
            SELECT e.kind, w.unit, e.points, e.balance_after_points, e.occurred_at, o.external_id,
                row_number() OVER (ORDER BY e.recorded_at DESC, e.sequence DESC, e.id DESC) AS n
            FROM entry e JOIN wallet w ON w.id = e.wallet_id LEFT JOIN customer_order o ON o.id = e.order_id
            WHERE e.customer_id = c.id ORDER BY e.recorded_at DESC, e.sequence DESC, e.id DESC LIMIT 21
        ) AS e
    )
)))::text
FROM customer_identifier i JOIN customer c ON c.id = i.customer_id
WHERE i.kind = 'external' AND i.scope = $1 AND i.value_key = $2
"""


async def _profile(pool: "asyncpg.Pool", headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    orjson.loads(body)
    payload = headers[b"authorization"].split(b".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(payload + b"=="))  # read, not checked
    content: str = await pool.fetchval(PROFILE, os.environ["BENCH_SCOPE"], claims["sub"])
    return content.encode()


class _Replayed:
    """Runs the statements that the application ran for the same request."""

    def __init__(self) -> None:
        told = pickle.loads(Path(os.environ["BENCH_STATEMENTS"]).read_bytes())  # noqa: S301 - we wrote it
        self._answer: bytes = told["answer"]
        statements: list[Statement] = told["statements"]
        self._steps = [(one.sql, [(filling(value), value) for value in one.values]) for one in statements]

    async def __call__(self, pool: "asyncpg.Pool", headers: Mapping[bytes, bytes], body: bytes) -> bytes:
        n, c = orjson.loads(body)["variables"]["numbers"].split()
        connection: Any = None
        try:
            for sql, parts in self._steps:
                values = [fill(n, c) if fill else value for fill, value in parts]
                if connection is None and sql.startswith("BEGIN"):
                    connection = await pool.acquire()
                if connection is None:
                    await pool.fetch(sql, *values)
                elif values:
                    await connection.fetch(sql, *values)
                else:
                    await connection.execute(sql)
                    if sql.startswith("COMMIT"):
                        await pool.release(connection)
                        connection = None
        finally:
            if connection is not None:
                await pool.release(connection)
        return self._answer


profile = Bare(_profile)
if "BENCH_STATEMENTS" in os.environ:
    replayed = Bare(_Replayed())

"""The web application: every route, and what must be open while it serves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from loyalty.clock import Clock
from loyalty.throttles.attempts import hash_subjects_with
from server import database
from server.endpoints import Endpoints
from server.headers import SecurityHeaders
from server.routes.console import console_routes
from server.routes.health import health_routes
from server.routes.start import start_routes
from server.settings import Settings
from server.starting import url_of

Beside = Callable[[], Coroutine[Any, Any, None]]
"""Work that goes on while the application serves, and is cancelled when it stops."""


def create_app(settings: Settings, clock: Clock, *, beside: Sequence[Beside] = ()) -> Starlette:
    """Return the application. `settings.database_url` names a database that is migrated."""
    endpoints = Endpoints(settings, clock)
    secure = urlsplit(settings.base_url).scheme == "https"

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            hash_subjects_with(settings.secret_value().encode())
            await stack.enter_async_context(database.opened(url_of(settings), pool_max=settings.pool_max))
            await stack.enter_async_context(endpoints.opened())
            await stack.enter_async_context(_going_on(beside))
            yield

    return Starlette(
        routes=[
            *start_routes(settings),
            *health_routes(database_answers=database.answers),
            *endpoints.routes,
            *console_routes(
                clock=clock,
                base_url=settings.base_url,
                idle_after=timedelta(minutes=settings.staff_idle_minutes),
                ends_after=timedelta(minutes=settings.staff_session_minutes),
                graphiql_path="/graphql/admin" if settings.development else None,
            ),
        ],
        middleware=[
            Middleware(SecurityHeaders, secure=secure),
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.hosts(), www_redirect=False),
        ],
        lifespan=lifespan,
    )


@asynccontextmanager
async def _going_on(beside: Sequence[Beside]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work()) for work in beside]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Whether the process lives (`/healthz`), and whether it can serve (`/readyz`)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def health_routes(*, database_answers: Callable[[], Awaitable[bool]]) -> list[Route]:
    """Return the routes. The migrations are checked before it is served."""

    async def lives(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        answers = await database_answers()
        return JSONResponse(
            {"status": "ok" if answers else "unavailable", "database": "ok" if answers else "does not answer"},
            status_code=200 if answers else 503,
        )

    return [Route("/healthz", lives, methods=["GET"]), Route("/readyz", ready, methods=["GET"])]

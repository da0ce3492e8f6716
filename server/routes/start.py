"""The page at `/`: where things are."""

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from server.routes.console_pages import STYLE, STYLE_HASH
from server.settings import Settings

_SECURITY = f"default-src 'none'; style-src '{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def start_routes(settings: Settings) -> list[Route]:
    """Return the route of the start page."""
    page = _page(_places(development=settings.development))

    async def start(request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": _SECURITY})

    return [Route("/", start, methods=["GET"])]


def _places(*, development: bool) -> list[tuple[str, str, str]]:
    by_hand = " Open it here to ask by hand, with examples." if development else ""
    return [
        ("/console", "Console", "Sign in as staff, make tokens."),
        ("/graphql", "Storefront API", f"What a shop's front end asks for one customer.{by_hand}"),
        ("/graphql/admin", "Admin API", f"What staff and servers ask: orders, balances, corrections.{by_hand}"),
        ("/readyz", "Readiness", "Whether this server can answer."),
    ]


def _page(places: list[tuple[str, str, str]]) -> str:
    sections = "".join(
        f'<section><h2><a href="{path}">{escape(name)}</a></h2><p>{escape(about)}</p><code>{path}</code></section>'
        for path, name, about in places
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Regulars</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main><h1>Regulars</h1><p>The loyalty system is running.</p>{sections}</main></body></html>"
    )

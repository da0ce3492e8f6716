"""The page at `/`: where things are."""

from dataclasses import dataclass
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from loyalty.words.languages import LANGUAGES, chosen
from loyalty.words.wording import worded
from server.routes.frame import CONTENT_SECURITY, framed
from server.settings import Settings


@dataclass(frozen=True)
class Place:
    """Something to go to; without `opens` it is for programs alone."""

    path: str
    name: str
    means: str
    opens: bool = True


def start_routes(settings: Settings) -> list[Route]:
    """Return the route of the start page."""
    pages = {language: _page(language, _places(language, settings.development)) for language in LANGUAGES}

    async def start(request: Request) -> Response:
        language = chosen(request.headers.get("accept-language"))
        headers = {"Content-Security-Policy": CONTENT_SECURITY, "Vary": "Accept-Language"}
        return HTMLResponse(pages[language], headers=headers)

    return [Route("/", start, methods=["GET"])]


def _places(language: str, development: bool) -> list[Place]:
    by_hand = f" {worded('start.by-hand', language)}" if development else ""
    storefront, admin = worded("start.storefront-means", language), worded("start.admin-means", language)
    return [
        Place("/console", worded("console.home.title", language), worded("start.console-means", language)),
        Place("/graphql", worded("start.storefront", language), storefront + by_hand, opens=development),
        Place("/graphql/admin", worded("start.admin", language), admin + by_hand, opens=development),
        Place("/readyz", worded("start.readiness", language), worded("start.readiness-means", language)),
    ]


def _page(language: str, places: list[Place]) -> str:
    title = f"<h1>{escape(worded('start.title', language))}</h1>"
    return framed(language, "Regulars", title, *(_place(place) for place in places))


def _place(place: Place) -> str:
    name = escape(place.name)
    heading = f'<a href="{place.path}">{name}</a>' if place.opens else name
    return f'<section class="place"><h2>{heading}</h2><code>{place.path}</code><p>{escape(place.means)}</p></section>'

"""GraphiQL, served from here: no foreign script, font or style, and examples to start from.

Each file in examples/ is one schema's; a line `# tab: <title>` starts a tab.
"""

import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson
from graphql import build_schema, introspection_from_schema
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from server.routes.frame import ICON

HERE = Path(__file__).parent
SCHEMAS = HERE.parents[1] / "schema"
TAB = "# tab: "

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · GraphiQL</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{assets}/graphiql.min.css">
<link rel="stylesheet" href="{assets}/explorer.css">
</head>
<body>
<main id="explorer" data-endpoint="{path}" data-schema="{assets}/{schema}.json" data-headers="{headers}">Loading…</main>
<script id="tabs" type="application/json">{tabs}</script>
<script src="{assets}/react.production.min.js"></script>
<script src="{assets}/react-dom.production.min.js"></script>
<script src="{assets}/graphiql.min.js"></script>
<script src="{assets}/explorer.js"></script>
</body>
</html>
"""


@dataclass(frozen=True)
class Explorer:
    """GraphiQL for one schema."""

    title: str
    examples: str
    """The name of a file in examples/ and of one in schema/, without their endings."""
    headers: tuple[tuple[str, str], ...] = (("Authorization", "Bearer …"),)
    """What the header editor starts with."""

    def page(self, path: str) -> HTMLResponse:
        """Return the page that asks the endpoint at `path`."""
        headers = orjson.dumps(dict(self.headers), option=orjson.OPT_INDENT_2).decode()
        content = _PAGE.format(
            title=html.escape(self.title),
            icon=ICON,
            assets=html.escape(assets_path(path)),
            schema=html.escape(self.examples),
            path=html.escape(path),
            headers=html.escape(headers),
            tabs=orjson.dumps(example_operations(self.examples)).decode().replace("<", "\\u003c"),
        )
        return HTMLResponse(content, headers={"content-security-policy": _POLICY})


def example_operations(name: str) -> list[str]:
    """Return the documents of the tabs, in their order, each with its title as a comment above it."""
    text = (HERE / "examples" / f"{name}.graphql").read_text(encoding="utf-8")
    return [f"# {tab.strip()}\n" for tab in text.split(TAB)[1:]]


def assets_path(path: str) -> str:
    """Return where the files of the page are, for an endpoint at `path`."""
    return f"{path.rstrip('/')}/explorer"


def explorer_routes(path: str) -> list[BaseRoute]:
    """Return the routes of the page's files, and of the schemas for whoever has no token yet."""
    assets = assets_path(path)
    return [
        *(Route(f"{assets}/{schema.stem}.json", _introspected) for schema in sorted(SCHEMAS.glob("*.graphql"))),
        Mount(assets, StaticFiles(directory=HERE / "static")),
    ]


def _introspected(request: Request) -> Response:
    return Response(_introspection(Path(request.url.path).stem), media_type="application/json")


@cache
def _introspection(name: str) -> bytes:
    text = (SCHEMAS / f"{name}.graphql").read_text(encoding="utf-8")
    return orjson.dumps({"data": introspection_from_schema(build_schema(text))})

"""The page at `/`: where to go from here."""

import httpx
import pytest
from pydantic import SecretStr

from loyalty.clock import FixedClock
from loyalty.words.wording import worded
from server.app import create_app
from server.settings import Settings
from tests.browser.conftest import Visiting
from tests.support.api import SECRET
from tests.support.browser import LOOKS, Look

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_it_says_what_is_here_in_the_readers_language(visit: Visiting, look: Look) -> None:
    visitor = await visit(look)

    await visitor.open("/")

    assert await visitor.page.inner_text("h1") == worded("start.title", look.language)
    assert await visitor.page.locator("h2 a").count() == 4
    assert await visitor.faults() + await visitor.unseen_stops() == []


async def test_the_keyboard_leads_to_every_place(visit: Visiting) -> None:
    visitor = await visit()

    for stop, path in enumerate(("/console", "/graphql", "/graphql/admin", "/readyz"), start=2):
        await visitor.open("/")
        await visitor.send(*["Tab"] * stop, "Enter")

        assert visitor.page.url == f"{visitor.base_url}{path}"


async def test_where_nothing_is_developed_there_is_no_graphiql_and_no_way_to_it(clock: FixedClock) -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://nobody@127.0.0.1/none"), secret=SecretStr(SECRET), development=False
    )
    transport = httpx.ASGITransport(app=create_app(settings, clock))
    browser = {"accept": "text/html"}

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=browser) as client:
        start = await client.get("/")
        pages = [await client.get(path) for path in ("/graphql", "/graphql/admin")]
        files = [await client.get(f"{path}/explorer/graphiql.min.js") for path in ("/graphql", "/graphql/admin")]

    assert 'href="/console"' in start.text
    assert 'href="/graphql' not in start.text
    assert [page.status_code for page in pages] == [405, 405]
    assert [file.status_code for file in files] == [404, 404]

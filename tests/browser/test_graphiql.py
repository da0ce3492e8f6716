"""GraphiQL at both endpoints: from here alone, with examples, answering."""

import json
from datetime import datetime

import httpx
import pytest
import pytest_asyncio

from loyalty.customers.sign_in import customer_token
from loyalty.programme.first import publish_first
from loyalty.shops.catalogue import ShopFacts, open_first_shop
from tests.browser.conftest import Visiting
from tests.browser.payloads import PAYLOADS
from tests.support.api import ADMIN, SECRET, STOREFRONT, Caller, an_order, by_email
from tests.support.browser import Look, Site, Visit
from tests.support.customers import a_customer
from tests.support.staff import a_key

pytestmark = pytest.mark.asyncio(loop_scope="package")

EDITOR = ".graphiql-query-editor .CodeMirror"
ANSWER = ".result-window"


@pytest_asyncio.fixture(loop_scope="package")
async def shop(site: Site, now: datetime) -> ShopFacts:
    """Return the shop of a new installation: a point for each full euro."""
    opened = await open_first_shop(now=now)
    await publish_first(opened.programme, currency=opened.currency, now=now)
    return opened


async def opened_at(path: str, visitor: Visit) -> None:
    """Open GraphiQL and wait until it has its documentation."""
    async with visitor.page.expect_response(lambda response: response.url.endswith(".json")):
        await visitor.open(path)
    await visitor.page.wait_for_selector(EDITOR)


async def sends(visitor: Visit, token: str) -> None:
    """Write a token where the headers are."""
    await visitor.page.locator(".graphiql-editor-tool .CodeMirror:visible").click()
    await visitor.press("Control+A")
    await visitor.write(json.dumps({"Authorization": f"Bearer {token}"}))


async def answered(visitor: Visit) -> str:
    """Ask what stands in the editor, with the keyboard, and return the answer's text."""
    await visitor.page.locator(EDITOR).click()
    await visitor.press("Control+Enter")
    answer = visitor.page.locator(ANSWER, has_text="extensions")
    await answer.wait_for()
    return await answer.inner_text()


@pytest.mark.parametrize(
    ("path", "tabs", "look"),
    [
        (STOREFRONT, ["Programme", "Me", "Redeem", "Balance"], Look()),
        (ADMIN, ["Find", "Record", "Return", "Adjust"], Look(390, dark=True)),
    ],
)
async def test_it_opens_with_examples_and_documentation_and_asks_nobody_else(
    visit: Visiting, site: Site, path: str, tabs: list[str], look: Look
) -> None:
    visitor = await visit(look)

    await opened_at(path, visitor)

    assert await visitor.page.locator(".graphiql-tab-button").all_inner_texts() == tabs
    await visitor.page.get_by_role("button", name="Show Documentation Explorer").click()
    await visitor.page.get_by_text("Root Types").wait_for()
    assert visitor.elsewhere == []
    assert [asked for asked in visitor.asked if not asked.startswith(path)] == []


async def test_a_member_reads_their_balance_and_why(visit: Visiting, shop: ShopFacts, now: datetime) -> None:
    name = PAYLOADS[12]
    await a_customer(shop=shop, email="mari@example.com", first_name=name)
    _, key = await a_key(now=now)
    visitor = await visit()
    async with httpx.AsyncClient(base_url=visitor.base_url) as http:
        till = Caller(http, ADMIN, {"authorization": f"Bearer {key}"})
        await till(
            "mutation ($order: RecordOrderInput!) { recordOrder(input: $order) { __typename } }",
            order=an_order(customer=by_email("mari@example.com")),
        )
    token = await customer_token("mari@example.com", secret=SECRET, now=now)
    await opened_at(STOREFRONT, visitor)

    await visitor.page.get_by_role("button", name="Me", exact=True).click()
    await sends(visitor, token.token)
    answer = await answered(visitor)

    assert '"availablePoints": 10' in answer
    assert "10 points for order 1001" in " ".join(answer.split())
    assert await visitor.page.locator(f"{ANSWER} img, {ANSWER} script").count() == 0


async def test_staff_find_a_customer(visit: Visiting, shop: ShopFacts, now: datetime) -> None:
    await a_customer(shop=shop, email="anna@example.com", first_name="Anna", last_name="Tamm")
    _, key = await a_key(now=now)
    visitor = await visit()
    await opened_at(ADMIN, visitor)

    await sends(visitor, key)

    assert '"displayName": "Anna Tamm"' in await answered(visitor)

"""The examples of GraphiQL and the requests of docs/api/README.md are answered as they say."""

import json
import re
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from server.graphql.explorer import example_operations
from tests.support.api import CLOCK, STOREFRONT, Api, Caller
from tests.support.database import CHECKOUT

GUIDE = (CHECKOUT / "docs" / "api" / "README.md").read_text(encoding="utf-8")
WRITTEN_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
SUBSCRIPTION = "subscription"


@pytest.fixture
async def shop(api: Api) -> Api:
    """Return the application on the day the examples were written for, with their customer."""
    CLOCK.at = WRITTEN_AT
    await api.member("anna@example.com", first_name="Anna", balance_points=1_000)
    return api


def titled(name: str) -> list[Any]:
    return [pytest.param(tab, id=tab.splitlines()[0].removeprefix("# ")) for tab in example_operations(name)]


@pytest.mark.parametrize("tab", titled("admin"))
async def test_an_example_of_the_admin_schema_is_answered(shop: Api, tab: str) -> None:
    found = await shop.till('{ customers(first: 1, search: "anna") { nodes { id } } }')
    await shop.till(next(tab for tab in example_operations("admin") if "mutation Record" in tab))

    data = await shop.till(tab, **wanted(tab, customerId=found["customers"]["nodes"][0]["id"]))

    assert refusals(data) == []


@pytest.mark.parametrize("tab", titled("storefront"))
async def test_an_example_of_the_storefront_is_answered(shop: Api, tab: str) -> None:
    anna = await shop.customer("anna@example.com")
    if SUBSCRIPTION in tab:
        pytest.skip("tests/server/test_live.py watches a balance")

    data = await anna(tab, **wanted(tab, rewardId="free-shipping"))

    assert refusals(data) == []


def wanted(tab: str, **variables: str) -> dict[str, str]:
    """Return the variables that the example declares."""
    return {name: value for name, value in variables.items() if f"${name}" in tab}


def refusals(data: dict[str, Any]) -> list[Any]:
    """Return the answers that are refusals."""
    return [answer for answer in data.values() if isinstance(answer, dict) and "code" in answer]


def requests_of_the_guide() -> list[tuple[str, str, dict[str, Any]]]:
    """Return the curl commands in the guide: the path, the credentials' variable, the body."""
    found = []
    for block in re.findall(r"```sh\n(curl .*?)```", GUIDE, re.DOTALL):
        words = shlex.split(block.replace("\\\n", " "))
        [url] = [word for word in words if word.startswith("http")]
        [body] = [word for word in words if word.startswith("{")]
        credentials = re.search(r"Bearer \$(\w+)", block)
        found.append((re.sub(r"^http://[^/]+", "", url), credentials[1] if credentials else "", json.loads(body)))
    return found


async def test_every_request_of_the_guide_is_answered_as_it_says(shop: Api) -> None:
    callers = {
        "": shop.public,
        "TOKEN": await shop.customer("anna@example.com"),
        "KEY": shop.till,
    }
    asked = requests_of_the_guide()

    assert len(asked) >= 6
    for path, credentials, body in asked:
        if SUBSCRIPTION in body["query"]:
            continue  # it does not end; tests/server/test_live.py watches a balance
        caller = Caller(shop.http, path, callers[credentials].headers)
        told = (await caller.post(body)).json()

        assert "errors" not in told, told
        assert refusals(told["data"]) == []
        assert path == (STOREFRONT if credentials in ("", "TOKEN") else "/graphql/admin")


def test_the_guide_names_every_error_code() -> None:
    from schema.codes import Code

    assert [code for code in Code if f"`{code}`" not in GUIDE] == []

"""Signing in by a link."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from loyalty.access import Actor
from loyalty.clock import FixedClock
from loyalty.customers.sign_in import SignInLinkIssued
from schema.caller import Surroundings
from schema.context import Context
from schema.storefront.root import StorefrontSchema
from tests.support.api import CLOCK, SECRET, Api

REQUEST = """
mutation($email: String!) {
  requestSignInLink(input: { email: $email }) {
    __typename ... on SignInLinkRequested { sent } ... on Refusal { code message }
  }
}
"""
SIGN_IN = """
mutation($token: String!) {
  signIn(input: { token: $token }) {
    __typename
    ... on SignedIn { accessToken expiresAt member { displayName } }
    ... on Refusal { code message }
  }
}
"""
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def sent() -> list[SignInLinkIssued]:
    """Return the links that were handed to whoever sends letters."""
    return []


@pytest.fixture
async def ask(api: Api, clock: FixedClock, sent: list[SignInLinkIssued]) -> Ask:
    """Return how a stranger asks a storefront whose letters end in `sent`."""
    schema = StorefrontSchema(Surroundings(secret=SecretStr(SECRET), send_sign_in_link=sent.append))

    async def ask(document: str, **variables: Any) -> Any:
        stranger = Context(Actor.public(shop_id=api.shop.id), CLOCK, network_address="192.0.2.9")
        result = await schema.execute(document, variables, stranger)
        assert result.errors is None
        [(_, told)] = (result.data or {}).items()
        return told

    return ask


async def test_a_link_is_good_for_one_sign_in(api: Api, ask: Ask, sent: list[SignInLinkIssued]) -> None:
    await api.member("mari@example.com", first_name="Mari", verified=True)

    requested = await ask(REQUEST, email="Mari@Example.com")
    [link] = sent
    signed_in = await ask(SIGN_IN, token=link.token)
    again = await ask(SIGN_IN, token=link.token)

    assert requested == {"__typename": "SignInLinkRequested", "sent": True}
    assert signed_in["expiresAt"] == "2026-03-03T12:00:00+00:00"
    assert signed_in["member"] == {"displayName": "Mari"}
    assert again["__typename"] == "SignInLinkInvalid"
    mari = api.bearer(signed_in["accessToken"])
    assert await mari("{ me { email } }") == {"me": {"email": "mari@example.com"}}


async def test_a_link_ends_after_fifteen_minutes(api: Api, ask: Ask, sent: list[SignInLinkIssued]) -> None:
    await api.member(verified=True)
    await ask(REQUEST, email="mari@example.com")

    CLOCK.advance(timedelta(minutes=15))

    assert (await ask(SIGN_IN, token=sent[0].token))["__typename"] == "SignInLinkInvalid"


@pytest.mark.parametrize("email", ["nobody@example.com", "unverified@example.com"])
async def test_a_miss_is_answered_as_a_hit_and_sends_nothing(
    api: Api, ask: Ask, sent: list[SignInLinkIssued], email: str
) -> None:
    await api.member("mari@example.com", verified=True)
    await api.member("unverified@example.com")

    miss = await ask(REQUEST, email=email)
    assert sent == []
    hit = await ask(REQUEST, email="mari@example.com")

    assert miss == hit
    assert len(sent) == 1


async def test_a_token_ends_after_a_day(api: Api) -> None:
    mari, _ = await api.member()

    CLOCK.advance(timedelta(hours=24, seconds=61))
    response = await mari.post({"query": "{ me { id } }"})

    assert response.status_code == 401
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["UNAUTHENTICATED"]


async def test_in_development_the_log_stands_for_the_letter(api: Api) -> None:
    await api.member(verified=True)

    with structlog.testing.capture_logs() as logged:
        await api.public(REQUEST, email="mari@example.com")

    [line] = [line for line in logged if line["event"] == "sign-in link"]
    told = await api.public(SIGN_IN, token=line["token"])
    assert told["signIn"]["__typename"] == "SignedIn"

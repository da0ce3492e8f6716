"""The two endpoints of the real application, in this process, and everybody who calls them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from unittest.mock import patch

import asyncpg
import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr
from starlette.applications import Starlette

from loyalty.access import Actor, Permission, Role
from loyalty.clock import FixedClock
from loyalty.customers.models import Customer
from loyalty.customers.sign_in import customer_token
from loyalty.programme.first import publish_first
from loyalty.shops.catalogue import ShopFacts, forget_shops, open_first_shop, shop_secrets
from loyalty.staff.keys import create_personal_token
from loyalty.staff.people import Person, add
from loyalty.transactions import in_one_transaction
from server.app import create_app
from server.settings import Settings
from tests.support.customers import a_customer
from tests.support.staff import a_key

SECRET = "a secret of the tests, long enough to be one"
STOREFRONT = "/graphql"
ADMIN = "/graphql/admin"

_numbers = count(1)

CLOCK = FixedClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
"""The application's clock; `opened_api` sets it."""


@cache
def the_app() -> Starlette:
    """Return the application, made once: its schemas take a while."""
    settings = Settings(
        database_url=SecretStr("postgresql://nobody@127.0.0.1/none"), secret=SecretStr(SECRET), development=True
    )
    return create_app(settings, CLOCK)


@dataclass
class Caller:
    """Somebody who calls one of the endpoints, always with the same headers."""

    http: httpx.AsyncClient
    path: str
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, document: str, **variables: Any) -> Any:
        """Return the data of an answer without errors."""
        told = await self.told(document, **variables)
        assert "errors" not in told, told["errors"]
        return told["data"]

    async def told(self, document: str, **variables: Any) -> Any:
        """Return the whole answer."""
        response = await self.post({"query": document, "variables": variables})
        assert response.status_code == 200, response.text
        return response.json()

    async def errors(self, document: str, **variables: Any) -> list[tuple[str, str]]:
        """Return the errors of an answer: their codes, and where they stand."""
        errors = (await self.told(document, **variables)).get("errors", [])
        return [(error["extensions"]["code"], ".".join(map(str, error.get("path", ())))) for error in errors]

    async def post(self, body: Any) -> httpx.Response:
        """Send a body and return the response."""
        return await self.http.post(self.path, json=body, headers=self.headers)

    def reading(self, language: str) -> "Caller":
        """Return the same caller, who reads another language."""
        return Caller(self.http, self.path, {**self.headers, "accept-language": language})


@dataclass
class Api:
    """The application over a clean database with one shop: EUR, Tallinn, the first programme.

    One point per full 1.00; points end with the twelfth month's last day; "5-off" costs 500, "free-shipping" 200.
    """

    http: httpx.AsyncClient
    shop: ShopFacts
    now: datetime
    till: Caller
    """The shop's server, with a key that may do anything."""

    @property
    def public(self) -> Caller:
        """Return somebody who has not signed in."""
        return Caller(self.http, STOREFRONT)

    def in_shop(self, shop: ShopFacts) -> Caller:
        """Return somebody who has not signed in, on the pages of this shop."""
        return Caller(self.http, STOREFRONT, {"x-shop-key": shop.publishable_key})

    async def customer(self, email: str) -> Caller:
        """Return the signed-in customer with this address."""
        issued = await customer_token(email, secret=SECRET, now=CLOCK.now())
        return self.bearer(issued.token)

    async def member(self, email: str = "mari@example.com", **about: Any) -> tuple[Caller, Customer]:
        """Register a member, and return them signed in, and their row."""
        row = await a_customer(shop=self.shop, email=email, **about)
        return await self.customer(email), row

    async def key(self, *scopes: Permission, shop: ShopFacts | None = None) -> Caller:
        """Return a program with these scopes; all of them unless some are given."""
        _, secret = await a_key(*scopes, now=CLOCK.now(), shop_id=shop.id if shop else None)
        return self.bearer(secret, ADMIN)

    async def person(self, *roles: Role) -> tuple[Caller, Person]:
        """Return somebody who works here in these roles, with a personal token, and who they are."""
        person = await a_colleague(*roles, now=CLOCK.now())
        _, secret = await create_personal_token(person.actor, name="Laptop", now=CLOCK.now())
        return self.bearer(secret, ADMIN), person

    async def vouched(self, external_id: str, **claims: Any) -> Caller:
        """Return whoever the shop's own server signs a token for."""
        return self.bearer(await signed_by_shop(self.shop, external_id, **claims))

    def bearer(self, token: str, path: str = STOREFRONT) -> Caller:
        """Return whoever holds this token."""
        return Caller(self.http, path, {"authorization": f"Bearer {token}"})


async def a_colleague(*roles: Role, now: datetime) -> Person:
    """Return somebody who works here and has no password, which takes its time to hash."""
    number = next(_numbers)

    async def added() -> Person:
        return await add(
            Actor.system("tests"),
            email=f"colleague-{number}@example.com",
            name=f"Colleague {number}",
            roles=roles,
            language="en",
            password_hash="none",
            now=now,
        )

    return await in_one_transaction(added)


async def signed_by_shop(shop: ShopFacts, external_id: str, **claims: Any) -> str:
    """Return a token as a shop's own server signs it."""
    key = OctKey.import_key((await shop_secrets(shop.id)).token_secret)
    expires_at = int((CLOCK.now() + timedelta(hours=1)).timestamp())
    return jwt.encode({"alg": "HS256"}, {"iss": shop.code, "sub": external_id, "exp": expires_at, **claims}, key)


@asynccontextmanager
async def opened_api(now: datetime) -> AsyncIterator[Api]:
    """Open the first shop in the database that is open, and yield the application at this moment."""
    CLOCK.at = now
    forget_shops()
    shop = await open_first_shop(now=now)
    await publish_first(shop.programme, currency=shop.currency, now=now)
    _, secret = await a_key(now=now, name="Server")
    transport = httpx.ASGITransport(app=the_app(), client=("192.0.2.1", 123))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        yield Api(http, shop, now, Caller(http, ADMIN, {"authorization": f"Bearer {secret}"}))
    forget_shops()


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Yield the statements that are run meanwhile, without those that begin and end transactions."""
    statements: list[str] = []

    def noting(run: Callable[..., object]) -> Callable[..., object]:
        def noted(self: object, sql: str, *values: object, **rest: object) -> object:
            statements.append(sql)
            return run(self, sql, *values, **rest)

        return noted

    with ExitStack() as patched:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            patched.enter_context(patch.object(asyncpg.Connection, name, noting(getattr(asyncpg.Connection, name))))
        yield statements


def a_line(amount_minor: int | str = 1_000, *, sku: str = "COFFEE", **changes: Any) -> dict[str, Any]:
    """Return one line of an order: coffee for 10.00."""
    return {"sku": sku, "name": sku.capitalize(), "quantity": "1", "amountMinor": amount_minor, **changes}


def an_order(external_id: str = "1001", *lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an order of coffee for 10.00, by nobody, under a key of its own."""
    return {
        "idempotencyKey": f"key-{external_id}",
        "externalId": external_id,
        "placedAt": "2026-03-01T10:00:00+02:00",
        "currency": "EUR",
        "lines": list(lines) or [a_line()],
        **changes,
    }


def by_email(email: str = "mari@example.com") -> dict[str, str]:
    """Return an identifier."""
    return {"kind": "EMAIL", "value": email}

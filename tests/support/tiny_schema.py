# mypy: disable-error-code="untyped-decorator"
"""A schema of the smallest size that has one of everything the edge handles, and requests to it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import httpx
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette

from loyalty.access import Actor, Permission, Role, require
from loyalty.clock import FixedClock
from loyalty.refusals import NotFound as NoSuchThing
from loyalty.refusals import Refusal as DomainRefusal
from schema.context import Context, Info
from schema.cost import Cost
from schema.execution import GuardedSchema
from schema.guard import PUBLIC, Limits
from schema.identifiers import Fetch, Node, encoded, node, nodes
from schema.paging import After, Connection, First, Keyset
from schema.refusals import KeyedRefusals, Refusal, face_of
from schema.scalars import BigInt, CurrencyCode, Locale, Money, Quantity
from server.auth import BadCredentials
from server.gate import STOREFRONT, BodyLimits
from server.graphql.endpoint import Serving, graphql_endpoint

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STARS = 250
CANARY = "canary-7f3a"
NUMBERED = Keyset(int)


class NoMoreStars(DomainRefusal):
    """The sky is full. Nothing was hung."""

    code = "TINY_NO_MORE_STARS"

    def __init__(self, *, hung: int, asked: int, since: str) -> None:
        super().__init__(hung=hung, asked=asked, since=since)


@face_of(NoMoreStars)
class NoMoreStarsFace(Refusal):
    """Paired with the rule above."""

    hung: BigInt
    asked: BigInt
    since: datetime


@strawberry.type
class Star(Node):
    """Something there are many of."""

    number: BigInt
    name: str

    @strawberry.field(description="Stars after this one.")
    async def followers(self, first: First, after: After = None) -> "Connection[Star]":
        """Return a page of them."""
        return stars(first, after)

    @strawberry.field(description="Two names.", directives=[Cost(rows=2)])
    async def twins(self) -> "list[Star]":
        """Return two."""
        return [star(1), star(2)]


@strawberry.type
class Planet(Node):
    """Something else."""

    name: str


@strawberry.type
class Hung:
    """How hanging stars ended well."""

    results: list[Star]
    price: Money
    replayed: bool


@strawberry.input
class HangInput:
    """Which stars to hang."""

    numbers: list[BigInt]
    mood: str = ""


HangResult = Annotated[Hung | NoMoreStarsFace | KeyedRefusals, strawberry.union("HangResult")]


def star(number: int) -> Star:
    """Return the star of that number."""
    return Star(id=encoded("Star", UUID(int=number)), number=BigInt(number), name=f"Star {number}")


def stars(first: int, after: str | None) -> Connection[Star]:
    """Return a page of the 250 stars."""
    asked = NUMBERED.asked(first, after)
    start = asked.key[0] + 1 if asked.key else 0
    rows = list(range(start, STARS))[: asked.limit]
    COUNTED.clear()
    return Connection.of(asked.page(rows, key=lambda number: (number,), count=_count), star)


COUNTED: list[int] = []
"""How often the stars of the last page were counted."""


async def _count() -> int:
    COUNTED.append(STARS)
    return STARS


async def _fetch_star(info: Info, id: UUID) -> Star | None:
    if id.int >= STARS:
        raise NoSuchThing(what="star")
    return star(id.int)


FETCHES: Mapping[str, Fetch] = {"Star": _fetch_star}


async def _doubled(keys: list[int], offset: int) -> list[int]:
    LOADS.append(list(keys))
    return [2 * key + offset for key in keys]


LOADS: list[list[int]] = []
"""The keys of each batch that was loaded."""


@strawberry.type
class Query:
    """One of everything."""

    @strawberry.field
    async def stars(self, first: First, after: After = None) -> Connection[Star]:
        """Return a page of stars."""
        return stars(first, after)

    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """Return whatever has the id."""
        return await node(FETCHES, info, id)

    @strawberry.field
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        """Return whatever has the ids."""
        return await nodes(FETCHES, info, ids)

    @strawberry.field
    async def body(self) -> Annotated[Star | Planet, strawberry.union("Body")]:
        """Return one of two types."""
        return star(1)

    @strawberry.field
    async def doubled(self, info: Info, of: int) -> int:
        """Return twice the number, loaded in batches."""
        return await info.context.loader(_doubled, 0).load(of)

    @strawberry.field
    async def actor(self, info: Info) -> str:
        """Say who asks."""
        return info.context.actor.reference

    @strawberry.field
    async def language(self, info: Info) -> str:
        """Say in which language it would be answered."""
        return info.context.language

    @strawberry.field
    async def echo(
        self,
        big: BigInt | None = None,
        small: int | None = None,
        quantity: Quantity | None = None,
        decimal: Decimal | None = None,
        at: datetime | None = None,
        day: date | None = None,
        currency: CurrencyCode | None = None,
        locale: Locale | None = None,
        text: str | None = None,
    ) -> str:
        """Say what was understood."""
        given = (big, small, quantity, decimal, at, day, currency, locale, text)
        return " ".join(str(value) for value in given if value is not None)

    @strawberry.field
    async def big(self, of: BigInt) -> BigInt:
        """Return the same."""
        return of

    @strawberry.field
    async def raises(self) -> str | None:
        """Fail as programs fail."""
        raise RuntimeError(CANARY)

    @strawberry.field
    async def raises_graphql(self) -> str | None:
        """Fail with an error that looks as if it were meant for the caller."""
        raise GraphQLError(CANARY)

    @strawberry.field
    async def missing(self) -> str | None:
        """Refuse."""
        raise NoSuchThing(what="order")

    @strawberry.field
    async def private(self, info: Info) -> str | None:
        """Tell nobody but those who may."""
        require(info.context.actor, Permission.KEYS_MANAGE)
        return "told"


@strawberry.type
class Mutation:
    """Change something."""

    @strawberry.mutation(directives=[Cost(weight=20, items="input.numbers")])
    async def hang(self, info: Info, input: HangInput) -> HangResult:
        """Hang stars; some numbers are refused."""
        if 666 in input.numbers:
            raise NoMoreStars(hung=2**60, asked=len(input.numbers), since=NOON.isoformat())
        if 404 in input.numbers:
            raise NoSuchThing(what="order")
        require(info.context.actor, Permission.ORDERS_RECORD)
        hung = [star(number) for number in input.numbers]
        return Hung(results=hung, price=Money.of_minor(1250, "EUR"), replayed=False)


@strawberry.type
class Subscription:
    """Watch something."""

    @strawberry.subscription
    async def ticks(self, info: Info, count: int = 3) -> AsyncGenerator[str, None]:
        """Tick, then stay open for ever when asked for a negative count."""
        for number in range(abs(count)):
            yield f"{info.context.actor.reference} {number}"
        if count < 0:
            await asyncio.sleep(3_600)

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[str, None]:
        """Tick once and fail."""
        yield "once"
        raise RuntimeError(CANARY)


def a_schema(limits: Limits = PUBLIC, **more: Any) -> GuardedSchema:
    """Return the tiny schema."""
    return GuardedSchema(Query, Mutation, Subscription, limits=limits, types=[Star, Planet], **more)


def a_context(actor: Actor | None = None, **more: Any) -> Context:
    """Return a context as the endpoint makes it."""
    return Context(actor=actor or Actor.public(), clock=FixedClock(NOON), request_id="req-1", **more)


SUPPORT = Actor.staff(UUID(int=7), Role.SUPPORT)
ADMIN = Actor.staff(UUID(int=8), Role.ADMIN)


class Tokens:
    """Credentials of the tests: tokens that can be revoked while somebody listens."""

    def __init__(self) -> None:
        self.actors = {"support": SUPPORT, "admin": ADMIN}

    async def authenticate(self, headers: Mapping[str, str], now: datetime) -> Actor:
        """Return whose token it is."""
        given = headers.get("authorization")
        if given is None:
            return Actor.public()
        try:
            return self.actors[given.removeprefix("Bearer ")]
        except KeyError:
            raise BadCredentials("The token is not accepted.") from None


def an_app(
    schema: GuardedSchema | None = None, *, tokens: Tokens | None = None, body: BodyLimits = STOREFRONT, **more: Any
) -> Starlette:
    """Return an application with the tiny schema at /graphql."""
    serving = Serving(authenticate=(tokens or Tokens()).authenticate, clock=FixedClock(NOON), body=body, **more)
    return Starlette(routes=graphql_endpoint("/graphql", schema or a_schema(), serving))


def a_client(app: Starlette | None = None) -> httpx.AsyncClient:
    """Return a client of the application. A fault that gets past it is an error of the test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app or an_app()), base_url="http://shop.test")

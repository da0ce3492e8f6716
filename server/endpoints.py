"""The two GraphQL endpoints, with what they need of their surroundings."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from pydantic import SecretStr
from starlette.routing import BaseRoute

from jobs.schedule import JOBS
from loyalty.access import Actor, ActorKind
from loyalty.clock import Clock
from loyalty.customers.sign_in import SignInLinkIssued
from loyalty.ledger.watching import BalanceNews
from loyalty.shops.catalogue import all_shops
from schema.admin.root import AdminSchema
from schema.caller import Surroundings
from schema.storefront.root import StorefrontSchema
from server import auth, gate
from server.graphql.endpoint import Serving, graphql_endpoint
from server.graphql.explorer import Explorer
from server.settings import Settings
from server.starting import url_of

STOREFRONT = "/graphql"
ADMIN = "/graphql/admin"
ORIGINS_READ_EVERY_SECONDS = 10.0

log = structlog.get_logger("regulars")


@dataclass
class Endpoints:
    """The routes, and what must go on while they are served."""

    settings: Settings
    clock: Clock
    routes: list[BaseRoute] = field(default_factory=list)
    origins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.news = BalanceNews(url_of(self.settings))
        self.origins = self._own_origins()
        self.routes = [*self._admin(), *self._storefront()]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Listen for news of balances, and keep the shops' origins at hand, while the context is open."""
        tasks = [asyncio.create_task(self.news.run()), asyncio.create_task(self._origins_kept())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _storefront(self) -> list[BaseRoute]:
        settings = self.settings

        async def authenticate(headers: Mapping[str, str], now: datetime) -> Actor:
            return await auth.storefront_actor(headers, secret=settings.secret_value(), now=now)

        serving = Serving(
            authenticate=authenticate,
            clock=self.clock,
            body=gate.STOREFRONT,
            may_introspect=lambda actor: settings.development,
            origins=lambda: self.origins,
            explorer=Explorer("Storefront", "storefront") if settings.development else None,
        )
        return graphql_endpoint(STOREFRONT, StorefrontSchema(self._given()), serving)

    def _admin(self) -> list[BaseRoute]:
        settings = self.settings

        async def authenticate(headers: Mapping[str, str], now: datetime) -> Actor:
            return await auth.admin_actor(headers, now=now)

        serving = Serving(
            authenticate=authenticate,
            clock=self.clock,
            body=gate.ADMIN,
            may_introspect=lambda actor: settings.development or actor.kind is ActorKind.STAFF,
            origins=lambda: self.origins,
            explorer=Explorer("Admin", "admin") if settings.development else None,
        )
        return graphql_endpoint(ADMIN, AdminSchema(self._given()), serving)

    def _given(self) -> Surroundings:
        return Surroundings(
            secret=SecretStr(self.settings.secret_value()),
            send_sign_in_link=self._send_sign_in_link,
            balance_news=lambda: self.news,
            invitation_url=lambda token: f"{self.settings.base_url}/console/invitation/{token}",
            jobs=tuple((job.name, str(job.when), job.why) for job in JOBS),
        )

    def _send_sign_in_link(self, issued: SignInLinkIssued) -> None:
        # There is no mail yet. In development the log stands for it; elsewhere a token is nobody's to read.
        if self.settings.development:
            log.info("sign-in link", customer=str(issued.customer_id), token=issued.token)
        else:
            log.warning("a sign-in link was asked for and there is no mail to send it by")

    def _own_origins(self) -> frozenset[str]:
        return frozenset({self.settings.base_url, *self.settings.allowed_origins})

    async def _origins_kept(self) -> None:
        while True:
            try:
                shops = await all_shops()
                self.origins = self._own_origins().union(*(shop.allowed_origins for shop in shops))
            except Exception:  # the database may be away for a moment; the origins known so far stay
                log.exception("the shops' origins could not be read")
            await asyncio.sleep(ORIGINS_READ_EVERY_SECONDS)

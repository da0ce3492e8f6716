"""Who asks, and for which shop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import SecretStr

from loyalty.access import NotPermitted, Permission
from loyalty.customers.sign_in import SignInLinkIssued
from loyalty.earning.purchases import shop_meant
from loyalty.ledger.watching import BalanceNews
from loyalty.shops.catalogue import ShopFacts
from schema.context import Info


@dataclass(frozen=True)
class Surroundings:
    """What a schema is given by whoever serves it."""

    secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    """The application's secret: customer tokens are signed with it."""
    send_sign_in_link: Callable[[SignInLinkIssued], None] = lambda issued: None
    """Takes a link that was asked for to whom it is for."""
    balance_news: Callable[[], BalanceNews] = lambda: BalanceNews("")
    """Returns the process's news of balances."""
    invitation_url: Callable[[str], str] = lambda token: token
    """Returns where the holder of an invitation's token sets their password."""
    jobs: tuple[tuple[str, str, str], ...] = ()
    """What runs by itself: name, when, why. The timetable stands above the schemas."""


def surroundings(info: Info) -> Surroundings:
    """Return what the schema was given."""
    given = getattr(info.schema, "given", None)
    assert isinstance(given, Surroundings), "a schema that is served is given its surroundings"
    return given


def me_id(info: Info) -> UUID:
    """Return the customer who asks.

    Raises:
        NotPermitted: nobody is signed in; told as UNAUTHENTICATED.
    """
    customer_id = info.context.actor.customer_id
    if customer_id is None:
        raise NotPermitted(permission=Permission.CUSTOMERS_READ)
    return customer_id


async def shop_asked(info: Info, code: str | None = None) -> ShopFacts:
    """Return the shop that is meant: the one named, else the caller's, else the only one there is.

    Raises:
        NotFound: there is no such shop, or the caller speaks for another one.
        Invalid: no shop is named and there are several.
    """
    return await shop_meant(code, info.context.actor)

"""Programmes for tests: documents, shops that have one, members with a balance."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from loyalty.access import Actor, Permission, Role
from loyalty.customers.models import Customer
from loyalty.identity import new_id
from loyalty.ledger.posting import Earn, post
from loyalty.once.answers import Once
from loyalty.programme.document import Programme
from loyalty.programme.first import publish_if_new
from loyalty.programme.reading import parsed
from loyalty.programme.versions import VersionFacts
from loyalty.shops.catalogue import ShopFacts, forget_shops, open_first_shop

TESTS = Actor.system("tests")


def a_name(text: str) -> dict[str, str]:
    """Return a public text that is the same in every language."""
    return dict.fromkeys(("en", "nb", "sv", "pl", "et"), text)


def a_rule(*rates: tuple[str | None, int, str], **changes: Any) -> dict[str, Any]:
    """Return an earn rule; each rate is (currency, points, per amount), and one point per full 1.00 without any."""
    return {
        "id": "purchase",
        "kind": "purchase",
        "unit": "points",
        "rates": [
            {"currency": currency, "points": points, "per_amount": per}
            for currency, points, per in rates or ((None, 1, "1.00"),)
        ],
        **changes,
    }


def a_reward(**changes: Any) -> dict[str, Any]:
    """Return free shipping for 200 points."""
    reward = {"id": "free-shipping", "kind": "free_shipping", "name": a_name("Free shipping"), "unit": "points"}
    return {**reward, "points": 200, **changes}


def a_document(**changes: Any) -> dict[str, Any]:
    """Return a document: points, one per full 1.00, that never expire; free shipping for 200."""
    return {
        "format": 1,
        "name": a_name("Club"),
        "units": [{"code": "points", "name": a_name("points")}],
        "earn": [a_rule()],
        "pending": {"kind": "none"},
        "expiry": {"kind": "never"},
        "owing_allowed": True,
        "rewards": [a_reward()],
        **changes,
    }


def a_programme(**changes: Any) -> Programme:
    """Return `a_document`, read."""
    return parsed(a_document(**changes))


async def a_shop(*, now: datetime, **changes: Any) -> tuple[ShopFacts, VersionFacts]:
    """Open the first shop (EUR, Europe/Tallinn) with `a_document`, changed."""
    forget_shops()
    shop = await open_first_shop(now=now)
    return shop, await publish_if_new(shop.programme, a_programme(**changes), now=now)


async def a_member(
    shop: ShopFacts,
    *,
    balance_points: int = 0,
    expires_at: datetime | None = None,
    enrolled: bool = True,
    now: datetime,
) -> UUID:
    """Register a member of the shop who can spend so many points."""
    customer_id = new_id(now)
    await Customer.create(
        id=customer_id,
        shop_id=shop.id,
        member_number=customer_id.hex,
        locale="en",
        enrolled_at=now if enrolled else None,
        created_at=now,
        updated_at=now,
    )
    if balance_points:
        await earned(customer_id, balance_points, expires_at=expires_at, now=now)
    return customer_id


async def earned(customer_id: UUID, points: int, *, expires_at: datetime | None = None, now: datetime) -> None:
    """Give the customer a lot of points."""
    earn = Earn(customer_id=customer_id, unit="points", points=points, earned_at=now, expires_at=expires_at)
    [posted] = await post([earn], by=TESTS, now=now)
    posted.or_refuse()


def a_key(content: Any = None, *, key: str | None = None) -> Once:
    """Return an idempotency key nobody used."""
    return Once(key or uuid4().hex, content)


def all_actors(customer_id: UUID, *, other_customer_id: UUID) -> Iterator[tuple[str, Actor]]:
    """Yield one actor of every kind and role, by name."""
    yield "public", Actor.public()
    yield "customer", Actor.customer(customer_id)
    yield "other customer", Actor.customer(other_customer_id)
    for role in Role:
        yield role.value, Actor.staff(uuid4(), role)
    yield "key", Actor.key(uuid4(), frozenset({Permission.REWARDS_REDEEM}))
    yield "key without scope", Actor.key(uuid4(), frozenset(Permission) - {Permission.REWARDS_REDEEM})
    yield "job", Actor.system("a-job")

"""Customers for tests, and everybody who may ask about them."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from loyalty.access import Actor, Permission, Role
from loyalty.customers.identifiers import Identifier, IdentifierKind, normalised
from loyalty.customers.lookup import customers_by_id
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.customers.registration import NewCustomer, register
from loyalty.identity import new_id
from loyalty.ledger.posting import Earn, post
from loyalty.shops.catalogue import ShopFacts, all_shops
from tests.support.shops import a_shop

JOINED_AT = datetime(2026, 1, 15, 9, tzinfo=UTC)


async def a_customer(
    *,
    shop: ShopFacts | None = None,
    email: str | None = None,
    phone: str | None = None,
    card: str | None = None,
    barcode: str | None = None,
    external_id: str | None = None,
    first_name: str = "",
    last_name: str = "",
    locale: str | None = None,
    birthday: date | None = None,
    verified: bool = False,
    is_member: bool = True,
    balance_points: int = 0,
    now: datetime = JOINED_AT,
) -> Customer:
    """Register a customer, in the oldest shop if none is given, and return them.

    `verified` is for their e-mail and phone; `balance_points` never expire.
    """
    shop = shop or next(iter(await all_shops()), None) or await a_shop()
    written = {
        IdentifierKind.EMAIL: email,
        IdentifierKind.PHONE: phone,
        IdentifierKind.CARD: card,
        IdentifierKind.BARCODE: barcode,
        IdentifierKind.EXTERNAL: external_id,
    }
    new = NewCustomer(
        id=new_id(now),
        shop=shop,
        identifiers=[normalised(kind, value, shop=shop) for kind, value in written.items() if value is not None],
        first_name=first_name,
        last_name=last_name,
        locale=locale or shop.language,
        birthday=birthday,
    )
    assert await register([new], through="tests", now=now) == {new.id}, "somebody has this identifier"
    if verified:
        await CustomerIdentifier.filter(customer_id=new.id, kind__in=["email", "phone"]).update(verified_at=now)
    if not is_member:
        await Customer.filter(id=new.id).update(enrolled_at=None)
    if balance_points:
        await post(
            [Earn(customer_id=new.id, unit="points", points=balance_points, earned_at=now)],
            by=Actor.system("tests"),
            now=now,
        )
    return (await customers_by_id([new.id]))[new.id]


async def identifiers_by_kind(customer_id: UUID) -> dict[str, set[str]]:
    """Return the compared values of a customer's identifiers, without the member number."""
    found: dict[str, set[str]] = {}
    for one in await CustomerIdentifier.filter(customer_id=customer_id).exclude(kind="member_number"):
        found.setdefault(one.kind, set()).add(one.value_key)
    return found


def an_email(value_key: str) -> Identifier:
    """Return an e-mail identifier as it is compared."""
    return Identifier(IdentifierKind.EMAIL, value_key, value=value_key)


def a_member_of_staff(*roles: Role) -> Actor:
    """Return somebody who works here in these roles and is no customer."""
    return Actor.staff(new_id(JOINED_AT), *roles)


def everybody(customer_id: UUID) -> dict[str, Actor]:
    """Return one actor of each kind, by a name for them; `customer` is the one with this id."""
    nobody_here = new_id(JOINED_AT + timedelta(seconds=1))
    return {
        "public": Actor.public(),
        "customer": Actor.customer(customer_id),
        "other customer": Actor.customer(nobody_here),
        **{role.value: a_member_of_staff(role) for role in Role},
        "key without scope": Actor.key(nobody_here, frozenset()),
        "key that reads customers": Actor.key(nobody_here, frozenset({Permission.CUSTOMERS_READ})),
        "key that writes customers": Actor.key(nobody_here, frozenset({Permission.CUSTOMERS_WRITE})),
        "job": Actor.system("tests"),
    }

"""People and programs who work with the shop: actors of every kind, people who can sign in, keys."""

from collections.abc import Iterable
from datetime import datetime
from itertools import count
from uuid import UUID

from loyalty.access import Actor, Permission, Role
from loyalty.staff.keys import Key, create_api_key
from loyalty.staff.people import Person, create_staff
from loyalty.staff.sessions import Begun, sign_in

PASSWORD = "four words make sense"
ADDRESS = "192.0.2.7"
SYSTEM = Actor.system("tests")

_numbers = count(1)


def an_actor(*roles: Role) -> Actor:
    """Return an actor with these roles who stands in no table."""
    return Actor.staff(UUID(int=next(_numbers)), *roles)


def every_actor() -> dict[str, Actor]:
    """Return one actor of every role and of every other kind, by name; a key among them without any scope."""
    staff = {role.value: an_actor(role) for role in Role}
    customer = UUID(int=next(_numbers))
    return {
        **staff,
        "public": Actor.public(),
        "customer": Actor.customer(customer),
        "key without scopes": Actor.key(UUID(int=next(_numbers)), frozenset()),
    }


def all_but(*names: str) -> Iterable[str]:
    """Return the names of `every_actor` without these: whom an authorisation test expects to be refused."""
    return [name for name in every_actor() if name not in names]


async def a_person(
    *roles: Role, now: datetime, email: str = "", password: str = PASSWORD, language: str = "en"
) -> Person:
    """Return somebody who works here and can sign in; an admin unless roles are given."""
    number = next(_numbers)
    person, _ = await create_staff(
        SYSTEM,
        email=email or f"person-{number}@example.com",
        name=f"Person {number}",
        roles=roles or [Role.ADMIN],
        language=language,
        password=password,
        now=now,
    )
    return person


async def signed_in_as(person: Person, *, now: datetime, password: str = PASSWORD, address: str = ADDRESS) -> Begun:
    """Return a session of this person."""
    return await sign_in(email=person.email, password=password, address=address, now=now)


async def a_key(*scopes: Permission, now: datetime, shop_id: UUID | None = None, name: str = "Till") -> tuple[Key, str]:
    """Return a key with these scopes, all of them unless some are given, and its secret."""
    return await create_api_key(SYSTEM, name=name, scopes=scopes or ["all"], shop_id=shop_id, now=now)

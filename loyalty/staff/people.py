"""Staff: who they are, adding them, finding them. What changes for those who are here stands in roles.py."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from email_validator import EmailNotValidError, validate_email

from loyalty.access import GRANTS, Actor, Permission, Role, require
from loyalty.audit import trail
from loyalty.identity import new_id
from loyalty.refusals import Invalid, NotFound, Refusal
from loyalty.staff import passwords
from loyalty.transactions import in_one_transaction, row, rows, value, violated_constraint
from loyalty.words.languages import LANGUAGES

PAGE_MAX = 100
NAME_LENGTH_MAX = 200

COLUMNS = "id, email, name, language, roles, customer_id, totp_secret, session_version, created_at, disabled_at"
"""What `person_of` needs of a row."""

STAFF_LOCK = (0x52656775, 2)
"""Held while it is counted who is here, so that two changes at once do not each count the other."""


class EmailTaken(Refusal):
    """Somebody with this e-mail address works here already."""

    code = "EMAIL_TAKEN"


class RolesExceedYours(Refusal):
    """Nobody can give away more than they have. `role` is the first that would."""

    code = "ROLES_EXCEED_YOURS"

    def __init__(self, *, role: str) -> None:
        super().__init__(role=role)


@dataclass(frozen=True)
class Person:
    """Somebody who works here."""

    id: UUID
    email: str
    name: str
    language: str
    roles: tuple[Role, ...]
    customer_id: UUID | None
    second_factor: bool
    created_at: datetime
    disabled_at: datetime | None

    @property
    def actor(self) -> Actor:
        """Return the actor this person is, with their roles of now."""
        return replace(Actor.staff(self.id, *self.roles, customer_id=self.customer_id), languages=(self.language,))


@dataclass(frozen=True)
class Page:
    """Some people, the longest here first, and whether others follow."""

    people: list[Person]
    has_next: bool


async def create_staff(
    actor: Actor,
    *,
    email: str,
    name: str,
    roles: Iterable[Role],
    language: str,
    password: str | None = None,
    now: datetime,
) -> tuple[Person, str]:
    """Add somebody who can sign in at once, and return them with their password; without one, a random one is made.

    Raises:
        NotPermitted: the actor may not manage staff.
        Invalid: the e-mail address or the name cannot be one, or no role is given.
        RolesExceedYours: a role may do more than the actor.
        PasswordTooShort, PasswordTooLong: the password given is not allowed.
        EmailTaken: the address is somebody's.
    """
    require(actor, Permission.STAFF_MANAGE)
    chosen = password or passwords.random_password()
    password_hash = await passwords.hashed(chosen)

    async def effects() -> Person:
        person = await add(
            actor, email=email, name=name, roles=roles, language=language, password_hash=password_hash, now=now
        )
        await recorded(actor, "create_staff", person.id, after={"roles": list(person.roles)}, now=now)
        return person

    return await in_one_transaction(effects), chosen


async def create_first_admin(*, email: str, name: str, language: str, now: datetime) -> tuple[Person, str] | None:
    """Add an admin with a random password, unless anybody works here already. Safe to run on every start.

    Raises:
        Invalid: the e-mail address or the name cannot be one.
    """
    if await _anybody():
        return None
    actor = Actor.system("create-first-admin")
    password = passwords.random_password()
    password_hash = await passwords.hashed(password)

    async def effects() -> Person | None:
        await value("SELECT pg_advisory_xact_lock($1, $2)", *STAFF_LOCK)
        if await _anybody():
            return None
        admin = await add(
            actor,
            email=email,
            name=name,
            roles=[Role.ADMIN],
            language=language,
            password_hash=password_hash,
            now=now,
        )
        await recorded(actor, "create_first_admin", admin.id, after={"roles": [Role.ADMIN]}, now=now)
        return admin

    admin = await in_one_transaction(effects)
    return None if admin is None else (admin, password)


async def people(actor: Actor, *, first: int, after: UUID | None = None) -> Page:
    """Return `first` people in the order in which they came, those after `after`; the disabled ones too.

    Raises:
        NotPermitted: the actor may not see staff.
    """
    require(actor, Permission.STAFF_READ)
    assert 1 <= first <= PAGE_MAX, "the edge bounds its pages"
    found = await rows(
        f"SELECT {COLUMNS} FROM staff_member WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2", after, first + 1
    )
    return Page([person_of(member) for member in found[:first]], has_next=len(found) > first)


async def person(actor: Actor, staff_id: UUID) -> Person:
    """Return one person; everybody may see themselves.

    Raises:
        NotPermitted: the actor may not see staff, and this is not the actor.
        NotFound: nobody by this id works here.
    """
    if actor.reference != Actor.staff(staff_id).reference:
        require(actor, Permission.STAFF_READ)
    found = await row(f"SELECT {COLUMNS} FROM staff_member WHERE id = $1", staff_id)
    if found is None:
        raise NotFound(what="staff")
    return person_of(found)


async def add(
    actor: Actor,
    *,
    email: str,
    name: str,
    roles: Iterable[Role],
    language: str,
    password_hash: str | None,
    now: datetime,
) -> Person:
    """Write a new person in the open transaction. For the operations of this concept.

    Raises:
        Invalid, RolesExceedYours, EmailTaken: as `create_staff` tells.
    """
    address = checked_email(email)
    try:
        made = await row(
            "INSERT INTO staff_member (id, email, email_key, name, language, roles, password_hash, session_version,"
            f" created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) RETURNING {COLUMNS}",
            new_id(now),
            address,
            email_key(address),
            checked_name(name),
            checked_language(language),
            list(checked_roles(actor, roles)),
            password_hash,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        if violated_constraint(error) == "staff_member_email_key":
            raise EmailTaken from None
        raise
    assert made is not None
    return person_of(made)


def email_key(email: str) -> str:
    """Return the form in which addresses of staff are compared; whatever cannot be stored is left out."""
    printable = "".join(character for character in email if character.isprintable())
    return unicodedata.normalize("NFKC", printable).strip().casefold()


def checked_email(email: str) -> str:
    """Return the address as it is written, or refuse it.

    Raises:
        Invalid: it cannot be an address.
    """
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        raise Invalid(field="email") from None


def checked_name(name: str) -> str:
    """Return the name without surrounding space, or refuse it.

    Raises:
        Invalid: it is empty, longer than 200 characters, or holds control characters.
    """
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= NAME_LENGTH_MAX or not trimmed.isprintable():
        raise Invalid(field="name")
    return trimmed


def checked_language(language: str) -> str:
    """Return the language, which is one of the product's.

    Raises:
        Invalid: it is not.
    """
    if language not in LANGUAGES:
        raise Invalid(field="language")
    return language


def checked_roles(actor: Actor, roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the roles in their usual order, or refuse them.

    Raises:
        Invalid: there is none.
        RolesExceedYours: one may do more than the actor.
    """
    chosen = set(roles)
    if not chosen:
        raise Invalid(field="roles", problem="blank")
    for role in Role:
        if role in chosen and not GRANTS[role] <= actor.permissions:
            raise RolesExceedYours(role=role)
    return tuple(role for role in Role if role in chosen)


def person_of(member: Mapping[str, Any]) -> Person:
    """Return the person a row with `COLUMNS` tells of. Roles that no longer exist grant nothing."""
    return Person(
        member["id"],
        member["email"],
        member["name"],
        member["language"],
        tuple(role for role in Role if role in member["roles"]),
        member["customer_id"],
        member["totp_secret"] is not None,
        member["created_at"],
        member["disabled_at"],
    )


async def recorded(
    actor: Actor,
    action: str,
    staff_id: UUID,
    *,
    before: trail.Values | None = None,
    after: trail.Values | None = None,
    now: datetime,
) -> None:
    """Write to the trail what was done to a person, in the open transaction."""
    await trail.record(actor, action, subject_kind="staff", subject_id=staff_id, before=before, after=after, now=now)


async def _anybody() -> bool:
    return bool(await value("SELECT EXISTS (SELECT 1 FROM staff_member)"))

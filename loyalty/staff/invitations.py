"""The link with which somebody new sets a first password. It works once, for a week."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from loyalty.access import Actor, Permission, Role, require
from loyalty.identity import new_id
from loyalty.refusals import Refusal
from loyalty.staff import passwords
from loyalty.staff.people import (
    COLUMNS,
    EmailTaken,
    Person,
    add,
    checked_email,
    checked_language,
    checked_name,
    checked_roles,
    email_key,
    person_of,
    recorded,
)
from loyalty.staff.tokens import new_token, token_hash
from loyalty.transactions import in_one_transaction, row, value

VALID_FOR = timedelta(days=7)

_OPEN = (
    "staff_invitation i JOIN staff_member m ON m.id = i.staff_id"
    " WHERE i.token_hash = $1 AND i.used_at IS NULL AND i.expires_at > $2 AND m.disabled_at IS NULL"
)


class InvitationInvalid(Refusal):
    """The invitation was used, is older than a week, was replaced by a newer one, or never was."""

    code = "INVITATION_INVALID"
    stored = False


@dataclass(frozen=True)
class Invited:
    """Somebody invited. `token` goes into the link and is not kept; it works until `expires_at`."""

    person: Person
    token: str
    expires_at: datetime


async def invite_staff(
    actor: Actor, *, email: str, name: str, roles: Iterable[Role], language: str, now: datetime
) -> Invited:
    """Invite somebody, or invite them anew as long as they have not set a password; earlier links stop working.

    Raises:
        NotPermitted: the actor may not manage staff.
        Invalid: the e-mail address or the name cannot be one, or no role is given.
        RolesExceedYours: a role may do more than the actor.
        EmailTaken: the address is somebody's who has joined already.
    """
    require(actor, Permission.STAFF_MANAGE)
    address, called, chosen = checked_email(email), checked_name(name), checked_roles(actor, roles)
    checked_language(language)
    token = new_token()

    async def effects() -> Person:
        person = await _invited_again(address, called, chosen, language, now=now) or await add(
            actor, email=address, name=called, roles=chosen, language=language, password_hash=None, now=now
        )
        await value(
            "INSERT INTO staff_invitation (id, staff_id, token_hash, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4, $5)",
            new_id(now),
            person.id,
            token_hash(token),
            now,
            now + VALID_FOR,
        )
        await recorded(actor, "invite_staff", person.id, after={"roles": list(chosen)}, now=now)
        return person

    return Invited(await in_one_transaction(effects), token, now + VALID_FOR)


async def invitation(token: str, *, now: datetime) -> Person:
    """Return whom the invitation is for; looking does not use it.

    Raises:
        InvitationInvalid: it is not to be had.
    """
    columns = ", ".join(f"m.{column.strip()}" for column in COLUMNS.split(","))
    found = await row(f"SELECT {columns} FROM {_OPEN}", token_hash(token), now)
    if found is None:
        raise InvitationInvalid
    return person_of(found)


async def accept_invitation(token: str, password: str, *, now: datetime) -> Person:
    """Set the first password of whom the invitation is for, and use the invitation up.

    Raises:
        InvitationInvalid: it is not to be had.
        PasswordTooShort, PasswordTooLong: the password is not allowed; the invitation still stands.
    """
    await invitation(token, now=now)  # nobody without one makes us hash passwords
    password_hash = await passwords.hashed(password)

    async def effects() -> Person:
        staff_id: UUID | None = await value(
            "UPDATE staff_invitation SET used_at = $2 WHERE id ="
            f" (SELECT i.id FROM {_OPEN} FOR NO KEY UPDATE OF i) AND used_at IS NULL RETURNING staff_id",
            token_hash(token),
            now,
        )
        if staff_id is None:
            raise InvitationInvalid
        member = await row(
            "UPDATE staff_member SET password_hash = $2, session_version = session_version + 1 WHERE id = $1"
            f" RETURNING {COLUMNS}",
            staff_id,
            password_hash,
        )
        assert member is not None
        person = person_of(member)
        await recorded(person.actor, "accept_invitation", staff_id, now=now)
        return person

    return await in_one_transaction(effects)


async def _invited_again(
    email: str, name: str, roles: tuple[Role, ...], language: str, *, now: datetime
) -> Person | None:
    known = await row(
        "SELECT id, password_hash IS NOT NULL OR disabled_at IS NOT NULL AS joined FROM staff_member"
        " WHERE email_key = $1 FOR NO KEY UPDATE",
        email_key(email),
    )
    if known is None:
        return None
    if known["joined"]:
        raise EmailTaken
    await value("UPDATE staff_invitation SET used_at = $2 WHERE staff_id = $1 AND used_at IS NULL", known["id"], now)
    member = await row(
        f"UPDATE staff_member SET name = $2, roles = $3, language = $4 WHERE id = $1 RETURNING {COLUMNS}",
        known["id"],
        name,
        list(roles),
        language,
    )
    assert member is not None
    return person_of(member)

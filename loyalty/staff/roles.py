"""Changing what somebody may do: their roles, or shutting them out.

Each change raises the person's `session_version`, and every session begun before is over at its next request.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor, Permission, Role, require
from loyalty.audit import trail
from loyalty.refusals import NotFound, Refusal
from loyalty.staff.people import COLUMNS, STAFF_LOCK, Person, checked_roles, person_of, recorded
from loyalty.transactions import in_one_transaction, row, rows, value


class LastAdmin(Refusal):
    """This is the last admin who can sign in; nobody could undo it."""

    code = "LAST_ADMIN"


async def change_roles(actor: Actor, staff_id: UUID, roles: Iterable[Role], *, now: datetime) -> Person:
    """Give somebody these roles instead of theirs. Their sessions end; personal tokens act with the new roles.

    Raises:
        NotPermitted: the actor may not manage staff.
        NotFound: nobody by this id works here.
        Invalid: no role is given.
        RolesExceedYours: a role, given or taken, may do more than the actor.
        LastAdmin: no admin would be left.
    """
    require(actor, Permission.STAFF_MANAGE)
    chosen = checked_roles(actor, roles)

    async def effects() -> Person:
        before = await _locked(staff_id)
        checked_roles(actor, before.roles)
        if set(chosen) == set(before.roles):
            return before
        if Role.ADMIN not in chosen:
            await _refuse_without_admin(staff_id)
        after = await _updated(staff_id, "roles = $2", list(chosen))
        await recorded(
            actor, "change_roles", staff_id, before={"roles": list(before.roles)}, after={"roles": chosen}, now=now
        )
        return after

    return await in_one_transaction(effects)


async def disable_staff(actor: Actor, staff_id: UUID, *, now: datetime) -> Person:
    """Shut somebody out: their sessions and personal tokens end. Doing it again changes nothing.

    Raises:
        NotPermitted: the actor may not manage staff.
        NotFound: nobody by this id works here.
        RolesExceedYours: the person may do more than the actor.
        LastAdmin: no admin would be left.
    """
    require(actor, Permission.STAFF_MANAGE)

    async def effects() -> Person:
        before = await _locked(staff_id)
        checked_roles(actor, before.roles)
        if before.disabled_at is not None:
            return before
        await _refuse_without_admin(staff_id)
        after = await _updated(staff_id, "disabled_at = $2", now)
        await recorded(actor, "disable_staff", staff_id, after={"disabled": True}, now=now)
        return after

    return await in_one_transaction(effects)


async def sign_everyone_out(actor: Actor, *, now: datetime) -> int:
    """End every session of everybody, the actor's too, and return how many people work here.

    Raises:
        NotPermitted: the actor may not manage staff.
    """
    require(actor, Permission.STAFF_MANAGE)

    async def effects() -> int:
        people = await rows(
            "UPDATE staff_member SET session_version = session_version + 1 WHERE id IN"
            " (SELECT id FROM staff_member ORDER BY id FOR NO KEY UPDATE) RETURNING 1"
        )
        await trail.record(actor, "sign_everyone_out", subject_kind="staff", subject_id="", now=now)
        return len(people)

    return await in_one_transaction(effects)


async def _locked(staff_id: UUID) -> Person:
    # One lock for all of staff: two admins who disable each other at once must not both succeed.
    await value("SELECT pg_advisory_xact_lock($1, $2)", *STAFF_LOCK)
    found = await row(f"SELECT {COLUMNS} FROM staff_member WHERE id = $1 FOR NO KEY UPDATE", staff_id)
    if found is None:
        raise NotFound(what="staff")
    return person_of(found)


async def _refuse_without_admin(staff_id: UUID) -> None:
    others = await value(
        "SELECT EXISTS (SELECT 1 FROM staff_member WHERE id <> $1 AND 'admin' = ANY(roles)"
        " AND disabled_at IS NULL AND password_hash IS NOT NULL)",
        staff_id,
    )
    if not others and await value("SELECT 'admin' = ANY(roles) FROM staff_member WHERE id = $1", staff_id):
        raise LastAdmin


async def _updated(staff_id: UUID, change: str, changed: object) -> Person:
    after = await row(
        f"UPDATE staff_member SET {change}, session_version = session_version + 1 WHERE id = $1 RETURNING {COLUMNS}",
        staff_id,
        changed,
    )
    assert after is not None
    return person_of(after)

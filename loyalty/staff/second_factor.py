"""Codes from an authenticator app (RFC 6238): six digits, thirty seconds, each used once.

The clock of a phone may be one step off in either direction. Recovery codes do not exist yet: an admin resets.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pyotp

from loyalty.access import Actor, ActorKind, NotPermitted, Permission, require
from loyalty.refusals import NotFound, Refusal
from loyalty.staff.people import COLUMNS, Person, checked_roles, person_of, recorded
from loyalty.throttles.attempts import attempt, forgive
from loyalty.transactions import in_one_transaction, row, value

STEP_SECONDS = 30
STEPS_OFF_MAX = 1
TRIES = 5
TRIES_WITHIN = timedelta(minutes=15)


class CodeWrong(Refusal):
    """This is not the code of now, or it was used already."""

    code = "CODE_WRONG"
    stored = False


@dataclass(frozen=True)
class NewSecondFactor:
    """A secret for an authenticator app, not stored yet; `address` is the same as an otpauth link."""

    secret: str
    address: str


def new_second_factor(person: Person, *, issuer: str) -> NewSecondFactor:
    """Return a new random secret for this person; `set_second_factor` stores it once a code proves it works."""
    secret = pyotp.random_base32()
    return NewSecondFactor(secret, pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=issuer))


def step_of(secret: str, code: str, *, after: int | None, now: datetime) -> int | None:
    """Return the time step whose code this is, or None.

    Steps count thirty seconds since 1970 (RFC 6238, section 4). Only those around `now` and later than `after`, the
    last one used, are looked at.
    """
    totp = pyotp.TOTP(secret)
    digits = "".join(code.split()).encode(errors="replace")
    present = int(now.timestamp()) // STEP_SECONDS
    for step in range(present - STEPS_OFF_MAX, present + STEPS_OFF_MAX + 1):
        if (after is None or step > after) and hmac.compare_digest(totp.generate_otp(step).encode(), digits):
            return step
    return None


async def use_code(staff_id: UUID, code: str, *, now: datetime) -> None:
    """Use up a code of this person. Tries are counted: five in fifteen minutes.

    Raises:
        CodeWrong: it is not the code of now, or was used, or the person has no second factor.
        Throttled: too many codes were tried.
    """
    await attempt("staff-code", str(staff_id), limit=TRIES, window=TRIES_WITHIN, now=now)
    known = await row("SELECT totp_secret, totp_last_step FROM staff_member WHERE id = $1", staff_id)
    if known is None or known["totp_secret"] is None:
        raise CodeWrong
    step = step_of(known["totp_secret"], code, after=known["totp_last_step"], now=now)
    # The condition settles a race: of two requests with the same code one finds the step used.
    if step is None or not await value(
        "UPDATE staff_member SET totp_last_step = $2 WHERE id = $1"
        " AND (totp_last_step IS NULL OR totp_last_step < $2) RETURNING true",
        staff_id,
        step,
    ):
        raise CodeWrong
    await forgive("staff-code", str(staff_id))


async def set_second_factor(actor: Actor, *, secret: str, code: str, now: datetime) -> Person:
    """Ask the acting person for codes from now on. Their sessions end; `sessions.add_second_factor` keeps the one.

    Raises:
        NotPermitted: the actor is not a person who works here.
        CodeWrong: the code is not that of the secret, so the app has not taken it.
        NotFound: the person is gone.
    """
    if actor.kind is not ActorKind.STAFF:
        raise NotPermitted(permission=Permission.STAFF_MANAGE)
    try:
        step = step_of(secret, code, after=None, now=now)
    except ValueError:  # no base 32, or too short to be a secret of ours
        step = None
    if step is None:
        raise CodeWrong
    return await in_one_transaction(lambda: _stored(actor, UUID(actor.id), secret, step, now=now))


async def reset_second_factor(actor: Actor, staff_id: UUID, *, now: datetime) -> Person:
    """Ask this person for no codes any more: their phone is lost. Their sessions end.

    Raises:
        NotPermitted: the actor may not manage staff.
        RolesExceedYours: the person may do more than the actor.
        NotFound: nobody by this id works here.
    """
    require(actor, Permission.STAFF_MANAGE)
    return await in_one_transaction(lambda: _stored(actor, staff_id, None, None, now=now))


async def _stored(actor: Actor, staff_id: UUID, secret: str | None, step: int | None, *, now: datetime) -> Person:
    member = await row(
        "UPDATE staff_member SET totp_secret = $2, totp_last_step = $3, session_version = session_version + 1"
        f" WHERE id = $1 AND disabled_at IS NULL RETURNING {COLUMNS}",
        staff_id,
        secret,
        step,
    )
    if member is None:
        raise NotFound(what="staff")
    person = person_of(member)
    if secret is None:
        checked_roles(actor, person.roles)
    await recorded(actor, "set_second_factor" if secret else "reset_second_factor", staff_id, now=now)
    return person

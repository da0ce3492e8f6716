"""Signing in, and being signed in.

A session is a row; the browser holds a random token and the row its hash. It ends when nothing was asked for the
idle time, the absolute time after it began, at sign-out, and when the person's `session_version` has moved on.
Wrong e-mail address, wrong password, disabled person: one answer, and the same work.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from itsdangerous import BadData, Signer

from loyalty.access import Actor, ActorKind, Permission, require
from loyalty.audit import trail
from loyalty.identity import new_id
from loyalty.refusals import NotFound, Refusal
from loyalty.staff import passwords, second_factor, tries
from loyalty.staff.people import COLUMNS, Person, email_key, person_of, recorded
from loyalty.staff.tokens import new_token, token_hash
from loyalty.transactions import in_one_transaction, row, rows, value

IDLE_AFTER = timedelta(minutes=15)
ENDS_AFTER = timedelta(hours=8)
SEEN_EVERY = timedelta(minutes=1)
TICKET_VALID_FOR = timedelta(minutes=5)
KEPT_AFTER_END = timedelta(days=30)

_MEMBER = ", ".join(f"m.{column.strip()}" for column in COLUMNS.split(","))


class SignInRefused(Refusal):
    """This e-mail address and password do not belong together; it is not said which is wrong."""

    code = "SIGN_IN_REFUSED"
    stored = False


class CodeNeeded(Refusal):
    """The password was right; now the code of the authenticator app. `ticket` stands for the password, 5 minutes."""

    code = "CODE_NEEDED"
    stored = False

    def __init__(self, *, ticket: str) -> None:
        super().__init__(ticket=ticket)
        self.ticket = ticket


class SignInExpired(Refusal):
    """Too long ago, or used already: the sign-in starts again with the password."""

    code = "SIGN_IN_EXPIRED"
    stored = False


@dataclass(frozen=True)
class Session:
    """A person who is signed in, and the actor they are at this moment."""

    id: UUID
    person: Person
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        """Return the person as an actor, with their roles of now."""
        return self.person.actor


@dataclass(frozen=True)
class Begun:
    """A new session. `token` goes into the cookie and is kept nowhere else."""

    token: str
    session: Session


async def sign_in(
    *,
    email: str,
    password: str,
    code: str = "",
    address: str,
    replaces: str = "",
    ends_after: timedelta = ENDS_AFTER,
    now: datetime,
) -> Begun:
    """Begin a session for the person with this e-mail address and password, and code if they use one.

    `address` is the network address they come from, `replaces` the token of the session this browser had before.
    The session ends `ends_after` from now, whatever is done in it.

    Tries are counted before anything is looked up (tries.py).

    Raises:
        SignInRefused: address and password do not belong together, or the person is disabled.
        CodeNeeded: they do, and a code is needed as well (`sign_in_with_code`).
        CodeWrong: the code given is not the one of now.
        Throttled: there were too many tries.
    """
    account = email_key(email)
    await tries.count(account, address, now=now)
    member = await row(
        f"SELECT {COLUMNS}, password_hash, totp_last_step FROM staff_member WHERE email_key = $1", account
    )
    allowed = member is not None and member["disabled_at"] is None
    compared = await passwords.compared(password, member["password_hash"] if member and allowed else None)
    if member is None or not compared.right:
        raise SignInRefused
    if compared.outdated:
        await _rehash(member, password)
    if member["totp_secret"] is not None:
        if not code:
            raise CodeNeeded(ticket=_ticket(member, now=now))
        await second_factor.use_code(member["id"], code, now=now)
    return await _let_in(member, account, address, replaces, expires_at=now + ends_after, now=now)


async def sign_in_with_code(
    ticket: str, code: str, *, address: str, replaces: str = "", ends_after: timedelta = ENDS_AFTER, now: datetime
) -> Begun:
    """Begin the session for which `sign_in` gave the ticket, with the code of now.

    Raises:
        SignInExpired: the ticket is older than five minutes, was used, or is not one.
        CodeWrong: the code is not the one of now, or was used.
        Throttled: too many codes were tried.
    """
    member = await _of_ticket(ticket, now=now)
    await second_factor.use_code(member["id"], code, now=now)
    return await _let_in(member, email_key(member["email"]), address, replaces, expires_at=now + ends_after, now=now)


async def signed_in(token: str, *, idle_after: timedelta = IDLE_AFTER, now: datetime) -> Session | None:
    """Return the session of this token, or None when there is none or it has ended. One statement.

    Being asked keeps the session from becoming idle; that is noted at most once a minute.
    """
    found = await row(
        f"WITH session AS (SELECT s.id AS session_id, s.expires_at, s.last_seen_at, {_MEMBER}"
        " FROM staff_session s JOIN staff_member m ON m.id = s.staff_id"
        " WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND s.last_seen_at > $3"
        " AND s.session_version = m.session_version AND m.disabled_at IS NULL),"
        " seen AS (UPDATE staff_session s SET last_seen_at = $2 FROM session"
        " WHERE s.id = session.session_id AND session.last_seen_at <= $4)"
        " SELECT * FROM session",
        token_hash(token),
        now,
        now - idle_after,
        now - SEEN_EVERY,
    )
    return None if found is None else Session(found["session_id"], person_of(found), found["expires_at"])


async def add_second_factor(token: str, *, secret: str, code: str, idle_after: timedelta, now: datetime) -> Begun:
    """Ask the signed-in person for codes from now on; every session ends but this one, which gets a new token.

    `secret` is one of `new_second_factor`; the code proves that the person's app has it.

    Raises:
        SignInRefused: the session has ended.
        CodeWrong: the code is not that of the secret.
    """

    async def effects() -> Begun:
        session = await signed_in(token, idle_after=idle_after, now=now)
        if session is None:
            raise SignInRefused
        await value("UPDATE staff_session SET revoked_at = $2 WHERE id = $1", session.id, now)
        person = await second_factor.set_second_factor(session.actor, secret=secret, code=code, now=now)
        member = await row(f"SELECT {COLUMNS} FROM staff_member WHERE id = $1", person.id)
        assert member is not None
        return await _begin(member, expires_at=session.expires_at, now=now)

    return await in_one_transaction(effects)


async def sign_out(token: str, *, now: datetime) -> None:
    """End the session of this token. Doing it again changes nothing."""

    async def effects() -> None:
        ended = await row(
            f"UPDATE staff_session s SET revoked_at = $2 FROM staff_member m WHERE m.id = s.staff_id"
            f" AND s.token_hash = $1 AND s.revoked_at IS NULL RETURNING {_MEMBER}",
            token_hash(token),
            now,
        )
        if ended is not None:
            person = person_of(ended)
            await recorded(person.actor, "sign_out", person.id, now=now)

    await in_one_transaction(effects)


async def sign_out_everywhere(actor: Actor, staff_id: UUID, *, now: datetime) -> None:
    """End every session of one person. Everybody may do so for themselves.

    Raises:
        NotPermitted: the actor may not manage staff, and this is not the actor.
        NotFound: nobody by this id works here.
    """
    if actor.kind is not ActorKind.STAFF or actor.id != str(staff_id):
        require(actor, Permission.STAFF_MANAGE)

    async def effects() -> None:
        if not await value(
            "UPDATE staff_member SET session_version = session_version + 1 WHERE id = $1 RETURNING true", staff_id
        ):
            raise NotFound(what="staff")
        await recorded(actor, "sign_out_everywhere", staff_id, now=now)

    await in_one_transaction(effects)


async def forget_past_sessions(*, now: datetime) -> int:
    """Delete sessions that ended thirty days ago, and return how many. Upkeep, for a job."""
    return len(await rows("DELETE FROM staff_session WHERE expires_at < $1 RETURNING 1", now - KEPT_AFTER_END))


async def _rehash(member: asyncpg.Record, password: str) -> None:
    await value(
        "UPDATE staff_member SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
        member["id"],
        await passwords.hashed(password),
        member["password_hash"],
    )


async def _let_in(
    member: asyncpg.Record, account: str, address: str, replaces: str, *, expires_at: datetime, now: datetime
) -> Begun:
    await tries.remember(account, address, now=now)

    async def effects() -> Begun:
        # The row is locked: whoever is disabled meanwhile stays outside.
        current = await row(
            f"SELECT {COLUMNS} FROM staff_member WHERE id = $1 AND disabled_at IS NULL FOR NO KEY UPDATE", member["id"]
        )
        if current is None:
            raise SignInRefused
        await value(
            "UPDATE staff_session SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL",
            token_hash(replaces),
            now,
        )
        begun = await _begin(current, expires_at=expires_at, now=now)
        await trail.record(
            begun.session.actor, "sign_in", subject_kind="staff", subject_id=begun.session.person.id, now=now
        )
        return begun

    return await in_one_transaction(effects)


async def _begin(member: asyncpg.Record, *, expires_at: datetime, now: datetime) -> Begun:
    token, session_id = new_token(), new_id(now)
    await value(
        "INSERT INTO staff_session (id, staff_id, token_hash, session_version, created_at, last_seen_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $5, $6)",
        session_id,
        member["id"],
        token_hash(token),
        member["session_version"],
        now,
        expires_at,
    )
    return Begun(token, Session(session_id, person_of(member), expires_at))


def _signer(member: asyncpg.Record) -> Signer:
    # Signed with what stands in the row: a new password, a used code or a sign-out everywhere ends the ticket.
    key = f"{member['password_hash']} {member['totp_last_step']} {member['session_version']}"
    return Signer(key, salt="regulars.staff.second-step")


def _ticket(member: asyncpg.Record, *, now: datetime) -> str:
    until = int((now + TICKET_VALID_FOR).timestamp())
    return _signer(member).sign(f"{member['id'].hex}.{until}").decode()


async def _of_ticket(ticket: str, *, now: datetime) -> asyncpg.Record:
    try:
        staff_id, until = UUID(hex=ticket.split(".")[0]), datetime.fromtimestamp(int(ticket.split(".")[1]), UTC)
    except (ValueError, IndexError, OverflowError, OSError):
        raise SignInExpired from None
    member = await row(
        f"SELECT {COLUMNS}, password_hash, totp_last_step FROM staff_member WHERE id = $1 AND disabled_at IS NULL"
        " AND password_hash IS NOT NULL",
        staff_id,
    )
    if member is None or now >= until:
        raise SignInExpired
    try:
        _signer(member).unsign(ticket)
    except BadData:
        raise SignInExpired from None
    return member

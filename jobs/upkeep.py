"""What is kept for a time, and forgotten afterwards."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from loyalty.access import Actor
from loyalty.audit import trail
from loyalty.customers import sign_in
from loyalty.once import answers
from loyalty.staff import sessions
from loyalty.throttles import attempts

Facts = dict[str, object]
Forget = Callable[[Actor, datetime], Awaitable[Facts]]


class TrailBroken(Exception):
    """The audit trail is not what was written; the text names the first row that does not hold."""


async def forget_past_answers(actor: Actor, now: datetime) -> Facts:
    """Forget what was answered to idempotency keys more than thirty days ago."""
    return {"answers": await answers.forget_past_answers(now=now)}


async def forget_past_attempts(actor: Actor, now: datetime) -> Facts:
    """Forget counted attempts that no limit reaches any more."""
    return {"counts": await attempts.forget_past_attempts(now=now)}


async def forget_past_sessions(actor: Actor, now: datetime) -> Facts:
    """Forget staff sessions that ended thirty days ago."""
    return {"sessions": await sessions.forget_past_sessions(now=now)}


async def forget_past_links(actor: Actor, now: datetime) -> Facts:
    """Forget sign-in links that ended a day ago."""
    return {"links": await sign_in.forget_past_links(now=now)}


async def verify_audit_trail(actor: Actor, now: datetime) -> Facts:
    """Recompute the audit trail's chain of hashes.

    Raises:
        TrailBroken: a row was changed or is missing.
    """
    verified = await trail.verify()
    if verified.broken_at is not None:
        raise TrailBroken(f"Row {verified.broken_at}: {verified.problem}")
    return {"rows": verified.rows}

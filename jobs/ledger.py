"""The ledger's jobs: one call each into the rules, and what it did in facts."""

from datetime import datetime

from loyalty.access import Actor
from loyalty.ledger import expiry, release, verification
from loyalty.rewards import redemption

Facts = dict[str, object]


class LedgerDiffers(Exception):
    """The ledger is not what its entries say; the text names the first difference."""


async def release_pending(actor: Actor, now: datetime) -> Facts:
    """Release pending lots whose date has come."""
    swept = await release.release_due_lots(now=now, actor=actor)
    return {"lots": swept.wallets, "points": swept.points}


async def expire_lots(actor: Actor, now: datetime) -> Facts:
    """Expire lots whose last day has passed."""
    swept = await expiry.expire_due_lots(now=now, actor=actor)
    return {"wallets": swept.wallets, "points": swept.points}


async def expire_reservations(actor: Actor, now: datetime) -> Facts:
    """Give back units held for a checkout whose time is up."""
    expired = await redemption.expire_reservations(now=now, actor=actor)
    return {"reservations": expired.reservations, "points": expired.points}


async def verify_ledger(actor: Actor, now: datetime) -> Facts:
    """Replay the ledger from zero.

    Raises:
        LedgerDiffers: it does not come out the same.
    """
    report = await verification.verify(now)
    if not report.agrees:
        raise LedgerDiffers(report.first_difference)
    return {"wallets": report.wallets, "entries": report.entries}

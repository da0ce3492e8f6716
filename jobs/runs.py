"""The jobs' own housekeeping."""

from datetime import datetime, timedelta

from loyalty.access import Actor
from loyalty.runs import claims

KEPT = timedelta(days=30)


async def forget_old_runs(actor: Actor, now: datetime) -> dict[str, object]:
    """Forget runs that ended more than thirty days ago."""
    return {"runs": await claims.forget(actor, started_before=now - KEPT)}

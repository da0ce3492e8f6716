"""Units owed to customers, by expiry: what the programme stands for."""

from dataclasses import dataclass
from datetime import datetime

from loyalty.access import Actor, Permission, require
from loyalty.transactions import rows


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Units of one kind that end at one moment (none: never). Reserved units count as open."""

    unit: str
    expires_at: datetime | None
    open_points: int
    pending_points: int
    customers: int


async def outstanding(*, actor: Actor, now: datetime) -> list[Outstanding]:
    """Return what customers hold, per unit and expiry, soonest first, never last. Units due are left out.

    Raises:
        NotPermitted: the actor may not read the ledger.
    """
    require(actor, Permission.LEDGER_READ)
    found = await rows(
        "SELECT w.unit, l.expires_at, sum(l.open_points + l.reserved_points)::bigint AS open_points,"
        " sum(l.pending_points)::bigint AS pending_points, count(DISTINCT l.customer_id) AS customers"
        " FROM lot l JOIN wallet w ON w.id = l.wallet_id"
        " WHERE l.open_points + l.reserved_points + l.pending_points > 0"
        " AND (l.expires_at IS NULL OR l.expires_at > $1)"
        " GROUP BY w.unit, l.expires_at ORDER BY w.unit, l.expires_at NULLS LAST",
        now,
    )
    return [Outstanding(**row) for row in found]

"""Units end on their day. Due work is computed from data, so a stopped clock changes nothing but the hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.ledger.posting import Expire, post
from loyalty.shops.days import expires_on
from loyalty.transactions import in_one_transaction, rows

BATCH_SIZE = 500
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did. `wallets` counts a wallet once per batch and expiry."""

    wallets: int
    points: int


_DUE = """
WITH due AS (
    SELECT wallet_id, expires_at FROM lot
    WHERE open_points > 0 AND expires_at <= $1 AND ($3::uuid[] IS NULL OR customer_id = ANY($3))
    GROUP BY wallet_id, expires_at ORDER BY expires_at, wallet_id LIMIT $2
)
SELECT w.customer_id, w.unit, due.expires_at, s.time_zone
FROM due JOIN wallet w ON w.id = due.wallet_id JOIN customer c ON c.id = w.customer_id JOIN shop s ON s.id = c.shop_id
ORDER BY w.customer_id, w.unit, due.expires_at
"""


async def expire_due_lots(
    *,
    now: datetime,
    actor: Actor,
    batch_size: int = BATCH_SIZE,
    customer_ids: Sequence[UUID] | None = None,
    dated_at_end: bool = False,
) -> Swept:
    """Expire every lot whose last day has passed, in batches that commit one by one. Run again, it finds nothing.

    One entry per wallet and expiry moment. Two sweeps side by side do not disturb each other: the posting finds nothing
    due where the other was first. `customer_ids` limits the sweep; `dated_at_end` dates the entries at the moment the
    lots ended, for history that is loaded afterwards.

    Raises:
        NotPermitted: the actor may not post to the ledger.
    """
    require(actor, Permission.LEDGER_POST)
    wallets = points = 0
    while True:
        batch = await in_one_transaction(lambda: _expire_batch(now, actor, batch_size, customer_ids, dated_at_end))
        wallets, points = wallets + batch.wallets, points + batch.points
        # Less than a full batch is the last one; and what is due but cannot move is not asked for ever.
        if batch.wallets < batch_size:
            return Swept(wallets, points)


async def _expire_batch(
    now: datetime, actor: Actor, batch_size: int, customer_ids: Sequence[UUID] | None, dated_at_end: bool
) -> Swept:
    due = await rows(_DUE, now, batch_size, customer_ids)
    postings = [
        Expire(
            customer_id=row["customer_id"],
            unit=row["unit"],
            expires_at=row["expires_at"],
            occurred_at=row["expires_at"] if dated_at_end else None,
            explanation={"expired_on": expires_on(row["expires_at"], row["time_zone"]).isoformat()},
        )
        for row in due
    ]
    posted = await post(postings, by=actor, now=now)
    return Swept(sum(one.took_effect for one in posted), -sum(one.points for one in posted))


async def expire_due_lots_of(customer_ids: Sequence[UUID], *, now: datetime) -> None:
    """Expire what these customers hold that is due, in the open transaction.

    Whoever gives units back to their lots does this first: a lot that is given more time must not give it to units
    whose time is up.
    """
    await _expire_batch(now, Actor.system("expire-lots"), _ALL, customer_ids, dated_at_end=False)

"""Pending units become available: when their date has come, or when what they wait for has happened."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.ledger.expiry import BATCH_SIZE, Swept
from loyalty.ledger.posting import Release, post
from loyalty.transactions import in_one_transaction, rows

_DUE = """
SELECT l.id AS lot_id, l.order_id, l.customer_id, w.unit, l.awaits
FROM lot l JOIN wallet w ON w.id = l.wallet_id
WHERE l.pending_points > 0 AND l.available_at <= $1
ORDER BY l.available_at, l.id LIMIT $2
"""

_AWAITING = """
SELECT l.id AS lot_id, l.order_id, l.customer_id, w.unit, l.awaits
FROM lot l JOIN wallet w ON w.id = l.wallet_id
WHERE l.pending_points > 0 AND l.awaits = $1 AND l.order_id = ANY($2::uuid[])
ORDER BY l.id
"""


async def release_due_lots(*, now: datetime, actor: Actor, batch_size: int = BATCH_SIZE) -> Swept:
    """Release every pending lot whose date has come, in batches that commit one by one. Run again, it finds nothing.

    Raises:
        NotPermitted: the actor may not post to the ledger.
    """
    require(actor, Permission.LEDGER_POST)
    wallets = points = 0
    while True:
        batch = await in_one_transaction(lambda: _release(_DUE, (now, batch_size), actor, now))
        wallets, points = wallets + batch.wallets, points + batch.points
        # Less than a full batch is the last one; and what is due but cannot move is not asked for ever.
        if batch.wallets < batch_size:
            return Swept(wallets, points)


async def release_awaiting(event: str, order_ids: Sequence[UUID], *, actor: Actor, now: datetime) -> Swept:
    """Release what these orders earned and what waits for `event`. Run again, it finds nothing.

    Raises:
        NotPermitted: the actor may not post to the ledger.
    """
    require(actor, Permission.LEDGER_POST)
    return await in_one_transaction(lambda: _release(_AWAITING, (event, order_ids), actor, now))


async def _release(sql: str, values: tuple[object, ...], actor: Actor, now: datetime) -> Swept:
    due = await rows(sql, *values)
    postings = [
        Release(
            customer_id=row["customer_id"],
            unit=row["unit"],
            lot_id=row["lot_id"],
            order_id=row["order_id"],
            explanation={"awaited": row["awaits"] or "date"},
        )
        for row in due
    ]
    posted = await post(postings, by=actor, now=now)
    return Swept(sum(one.took_effect for one in posted), sum(one.points for one in posted))

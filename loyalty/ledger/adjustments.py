"""Corrections by hand as they stand: by page and by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.transactions import rows


@dataclass(frozen=True, slots=True)
class AdjustmentFacts:
    """One correction and what became of it."""

    id: UUID
    customer_id: UUID
    unit: str
    points: int
    reason: str
    note: str
    state: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str
    entry_id: UUID | None


async def adjustments_page(
    actor: Actor,
    *,
    first: int,
    after: tuple[datetime, UUID] | None = None,
    state: str | None = None,
    customer_id: UUID | None = None,
) -> list[AdjustmentFacts]:
    """Return up to `first` corrections, newest first, after the place (asked_at, id) `after`.

    Raises:
        NotPermitted: the actor may not read the ledger.
    """
    require(actor, Permission.LEDGER_READ)
    found = await rows(
        "SELECT * FROM adjustment WHERE ($1::text IS NULL OR state = $1) AND ($2::uuid IS NULL OR customer_id = $2)"
        " AND ($3::timestamptz IS NULL OR (asked_at, id) < ($3, $4::uuid)) ORDER BY asked_at DESC, id DESC LIMIT $5",
        state,
        customer_id,
        *(after or (None, None)),
        first,
    )
    return [AdjustmentFacts(**row) for row in found]


async def adjustments_by_id(adjustment_ids: Sequence[UUID]) -> dict[UUID, AdjustmentFacts]:
    """Return these corrections, by id."""
    found = await rows("SELECT * FROM adjustment WHERE id = ANY($1::uuid[])", adjustment_ids)
    return {row["id"]: AdjustmentFacts(**row) for row in found}

"""Two customers who are one person.

The one who is kept takes over everything that still moves: identifiers, orders, units, rewards. What is history stays
where it was written, and is read through the family (`lookup.customer_family_ids`). A merge is not undone.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.audit import trail
from loyalty.customers.identifiers import SIGNS_IN
from loyalty.customers.models import Customer, CustomerIdentifier
from loyalty.customers.profile import refresh_search_text
from loyalty.ledger.posting import NothingToMove, Transfer, post
from loyalty.once.answers import Answer, Once, answered
from loyalty.refusals import NotFound, Refusal

OPERATION = "merge_customers"

# What follows the person, lines and returns by way of their orders. Entries, lots and what hangs on them do not:
# the ledger moves units by its own door.
_FOLLOWS = (
    # After the kept one's own, which stay the ones that are shown.
    "UPDATE customer_identifier moved SET customer_id = $1, created_at = greatest(moved.created_at, coalesce(("
    "   SELECT max(own.created_at) FROM customer_identifier own WHERE own.customer_id = $1 AND own.kind = moved.kind"
    " ) + interval '1 microsecond', moved.created_at)) WHERE moved.customer_id = $2",
    "UPDATE order_line SET customer_id = $1 WHERE order_id IN (SELECT id FROM customer_order WHERE customer_id = $2)",
    "UPDATE order_return SET customer_id = $1 WHERE order_id IN (SELECT id FROM customer_order WHERE customer_id = $2)",
    "UPDATE customer_order SET customer_id = $1 WHERE customer_id = $2",
    "UPDATE entitlement SET customer_id = $1 WHERE customer_id = $2",
    "UPDATE adjustment SET customer_id = $1 WHERE customer_id = $2",
    "UPDATE staff_member SET customer_id = $1 WHERE customer_id = $2",
)


class MergeImpossible(Refusal):
    """These two cannot be merged. `reason` is same_customer, already_merged, unverified or own_account."""

    code = "MERGE_IMPOSSIBLE"

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)


@dataclass(frozen=True)
class Merged:
    """Who was kept, who is part of them now, and how many units of what moved (available and pending, less owed)."""

    kept_id: UUID
    merged_id: UUID
    moved_points: dict[str, int]


async def merge_customers(once: Once, *, kept_id: UUID, merged_id: UUID, actor: Actor, now: datetime) -> Answer[Merged]:
    """Make one customer of two: `kept_id` stays, with the identifiers, orders, rewards and units of both.

    Each lot moves with its own expiry. Names, birthday and language of the kept one stay; what is empty there is
    filled. Both must have proved an e-mail or a phone, unless the actor may merge whom they please; nobody merges
    their own account.

    Raises:
        NotPermitted: the actor may not write customers.
        NotFound: one of them does not exist.
        MergeImpossible: `reason` says why.
        UnitsReserved: the merged one holds units for a checkout; capture or void that first.
        IdempotencyMismatch: the key was used before for other customers.
    """
    require(actor, Permission.CUSTOMERS_WRITE)

    async def effects() -> Merged:
        kept, merged = await _both(kept_id, merged_id)
        await _require_mergeable(kept, merged, actor)
        moved_points = await _move(kept, merged, actor=actor, now=now)
        await _write(kept, merged, now=now)
        await trail.record(
            actor,
            "customer.merged",
            subject_kind="customer",
            subject_id=merged.id,
            customer_id=kept.id,
            after={"kept_id": str(kept.id), "moved_points": moved_points},
            now=now,
        )
        return Merged(kept.id, merged.id, moved_points)

    return await answered(once, OPERATION, actor, effects, shape=Merged, now=now)


async def _both(kept_id: UUID, merged_id: UUID) -> tuple[Customer, Customer]:
    """Return the two, locked in the order of their ids, so that two merges of a pair wait for each other."""
    if kept_id == merged_id:
        raise MergeImpossible(reason="same_customer")
    locked = await Customer.filter(id__in=[kept_id, merged_id]).order_by("id").select_for_update()
    by_id = {customer.id: customer for customer in locked}
    if len(by_id) < 2:
        raise NotFound(what="customer")
    return by_id[kept_id], by_id[merged_id]


async def _require_mergeable(kept: Customer, merged: Customer, actor: Actor) -> None:
    if kept.merged_into_id is not None or merged.merged_into_id is not None:
        raise MergeImpossible(reason="already_merged")
    if actor.customer_id in (kept.id, merged.id):
        raise MergeImpossible(reason="own_account")
    if Permission.CUSTOMERS_MERGE in actor.permissions:
        return
    proved = await CustomerIdentifier.filter(
        customer_id__in=[kept.id, merged.id], kind__in=[kind.value for kind in SIGNS_IN], verified_at__not_isnull=True
    ).values_list("customer_id", flat=True)
    if set(proved) != {kept.id, merged.id}:
        raise MergeImpossible(reason="unverified")


async def _move(kept: Customer, merged: Customer, *, actor: Actor, now: datetime) -> dict[str, int]:
    """Let everything that moves follow, and return how many of each unit did."""
    for statement in _FOLLOWS:
        await transactions.rows(statement, kept.id, merged.id)
    await transactions.rows("DELETE FROM sign_in_link WHERE customer_id = $1", merged.id)
    wallets = await transactions.rows("SELECT unit FROM wallet WHERE customer_id = $1 ORDER BY unit", merged.id)
    units = [row["unit"] for row in wallets]
    transfers = [
        Transfer(customer_id=merged.id, unit=unit, to_customer_id=kept.id, explanation={"why": "merge"})
        for unit in units
    ]
    moved_points = {}
    for unit, posted in zip(units, await post(transfers, by=actor, now=now), strict=True):
        try:
            posted.or_refuse()
        except NothingToMove:
            continue  # an empty wallet has nothing to give
        moved_points[unit] = -posted.points
    return moved_points


async def _write(kept: Customer, merged: Customer, *, now: datetime) -> None:
    await Customer.filter(merged_into_id=merged.id).update(merged_into_id=kept.id)
    if kept.birthday is None and kept.birthday_set_at is None:
        kept.birthday, kept.birthday_set_at = merged.birthday, merged.birthday_set_at
    if not kept.first_name and not kept.last_name:
        kept.first_name, kept.last_name = merged.first_name, merged.last_name
    _keep_the_earlier_enrolment(kept, merged)
    await refresh_search_text(kept)
    merged.merged_into_id = kept.id
    merged.search_text = ""
    for customer in (kept, merged):
        customer.version += 1
        customer.updated_at = now
        await customer.save()


def _keep_the_earlier_enrolment(kept: Customer, merged: Customer) -> None:
    enrolled = [one for one in (kept, merged) if one.enrolled_at is not None]
    if enrolled:
        first = min(enrolled, key=lambda one: one.enrolled_at or one.created_at)
        kept.enrolled_at, kept.enrolled_through = first.enrolled_at, first.enrolled_through

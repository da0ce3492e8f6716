"""Rewards somebody holds: written, told, looked up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from loyalty.identity import new_id
from loyalty.programme.versions import VersionFacts
from loyalty.rewards.catalogue import Reward
from loyalty.shops.days import valid_until
from loyalty.transactions import rows

Place = tuple[datetime, UUID]
"""Where an entitlement stands in its holder's list: (issued_at, id)."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reward somebody holds, with the terms as they were promised.

    `state` is issued, reserved, used, returned or expired; an issued one is expired once `expires_at`, exclusive, has
    come. `reserved_until` says until when a checkout may hold one that is reserved.
    """

    id: UUID
    customer_id: UUID
    reward_id: str
    programme_version_id: UUID
    unit: str
    points: int
    state: str
    terms: dict[str, Any]
    entry_id: UUID
    reservation_id: UUID | None
    reserved_until: datetime | None
    issued_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None


_SELECT = """
SELECT e.id, e.customer_id, e.reward_id, e.programme_version_id, e.unit, e.points, e.state, e.terms, e.entry_id,
    e.reservation_id, r.expires_at AS reserved_until, e.issued_at, e.expires_at, e.closed_at
FROM {source} e LEFT JOIN reservation r ON r.id = e.reservation_id
"""


async def entitlements_of(
    customer_ids: Iterable[UUID], *, limit: int, before: Place | None = None, now: datetime
) -> dict[UUID, list[Held]]:
    """Return, for each customer, at most `limit` rewards they hold or held, the newest first, older than `before`."""
    held: dict[UUID, list[Held]] = {customer_id: [] for customer_id in customer_ids}
    newest = (
        "(SELECT own.* FROM unnest($1::uuid[]) AS asked(customer_id) CROSS JOIN LATERAL ("
        "SELECT * FROM entitlement WHERE customer_id = asked.customer_id"
        " AND ($2::timestamptz IS NULL OR (issued_at, id) < ($2, $3::uuid))"
        " ORDER BY issued_at DESC, id DESC LIMIT $4) AS own)"
    )
    issued_at, entitlement_id = before or (None, None)
    for row in await rows(
        _SELECT.format(source=newest) + "ORDER BY e.issued_at DESC, e.id DESC",
        list(held),
        issued_at,
        entitlement_id,
        limit,
    ):
        held[row["customer_id"]].append(_held(row, now))
    return held


async def entitlements_counts(customer_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many rewards each of these customers holds or held."""
    found = await rows(
        "SELECT customer_id, count(*) AS held FROM entitlement WHERE customer_id = ANY($1::uuid[])"
        " GROUP BY customer_id",
        customer_ids,
    )
    return dict.fromkeys(customer_ids, 0) | {row["customer_id"]: row["held"] for row in found}


async def entitlements_by_id(entitlement_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Held]:
    """Return the entitlements with these ids, by id; those that do not exist are left out."""
    found = await rows(_SELECT.format(source="entitlement") + "WHERE e.id = ANY($1::uuid[])", list(entitlement_ids))
    return {row["id"]: _held(row, now) for row in found}


async def reservations_of(customer_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, list[Held]]:
    """Return, for each customer, the rewards that checkouts hold just now, the newest first."""
    held: dict[UUID, list[Held]] = {customer_id: [] for customer_id in customer_ids}
    for row in await rows(
        _SELECT.format(source="entitlement")
        + "WHERE e.customer_id = ANY($1::uuid[]) AND e.state = 'reserved' AND r.expires_at > $2"
        " ORDER BY e.issued_at DESC, e.id DESC",
        list(held),
        now,
    ):
        held[row["customer_id"]].append(_held(row, now))
    return held


async def write_entitlement(
    customer_id: UUID,
    reward: Reward,
    version: VersionFacts,
    *,
    entry_id: UUID,
    time_zone: str,
    reservation_id: UUID | None = None,
    now: datetime,
) -> UUID:
    """Write, in the open transaction, that the customer holds the reward, and return the entitlement's id.

    It is issued, or reserved where there is a reservation. How long it can be used is counted in the shop's zone.
    """
    entitlement_id = new_id(now)
    usable = reservation_id is None and reward.validity_days is not None
    await rows(
        "INSERT INTO entitlement (id, customer_id, reward_id, programme_version_id, unit, points, state, terms,"
        " entry_id, reservation_id, issued_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11, $12)",
        entitlement_id,
        customer_id,
        reward.id,
        version.id,
        reward.unit,
        reward.points,
        "issued" if reservation_id is None else "reserved",
        orjson.dumps(reward.model_dump(mode="json")).decode(),
        entry_id,
        reservation_id,
        now,
        valid_until(now, time_zone, days=reward.validity_days or 0) if usable else None,
    )
    return entitlement_id


async def close_entitlements(entitlement_ids: Sequence[UUID], state: str, *, now: datetime) -> None:
    """Write, in the open transaction, that these were used or returned."""
    await rows(
        "UPDATE entitlement SET state = $2, closed_at = $3 WHERE id = ANY($1::uuid[])", entitlement_ids, state, now
    )


def _held(row: asyncpg.Record, now: datetime) -> Held:
    values = dict(row)
    values["terms"] = orjson.loads(values["terms"]) if isinstance(values["terms"], str) else values["terms"]
    if values["state"] == "issued" and values["expires_at"] is not None and values["expires_at"] <= now:
        values["state"] = "expired"
    if values["state"] != "reserved":
        values["reserved_until"] = None
    return Held(**values)

"""What stands: wallets, lots by expiry, entries. Questions answer for many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from loyalty.transactions import rows, storable


@dataclass(frozen=True, slots=True)
class ExpiringLot:
    """Units that can be spent until `expires_at`, exclusive."""

    points: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """One wallet as it stands. `available_points` is what can be spent: units due to expire are not in it."""

    customer_id: UUID
    unit: str
    available_points: int
    pending_points: int
    reserved_points: int
    owed_points: int
    lifetime_earned_points: int
    lifetime_redeemed_points: int
    version: int
    expiring: tuple[ExpiringLot, ...]

    @classmethod
    def empty(cls, customer_id: UUID, unit: str) -> "WalletFacts":
        """Return the wallet of somebody who has none yet."""
        return cls(customer_id, unit, 0, 0, 0, 0, 0, 0, 0, ())


async def wallets_of(customer_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, list[WalletFacts]]:
    """Return these customers' wallets, by customer, in order of unit; in one query.

    Lots that end at the same moment are one `ExpiringLot`, soonest first.
    """
    found = await rows(
        "SELECT w.*, coalesce(l.due, 0)::bigint AS due, coalesce(l.points, '{}') AS lot_points,"
        " coalesce(l.ends, '{}') AS lot_ends FROM wallet w LEFT JOIN LATERAL ("
        "   SELECT sum(points) FILTER (WHERE expires_at <= $2) AS due,"
        "     array_agg(points ORDER BY expires_at) FILTER (WHERE expires_at > $2) AS points,"
        "     array_agg(expires_at ORDER BY expires_at) FILTER (WHERE expires_at > $2) AS ends"
        "   FROM (SELECT expires_at, sum(open_points)::bigint AS points FROM lot"
        "     WHERE wallet_id = w.id AND open_points > 0 AND expires_at IS NOT NULL GROUP BY expires_at) AS ending"
        " ) AS l ON true WHERE w.customer_id = ANY($1::uuid[]) ORDER BY w.unit",
        customer_ids,
        now,
    )
    wallets: dict[UUID, list[WalletFacts]] = {customer_id: [] for customer_id in customer_ids}
    for row in found:
        wallets[row["customer_id"]].append(_facts(row))
    return wallets


def _facts(row: asyncpg.Record) -> WalletFacts:
    return WalletFacts(
        row["customer_id"],
        row["unit"],
        row["available_points"] - row["due"],
        row["pending_points"],
        row["reserved_points"],
        row["owed_points"],
        row["lifetime_earned_points"],
        row["lifetime_redeemed_points"],
        row["version"],
        tuple(ExpiringLot(points, end) for points, end in zip(row["lot_points"], row["lot_ends"], strict=True)),
    )


async def points_balance(customer_id: UUID, unit: str = "points", *, now: datetime) -> int:
    """Return what the customer can spend in this unit."""
    wallets = (await wallets_of([customer_id], now=now))[customer_id]
    return sum(wallet.available_points for wallet in wallets if wallet.unit == unit)


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One entry, with the unit and the external id of the order it belongs to. `explanation` is JSON text."""

    id: UUID
    customer_id: UUID
    unit: str
    sequence: int
    kind: str
    points: int
    balance_after_points: int
    occurred_at: datetime
    recorded_at: datetime
    expires_at: datetime | None
    explanation: str
    actor: str
    order_id: UUID | None
    order_external_id: str | None
    order_placed_at: datetime | None
    shop_id: UUID
    """The customer's own shop."""

    @property
    def place(self) -> tuple[datetime, int, UUID]:
        """Return where it stands among a customer's entries: recorded, numbered, and the id to tell wallets apart."""
        return (self.recorded_at, self.sequence, self.id)


_COLUMNS = (
    "SELECT e.id, e.customer_id, w.unit, e.sequence, e.kind, e.points, e.balance_after_points, e.occurred_at,"
    " e.recorded_at, e.expires_at, e.explanation, e.actor, e.order_id, o.external_id AS order_external_id,"
    " o.placed_at AS order_placed_at, c.shop_id"
)
_ENTRY = (
    f"{_COLUMNS} FROM entry e JOIN wallet w ON w.id = e.wallet_id JOIN customer c ON c.id = e.customer_id"
    " LEFT JOIN customer_order o ON o.id = e.order_id"
)
_FAMILY = "(SELECT asked.id UNION ALL SELECT merged.id FROM customer merged WHERE merged.merged_into_id = asked.id)"


async def entries_pages(
    customer_ids: Sequence[UUID],
    *,
    first: int,
    after: tuple[datetime, int, UUID] | None = None,
    unit: str | None = None,
) -> dict[UUID, list[EntryFacts]]:
    """Return, for each customer, up to `first` entries of theirs and of those merged into them, newest first.

    Those after the place `after`; with `unit` that unit's alone. One query.
    """
    pages: dict[UUID, list[EntryFacts]] = {customer_id: [] for customer_id in customer_ids}
    if unit is not None and not storable(unit):
        return pages
    # Each of the family is asked for the newest by index, so a long history costs no more than a page of it.
    found = await rows(
        f"{_COLUMNS}, e.holder_id FROM unnest($1::uuid[]) AS asked(id) CROSS JOIN LATERAL ("
        "   SELECT own.*, asked.id AS holder_id"
        f"  FROM {_FAMILY} AS family(id) CROSS JOIN LATERAL ("
        "     SELECT e.* FROM entry e WHERE e.customer_id = family.id"
        "       AND ($2::text IS NULL OR e.wallet_id IN"
        "         (SELECT id FROM wallet WHERE customer_id = family.id AND unit = $2))"
        "       AND ($3::timestamptz IS NULL"
        "         OR e.recorded_at <= $3 AND (e.recorded_at, e.sequence, e.id) < ($3, $4::bigint, $5::uuid))"
        "     ORDER BY e.recorded_at DESC, e.sequence DESC, e.id DESC LIMIT $6"
        "   ) AS own ORDER BY own.recorded_at DESC, own.sequence DESC, own.id DESC LIMIT $6"
        " ) AS e JOIN wallet w ON w.id = e.wallet_id JOIN customer c ON c.id = e.customer_id"
        " LEFT JOIN customer_order o ON o.id = e.order_id"
        " ORDER BY e.recorded_at DESC, e.sequence DESC, e.id DESC",
        customer_ids,
        unit,
        *(after or (None, None, None)),
        first,
    )
    for row in found:
        values = dict(row)
        pages[values.pop("holder_id")].append(EntryFacts(**values))
    return pages


async def entries_page(
    customer_id: UUID,
    *,
    first: int,
    after: tuple[datetime, int, UUID] | None = None,
    unit: str | None = None,
) -> list[EntryFacts]:
    """Return one customer's page, as `entries_pages` does."""
    return (await entries_pages([customer_id], first=first, after=after, unit=unit))[customer_id]


async def entries_counts(customer_ids: Sequence[UUID], *, unit: str | None = None) -> dict[UUID, int]:
    """Return how many entries each of these customers has, with those of the customers merged into them."""
    if unit is not None and not storable(unit):
        return dict.fromkeys(customer_ids, 0)
    found = await rows(
        "SELECT asked.id, count(e.id) AS entries FROM unnest($1::uuid[]) AS asked(id)"
        f" CROSS JOIN LATERAL {_FAMILY} AS family(id)"
        " JOIN entry e ON e.customer_id = family.id"
        " JOIN wallet w ON w.id = e.wallet_id AND ($2::text IS NULL OR w.unit = $2) GROUP BY asked.id",
        customer_ids,
        unit,
    )
    return dict.fromkeys(customer_ids, 0) | {row["id"]: row["entries"] for row in found}


async def entries_by_id(entry_ids: Sequence[UUID]) -> dict[UUID, EntryFacts]:
    """Return these entries, by id; unknown ones are left out."""
    return {row["id"]: EntryFacts(**row) for row in await rows(f"{_ENTRY} WHERE e.id = ANY($1::uuid[])", entry_ids)}


async def entries_of_orders(order_ids: Sequence[UUID]) -> dict[UUID, list[EntryFacts]]:
    """Return what was earned, released and clawed back for these orders, by order, oldest first."""
    entries: dict[UUID, list[EntryFacts]] = {order_id: [] for order_id in order_ids}
    for row in await rows(
        f"{_ENTRY} WHERE e.order_id = ANY($1::uuid[]) ORDER BY e.recorded_at, e.sequence, e.id", order_ids
    ):
        entries[row["order_id"]].append(EntryFacts(**row))
    return entries

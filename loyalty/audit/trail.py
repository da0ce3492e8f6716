"""The audit trail: every act one row, each with the hash of the row before it.

The hash covers the previous hash, the position and the row in canonical JSON. Whoever changes, removes or inserts a
row breaks the chain from there on, and `verify` names the place. Rows hold references and names of fields, never
personal values: those stand in rows that can be emptied.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from loyalty.access import Actor, Permission, require
from loyalty.identity import new_id
from loyalty.transactions import in_transaction, rows, storable, value

Values = Mapping[str, object]
"""What changed, by name of the field: JSON values, others as their text.

`True` stands for a personal value, which is not repeated here.
"""

CHAIN_LOCK = (0x52656775, 1)
FIRST_HASH = bytes(32)
PAGE_MAX = 100

_COLUMNS = "id, position, at, actor, action, subject_kind, subject_id, customer_id, why, before, after"


@dataclass(frozen=True)
class Act:
    """One row of the trail. `actor` is `kind:id`; `position` counts from 1 without gaps."""

    id: UUID
    position: int
    at: datetime
    actor: str
    action: str
    subject_kind: str
    subject_id: str
    customer_id: UUID | None
    why: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class Filters:
    """Which acts to show; what is None is not asked."""

    actor: str | None = None
    action: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    customer_id: UUID | None = None


@dataclass(frozen=True)
class Page:
    """Some acts, newest first, and whether older ones follow."""

    acts: list[Act]
    has_next: bool


@dataclass(frozen=True)
class Verified:
    """What the verification found: how many rows hold, and the first that does not.

    `broken_at` is the position of that row, or the position at which one is missing. `last_hash` covers everything
    before it; noted elsewhere, it also shows whether the newest rows were cut off.
    """

    rows: int
    last_hash: bytes
    broken_at: int | None = None
    problem: str | None = None


async def record(
    actor: Actor,
    action: str,
    *,
    subject_kind: str,
    subject_id: UUID | str,
    customer_id: UUID | None = None,
    why: str = "",
    before: Values | None = None,
    after: Values | None = None,
    now: datetime,
) -> None:
    """Write one act to the trail, in the open transaction of the change it tells of.

    `why` is a reason code or a word of the rules, `before` and `after` hold JSON values of what changed; none of
    them a personal value. The chain is held until the transaction ends, so call this last.
    """
    assert in_transaction(), "an act is recorded in the transaction of its change"
    act = Act(
        new_id(now),
        0,  # the position is known once the chain is held
        now,
        actor.reference,
        action,
        subject_kind,
        str(subject_id),
        customer_id,
        why,
        None if before is None else dict(before),
        None if after is None else dict(after),
    )
    await value("SELECT pg_advisory_xact_lock($1, $2)", *CHAIN_LOCK)
    # A statement of its own: it must see the row of whoever held the lock before.
    await value(
        f"INSERT INTO audit_record ({_COLUMNS}, previous_hash, hash)"
        " SELECT $1, position + 1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, hash,"
        " sha256(hash || int8send(position + 1) || $11) FROM ("
        "(SELECT position, hash FROM audit_record ORDER BY position DESC LIMIT 1)"
        " UNION ALL SELECT 0, $12::bytea ORDER BY position DESC LIMIT 1) newest",
        act.id,
        act.at,
        act.actor,
        act.action,
        act.subject_kind,
        act.subject_id,
        act.customer_id,
        act.why,
        _json(act.before),
        _json(act.after),
        _canonical(act),
        FIRST_HASH,
    )


async def page(actor: Actor, *, first: int, after: int | None = None, filters: Filters | None = None) -> Page:
    """Return `first` acts, newest first, older than the position `after`.

    Raises:
        NotPermitted: the actor may not read the trail.
    """
    require(actor, Permission.AUDIT_READ)
    assert 1 <= first <= PAGE_MAX, "the edge bounds its pages"
    found = await _matching(filters or Filters(), _COLUMNS, f"ORDER BY position DESC LIMIT {first + 1}", before=after)
    return Page([_act(row) for row in found[:first]], has_next=len(found) > first)


async def count(actor: Actor, *, filters: Filters | None = None) -> int:
    """Return how many acts the filters let through.

    Raises:
        NotPermitted: the actor may not read the trail.
    """
    require(actor, Permission.AUDIT_READ)
    [row] = await _matching(filters or Filters(), "count(*)", "", before=None)
    return int(row["count"])


async def verify(*, rows_at_once: int = 5_000) -> Verified:
    """Recompute the chain from its first row, and name the first row that does not hold."""
    standing = Verified(0, FIRST_HASH)
    while chunk := await rows(
        f"SELECT {_COLUMNS}, previous_hash, hash FROM audit_record WHERE position > $1 ORDER BY position LIMIT $2",
        standing.rows,
        rows_at_once,
    ):
        for row in chunk:
            standing = _next(standing, row)
            if standing.broken_at is not None:
                return standing
    return standing


def _next(standing: Verified, row: asyncpg.Record) -> Verified:
    position = standing.rows + 1
    if row["position"] != position:
        return Verified(standing.rows, standing.last_hash, position, "missing")
    if bytes(row["previous_hash"]) != standing.last_hash:
        return Verified(standing.rows, standing.last_hash, position, "does not follow the row before")
    expected = hashlib.sha256(standing.last_hash + position.to_bytes(8, "big") + _canonical(_act(row))).digest()
    if bytes(row["hash"]) != expected:
        return Verified(standing.rows, standing.last_hash, position, "changed")
    return Verified(position, expected)


async def _matching(filters: Filters, columns: str, end: str, *, before: int | None) -> list[asyncpg.Record]:
    conditions: list[tuple[str, object]] = [
        ("actor =", filters.actor),
        ("action =", filters.action),
        ("subject_kind =", filters.subject_kind),
        ("subject_id =", filters.subject_id),
        ("customer_id =", filters.customer_id),
        ("position <", before),
    ]
    asked = [(condition, wanted) for condition, wanted in conditions if wanted is not None]
    if any(isinstance(wanted, str) and not storable(wanted) for _, wanted in asked):
        return await rows(f"SELECT {columns} FROM audit_record WHERE false {end}")
    where = " AND ".join(f"{condition} ${number}" for number, (condition, _) in enumerate(asked, 1)) or "true"
    return await rows(f"SELECT {columns} FROM audit_record WHERE {where} {end}", *(wanted for _, wanted in asked))


def _act(row: asyncpg.Record) -> Act:
    return Act(
        row["id"],
        row["position"],
        row["at"],
        row["actor"],
        row["action"],
        row["subject_kind"],
        row["subject_id"],
        row["customer_id"],
        row["why"],
        _parsed(row["before"]),
        _parsed(row["after"]),
    )


def _json(values: Values | None) -> str | None:
    return None if values is None else orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS).decode()


def _parsed(stored: Any) -> dict[str, Any] | None:
    values: dict[str, Any] | None = orjson.loads(stored) if isinstance(stored, str) else stored
    return values


def _canonical(act: Act) -> bytes:
    moment = act.at.astimezone(UTC).isoformat(timespec="microseconds")
    subject = (act.subject_kind, act.subject_id, act.customer_id and str(act.customer_id))
    row = [str(act.id), moment, act.actor, act.action, subject, act.why, act.before, act.after]
    return orjson.dumps(row, default=str, option=orjson.OPT_SORT_KEYS)

"""Replay the ledger from zero through the model and name the first difference.

Wallets that transfers connect are a family and are replayed together. Each chunk is read in one snapshot, so the
ledger may be written to meanwhile.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from loyalty import transactions
from loyalty.ledger.replay import Differs, Standing, columns_of, replay

WALLETS_PER_CHUNK = 200
ROWS_PER_WALK = 50_000


@dataclass(frozen=True)
class Report:
    """What was read, how many families of wallets differ, and the first difference in words."""

    wallets: int
    entries: int
    differing: int
    first_difference: str | None
    verified_at: datetime

    @property
    def agrees(self) -> bool:
        """Tell whether the ledger is what its entries say."""
        return self.first_difference is None


@dataclass(slots=True)
class _Tally:
    wallets: int = 0
    entries: int = 0
    differences: list[str] = field(default_factory=list)
    ahead: set[UUID] = field(default_factory=set)
    """Wallets that were verified with their family before their turn."""
    held: Counter[str] = field(default_factory=Counter)
    shared: Counter[str] = field(default_factory=Counter)


async def verify(
    now: datetime,
    *,
    progress: Callable[[int, int], None] | None = None,
    customer_id: UUID | None = None,
) -> Report:
    """Replay all wallets, or one customer's and those its transfers touch, and report the first difference.

    `progress` is told the number of wallets and entries verified so far. `now` dates the report; the replay takes its
    times from the entries. Reads in short transactions and leaves the event loop free between families.
    """
    tally = _Tally()
    async for after, chunk in _chunks(customer_id, tally.ahead):
        for family in chunk.families:
            _verify_family(family, tally, after)
            await asyncio.sleep(0)
        tally.ahead.difference_update([wallet_id for wallet_id in tally.ahead if wallet_id <= chunk.last])
        if progress is not None:
            progress(tally.wallets, tally.entries)
    tally.differences += _books(tally)
    if customer_id is None:
        tally.differences += [orphan async for orphan in _orphans()]
    first = tally.differences[0] if tally.differences else None
    return Report(tally.wallets, tally.entries, len(tally.differences), first, now)


def _verify_family(family: list[Standing], tally: _Tally, after: UUID) -> None:
    new = [standing for standing in family if standing.row["id"] > after and standing.row["id"] not in tally.ahead]
    if not new:
        return
    for standing in new:
        tally.wallets += 1
        tally.entries += len(standing.entries)
        tally.ahead.add(standing.row["id"])
        unit = standing.row["unit"]
        tally.held[unit] += columns_of(standing.row, "points").held
        tally.shared[unit] += sum(columns_of(row, "delta").held for row in standing.entries if row["contra"] != "none")
    try:
        replay(family)
    except Differs as difference:
        tally.differences.append(str(difference))


def _books(tally: _Tally) -> Iterator[str]:
    for unit in sorted(tally.held):
        if tally.held[unit] != tally.shared[unit]:
            yield (
                f"the books of {unit} do not close: customers hold {tally.held[unit]},"
                f" the programme's accounts give {tally.shared[unit]}"
            )


@dataclass(frozen=True, slots=True)
class _Chunk:
    last: UUID
    families: list[list[Standing]]


async def _chunks(customer_id: UUID | None, ahead: set[UUID]) -> AsyncIterator[tuple[UUID, _Chunk]]:
    """Yield the chunks, each with the wallet id that it begins after, without wallets that were `ahead` of it."""
    joined, after = transactions.in_transaction(), UUID(int=0)
    next_one = partial(_chunk, customer_id=customer_id, joined=joined, ahead=ahead)
    while (chunk := await transactions.in_one_transaction(partial(next_one, after))) is not None:
        yield after, chunk
        after = chunk.last


async def _chunk(after: UUID, *, customer_id: UUID | None, joined: bool, ahead: set[UUID]) -> _Chunk | None:
    if not joined:  # somebody's open transaction has its level already
        await transactions.rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    found = await transactions.rows(
        "SELECT id FROM wallet WHERE id > $1 AND ($2::uuid IS NULL OR customer_id = $2) ORDER BY id LIMIT $3",
        after,
        customer_id,
        WALLETS_PER_CHUNK,
    )
    if not found:
        return None
    ids = [row["id"] for row in found]
    members, ties = await _connected([wallet_id for wallet_id in ids if wallet_id not in ahead])
    standings = await standings_of(members)
    return _Chunk(ids[-1], _families(standings, ties))


async def _connected(ids: Sequence[UUID]) -> tuple[list[UUID], list[tuple[UUID, UUID]]]:
    """Return these wallets with all that transfers tie to them, and the ties."""
    known, fresh = set(ids), list(ids)
    ties: list[tuple[UUID, UUID]] = []
    while fresh:
        found = await transactions.rows(
            "SELECT DISTINCT mine.wallet_id AS mine, other.wallet_id AS other FROM entry mine"
            " JOIN entry other ON other.id = mine.related_entry_id"
            " WHERE mine.wallet_id = ANY($1::uuid[]) AND mine.kind IN ('transfer_out', 'transfer_in')",
            fresh,
        )
        ties += [(row["mine"], row["other"]) for row in found]
        fresh = sorted({row["other"] for row in found} - known)
        known.update(fresh)
    return sorted(known), ties


async def standings_of(wallet_ids: Sequence[UUID]) -> list[Standing]:
    """Return what the database holds of these wallets, in the order of their ids."""
    wallets = await transactions.rows("SELECT * FROM wallet WHERE id = ANY($1::uuid[]) ORDER BY id", wallet_ids)
    standings = {row["id"]: Standing(row) for row in wallets}
    wallet_ids = list(standings)
    for row in await transactions.rows(
        "SELECT * FROM entry WHERE wallet_id = ANY($1::uuid[]) ORDER BY wallet_id, sequence", wallet_ids
    ):
        standings[row["wallet_id"]].entries.append(row)
    for row in await transactions.rows(
        "SELECT e.wallet_id, m.* FROM lot_movement m JOIN entry e ON e.id = m.entry_id"
        " WHERE e.wallet_id = ANY($1::uuid[])",
        wallet_ids,
    ):
        standings[row["wallet_id"]].movements[row["entry_id"]].append(row)
    for row in await transactions.rows(
        "SELECT * FROM lot WHERE wallet_id = ANY($1::uuid[]) ORDER BY wallet_id, sequence", wallet_ids
    ):
        standings[row["wallet_id"]].lots.append(row)
    for row in await transactions.rows(
        "SELECT * FROM reservation WHERE wallet_id = ANY($1::uuid[]) ORDER BY id", wallet_ids
    ):
        standings[row["wallet_id"]].reservations.append(row)
    return list(standings.values())


def _families(standings: Iterable[Standing], ties: Iterable[tuple[UUID, UUID]]) -> list[list[Standing]]:
    head: dict[UUID, UUID] = {}

    def head_of(wallet_id: UUID) -> UUID:
        while (above := head.get(wallet_id, wallet_id)) != wallet_id:
            wallet_id = above
        return wallet_id

    for one, other in ties:
        first, second = sorted((head_of(one), head_of(other)))
        head[second] = first
    families: dict[UUID, list[Standing]] = defaultdict(list)
    for standing in standings:
        families[head_of(standing.row["id"])].append(standing)
    return list(families.values())


async def _orphans() -> AsyncIterator[str]:
    """Yield the first row of each kind that hangs on nothing: no wallet, no entry, no lot, or another wallet's."""
    for table, what, first, condition in _HANGING:
        after: UUID | int = first
        while True:
            sql = _WALK.format(table=table, condition=condition, id="bigint" if isinstance(first, int) else "uuid")
            found = await transactions.row(sql, after, ROWS_PER_WALK)
            if found is None or found["last"] is None:
                break
            if found["orphan"] is not None:
                yield f"{what} {found['orphan']} hangs on nothing, or on rows of two wallets"
                break
            after = found["last"]
            await asyncio.sleep(0)


_WALK = """
SELECT (array_agg(id ORDER BY id DESC))[1] AS last, (array_agg(id ORDER BY id) FILTER (WHERE orphan))[1] AS orphan
FROM (
    SELECT c.id, {condition} AS orphan FROM (SELECT * FROM {table} WHERE id > $1::{id} ORDER BY id LIMIT $2) c
) walked
"""
_NO_ENTRY = "NOT EXISTS (SELECT FROM entry e WHERE e.id = c.entry_id AND e.wallet_id = c.wallet_id)"
_HANGING: tuple[tuple[str, str, UUID | int, str], ...] = (
    ("entry", "entry", UUID(int=0), "NOT EXISTS (SELECT FROM wallet w WHERE w.id = c.wallet_id)"),
    ("lot", "lot", UUID(int=0), _NO_ENTRY),
    ("reservation", "reservation", UUID(int=0), _NO_ENTRY),
    (
        "lot_movement",
        "movement",
        -(2**63),
        "NOT EXISTS (SELECT FROM entry e JOIN lot l ON l.wallet_id = e.wallet_id"
        " WHERE e.id = c.entry_id AND l.id = c.lot_id)",
    ),
)

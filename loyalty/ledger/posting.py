"""The only writer of the ledger: postings in, one result each, in one round trip. Specified in docs/ledger.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import orjson

from loyalty.access import Actor
from loyalty.amounts import POINTS_PER_ENTRY_MAX
from loyalty.identity import new_ids
from loyalty.refusals import Refusal
from loyalty.transactions import Conflict, in_one_transaction, rows


class BalanceTooLow(Refusal):
    """More would be taken than can be spent. Both facts are in the unit's smallest part."""

    code = "BALANCE_TOO_LOW"

    def __init__(self, *, balance_points: int, asked_points: int) -> None:
        super().__init__(balance_points=balance_points, asked_points=asked_points)


class AmountTooLarge(Refusal):
    """One entry moves at most 10^12 units, and a wallet holds at most 10^15."""

    code = "AMOUNT_TOO_LARGE"
    stored = False

    def __init__(self, *, points_max: int = POINTS_PER_ENTRY_MAX) -> None:
        super().__init__(points_max=points_max)


class ReservationNotOpen(Refusal):
    """The reservation was captured or voided before, or there is none."""

    code = "RESERVATION_NOT_OPEN"


class ReservationExpired(Refusal):
    """The reservation's time was up."""

    code = "RESERVATION_EXPIRED"


class NothingToMove(Refusal):
    """There is nothing (any more) that this posting could move. `result` is the ledger's word for it."""

    code = "NOTHING_TO_MOVE"

    def __init__(self, *, result: str) -> None:
        super().__init__(result=result)


class UnitsReserved(Refusal):
    """Units are held for a checkout; capture or void that first."""

    code = "UNITS_RESERVED"


@dataclass(slots=True, kw_only=True)
class _Posting:
    """What all postings say. `occurred_at` is business time when it is not the batch's `now`."""

    kind: str = field(init=False)
    customer_id: UUID
    unit: str
    entry_id: UUID | None = None
    external_reference: str | None = None
    order_id: UUID | None = None
    occurred_at: datetime | None = None
    explanation: dict[str, Any] | None = None

    KIND: ClassVar[str]

    def __post_init__(self) -> None:
        self.kind = self.KIND


@dataclass(slots=True, kw_only=True)
class _Credit(_Posting):
    lot_made_id: UUID | None = None


@dataclass(slots=True, kw_only=True)
class Earn(_Credit):
    """Units earned: available at once, or pending until `available_at`, or until the event `awaits`."""

    KIND: ClassVar[str] = "earn"
    points: int
    earned_at: datetime
    expires_at: datetime | None = None
    available_at: datetime | None = None
    awaits: str | None = None


@dataclass(slots=True, kw_only=True)
class Adjust(_Credit):
    """A correction: `points` is signed."""

    KIND: ClassVar[str] = "adjust"
    points: int
    expires_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Release(_Posting):
    """A pending lot becomes available."""

    KIND: ClassVar[str] = "release"
    lot_id: UUID


@dataclass(slots=True, kw_only=True)
class Redeem(_Posting):
    """Units are spent."""

    KIND: ClassVar[str] = "redeem"
    points: int


@dataclass(slots=True, kw_only=True)
class Reserve(_Posting):
    """Units are held for a checkout until `reserved_until`."""

    KIND: ClassVar[str] = "reserve"
    points: int
    reservation_id: UUID
    reserved_until: datetime


@dataclass(slots=True, kw_only=True)
class Capture(_Posting):
    """Held units are spent."""

    KIND: ClassVar[str] = "capture"
    reservation_id: UUID


@dataclass(slots=True, kw_only=True)
class Void(_Posting):
    """Held units go back to their lots; expired lots last until `restored_until`."""

    KIND: ClassVar[str] = "void"
    reservation_id: UUID
    restored_until: datetime


@dataclass(slots=True, kw_only=True)
class Expire(_Posting):
    """The lots of exactly this expiry end."""

    KIND: ClassVar[str] = "expire"
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Reverse(_Posting):
    """A redemption is undone: its units go back to their lots."""

    KIND: ClassVar[str] = "reverse"
    related_entry_id: UUID
    restored_until: datetime


@dataclass(slots=True, kw_only=True)
class Clawback(_Posting):
    """Units of an order are taken back: pending first, then available, then owed."""

    KIND: ClassVar[str] = "clawback"
    points: int
    owing_allowed: bool
    related_entry_id: UUID | None = None
    """The earn entry whose units are taken back."""


@dataclass(slots=True, kw_only=True)
class Transfer(_Posting):
    """Units move to another customer's wallet; without `points` everything does."""

    KIND: ClassVar[str] = "transfer"
    to_customer_id: UUID
    points: int | None = None
    related_entry_id: UUID | None = None


Posting = Earn | Adjust | Release | Redeem | Reserve | Capture | Void | Expire | Reverse | Clawback | Transfer


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of one posting.

    `code` is `ok`, `exists` (its external reference was posted before, `entry_id` says as what) or the reason it was
    refused. `points` is as people read it; `spendable_points` is told where there was too little.
    """

    code: str
    entry_id: UUID | None
    sequence: int | None
    points: int
    balance_after_points: int
    spendable_points: int | None
    owed_points: int
    lost_points: int
    asked_points: int | None

    @property
    def took_effect(self) -> bool:
        """Tell whether an entry stands for it, now or from before."""
        return self.entry_id is not None

    def or_refuse(self) -> UUID:
        """Return the entry's id, or raise the refusal that `code` stands for."""
        if self.entry_id is not None:
            return self.entry_id
        match self.code:
            case "balance_too_low":
                raise BalanceTooLow(balance_points=self.spendable_points or 0, asked_points=abs(self.asked_points or 0))
            case "too_large":
                raise AmountTooLarge
            case "reservation_not_open":
                raise ReservationNotOpen
            case "reservation_expired":
                raise ReservationExpired
            case "reserved_units":
                raise UnitsReserved
        raise NothingToMove(result=self.code)


async def post(postings: Sequence[Posting], *, by: Actor, now: datetime) -> list[Posted]:
    """Post a batch and return one result per posting, in the order asked.

    One round trip. Joins the open transaction, or opens its own. Postings of one wallet take effect in the order
    asked; a refused one has no effect and does not touch the others. Missing ids are filled in. Within a batch no two
    postings of one kind share an external reference.

    Raises:
        AmountTooLarge: a posting asks for more than 10^12 units. Nothing was posted.
    """
    if not postings:
        return []
    for posting in postings:
        _check(posting)
    ids = iter(new_ids(now, 2 * len(postings)))
    for posting in postings:
        _fill_in(posting, ids)
    references = [(one.external_reference, one.kind) for one in postings if one.external_reference is not None]
    assert len(references) == len(set(references)), "within a batch a reference is used once"
    text = orjson.dumps(postings, default=str).decode()  # asyncpg has a UUID class of its own

    async def posted() -> list[asyncpg.Record]:
        try:
            return await rows("SELECT * FROM ledger_post($1::jsonb, $2, $3) ORDER BY idx", text, now, by.reference)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "entry_external_reference":
                # Another wallet's posting with this reference was committed meanwhile: start again and find it.
                raise Conflict from error
            raise

    found = await in_one_transaction(posted)
    return [_told(row, posting) for row, posting in zip(found, postings, strict=True)]


def _check(posting: Posting) -> None:
    points = getattr(posting, "points", None)
    if points is not None and abs(points) > POINTS_PER_ENTRY_MAX:
        raise AmountTooLarge
    assert points != 0, "a posting of nothing"
    assert points is None or points > 0 or isinstance(posting, Adjust), "only a correction takes a sign"
    assert not isinstance(posting, Transfer) or posting.to_customer_id != posting.customer_id, "from one to another"


def _fill_in(posting: Posting, ids: Iterator[UUID]) -> None:
    if posting.entry_id is None:
        posting.entry_id = next(ids)
    if isinstance(posting, _Credit) and posting.lot_made_id is None:
        posting.lot_made_id = next(ids)
    if isinstance(posting, Transfer) and posting.related_entry_id is None:
        posting.related_entry_id = next(ids)


def _told(row: asyncpg.Record, posting: Posting) -> Posted:
    return Posted(
        code=row["code"],
        entry_id=row["entry_id"],
        sequence=row["entry_sequence"],
        points=row["points"],
        balance_after_points=row["balance_after_points"],
        spendable_points=row["spendable_points"],
        owed_points=row["owed_points"],
        lost_points=row["lost_points"],
        asked_points=getattr(posting, "points", None),
    )

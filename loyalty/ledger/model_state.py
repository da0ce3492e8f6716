"""What the model keeps: wallets, lots, entries, reservations, and an entry in the making."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

WALLET_MAX_POINTS = 10**15
PARTS = ("pending", "open", "reserved", "redeemed", "expired", "adjusted", "reversed", "transferred")
COLUMN_OF_PART = {"open": "available", "pending": "pending", "reserved": "reserved"}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Refused(Exception):
    """The posting has no effect; the text is the code of the refusal."""


class Columns(NamedTuple):
    """The six columns of a wallet, or what one entry did to them, in units."""

    available: int = 0
    pending: int = 0
    reserved: int = 0
    owed: int = 0
    lifetime_earned: int = 0
    lifetime_redeemed: int = 0

    @property
    def held(self) -> int:
        """Return what the programme owes the customer: the side of the books that faces the contra accounts."""
        return self.available + self.pending + self.reserved - self.owed

    def plus(self, other: "Columns") -> "Columns":
        """Return the sum, column by column."""
        return Columns(*(mine + more for mine, more in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One posting. `lot` and `related` are sequences in the same wallet; None where no such row is there."""

    kind: str
    customer_id: UUID
    unit: str
    external_reference: str | None = None
    points: int | None = None
    order_id: UUID | None = None
    earned_at: datetime | None = None
    expires_at: datetime | None = None
    available_at: datetime | None = None
    awaits: str | None = None
    lot: int | None = None
    related: int | None = None
    reservation_id: UUID | None = None
    reserved_until: datetime | None = None
    restored_until: datetime | None = None
    owing_allowed: bool = False
    to_customer_id: UUID | None = None


class Movement(NamedTuple):
    """How many units of a lot (by sequence) went from one part to another."""

    lot: int
    from_part: str
    to_part: str
    units: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable row: what was asked, what it did, and in which lots."""

    asked: Asked
    now: datetime
    customer_id: UUID
    sequence: int
    kind: str
    points: int
    contra: str
    deltas: Columns
    balance_after: int
    movements: tuple[Movement, ...]
    lots_made: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a posting came to: `ok`, `exists`, or the code of a refusal, which has no entry."""

    code: str
    entry: Entry | None


@dataclass(slots=True)
class Lot:
    """A quantity that came together. `parts` says where its units are now."""

    sequence: int
    entry_sequence: int
    earned: int
    parts: dict[str, int]
    earned_at: datetime
    expires_at: datetime | None
    available_at: datetime | None
    awaits: str | None
    order_id: UUID | None

    @property
    def order_key(self) -> tuple[bool, datetime, int]:
        """Return what sorts lots first expiring first, never-expiring last, then by sequence."""
        return (self.expires_at is None, self.expires_at or _LONG_AGO, self.sequence)

    def spendable(self, now: datetime) -> bool:
        """Tell whether the lot has open units that are not past their expiry at `now`."""
        return self.parts["open"] > 0 and (self.expires_at is None or self.expires_at > now)


@dataclass(slots=True)
class Reservation:
    """Units held until `expires_at`, in the lots its entry moved them in. `state` is open, captured or voided."""

    entry: Entry
    units: int
    expires_at: datetime
    state: str = "open"
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gift:
    """What a transfer carries: (lot as it was, part, units) in order, what is owed, and the lifetimes."""

    lots: tuple[tuple[Lot, str, int], ...]
    owed: int
    lifetime_earned: int
    lifetime_redeemed: int

    @property
    def net(self) -> int:
        """Return available + pending - owed, as moved."""
        return sum(units for _, _, units in self.lots) - self.owed


@dataclass(slots=True)
class Wallet:
    """One customer's account in one unit, with its entries and lots in sequence."""

    customer_id: UUID
    unit: str
    columns: Columns = field(default_factory=Columns)
    entries: list[Entry] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    reservations: dict[UUID, Reservation] = field(default_factory=dict)
    reversed_entries: set[int] = field(default_factory=set)
    _open: dict[int, Lot] = field(default_factory=dict)
    _of_order: dict[UUID, list[Lot]] = field(default_factory=dict)

    def add_lot(self, lot: Lot) -> None:
        """Take the lot in as the newest."""
        self.lots.append(lot)
        self.note(lot)
        if lot.order_id is not None:
            self._of_order.setdefault(lot.order_id, []).append(lot)

    def note(self, lot: Lot) -> None:
        """Remember whether the lot has open units, so that no search walks through spent lots."""
        if lot.parts["open"]:
            self._open[lot.sequence] = lot
        else:
            self._open.pop(lot.sequence, None)

    def open_lots(self) -> list[Lot]:
        """Return the lots with open units, spendable or not, in lot order."""
        return sorted(self._open.values(), key=lambda lot: lot.order_key)

    def spendable_lots(self, now: datetime) -> list[Lot]:
        """Return the lots that can be spent at `now`, in lot order."""
        return [lot for lot in self.open_lots() if lot.spendable(now)]

    def lots_of(self, order_id: UUID | None) -> list[Lot]:
        """Return the lots that came with the order, in lot order."""
        mine = self._of_order.get(order_id, []) if order_id is not None else []
        return sorted(mine, key=lambda lot: lot.order_key)

    def lot(self, sequence: int | None) -> Lot | None:
        """Return the lot with this sequence, if it is there."""
        return self.lots[sequence - 1] if sequence is not None and 1 <= sequence <= len(self.lots) else None

    def entry(self, sequence: int | None) -> Entry | None:
        """Return the entry with this sequence, if it is there."""
        return self.entries[sequence - 1] if sequence is not None and 1 <= sequence <= len(self.entries) else None


class Draft:
    """An entry in the making: all that it does to its wallet goes through here."""

    def __init__(self, asked: Asked, wallet: Wallet, now: datetime) -> None:
        self.asked, self.wallet, self.now = asked, wallet, now
        self._deltas = dict.fromkeys(Columns._fields, 0)
        self._movements: list[Movement] = []
        self._made: list[int] = []
        self._opened: dict[int, int] = {}
        self._order_before: dict[int, tuple[bool, datetime, int]] = {}

    def add(self, column: str, units: int) -> None:
        """Change a column of the wallet that no lot stands behind."""
        self._deltas[column] += units

    def make_lot(self, units: int, part: str, **origin: object) -> None:
        """Let a lot begin: its birth is the lot itself and no movement."""
        sequence = len(self.wallet.lots) + 1
        parts = dict.fromkeys(PARTS, 0) | {part: units}
        lot = Lot(sequence, len(self.wallet.entries) + 1, units, parts, **origin)  # type: ignore[arg-type]
        self.wallet.add_lot(lot)
        self._made.append(sequence)
        self._came_into(lot, part, units)

    def move(self, lot: Lot, from_part: str, to_part: str, units: int) -> None:
        """Move units within a lot; the wallet's column behind each part follows."""
        lot.parts[from_part] -= units
        if from_part in COLUMN_OF_PART:
            self._deltas[COLUMN_OF_PART[from_part]] -= units
        lot.parts[to_part] += units
        self._came_into(lot, to_part, units)
        self._movements.append(Movement(lot.sequence, from_part, to_part, units))
        self.wallet.note(lot)

    def _came_into(self, lot: Lot, part: str, units: int) -> None:
        if part in COLUMN_OF_PART:
            self._deltas[COLUMN_OF_PART[part]] += units
        if part == "open":
            self._opened[lot.sequence] = self._opened.get(lot.sequence, 0) + units

    def take(self, lots: Iterable[Lot], from_part: str, to_part: str, units: int) -> int:
        """Move up to `units` out of these lots in the order given, and return how many were moved."""
        left = units
        for lot in lots:
            taken = min(left, lot.parts[from_part])
            if taken:
                self.move(lot, from_part, to_part, taken)
                left -= taken
        return units - left

    def restore(self, moved: Iterable[Movement], from_part: str) -> int:
        """Put units back into `open` of the lots they came from, and return how many. An expired lot lives on."""
        units = 0
        for movement in moved:
            lot = self.wallet.lots[movement.lot - 1]
            self._order_before[lot.sequence] = lot.order_key
            if lot.expires_at is not None and lot.expires_at <= self.now:
                assert self.asked.restored_until is not None
                lot.expires_at = max(lot.expires_at, self.asked.restored_until)
            self.move(lot, from_part, "open", movement.units)
            units += movement.units
        return units

    def credit(self) -> None:
        """Take what is owed from what this entry opened, at most what it opened in each lot.

        In lot order, as it was before the entry restored anything; new lots in their sequence.
        """
        owed = self.wallet.columns.owed + self._deltas["owed"]
        before = self._order_before
        for sequence in sorted(self._opened, key=lambda sequence: (before.get(sequence, ()), sequence)):
            lot, units = self.wallet.lots[sequence - 1], self._opened[sequence]
            absorbed = min(owed, units)
            if absorbed:
                self.move(lot, "open", "reversed", absorbed)
                self.add("owed", -absorbed)
                owed -= absorbed

    def close(self, points: int, contra: str, *, kind: str | None = None) -> Entry:
        """Number the entry and add it to its wallet."""
        wallet, deltas = self.wallet, Columns(**self._deltas)
        wallet.columns = wallet.columns.plus(deltas)
        entry = Entry(
            asked=self.asked,
            now=self.now,
            customer_id=wallet.customer_id,
            sequence=len(wallet.entries) + 1,
            kind=kind or self.asked.kind,
            points=points,
            contra=contra,
            deltas=deltas,
            balance_after=wallet.columns.available,
            movements=tuple(self._movements),
            lots_made=tuple(self._made),
        )
        wallet.entries.append(entry)
        return entry

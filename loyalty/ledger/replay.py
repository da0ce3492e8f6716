"""Replay the entries of wallets through the model and compare, in words, all that stands."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import orjson

from loyalty.ledger.model import Ledger
from loyalty.ledger.model_state import PARTS, Asked, Columns, Entry, Gift, Lot, Reservation, Wallet

Row = Mapping[str, Any]


class Differs(Exception):
    """What stands is not what the replay gives. The text says where, what was expected and what stands."""


@dataclass(slots=True)
class Standing:
    """What the database holds of one wallet."""

    row: Row
    entries: list[Row] = field(default_factory=list)
    movements: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    lots: list[Row] = field(default_factory=list)
    reservations: list[Row] = field(default_factory=list)
    name: str = ""
    """How differences name the wallet."""

    def __post_init__(self) -> None:
        self.name = f"wallet {self.row['id']} ({self.row['unit']} of customer {self.row['customer_id']})"

    def entry_name(self, row: Row) -> str:
        """Return how differences name an entry."""
        return f"{self.name}, entry {row['sequence']} ({row['kind']})"


@dataclass(slots=True)
class Family:
    """Wallets that are replayed together, and what names their rows."""

    standings: list[Standing]
    ledger: Ledger = field(default_factory=Ledger)
    gifts: dict[UUID, tuple[Gift, Asked, datetime, UUID | None]] = field(default_factory=dict)
    lots: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    entries: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for standing in self.standings:
            self.lots.update({row["id"]: (row["wallet_id"], row["sequence"]) for row in standing.lots})
            self.entries.update({row["id"]: (row["wallet_id"], row["sequence"]) for row in standing.entries})


_Waiting = tuple[Standing, Iterator[Row]]


def replay(standings: list[Standing]) -> Ledger:
    """Replay the entries of these wallets from zero, compare all that stands, and return the state.

    The wallets must be all that transfers connect.

    Raises:
        Differs: at the first difference.
    """
    family = Family(standings)
    _replay_entries(family)
    for standing in standings:
        compare_wallet(family, standing)
    return family.ledger


def _replay_entries(family: Family) -> None:
    """Replay each wallet in its sequence; one that takes waits until the other has given."""
    ready = deque((standing, iter(standing.entries)) for standing in family.standings)
    waiting: dict[UUID | None, list[_Waiting]] = defaultdict(list)
    while ready:
        standing, rest = ready.popleft()
        for row in rest:
            if row["kind"] == "transfer_in" and row["related_entry_id"] not in family.gifts:
                waiting[row["related_entry_id"]].append((standing, chain([row], rest)))
                break
            _replay_entry(family, standing, row)
            ready.extend(waiting.pop(row["id"], ()))
    for [(standing, rest), *_] in waiting.values():
        raise Differs(f"{standing.entry_name(next(rest))}: no entry gives what it takes")
    for given in family.gifts:
        raise Differs(f"entry {given} (transfer_out): no entry takes what it gives")


def _replay_entry(family: Family, standing: Standing, row: Row) -> None:
    name = standing.entry_name(row)
    wallet = family.ledger.wallet(standing.row["customer_id"], standing.row["unit"])
    if row["sequence"] != len(wallet.entries) + 1:
        raise Differs(f"{name}: entry {len(wallet.entries) + 1} should come next")
    try:
        asked, now = _asked(family, standing, row)
        entry = _posted(family, row, asked, now)
    except (KeyError, ValueError, TypeError, AssertionError) as error:
        raise Differs(f"{name}: what was asked cannot be replayed: {error!r}") from error
    compare_entry(family, standing, row, entry)


def _posted(family: Family, row: Row, asked: Asked, now: datetime) -> Entry:
    ledger = family.ledger
    if row["kind"] == "transfer_in":
        gift, given, given_at, taken_by = family.gifts.pop(row["related_entry_id"])
        if taken_by != row["id"]:
            raise ValueError(f"its units were given to entry {taken_by}")
        if (given.to_customer_id, given.unit) != (asked.customer_id, asked.unit):
            raise ValueError(f"given to {given.to_customer_id} in {given.unit}")
        return ledger.accept(given, gift, given_at)
    if row["kind"] == "transfer_out":
        entry, gift = ledger.give(asked, now)
        family.gifts[row["id"]] = gift, asked, now, row["related_entry_id"]
        ledger.wallets.setdefault((asked.customer_id, asked.unit), ledger.wallet(asked.customer_id, asked.unit))
        return entry
    result = ledger.apply(asked, now)
    if result.entry is None:
        raise ValueError(f"the rules refuse it: {result.code}")
    return result.entry


def _asked(family: Family, standing: Standing, row: Row) -> tuple[Asked, datetime]:
    told = row["asked"] if isinstance(row["asked"], dict) else orjson.loads(row["asked"])
    mine = standing.row["id"]
    points = told.get("points")
    if points is not None and type(points) is not int:
        raise ValueError(f"points {points!r}")
    asked = Asked(
        kind="transfer" if row["kind"] in ("transfer_out", "transfer_in") else row["kind"],
        customer_id=standing.row["customer_id"],
        unit=standing.row["unit"],
        points=points,
        order_id=_uuid(told.get("order_id")),
        earned_at=_moment(told.get("earned_at")),
        expires_at=_moment(told.get("expires_at")),
        available_at=_moment(told.get("available_at")),
        awaits=told.get("awaits"),
        lot=_sequence(family.lots, told.get("lot_id"), mine),
        related=_sequence(family.entries, told.get("related_entry_id"), mine),  # None for the halves of a transfer
        reservation_id=_uuid(told.get("reservation_id")),
        reserved_until=_moment(told.get("reserved_until")),
        restored_until=_moment(told.get("restored_until")),
        owing_allowed=bool(told.get("owing_allowed")),
        to_customer_id=_uuid(told.get("to_customer_id")),
    )
    return asked, datetime.fromisoformat(told["now"])


def _moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


def _uuid(told: str | None) -> UUID | None:
    return None if told is None else UUID(told)


def _sequence(known: dict[UUID, tuple[UUID, int]], told: str | None, wallet_id: UUID) -> int | None:
    owner, sequence = known.get(UUID(told), (None, None)) if told is not None else (None, None)
    return sequence if owner == wallet_id else None


def columns_of(row: Row, suffix: str) -> Columns:
    """Return the six columns of a wallet, or an entry's deltas, whose names end with `suffix`."""
    return Columns(*(row[f"{column}_{suffix}"] for column in Columns._fields))


def _same(name: str, what: str, expected: object, stands: object) -> None:
    if expected != stands:
        raise Differs(f"{name}: {what} should be {_told(expected)}, and {_told(stands)} stands")


def _told(content: object) -> str:
    if isinstance(content, datetime):
        return content.isoformat()
    return "nothing" if content is None or content == [] else str(content)


def compare_entry(family: Family, standing: Standing, row: Row, entry: Entry) -> None:
    """Compare an entry that stands, with its movements, with the model's.

    Raises:
        Differs: at the first difference.
    """
    name = standing.entry_name(row)
    _same(name, "the customer", standing.row["customer_id"], row["customer_id"])
    for column in Columns._fields:
        _same(name, f"the change of {column}", getattr(entry.deltas, column), row[f"{column}_delta"])
    _same(name, "points", entry.points, row["points"])
    _same(name, "the contra account", entry.contra, row["contra"])
    _same(name, "available afterwards", entry.balance_after, row["balance_after_points"])
    _same(name, "the order", entry.asked.order_id, row["order_id"])
    _same(name, "expires_at", entry.asked.expires_at, row["expires_at"])
    _same(name, "the moment it was recorded", entry.now, row["recorded_at"])
    if (related := _related(family, standing, entry)) is not None:
        _same(name, "the entry it refers to", related, family.entries.get(row["related_entry_id"]))
    expected = sorted(f"{m.units} of lot {m.lot} from {m.from_part} to {m.to_part}" for m in entry.movements)
    _same(name, "its movements", expected, sorted(_movements(family, standing, row)))


def _related(family: Family, standing: Standing, entry: Entry) -> tuple[UUID, int] | None:
    sequence = entry.asked.related
    if entry.kind in ("capture", "void"):
        assert entry.asked.reservation_id is not None
        wallet = family.ledger.wallet(entry.customer_id, entry.asked.unit)
        sequence = wallet.reservations[entry.asked.reservation_id].entry.sequence
    return None if sequence is None else (standing.row["id"], sequence)


def _movements(family: Family, standing: Standing, row: Row) -> Iterator[str]:
    for moved in standing.movements.get(row["id"], ()):
        owner, sequence = family.lots.get(moved["lot_id"], (None, None))
        lot = sequence if owner == standing.row["id"] else f"{moved['lot_id']} of another wallet"
        _same(standing.entry_name(row), "the customer of a movement", standing.row["customer_id"], moved["customer_id"])
        yield f"{moved['points']} of lot {lot} from {moved['from_part']} to {moved['to_part']}"


def compare_wallet(family: Family, standing: Standing) -> None:
    """Compare the wallet, its lots and its reservations with the family's state.

    Raises:
        Differs: at the first difference.
    """
    wallet = family.ledger.wallet(standing.row["customer_id"], standing.row["unit"])
    _compare_lots(standing, wallet)
    for column in Columns._fields:
        _same(standing.name, column, getattr(wallet.columns, column), standing.row[f"{column}_points"])
    _same(standing.name, "the number of its newest entry", len(wallet.entries), standing.row["version"])
    _same(standing.name, "the number of its newest lot", len(wallet.lots), standing.row["lots_made"])
    _compare_reservations(standing, wallet)


def _compare_lots(standing: Standing, wallet: Wallet) -> None:
    expected = [lot.sequence for lot in wallet.lots]
    _same(standing.name, "the numbers of its lots", expected, [row["sequence"] for row in standing.lots])
    ids = [row["id"] for row in standing.entries]
    for row, lot in zip(standing.lots, wallet.lots, strict=True):
        _compare_lot(f"{standing.name}, lot {lot.sequence}", row, lot, standing, ids[lot.entry_sequence - 1])


def _compare_lot(name: str, row: Row, lot: Lot, standing: Standing, entry_id: UUID) -> None:
    _same(name, "the customer", standing.row["customer_id"], row["customer_id"])
    _same(name, "the entry that made it", entry_id, row["entry_id"])
    _same(name, "earned", lot.earned, row["earned_points"])
    for part in PARTS:
        _same(name, part, lot.parts[part], row[f"{part}_points"])
    for column in ("earned_at", "expires_at", "available_at", "awaits", "order_id"):
        _same(name, column, getattr(lot, column), row[column])


def _compare_reservations(standing: Standing, wallet: Wallet) -> None:
    expected = wallet.reservations
    _same(standing.name, "its reservations", sorted(expected), sorted(row["id"] for row in standing.reservations))
    ids = [row["id"] for row in standing.entries]
    for row in standing.reservations:
        reservation = expected[row["id"]]
        name = f"{standing.name}, reservation {row['id']}"
        _compare_reservation(name, row, reservation, standing, ids[reservation.entry.sequence - 1])


def _compare_reservation(name: str, row: Row, held: Reservation, standing: Standing, entry_id: UUID) -> None:
    _same(name, "the customer", standing.row["customer_id"], row["customer_id"])
    _same(name, "the entry that made it", entry_id, row["entry_id"])
    _same(name, "points", held.units, row["points"])
    _same(name, "the state", held.state, row["state"])
    _same(name, "expires_at", held.expires_at, row["expires_at"])
    _same(name, "closed_at", held.closed_at, row["closed_at"])

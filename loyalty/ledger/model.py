"""The ledger's machine in plain Python, written from docs/ledger.md: the oracle for posting.sql.

No database, no clock. Lots and entries are named by their sequence in their wallet, never by an identifier.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from loyalty.ledger.model_state import (
    COLUMN_OF_PART,
    WALLET_MAX_POINTS,
    Asked,
    Columns,
    Draft,
    Entry,
    Gift,
    Lot,
    Refused,
    Reservation,
    Result,
    Wallet,
)


class LawBroken(Exception):
    """The state breaks one of the laws in docs/ledger.md, "What always holds". The text names it."""


class Ledger:
    """All wallets, references and reservations, and the one way to change them: `apply`."""

    def __init__(self) -> None:
        self.wallets: dict[tuple[UUID, str], Wallet] = {}
        self.references: dict[tuple[str, str], Entry] = {}
        self.reservation_ids: set[UUID] = set()

    def apply(self, asked: Asked, now: datetime) -> Result:
        """Post what is asked at the business time `now`, and say what it came to. A refusal changes nothing."""
        if asked.external_reference is not None:
            known = self.references.get((asked.kind, asked.external_reference))
            if known is not None:
                return Result("exists", known)
        try:
            entry = self._transfer(asked, now) if asked.kind == "transfer" else self._single(asked, now)
        except Refused as refused:
            return Result(str(refused), None)
        if asked.external_reference is not None:
            self.references[asked.kind, asked.external_reference] = entry
        return Result("ok", entry)

    def wallet(self, customer_id: UUID, unit: str) -> Wallet:
        """Return the customer's wallet in the unit; a missing one is empty, and kept once an entry stands in it."""
        return self.wallets.get((customer_id, unit)) or Wallet(customer_id, unit)

    def _single(self, asked: Asked, now: datetime) -> Entry:
        wallet = self.wallet(asked.customer_id, asked.unit)
        entry = _RULES[asked.kind](self, Draft(asked, wallet, now))
        self.wallets[asked.customer_id, asked.unit] = wallet
        return entry

    def _transfer(self, asked: Asked, now: datetime) -> Entry:
        given, gift = self.give(asked, now)
        self.accept(asked, gift, now)
        return given

    def give(self, asked: Asked, now: datetime) -> tuple[Entry, Gift]:
        """Do the giving half of a transfer, and return its entry and what it carries.

        Raises:
            Refused: reserved_units, nothing_to_transfer, balance_too_low or too_large.
        """
        if asked.to_customer_id is None or asked.to_customer_id == asked.customer_id:
            raise ValueError("a transfer goes to another customer")
        wallet = self.wallet(asked.customer_id, asked.unit)
        draft = Draft(asked, wallet, now)
        gift = _gift_of_all(wallet) if asked.points is None else _gift_of(wallet, _positive(asked), now)
        _room_for(sum(units for _, _, units in gift.lots) + gift.owed, self.wallet(asked.to_customer_id, asked.unit))
        for lot, part, units in gift.lots:
            draft.move(wallet.lots[lot.sequence - 1], part, "transferred", units)
        draft.add("owed", -gift.owed)
        draft.add("lifetime_earned", -gift.lifetime_earned)
        draft.add("lifetime_redeemed", -gift.lifetime_redeemed)
        return draft.close(-gift.net, "transferred", kind="transfer_out"), gift

    def accept(self, asked: Asked, gift: Gift, now: datetime) -> Entry:
        """Do the taking half of a transfer: what is owed first, then the lots, then crediting."""
        assert asked.to_customer_id is not None
        wallet = self.wallet(asked.to_customer_id, asked.unit)
        draft = Draft(asked, wallet, now)
        draft.add("owed", gift.owed)
        draft.add("lifetime_earned", gift.lifetime_earned)
        draft.add("lifetime_redeemed", gift.lifetime_redeemed)
        for lot, part, units in gift.lots:
            draft.make_lot(units, part, **_origin(lot))
        draft.credit()
        entry = draft.close(gift.net, "transferred", kind="transfer_in")
        self.wallets[wallet.customer_id, wallet.unit] = wallet
        return entry

    def check_laws(self, wallets: Iterable[Wallet] | None = None) -> None:
        """Check what always holds, in these wallets or in all and over the whole.

        Raises:
            LawBroken: naming the law, the customer and the unit.
        """
        for wallet in self.wallets.values() if wallets is None else wallets:
            self._check_wallet(wallet)
        if wallets is None:
            self._check_books()

    def _check_wallet(self, wallet: Wallet) -> None:
        where = f"customer {wallet.customer_id}, {wallet.unit}"
        summed = Columns(*map(sum, zip(*(entry.deltas for entry in wallet.entries), strict=True)))
        _law(wallet.columns == summed, "a wallet is the sum of its entries' deltas", where)
        numbered = all(entry.sequence == place for place, entry in enumerate(wallet.entries, 1))
        _law(numbered, "entries are numbered without gaps", where)
        _law(min(wallet.columns[:4]) >= 0, "available, pending, reserved and owed are never negative", where)
        for part, column in COLUMN_OF_PART.items():
            in_lots = sum(lot.parts[part] for lot in wallet.lots)
            _law(getattr(wallet.columns, column) == in_lots, f"{column} is the sum of its lots", where)
        for lot in wallet.lots:
            _law(sum(lot.parts.values()) == lot.earned, "a lot's parts sum to what was earned", where)
            _law(min(lot.parts.values()) >= 0, "no part of a lot is negative", where)
        held = sum(held.units for held in wallet.reservations.values() if held.state == "open")
        _law(wallet.columns.reserved == held, "a reservation is open exactly while its units are reserved", where)
        for entry in wallet.entries:
            _law(entry.contra != "none" or entry.deltas.held == 0, "an entry without contra shares nothing", where)

    def _check_books(self) -> None:
        for unit in {unit for _, unit in self.wallets}:
            wallets = [wallet for wallet in self.wallets.values() if wallet.unit == unit]
            shares = sum(-e.deltas.held for wallet in wallets for e in wallet.entries if e.contra != "none")
            _law(sum(wallet.columns.held for wallet in wallets) == -shares, "the books close", unit)


def _law(holds: bool, law: str, where: str) -> None:
    if not holds:
        raise LawBroken(f"{law}: broken for {where}")


def _positive(asked: Asked) -> int:
    if asked.points is None or asked.points <= 0:
        raise ValueError(f"{asked.kind} of {asked.points} points")
    return asked.points


def _room_for(points: int, wallet: Wallet) -> None:
    columns = wallet.columns
    if columns.available + columns.pending + columns.owed + columns.reserved + points > WALLET_MAX_POINTS:
        raise Refused("too_large")


def _spendable_lots(wallet: Wallet, points: int, now: datetime) -> list[Lot]:
    lots = wallet.spendable_lots(now)
    if sum(lot.parts["open"] for lot in lots) < points:
        raise Refused("balance_too_low")
    return lots


def _origin(lot: Lot) -> dict[str, object]:
    return {name: getattr(lot, name) for name in ("earned_at", "expires_at", "available_at", "awaits", "order_id")}


def _as_it_is(lot: Lot) -> Lot:
    return Lot(lot.sequence, lot.entry_sequence, lot.earned, dict(lot.parts), **_origin(lot))  # type: ignore[arg-type]


def _gift_of_all(wallet: Wallet) -> Gift:
    columns = wallet.columns
    if columns.reserved:
        raise Refused("reserved_units")
    if not any(columns):
        raise Refused("nothing_to_transfer")
    ordered = sorted(wallet.lots, key=lambda lot: lot.order_key)
    moved = [(_as_it_is(lot), part, lot.parts[part]) for lot in ordered for part in ("pending", "open")]
    carried = tuple(each for each in moved if each[2])
    return Gift(carried, columns.owed, columns.lifetime_earned, columns.lifetime_redeemed)


def _gift_of(wallet: Wallet, points: int, now: datetime) -> Gift:
    carried, left = [], points
    for lot in _spendable_lots(wallet, points, now):
        units = min(left, lot.parts["open"])
        if units:
            carried.append((_as_it_is(lot), "open", units))
            left -= units
    return Gift(tuple(carried), 0, 0, 0)


def _earn(_: Ledger, draft: Draft) -> Entry:
    asked, points = draft.asked, _positive(draft.asked)
    assert asked.earned_at is not None
    _room_for(points, draft.wallet)
    waits = asked.available_at is not None or asked.awaits is not None
    draft.make_lot(
        points,
        "pending" if waits else "open",
        earned_at=asked.earned_at,
        expires_at=asked.expires_at,
        available_at=asked.available_at,
        awaits=asked.awaits,
        order_id=asked.order_id,
    )
    draft.credit()
    draft.add("lifetime_earned", points)
    return draft.close(points, "issued")


def _release(_: Ledger, draft: Draft) -> Entry:
    lot = draft.wallet.lot(draft.asked.lot)
    if lot is None or not (units := lot.parts["pending"]):
        raise Refused("nothing_pending")
    draft.move(lot, "pending", "open", units)
    draft.credit()
    return draft.close(units, "none")


def _redeem(_: Ledger, draft: Draft) -> Entry:
    points = _positive(draft.asked)
    draft.take(_spendable_lots(draft.wallet, points, draft.now), "open", "redeemed", points)
    draft.add("lifetime_redeemed", points)
    return draft.close(-points, "redeemed")


def _reserve(ledger: Ledger, draft: Draft) -> Entry:
    asked, points = draft.asked, _positive(draft.asked)
    assert asked.reservation_id is not None
    assert asked.reserved_until is not None
    if asked.reservation_id in ledger.reservation_ids:
        raise ValueError(f"reservation {asked.reservation_id} is there already")
    draft.take(_spendable_lots(draft.wallet, points, draft.now), "open", "reserved", points)
    entry = draft.close(-points, "none")
    draft.wallet.reservations[asked.reservation_id] = Reservation(entry, points, asked.reserved_until)
    ledger.reservation_ids.add(asked.reservation_id)
    return entry


def _open_reservation(draft: Draft) -> Reservation:
    assert draft.asked.reservation_id is not None
    reservation = draft.wallet.reservations.get(draft.asked.reservation_id)
    if reservation is None or reservation.state != "open":
        raise Refused("reservation_not_open")
    return reservation


def _capture(_: Ledger, draft: Draft) -> Entry:
    reservation = _open_reservation(draft)
    if reservation.expires_at <= draft.now:
        raise Refused("reservation_expired")
    for held in reservation.entry.movements:
        draft.move(draft.wallet.lots[held.lot - 1], "reserved", "redeemed", held.units)
    draft.add("lifetime_redeemed", reservation.units)
    reservation.state, reservation.closed_at = "captured", draft.now
    return draft.close(0, "redeemed")


def _void(_: Ledger, draft: Draft) -> Entry:
    reservation = _open_reservation(draft)
    units = draft.restore(reservation.entry.movements, "reserved")
    draft.credit()
    reservation.state, reservation.closed_at = "voided", draft.now
    return draft.close(units, "none")


def _expire(_: Ledger, draft: Draft) -> Entry:
    moment = draft.asked.expires_at
    if moment is None or moment > draft.now:
        raise Refused("nothing_due")
    due = [lot for lot in draft.wallet.open_lots() if lot.expires_at == moment]
    if not due:
        raise Refused("nothing_due")
    units = draft.take(due, "open", "expired", sum(lot.parts["open"] for lot in due))
    return draft.close(-units, "expired")


def _adjust(_: Ledger, draft: Draft) -> Entry:
    asked, points = draft.asked, draft.asked.points
    if not points:
        raise ValueError("an adjustment of nothing")
    if points < 0:
        draft.take(_spendable_lots(draft.wallet, -points, draft.now), "open", "adjusted", -points)
        return draft.close(points, "adjusted")
    _room_for(points, draft.wallet)
    origin = {"earned_at": draft.now, "expires_at": asked.expires_at, "order_id": asked.order_id}
    draft.make_lot(points, "open", available_at=None, awaits=None, **origin)
    draft.credit()
    return draft.close(points, "adjusted")


def _reverse(_: Ledger, draft: Draft) -> Entry:
    wallet = draft.wallet
    undone = wallet.entry(draft.asked.related)
    if undone is None or undone.kind not in ("redeem", "capture"):
        raise Refused("nothing_to_reverse")
    if undone.sequence in wallet.reversed_entries:
        raise Refused("already_reversed")
    units = draft.restore(undone.movements, "redeemed")
    draft.credit()
    draft.add("lifetime_redeemed", -units)
    wallet.reversed_entries.add(undone.sequence)
    return draft.close(units, "redeemed")


def _clawback(_: Ledger, draft: Draft) -> Entry:
    wallet, points = draft.wallet, _positive(draft.asked)
    of_order = wallet.lots_of(draft.asked.order_id)
    if draft.asked.owing_allowed:
        others = [lot for lot in wallet.spendable_lots(draft.now) if lot not in of_order]
        reached = sum(lot.parts[part] for lot in of_order for part in ("pending", "open", "expired"))
        reached += sum(lot.parts["open"] for lot in others)
        if wallet.columns.owed + max(0, points - reached) > WALLET_MAX_POINTS:
            raise Refused("too_large")
    pending = draft.take(of_order, "pending", "reversed", points)
    available = draft.take(of_order, "open", "reversed", points - pending)
    lost = draft.take(of_order, "expired", "reversed", points - pending - available)
    # The order's own lots have nothing open left by now, unless the points are used up.
    left = points - pending - available - lost
    elsewhere = draft.take(wallet.spendable_lots(draft.now), "open", "reversed", left)
    owed = left - elsewhere if draft.asked.owing_allowed else 0
    draft.add("owed", owed)
    draft.add("lifetime_earned", -points)
    return draft.close(-(pending + available + elsewhere + owed), "reversed")


_RULES: dict[str, Callable[[Ledger, Draft], Entry]] = {
    "earn": _earn,
    "release": _release,
    "redeem": _redeem,
    "reserve": _reserve,
    "capture": _capture,
    "void": _void,
    "expire": _expire,
    "adjust": _adjust,
    "reverse": _reverse,
    "clawback": _clawback,
}

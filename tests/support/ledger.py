"""Ledgers for tests: random postings that make sense, and the model and the database side by side."""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from hypothesis import strategies

from loyalty import transactions
from loyalty.access import Actor
from loyalty.ledger import posting
from loyalty.ledger.model import Ledger
from loyalty.ledger.model_state import Asked, Entry, Wallet

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
SYSTEM = Actor.system("tests")
UNITS = ("points", "stars")
WEIGHTS = {
    "earn": 30,
    "redeem": 14,
    "adjust": 9,
    "clawback": 9,
    "reserve": 9,
    "expire": 8,
    "release": 7,
    "capture": 6,
    "reverse": 6,
    "void": 5,
    "transfer": 4,
}


class Draw(NamedTuple):
    """A posting before it is known what there is to post about: `pick` chooses among what stands."""

    kind: str
    customer: int
    unit: int
    points: int
    pick: int
    days: int
    flag: bool


def random_draw(dice: random.Random) -> Draw:
    """Return a draw; the same dice roll the same draws."""
    [kind] = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
    unit = 1 if dice.random() < 0.15 else 0
    return Draw(
        kind,
        dice.randrange(1000),
        unit,
        dice.randint(1, 60),
        dice.randrange(1000),
        dice.randrange(8),
        dice.random() < 0.5,
    )


@contextmanager
def seeded() -> Iterator[random.Random]:
    """Yield dice, and add to a failure the seed that rolls the same: set it as REGULARS_SEED."""
    seed = int(os.environ.get("REGULARS_SEED") or random.SystemRandom().randrange(2**32))
    try:
        yield random.Random(seed)
    except BaseException as failure:
        failure.add_note(f"REGULARS_SEED={seed} rolls the same dice")
        raise


draws = strategies.builds(
    Draw,
    strategies.sampled_from(list(WEIGHTS)),
    strategies.integers(0, 2),
    strategies.integers(0, 1),
    strategies.integers(1, 60),
    strategies.integers(0, 30),
    strategies.integers(0, 7),
    strategies.booleans(),
)


@dataclass
class World:
    """A few customers, their orders, the model of their ledger, and a moving `now`."""

    customers: list[UUID]
    ledger: Ledger = field(default_factory=Ledger)
    now: datetime = START
    name: str = field(default_factory=lambda: str(uuid4()))
    lots_unknown: set[tuple[UUID, str, int]] = field(default_factory=set)
    """Lots the database has named and we have not read yet."""
    references_of_batch: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.orders = [uuid4() for _ in range(6)]

    def pass_time(self, hours: int) -> None:
        """Move `now`: days begin at midnight, and that is when lots expire."""
        self.now += timedelta(hours=hours)

    def asked(self, draw: Draw) -> Asked:
        """Return the posting that the draw means now: mostly one that takes effect."""
        wallet = self.ledger.wallet(self.customers[draw.customer % len(self.customers)], UNITS[draw.unit])
        details = getattr(self, f"_{draw.kind}")(draw, wallet)
        return Asked(
            kind=draw.kind,
            customer_id=wallet.customer_id,
            unit=wallet.unit,
            external_reference=self._reference(draw),
            **details,
        )

    def _reference(self, draw: Draw) -> str | None:
        if draw.pick % 5:
            return None
        reference = f"{self.name}/{draw.pick}"
        if (draw.kind, reference) in self.references_of_batch:
            return None
        self.references_of_batch.add((draw.kind, reference))
        return reference

    def _midnight(self, days: int) -> datetime:
        return self.now.replace(hour=0, minute=0) + timedelta(days=days)

    def _order(self, draw: Draw) -> UUID:
        return self.orders[draw.pick % len(self.orders)]

    def _expiry(self, draw: Draw) -> datetime | None:
        return None if draw.days == 7 else self._midnight(draw.days)

    def _earn(self, draw: Draw, _: Wallet) -> dict[str, object]:
        pending = draw.pick % 4
        return {
            "points": draw.points,
            "earned_at": self.now - timedelta(hours=draw.pick),
            "expires_at": self._expiry(draw),
            "available_at": self._midnight(draw.points % 3) if pending == 0 else None,
            "awaits": "shipment" if pending == 1 and draw.flag else None,
            "order_id": self._order(draw) if draw.pick % 7 else None,
        }

    def _adjust(self, draw: Draw, _: Wallet) -> dict[str, object]:
        points = draw.points if draw.flag else -draw.points
        return {"points": points, "expires_at": self._expiry(draw) if points > 0 else None}

    def _redeem(self, draw: Draw, _: Wallet) -> dict[str, object]:
        return {"points": draw.points, "order_id": self._order(draw) if draw.flag else None}

    def _clawback(self, draw: Draw, _: Wallet) -> dict[str, object]:
        return {"points": draw.points, "order_id": self._order(draw), "owing_allowed": draw.flag}

    def _reserve(self, draw: Draw, _: Wallet) -> dict[str, object]:
        until = self.now + timedelta(hours=6 * draw.days)
        return {"points": draw.points, "reservation_id": uuid4(), "reserved_until": until}

    def _reservation(self, draw: Draw, wallet: Wallet) -> UUID:
        still_open = [id for id, held in wallet.reservations.items() if held.state == "open"]
        if still_open and draw.pick % 8:
            return still_open[draw.pick % len(still_open)]
        known = [id for holder in self.ledger.wallets.values() for id in holder.reservations]
        return known[draw.pick % len(known)] if known and draw.flag else uuid4()

    def _capture(self, draw: Draw, wallet: Wallet) -> dict[str, object]:
        return {"reservation_id": self._reservation(draw, wallet)}

    def _void(self, draw: Draw, wallet: Wallet) -> dict[str, object]:
        return {
            "reservation_id": self._reservation(draw, wallet),
            "restored_until": self.now + timedelta(days=draw.days),
        }

    def _expire(self, draw: Draw, wallet: Wallet) -> dict[str, object]:
        moments = sorted({lot.expires_at for lot in wallet.open_lots() if lot.expires_at is not None})
        if not moments or draw.pick % 9 == 0:
            return {"expires_at": self._midnight(draw.days - 4)}
        return {"expires_at": moments[0 if draw.flag else draw.pick % len(moments)]}

    def _release(self, draw: Draw, wallet: Wallet) -> dict[str, object]:
        known = [lot for lot in wallet.lots if (wallet.customer_id, wallet.unit, lot.sequence) not in self.lots_unknown]
        pending = [lot for lot in known if lot.parts["pending"]]
        among = pending if pending and draw.pick % 9 else known
        return {"lot": among[draw.pick % len(among)].sequence if among else None}

    def _reverse(self, draw: Draw, wallet: Wallet) -> dict[str, object]:
        spent = [entry for entry in wallet.entries if entry.kind in ("redeem", "capture")]
        among: Sequence[Entry] = spent if spent and draw.pick % 9 else wallet.entries
        return {
            "related": among[draw.pick % len(among)].sequence if among else None,
            "restored_until": self.now + timedelta(days=draw.days),
        }

    def _transfer(self, draw: Draw, wallet: Wallet) -> dict[str, object]:
        others = [customer for customer in self.customers if customer != wallet.customer_id]
        return {
            "to_customer_id": others[draw.pick % len(others)],
            "points": None if draw.flag and draw.pick % 3 == 0 else draw.points,
        }


def state_of(ledger: Ledger) -> dict[object, object]:
    """Return what a ledger's wallets and lots are, in a form that compares."""
    return {
        key: (wallet.columns, [(lot.earned, lot.parts, lot.expires_at) for lot in wallet.lots])
        for key, wallet in ledger.wallets.items()
        if wallet.entries
    }


_FIELDS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "earn": (posting.Earn, ("points", "earned_at", "expires_at", "available_at", "awaits")),
    "adjust": (posting.Adjust, ("points", "expires_at")),
    "release": (posting.Release, ("lot_id",)),
    "redeem": (posting.Redeem, ("points",)),
    "reserve": (posting.Reserve, ("points", "reservation_id", "reserved_until")),
    "capture": (posting.Capture, ("reservation_id",)),
    "void": (posting.Void, ("reservation_id", "restored_until")),
    "expire": (posting.Expire, ("expires_at",)),
    "reverse": (posting.Reverse, ("related_entry_id", "restored_until")),
    "clawback": (posting.Clawback, ("points", "owing_allowed")),
    "transfer": (posting.Transfer, ("points", "to_customer_id")),
}


def as_posting(asked: Asked, *, lot_id: UUID, related_entry_id: UUID) -> posting.Posting:
    """Return the posting that asks for the same, with ids made here, for later postings of its batch to use."""
    made, names = _FIELDS[asked.kind]
    named = {"lot_id": lot_id, "related_entry_id": related_entry_id}
    asking: posting.Posting = made(
        customer_id=asked.customer_id,
        unit=asked.unit,
        external_reference=asked.external_reference,
        order_id=asked.order_id,
        entry_id=uuid4(),
        **{name: named[name] if name in named else getattr(asked, name) for name in names},
    )
    if isinstance(asking, posting.Earn | posting.Adjust):
        asking.lot_made_id = uuid4()
    if isinstance(asking, posting.Transfer):
        asking.related_entry_id = uuid4()
    return asking


async def some_customers(count: int) -> list[UUID]:
    """Have new customers in the database, and return their ids."""
    ids = [uuid4() for _ in range(count)]
    await transactions.rows(
        "INSERT INTO customer (id, shop_id, member_number, locale, created_at, updated_at)"
        " SELECT id, id, id::text, 'en', $2, $2 FROM unnest($1::uuid[]) AS new(id)",
        ids,
        START,
    )
    return ids


async def a_customer() -> UUID:
    """Have a new customer in the database, and return the id."""
    [customer_id] = await some_customers(1)
    return customer_id

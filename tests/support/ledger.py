"""Ledgers for tests: random postings that make sense, and the model and the database side by side."""

import os
import random
from collections import Counter
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
from loyalty.ledger.model_state import Asked, Entry, Result, Wallet
from loyalty.ledger.replay import Family, compare_entry, compare_wallet
from loyalty.ledger.verification import standings_of

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
        if draw.kind == "clawback" and not wallet.entries:
            draw = draw._replace(kind="earn")
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
        known = self.ledger.reservations
        still_open = [id for id, (holder, held) in known.items() if holder is wallet and held.state == "open"]
        if still_open and draw.pick % 8:
            return still_open[draw.pick % len(still_open)]
        return list(known)[draw.pick % len(known)] if known and draw.flag else uuid4()

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


# The database beside it


@dataclass
class Pair:
    """A world, and the same ledger in the database. `ids` name the model's entries and lots there."""

    world: World
    entry_ids: dict[tuple[UUID, str, int], UUID] = field(default_factory=dict)
    lot_ids: dict[tuple[UUID, str, int], UUID] = field(default_factory=dict)
    compared: dict[tuple[UUID, str], int] = field(default_factory=dict)
    posted: int = 0

    async def post(self, drawn: Sequence[Draw]) -> None:
        """Post a batch to both, and compare the results and all that stands."""
        self.world.references_of_batch.clear()
        batch: list[tuple[posting.Posting, Result]] = []
        for draw in drawn:
            asked = self.world.asked(draw)
            asking = self._posting(asked)
            batch.append((asking, self._expected(asked, asking)))
        found = await posting.post([asking for asking, _ in batch], by=SYSTEM, now=self.world.now)
        for (asking, expected), told in zip(batch, found, strict=True):
            self._compare_result(asking, expected, told)
        self.posted += len(drawn)
        await self.compare(drawn)

    def _expected(self, asked: Asked, asking: posting.Posting) -> Result:
        result = self.world.ledger.apply(asked, self.world.now)
        if result.code == "ok" and result.entry is not None:
            key = (asked.customer_id, asked.unit, result.entry.sequence)
            assert asking.entry_id is not None
            self.entry_ids[key] = asking.entry_id
            if isinstance(asking, posting.Earn | posting.Adjust) and result.entry.lots_made:
                assert asking.lot_made_id is not None
                self.lot_ids[asked.customer_id, asked.unit, result.entry.lots_made[0]] = asking.lot_made_id
            if isinstance(asking, posting.Transfer):
                self._note_taken(asking)
        return result

    def _note_taken(self, asking: posting.Transfer) -> None:
        taking = self.world.ledger.wallet(asking.to_customer_id, asking.unit)
        taken = taking.entries[-1]
        assert asking.related_entry_id is not None
        self.entry_ids[taking.customer_id, taking.unit, taken.sequence] = asking.related_entry_id
        self.world.lots_unknown.update((taking.customer_id, taking.unit, lot) for lot in taken.lots_made)

    def _compare_result(self, asking: posting.Posting, expected: Result, told: posting.Posted) -> None:
        entry = expected.entry
        assert told.code == expected.code, f"{asking}: {expected.code} expected, {told.code} told"
        if entry is not None:
            key = (entry.customer_id, entry.asked.unit, entry.sequence)
            assert (told.entry_id, told.sequence) == (self.entry_ids[key], entry.sequence), f"{asking}: {told}"
            assert (told.points, told.balance_after_points) == (entry.points, entry.balance_after), f"{asking}: {told}"

    async def compare(self, drawn: object = "") -> None:
        """Compare all that stands of these customers, entries only once as they never change."""
        ids = await transactions.rows(
            "SELECT id FROM wallet WHERE customer_id = ANY($1::uuid[]) ORDER BY id", self.world.customers
        )
        family = Family(await standings_of([row["id"] for row in ids]), self.world.ledger)
        standing_keys = {(s.row["customer_id"], s.row["unit"]) for s in family.standings}
        # A refused posting may leave an empty wallet, which compare_wallet finds empty.
        assert standing_keys >= set(self.world.ledger.wallets), f"wallets {standing_keys} stand: {drawn}"
        for standing in family.standings:
            wallet = self.world.ledger.wallet(standing.row["customer_id"], standing.row["unit"])
            key = (wallet.customer_id, wallet.unit)
            assert len(wallet.entries) == len(standing.entries), f"{standing.name}: the number of entries"
            for row in standing.entries[self.compared.get(key, 0) :]:
                compare_entry(family, standing, row, wallet.entries[row["sequence"] - 1])
            self.compared[key] = len(standing.entries)
            compare_wallet(family, standing)
            self.lot_ids.update({(*key, row["sequence"]): row["id"] for row in standing.lots})
        self.world.lots_unknown.clear()

    def _posting(self, asked: Asked) -> posting.Posting:
        mine = (asked.customer_id, asked.unit)
        lot = self.lot_ids.get((*mine, asked.lot)) if asked.lot else None
        related = self.entry_ids.get((*mine, asked.related)) if asked.related else None
        return as_posting(asked, lot_id=lot or uuid4(), related_entry_id=related or uuid4())


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


# Many at once


@dataclass
class Crowd:
    """Customers whose ledger many tasks post to at once, and what those tasks know of what stands."""

    customers: list[UUID]
    now: datetime = START
    name: str = field(default_factory=lambda: str(uuid4()))
    orders: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(12)])
    lots: list[tuple[UUID, str, UUID]] = field(default_factory=list)
    spent: list[tuple[UUID, str, UUID]] = field(default_factory=list)
    held: list[tuple[UUID, str, UUID]] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)

    @classmethod
    async def of(cls, count: int) -> "Crowd":
        """Return a crowd of new customers, each with something in every unit."""
        crowd = cls(await some_customers(count))
        welcome = [
            posting.Adjust(customer_id=customer_id, unit=unit, points=5)
            for customer_id in crowd.customers
            for unit in UNITS
        ]
        await posting.post(welcome, by=SYSTEM, now=crowd.now)
        return crowd

    async def post(self, dice: random.Random, size: int) -> None:
        """Post a batch of random postings, and remember what came of them."""
        batch = [self.posting(dice) for _ in range(size)]
        now = self.now = self.now + timedelta(minutes=dice.randrange(60))
        for asked, told in zip(batch, await posting.post(batch, by=SYSTEM, now=now), strict=True):
            self.codes[told.code] += 1
            if told.code == "ok":
                self._remember(asked)

    def _remember(self, asked: posting.Posting) -> None:
        mine = (asked.customer_id, asked.unit)
        match asked:
            case posting.Earn() | posting.Adjust() if asked.points > 0 and asked.lot_made_id is not None:
                self.lots.append((*mine, asked.lot_made_id))
            case posting.Redeem() | posting.Capture() if asked.entry_id is not None:
                self.spent.append((*mine, asked.entry_id))
            case posting.Reserve():
                self.held.append((*mine, asked.reservation_id))

    def posting(self, dice: random.Random) -> posting.Posting:
        """Return one posting, about something that stands when there is something."""
        draw = random_draw(dice)
        customer_id, unit, chosen = self.customers[draw.customer % len(self.customers)], UNITS[draw.unit], uuid4()
        known = {"release": self.lots, "reverse": self.spent, "capture": self.held, "void": self.held}.get(draw.kind)
        if known:
            customer_id, unit, chosen = known[-1 - draw.pick % min(len(known), 40)]
        midnight = self.now.replace(hour=0, minute=0)
        expires_at = midnight + timedelta(days=draw.days - 4 * (draw.kind == "expire"))
        pending = draw.kind == "earn" and draw.pick % 5 == 0
        asked = Asked(
            kind=draw.kind,
            customer_id=customer_id,
            unit=unit,
            external_reference=f"{self.name}/{dice.randrange(400)}" if draw.pick % 9 == 0 else None,
            points=self._points(draw),
            order_id=self.orders[draw.pick % len(self.orders)] if draw.kind in ("earn", "clawback") else None,
            earned_at=self.now,
            expires_at=None if draw.days == 7 and draw.kind != "expire" else expires_at,
            available_at=midnight if pending else None,
            reservation_id=chosen,
            reserved_until=self.now + timedelta(hours=6 * draw.days),
            restored_until=self.now + timedelta(days=draw.days),
            owing_allowed=draw.flag,
            to_customer_id=next(c for c in self.customers[draw.pick % 3 :] if c != customer_id),
        )
        return as_posting(asked, lot_id=chosen, related_entry_id=chosen)

    def _points(self, draw: Draw) -> int | None:
        if draw.kind == "transfer" and draw.flag and draw.pick % 3 == 0:
            return None
        return -draw.points if draw.kind == "adjust" and draw.flag else draw.points


_LAWS = {
    "a wallet is the sum of its entries": """
        SELECT w.id FROM wallet w
        LEFT JOIN LATERAL (
            SELECT count(*) AS n, max(sequence) AS newest, sum(available_delta) AS a, sum(pending_delta) AS p,
                sum(reserved_delta) AS r, sum(owed_delta) AS o, sum(lifetime_earned_delta) AS le,
                sum(lifetime_redeemed_delta) AS lr
            FROM entry WHERE wallet_id = w.id
        ) e ON true
        WHERE w.customer_id = ANY($1::uuid[]) AND (w.available_points, w.pending_points, w.reserved_points,
            w.owed_points, w.lifetime_earned_points, w.lifetime_redeemed_points, w.version, w.version)
            IS DISTINCT FROM (coalesce(e.a, 0), coalesce(e.p, 0), coalesce(e.r, 0), coalesce(e.o, 0),
            coalesce(e.le, 0), coalesce(e.lr, 0), e.n, coalesce(e.newest, 0))""",
    "a wallet is the sum of its lots": """
        SELECT w.id FROM wallet w
        LEFT JOIN LATERAL (
            SELECT count(*) AS n, coalesce(sum(open_points), 0) AS a, coalesce(sum(pending_points), 0) AS p,
                coalesce(sum(reserved_points), 0) AS r FROM lot WHERE wallet_id = w.id
        ) l ON true
        WHERE w.customer_id = ANY($1::uuid[])
            AND (w.available_points, w.pending_points, w.reserved_points, w.lots_made)
            IS DISTINCT FROM (l.a, l.p, l.r, l.n)""",
    "a lot's parts sum to what was earned, none negative": """
        SELECT id FROM lot WHERE customer_id = ANY($1::uuid[]) AND (earned_points <> pending_points + open_points
            + reserved_points + redeemed_points + expired_points + adjusted_points + reversed_points
            + transferred_points OR least(pending_points, open_points, reserved_points, redeemed_points,
            expired_points, adjusted_points, reversed_points, transferred_points) < 0)""",
    "a lot is what was moved": """
        SELECT l.id FROM lot l
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN to_part = 'redeemed' THEN points END), 0)
                - coalesce(sum(CASE WHEN from_part = 'redeemed' THEN points END), 0) AS redeemed,
                coalesce(sum(CASE WHEN to_part = 'reversed' THEN points END), 0) AS reversed,
                coalesce(sum(CASE WHEN to_part = 'reserved' THEN points END), 0)
                - coalesce(sum(CASE WHEN from_part = 'reserved' THEN points END), 0) AS reserved
            FROM lot_movement WHERE lot_id = l.id
        ) m ON true
        WHERE l.customer_id = ANY($1::uuid[])
            AND (l.redeemed_points, l.reversed_points, l.reserved_points) <> (m.redeemed, m.reversed, m.reserved)""",
    "a reservation is open exactly while its units are reserved": """
        SELECT w.id FROM wallet w WHERE w.customer_id = ANY($1::uuid[]) AND w.reserved_points <>
            (SELECT coalesce(sum(points), 0) FROM reservation WHERE wallet_id = w.id AND state = 'open')""",
    "nothing is reversed twice": """
        SELECT related_entry_id FROM entry WHERE customer_id = ANY($1::uuid[]) AND kind = 'reverse'
        GROUP BY related_entry_id HAVING count(*) > 1""",
    "the books close": """
        SELECT w.unit FROM wallet w WHERE w.customer_id = ANY($1::uuid[]) GROUP BY w.unit
        HAVING sum(available_points + pending_points + reserved_points - owed_points) <> (
            SELECT sum(available_delta + pending_delta + reserved_delta - owed_delta) FROM entry e
            JOIN wallet v ON v.id = e.wallet_id
            WHERE v.customer_id = ANY($1::uuid[]) AND v.unit = w.unit AND e.contra <> 'none')""",
}


async def broken_laws(customers: Sequence[UUID]) -> list[str]:
    """Return the laws that these customers' rows break, as one snapshot shows them, each with a row that breaks it."""

    async def found() -> list[str]:
        await transactions.rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        broken = {law: await transactions.value(f"{sql} LIMIT 1", list(customers)) for law, sql in _LAWS.items()}
        return [f"{law}: {at}" for law, at in broken.items() if at is not None]

    return await transactions.in_one_transaction(found)

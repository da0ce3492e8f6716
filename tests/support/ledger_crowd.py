"""Many tasks posting to the same wallets at once, and the laws as SQL sees them."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from loyalty import transactions
from loyalty.ledger import posting
from loyalty.ledger.model_state import Asked
from tests.support.ledger import START, SYSTEM, UNITS, Draw, as_posting, random_draw, some_customers


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

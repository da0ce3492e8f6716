"""Wallets and entries, as both schemas show them, and what the ledger refuses."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum
from uuid import UUID

import orjson
import strawberry
from strawberry.dataloader import DataLoader

from loyalty.ledger import adjustment, balances, posting
from loyalty.programme.standing import Standing, standing_in
from loyalty.shops.days import expires_on
from loyalty.words.explanations import explained
from schema.context import Context, Info
from schema.cost import Cost
from schema.identifiers import Node, encoded
from schema.paging import Connection, Keyset
from schema.refusals import Refusal, face_of
from schema.scalars import BigInt

ENTRIES = Keyset(datetime, int, UUID)
EXPIRING_MAX = 60


@strawberry.enum(description="What an entry did.")
class EntryKind(Enum):
    """The kinds of docs/ledger.md."""

    EARN = "earn"
    RELEASE = "release"
    REDEEM = "redeem"
    RESERVE = "reserve"
    CAPTURE = "capture"
    VOID = "void"
    EXPIRE = "expire"
    ADJUST = "adjust"
    REVERSE = "reverse"
    CLAWBACK = "clawback"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"


async def _standings(shop_ids: list[UUID], now: datetime) -> list[Standing]:
    found = await standing_in(shop_ids, now=now)
    return [found[shop_id] for shop_id in shop_ids]


async def standing_of(context: Context, shop_id: UUID) -> Standing:
    """Return the shop and the programme version that holds in it now, asked once per request."""
    standings: DataLoader[UUID, Standing] = context.loader(_standings, context.now)
    return await standings.load(shop_id)


@strawberry.type(description="What is collected.")
class Unit:
    """How to show amounts of it."""

    code: str = strawberry.field(description='Its name for programs: "points".')
    name: str = strawberry.field(description="Its name for people, in the reader's language.")
    decimals: int = strawberry.field(description="How many digits of an amount stand behind the decimal sign.")


@strawberry.type(description="Units that can be spent until one moment.")
class ExpiringLot:
    """One of a list of expiries, soonest first."""

    points: BigInt = strawberry.field(description="How many, in the unit's smallest part.")
    expires_at: datetime = strawberry.field(description="The moment from which they are gone.")
    expires_on: date = strawberry.field(description="The last day on which they can be spent, in the shop's zone.")


@strawberry.type(description="What a customer has in one unit, in its smallest part.")
class Wallet:
    """One wallet as it stands."""

    facts: strawberry.Private[balances.WalletFacts]
    shop_id: strawberry.Private[UUID]
    unit: str = strawberry.field(description="The unit's code.")
    available_points: BigInt = strawberry.field(description="What can be spent now.")
    pending_points: BigInt = strawberry.field(description="Earned, but not to be spent yet.")
    reserved_points: BigInt = strawberry.field(description="Held for a checkout.")
    owed_points: BigInt = strawberry.field(description="Taken back beyond what was there; later credits go here first.")
    lifetime_earned_points: BigInt = strawberry.field(description="All that was ever earned, less what was taken back.")
    lifetime_redeemed_points: BigInt = strawberry.field(description="All that was ever redeemed, less what was undone.")

    @strawberry.field(
        description="What ends when, soonest first; the next 60 moments at most.", directives=[Cost(rows=EXPIRING_MAX)]
    )
    async def expiring(self, info: Info) -> list[ExpiringLot]:
        """Return the lots that end, one per moment."""
        if not self.facts.expiring:
            return []
        zone = (await standing_of(info.context, self.shop_id)).shop.time_zone
        return [
            ExpiringLot(
                points=BigInt(lot.points), expires_at=lot.expires_at, expires_on=expires_on(lot.expires_at, zone)
            )
            for lot in self.facts.expiring[:EXPIRING_MAX]
        ]

    @classmethod
    def of(cls, facts: balances.WalletFacts, shop_id: UUID) -> "Wallet":
        """Show a wallet."""
        return cls(
            facts=facts,
            shop_id=shop_id,
            unit=facts.unit,
            available_points=BigInt(facts.available_points),
            pending_points=BigInt(facts.pending_points),
            reserved_points=BigInt(facts.reserved_points),
            owed_points=BigInt(facts.owed_points),
            lifetime_earned_points=BigInt(facts.lifetime_earned_points),
            lifetime_redeemed_points=BigInt(facts.lifetime_redeemed_points),
        )


@strawberry.type(description="The order an entry belongs to.")
class OrderRef:
    """An order, as an entry names it."""

    external_id: str = strawberry.field(description="The shop's own order number.")
    placed_at: datetime = strawberry.field(description="When it was placed.")


@strawberry.type(description="One row of a customer's history. It never changes; corrections are new entries.")
class Entry(Node):
    """One entry, explained in the reader's language."""

    facts: strawberry.Private[balances.EntryFacts]
    kind: EntryKind = strawberry.field(description="What it did.")
    unit: str = strawberry.field(description="The unit's code.")
    points: BigInt = strawberry.field(description="How many units, signed, in the unit's smallest part.")
    balance_after_points: BigInt = strawberry.field(description="What could be spent afterwards.")
    occurred_at: datetime = strawberry.field(description="When what it is about happened.")
    expires_at: datetime | None = strawberry.field(description="From when the units it brought are gone.")
    order: OrderRef | None = strawberry.field(description="The order it belongs to.")

    @strawberry.field(description="The last day on which the units it brought can be spent, in the shop's zone.")
    async def expires_on(self, info: Info) -> date | None:
        """Return the day before the exclusive moment."""
        if self.facts.expires_at is None:
            return None
        return expires_on(self.facts.expires_at, (await standing_of(info.context, self.facts.shop_id)).shop.time_zone)

    @strawberry.field(description="Why it is there, in a sentence, in the reader's language.")
    async def explanation(self, info: Info) -> str:
        """Word the stored structure."""
        standing = await standing_of(info.context, self.facts.shop_id)
        unit = standing.version.document.unit(self.facts.unit)
        return explained(
            self.facts.kind,
            self.facts.points,
            orjson.loads(self.facts.explanation),
            language=info.context.language,
            unit_name=unit.name.by_language() if unit else self.facts.unit,
            decimals=unit.decimals if unit else 0,
            time_zone=standing.shop.time_zone,
        )

    @classmethod
    def of(cls, facts: balances.EntryFacts) -> "Entry":
        """Show an entry."""
        order = None
        if facts.order_external_id is not None and facts.order_placed_at is not None:
            order = OrderRef(external_id=facts.order_external_id, placed_at=facts.order_placed_at)
        return cls(
            id=encoded("Entry", facts.id),
            facts=facts,
            kind=EntryKind(facts.kind),
            unit=facts.unit,
            points=BigInt(facts.points),
            balance_after_points=BigInt(facts.balance_after_points),
            occurred_at=facts.occurred_at,
            expires_at=facts.expires_at,
            order=order,
        )


async def _wallets(customer_ids: list[UUID], now: datetime) -> list[list[balances.WalletFacts]]:
    found = await balances.wallets_of(customer_ids, now=now)
    return [found[customer_id] for customer_id in customer_ids]


async def wallets_shown(context: Context, customer_id: UUID, shop_id: UUID) -> list[Wallet]:
    """Return the customer's wallets, one for each of the programme's units at least, in its order."""
    standing = await standing_of(context, shop_id)
    wallets: DataLoader[UUID, list[balances.WalletFacts]] = context.loader(_wallets, context.now)
    found = await wallets.load(customer_id)
    by_unit = {wallet.unit: wallet for wallet in found}
    units = [unit.code for unit in standing.version.document.units]
    return [
        Wallet.of(by_unit.get(unit) or balances.WalletFacts.empty(customer_id, unit), shop_id)
        for unit in [*units, *(unit for unit in by_unit if unit not in units)]
    ]


async def _entries(entry_ids: list[UUID]) -> list[balances.EntryFacts | None]:
    found = await balances.entries_by_id(entry_ids)
    return [found.get(entry_id) for entry_id in entry_ids]


async def entry_shown(context: Context, entry_id: UUID) -> Entry | None:
    """Return one entry, loaded with the others of the request."""
    return next(iter(await entries_shown(context, [entry_id])), None)


async def entries_shown(context: Context, entry_ids: Sequence[UUID]) -> list[Entry]:
    """Return entries in the order of their ids; unknown ones are left out."""
    entries: DataLoader[UUID, balances.EntryFacts | None] = context.loader(_entries)
    facts = await entries.load_many(list(entry_ids))
    return [Entry.of(one) for one in facts if one]


async def _pages(
    customer_ids: list[UUID], limit: int, key: tuple[datetime, int, UUID] | None, unit: str | None
) -> list[list[balances.EntryFacts]]:
    found = await balances.entries_pages(customer_ids, first=limit, after=key, unit=unit)
    return [found[customer_id] for customer_id in customer_ids]


async def _counts(customer_ids: list[UUID], unit: str | None) -> list[int]:
    found = await balances.entries_counts(customer_ids, unit=unit)
    return [found[customer_id] for customer_id in customer_ids]


async def entries_connection(
    context: Context, customer_id: UUID, first: int, after: str | None, unit: str | None
) -> Connection[Entry]:
    """Return a page of the customer's history, with that of customers merged into them, newest first."""
    asked = ENTRIES.asked(first, after)
    pages: DataLoader[UUID, list[balances.EntryFacts]] = context.loader(_pages, asked.limit, asked.key, unit)
    found = await pages.load(customer_id)

    async def count() -> int:
        return await context.loader(_counts, unit).load(customer_id)

    return Connection.of(asked.page(found, key=lambda entry: entry.place, count=count), Entry.of)


@face_of(posting.BalanceTooLow)
class BalanceTooLow(Refusal):
    """Paired with the rule of the same name."""

    balance_points: BigInt = strawberry.field(description="What can be spent, in the unit's smallest part.")
    asked_points: BigInt = strawberry.field(description="What was to be taken.")


@face_of(posting.AmountTooLarge)
class AmountTooLarge(Refusal):
    """Paired with the rule of the same name."""

    points_max: BigInt = strawberry.field(description="The most one entry can move.")


@face_of(posting.ReservationNotOpen)
class ReservationNotOpen(Refusal):
    """Paired with the rule of the same name."""


@face_of(posting.ReservationExpired)
class ReservationExpired(Refusal):
    """Paired with the rule of the same name."""


@face_of(posting.UnitsReserved)
class UnitsReserved(Refusal):
    """Paired with the rule of the same name."""


@face_of(adjustment.NothingToAdjust)
class NothingToAdjust(Refusal):
    """Paired with the rule of the same name."""


@face_of(adjustment.AdjustmentNeedsNote)
class AdjustmentNeedsNote(Refusal):
    """Paired with the rule of the same name."""


@face_of(adjustment.OwnAccount)
class OwnAccount(Refusal):
    """Paired with the rule of the same name."""


@face_of(adjustment.SamePerson)
class SamePerson(Refusal):
    """Paired with the rule of the same name."""


@face_of(adjustment.AdjustmentNotWaiting)
class AdjustmentNotWaiting(Refusal):
    """Paired with the rule of the same name."""

    state: str = strawberry.field(description="What became of it: posted, approved or rejected.")

"""The model and the database side by side: the same postings to both, and all that stands compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from loyalty import transactions
from loyalty.ledger import posting
from loyalty.ledger.model_state import Asked, Result
from loyalty.ledger.replay import Family, compare_entry, compare_wallet
from loyalty.ledger.verification import standings_of
from tests.support.ledger import SYSTEM, Draw, World, as_posting


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

"""How a batch of orders is recorded: in one transaction and a handful of statements, each order with its own outcome.

What turns out to be refused only after something was written starts the batch again without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor
from loyalty.amounts import POINTS_PER_ENTRY_MAX
from loyalty.customers.identifiers import Identifier, IdentifierKind
from loyalty.customers.lookup import FoundCustomer, customers_by_identifiers
from loyalty.earning.batches import CheckedOrder, without_twins
from loyalty.earning.earnings import earn_postings, earned_at_its_time
from loyalty.earning.enrolment import members_for_orders
from loyalty.earning.returns import apply_awaiting
from loyalty.earning.rules import purchase_facts
from loyalty.identity import new_id
from loyalty.ledger.posting import AmountTooLarge, Earn, post
from loyalty.once.answers import (
    Answer,
    IdempotencyMismatch,
    Stored,
    answer_text,
    refusal_text,
    store,
    stored_or_mismatched,
)
from loyalty.orders.orders import KnownOrder, NewOrder, known_orders, write_orders
from loyalty.orders.receipts import receipt_code, receipt_code_hash
from loyalty.orders.shares import shares
from loyalty.refusals import NotFound, Refusal
from loyalty.shops.catalogue import ShopFacts, shop_secrets
from loyalty.transactions import rows


class OrderDiffers(Refusal):
    """An order with this external id is recorded with other content."""

    code = "ORDER_DIFFERS"

    def __init__(self, *, external_id: str) -> None:
        super().__init__(external_id=external_id)


@dataclass(frozen=True, slots=True)
class OrderRecorded:
    """An order that stands. Without customer it is a bearer receipt; `entry_ids` are what it earned."""

    order_id: UUID
    customer_id: UUID | None
    entry_ids: tuple[UUID, ...]


Outcome = Answer[OrderRecorded] | Refusal


class RefusedLate(Exception):
    """Orders turned out to be refused after something was written. By place."""

    def __init__(self, refusals: Mapping[int, Refusal]) -> None:
        super().__init__()
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class _Written:
    """An order that was written in this transaction, and whether its customer earns."""

    order: NewOrder
    shop: ShopFacts
    earns: bool


class Batch:
    """One attempt at recording orders, inside one transaction.

    Customers come before orders, orders before keys, keys before wallets, each in an order of their own: so batches
    wait for each other, and for returns and claims, and hardly ever in a circle. Wallets come last, as many wait for
    the same ones.
    """

    def __init__(
        self, orders: list[CheckedOrder], known_as: tuple[str, bytes] | None, actor: Actor, now: datetime
    ) -> None:
        self.orders, self.known_as, self.actor, self.now = orders, known_as, actor, now
        self.outcomes: dict[int, Outcome] = {}
        self.answers: list[tuple[str, bytes, Stored]] = []
        self.written: dict[int, _Written] = {}

    async def record(self) -> bool:
        """Record what is new, store every answer, and tell whether the batch was a replay."""
        for kept in (self.outcomes, self.answers, self.written):
            kept.clear()
        replayed = await self._batch_is_known()
        new = without_twins(await self._not_answered_before())
        shops = {one.shop.id: one.shop for one in sorted(new, key=lambda one: one.shop.id)}
        for shop in shops.values():
            await self._write_in_shop([one for one in new if one.shop.id == shop.id], shop)
        earnings = await self._earnings()
        self._tell_twins()
        if self.answers:
            await store(self.actor, "record_order", self.answers, now=self.now)
        if self.known_as is not None and not replayed:
            marker = Stored(answer="{}", refusal=None)
            await store(self.actor, "record_orders", [(*self.known_as, marker)], now=self.now)
        await self._post(earnings)
        for shop in shops.values():
            external_ids = [one.order.asked.external_id for one in self.written.values() if one.shop.id == shop.id]
            await apply_awaiting(shop, external_ids, now=self.now)
        return replayed

    async def _batch_is_known(self) -> bool:
        if self.known_as is None:
            return False
        [known] = await stored_or_mismatched(self.actor, "record_orders", [self.known_as])
        if isinstance(known, IdempotencyMismatch):
            raise known
        return known is not None

    async def _not_answered_before(self) -> list[CheckedOrder]:
        keys = [(one.asked.idempotency_key, one.input_hash) for one in self.orders]
        known = await stored_or_mismatched(self.actor, "record_order", keys)
        new = []
        for one, stored in zip(self.orders, known, strict=True):
            if stored is None:
                new.append(one)
            elif isinstance(stored, IdempotencyMismatch):
                self.outcomes[one.place] = stored
            else:
                self.outcomes[one.place] = _told(stored)
        return new

    async def _write_in_shop(self, orders: list[CheckedOrder], shop: ShopFacts) -> None:
        known = await known_orders(shop.id, [one.asked.external_id for one in orders])
        await self._tell_known([one for one in orders if one.asked.external_id in known], known)
        new = [one for one in orders if one.asked.external_id not in known]
        buyers = await _buyers([one.identifier for one in new if one.identifier is not None], shop, self.now)
        if nobodys := [one.place for one in new if _names_nobody(one, buyers)]:
            raise RefusedLate({place: NotFound(what="customer") for place in nobodys})
        secret = (await shop_secrets(shop.id)).receipt_secret
        for one in new:
            buyer = buyers.get(one.identifier) if one.identifier else None
            order_id = new_id(self.now)
            code_hash = None if buyer else receipt_code_hash(receipt_code(order_id, secret))
            order = NewOrder(
                order_id, one.asked, shares(one.asked), buyer.id if buyer else None, one.content_hash, code_hash
            )
            self.written[one.place] = _Written(order, shop, earns=buyer is not None and buyer.is_member)
        await write_orders(shop.id, [self.written[one.place].order for one in new], now=self.now)

    async def _tell_known(self, orders: list[CheckedOrder], known: dict[str, KnownOrder]) -> None:
        if not orders:
            return
        entries = await _entries_of([known[one.asked.external_id].id for one in orders])
        for one in orders:
            order = known[one.asked.external_id]
            if order.content_hash != one.content_hash:
                self._answer(one, _differs(one))
                continue
            recorded = OrderRecorded(order.id, order.customer_id, tuple(entries.get(order.id, ())))
            self._answer(one, Answer(recorded, replayed=True))

    async def _earnings(self) -> dict[int, list[Earn]]:
        """Reckon what the written orders earn, and answer for them as if it were posted."""
        earnings: dict[int, list[Earn]] = {}
        for place, one in self.written.items():
            earnings[place] = await _postings(one.order, one.shop, self.now) if one.earns else []
        if too_large := {place for place, of_order in earnings.items() if any(map(_too_large, of_order))}:
            raise RefusedLate(dict.fromkeys(too_large, AmountTooLarge()))
        by_place = {one.place: one for one in self.orders}
        for place, one in self.written.items():
            entry_ids = tuple(earn.entry_id for earn in earnings[place] if earn.entry_id is not None)
            recorded = OrderRecorded(one.order.id, one.order.customer_id, entry_ids)
            self._answer(by_place[place], Answer(recorded, replayed=False))
        return earnings

    async def _post(self, earnings: Mapping[int, list[Earn]]) -> None:
        """Post it, all in one batch. Late, because from here on other batches wait for the same wallets."""
        places = [place for place, of_order in earnings.items() for _ in of_order]
        postings = [one for of_order in earnings.values() for one in of_order]
        posted = await post(postings, by=self.actor, now=self.now)
        if too_large := {place for place, one in zip(places, posted, strict=True) if not one.took_effect}:
            raise RefusedLate(dict.fromkeys(too_large, AmountTooLarge()))

    def _tell_twins(self) -> None:
        """Give an order that stands twice in the batch the answer of its first appearance."""
        by_key = {one.asked.idempotency_key: one for one in reversed(self.orders)}
        by_order = {one.order: one for one in reversed(self.orders)}
        for one in self.orders:
            if one.place in self.outcomes:
                continue
            first = by_key[one.asked.idempotency_key]
            if first.place != one.place:
                same = first.input_hash == one.input_hash
                self.outcomes[one.place] = (
                    _again(self.outcomes[first.place]) if same else IdempotencyMismatch(key=one.asked.idempotency_key)
                )
                continue
            first = by_order[one.order]
            same = first.content_hash == one.content_hash
            self._answer(one, _again(self.outcomes[first.place]) if same else _differs(one))

    def _answer(self, one: CheckedOrder, outcome: Outcome) -> None:
        self.outcomes[one.place] = outcome
        if isinstance(outcome, Answer):
            stored = Stored(answer_text(outcome.value, OrderRecorded), None)
        elif outcome.stored:
            stored = Stored(None, refusal_text(outcome))
        else:
            return
        self.answers.append((one.asked.idempotency_key, one.input_hash, stored))


async def _buyers(identifiers: Sequence[Identifier], shop: ShopFacts, now: datetime) -> dict[Identifier, FoundCustomer]:
    """Return whose each identifier is; where the shop enrols by itself they are members now."""
    if not identifiers:
        return {}
    if not shop.enrols_automatically:
        return await customers_by_identifiers(identifiers, held=True)
    members = await members_for_orders(identifiers, shop, now=now)
    return {
        one: FoundCustomer(customer_id, is_member=True)
        for one in identifiers
        if (customer_id := members[one.place]) is not None
    }


def _names_nobody(one: CheckedOrder, buyers: Mapping[Identifier, FoundCustomer]) -> bool:
    # A member number is given by the programme: one that nobody has is a mistake, not a stranger.
    return (
        one.identifier is not None
        and one.identifier.kind is IdentifierKind.MEMBER_NUMBER
        and one.identifier not in buyers
    )


async def _postings(order: NewOrder, shop: ShopFacts, now: datetime) -> list[Earn]:
    assert order.customer_id is not None
    earned = await earned_at_its_time(purchase_facts(order.asked, order.shares), shop)
    postings = earn_postings(earned, order.id, order.customer_id)
    for posting in postings:
        posting.entry_id = new_id(now)
    return postings


def _too_large(posting: Earn) -> bool:
    return posting.points > POINTS_PER_ENTRY_MAX


def _differs(one: CheckedOrder) -> OrderDiffers:
    return OrderDiffers(external_id=one.asked.external_id)


def _told(stored: Stored) -> Outcome:
    try:
        return Answer(stored.told(OrderRecorded), replayed=True)
    except Refusal as refusal:
        return refusal


def _again(outcome: Outcome) -> Outcome:
    return Answer(outcome.value, replayed=True) if isinstance(outcome, Answer) else outcome


async def _entries_of(order_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    found = await rows(
        "SELECT order_id, id FROM entry WHERE order_id = ANY($1::uuid[]) AND kind = 'earn'"
        " ORDER BY recorded_at, sequence, id",
        order_ids,
    )
    entries: dict[UUID, list[UUID]] = {}
    for row in found:
        entries.setdefault(row["order_id"], []).append(row["id"])
    return entries

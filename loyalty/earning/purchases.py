"""Record orders: the event from which most follows.

One order or up to 500, in one transaction and a handful of statements. Each order has its own key and its own outcome:
what is wrong with one leaves nothing of it and does not touch the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.amounts import POINTS_PER_ENTRY_MAX
from loyalty.customers.identifiers import Identifier, IdentifierKind, normalised
from loyalty.customers.lookup import FoundCustomer, customers_by_identifiers
from loyalty.earning import rules
from loyalty.earning.enrolment import enrol_many
from loyalty.earning.returns import apply_awaiting
from loyalty.identity import new_id
from loyalty.ledger.posting import AmountTooLarge, Earn, post
from loyalty.once.answers import (
    KEY_LENGTH_MAX,
    Answer,
    IdempotencyMismatch,
    KeyInvalid,
    Stored,
    answer_text,
    canonical_hash,
    refusal_text,
    store,
    stored_or_mismatched,
)
from loyalty.orders.asked import OrderAsked, check_order, shares
from loyalty.orders.orders import KnownOrder, NewOrder, known_orders, write_orders
from loyalty.orders.receipts import receipt_code, receipt_code_hash
from loyalty.programme import versions
from loyalty.refusals import Invalid, NotFound, Refusal
from loyalty.shops.catalogue import ShopFacts, all_shops, shop_by_code, shop_by_id, shop_secrets
from loyalty.transactions import in_one_transaction, rows

ORDERS_MAX = 500


class OrderDiffers(Refusal):
    """An order with this external id is recorded with other content."""

    code = "ORDER_DIFFERS"

    def __init__(self, *, external_id: str) -> None:
        super().__init__(external_id=external_id)


class TooManyOrders(Invalid):
    """A request records at most 500 orders."""

    code = "TOO_MANY_ORDERS"

    def __init__(self, *, count: int, count_max: int = ORDERS_MAX) -> None:
        Refusal.__init__(self, count=count, count_max=count_max)


class CouponUnknown(Invalid):
    """There is no such coupon."""

    code = "COUPON_UNKNOWN"

    def __init__(self, *, coupon_code: str) -> None:
        Refusal.__init__(self, coupon_code=coupon_code)


@dataclass(frozen=True, slots=True)
class OrderRecorded:
    """An order that stands. Without customer it is a bearer receipt; `entry_ids` are what it earned."""

    order_id: UUID
    customer_id: UUID | None
    entry_ids: tuple[UUID, ...]


Outcome = Answer[OrderRecorded] | Refusal


@dataclass(frozen=True, slots=True)
class OrdersRecorded:
    """One outcome per order, in the order asked."""

    outcomes: tuple[Outcome, ...]
    replayed: bool


async def record_order(order: OrderAsked, *, actor: Actor, now: datetime) -> Answer[OrderRecorded]:
    """Record one order; its customer earns by the programme version that held when it was placed.

    An order known already by its external id is told again when its content is the same. Unknown customers are enrolled
    where the shop does so; an order without customer becomes a receipt that can be claimed.

    Raises:
        NotPermitted: the actor may not record orders.
        Invalid: something cannot be true of the order; nothing is stored.
        OrderDiffers: the external id is known with other content.
        IdempotencyMismatch: the key was used with another input.
    """
    require(actor, Permission.ORDERS_RECORD)
    [outcome] = (await _record([order], None, actor, now)).outcomes
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def record_orders(key: str, orders: Sequence[OrderAsked], *, actor: Actor, now: datetime) -> OrdersRecorded:
    """Record up to 500 orders, each with its own key and outcome; `key` only tells the batch again.

    Raises:
        NotPermitted: the actor may not record orders.
        TooManyOrders: there are more than 500. Nothing is recorded.
        IdempotencyMismatch: the batch's key was used with other orders. Nothing is recorded.
    """
    require(actor, Permission.ORDERS_RECORD)
    if len(orders) > ORDERS_MAX:
        raise TooManyOrders(count=len(orders))
    if not orders:
        raise Invalid(field="orders", problem="empty")
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise KeyInvalid(length=len(key))
    return await _record(orders, key, actor, now)


@dataclass(frozen=True, slots=True)
class _Checked:
    """An order that can be true, at its place in the batch."""

    place: int
    asked: OrderAsked
    shop: ShopFacts
    identifier: Identifier | None
    content_hash: bytes
    input_hash: bytes


class _Refused(Exception):
    """An order turned out to be refused after something was written: start again without it."""

    def __init__(self, place: int, refusal: Refusal) -> None:
        super().__init__()
        self.place, self.refusal = place, refusal


async def _record(orders: Sequence[OrderAsked], key: str | None, actor: Actor, now: datetime) -> OrdersRecorded:
    refused: dict[int, Refusal] = {}
    checked: list[_Checked] = []
    for place, asked in enumerate(orders):
        try:
            checked.append(await _checked(place, asked, actor, now))
        except Refusal as refusal:
            refused[place] = refusal
    while True:
        batch = _Batch([one for one in checked if one.place not in refused], key, len(orders), actor, now)
        try:
            replayed = await in_one_transaction(batch.record, repeatable=True)
            break
        except _Refused as late:
            refused[late.place] = late.refusal
    outcomes = {**refused, **batch.outcomes}
    return OrdersRecorded(tuple(outcomes[place] for place in range(len(orders))), replayed)


async def _checked(place: int, asked: OrderAsked, actor: Actor, now: datetime) -> _Checked:
    if not 1 <= len(asked.idempotency_key) <= KEY_LENGTH_MAX:
        raise KeyInvalid(length=len(asked.idempotency_key))
    check_order(asked, now=now)
    if asked.coupon_codes:
        raise CouponUnknown(coupon_code=asked.coupon_codes[0])
    shop = await shop_meant(asked.shop, actor)
    identifier = None
    if asked.customer is not None:
        identifier = normalised(IdentifierKind(asked.customer.kind), asked.customer.value, shop=shop)
    content_hash = asked.content_hash()
    return _Checked(place, asked, shop, identifier, content_hash, content_hash + shop.id.bytes)


async def shop_meant(code: str | None, actor: Actor) -> ShopFacts:
    """Return the shop a caller means: the one named, else the one they speak for, else the only one there is.

    Raises:
        NotFound: there is no such shop, or the caller speaks for another one.
        Invalid: no shop is named and there are several.
    """
    if code is not None:
        shop = await shop_by_code(code)
        if actor.shop_id is not None and shop.id != actor.shop_id:
            raise NotFound(what="shop")
        return shop
    if actor.shop_id is not None:
        return await shop_by_id(actor.shop_id)
    shops = await all_shops()
    if len(shops) != 1:
        raise Invalid(field="shop", problem="needed")
    return shops[0]


class _Batch:
    """One attempt at recording orders, inside one transaction."""

    def __init__(self, orders: list[_Checked], key: str | None, size: int, actor: Actor, now: datetime) -> None:
        self.orders, self.key, self.size, self.actor, self.now = orders, key, size, actor, now
        self.outcomes: dict[int, Outcome] = {}
        self.answers: list[tuple[str, bytes, Stored]] = []

    async def record(self) -> bool:
        """Record what is new, store every answer, and tell whether the batch was a replay."""
        self.outcomes.clear()
        self.answers.clear()
        replayed = await self._batch_is_known()
        new = await self._not_answered_before()
        for shop_id in sorted({one.shop.id for one in new}):
            await self._record_in_shop([one for one in new if one.shop.id == shop_id])
        self._tell_twins()
        if self.answers:
            await store(self.actor, "record_order", self.answers, now=self.now)
        if self.key is not None and not replayed:
            marker = Stored(answer="{}", refusal=None)
            await store(self.actor, "record_orders", [(self.key, self._batch_hash(), marker)], now=self.now)
        return replayed

    def _batch_hash(self) -> bytes:
        return canonical_hash([self.size, *(one.asked.idempotency_key + one.input_hash.hex() for one in self.orders)])

    async def _batch_is_known(self) -> bool:
        if self.key is None:
            return False
        [known] = await stored_or_mismatched(self.actor, "record_orders", [(self.key, self._batch_hash())])
        if isinstance(known, IdempotencyMismatch):
            raise known
        return known is not None

    async def _not_answered_before(self) -> list[_Checked]:
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
        return _without_twins(new)

    def _tell_twins(self) -> None:
        """Give an order that stands twice in the batch the answer of its first appearance."""
        by_key = {one.asked.idempotency_key: one for one in reversed(self.orders)}
        by_external_id = {(one.shop.id, one.asked.external_id): one for one in reversed(self.orders)}
        for one in self.orders:
            if one.place in self.outcomes:
                continue
            first = by_key[one.asked.idempotency_key]
            if first.place != one.place:
                same = first.input_hash == one.input_hash
                outcome = self.outcomes[first.place] if same else IdempotencyMismatch(key=one.asked.idempotency_key)
                self.outcomes[one.place] = _again(outcome)
                continue
            first = by_external_id[one.shop.id, one.asked.external_id]
            self._answer(one, self.outcomes[first.place] if first.content_hash == one.content_hash else _differs(one))

    async def _record_in_shop(self, orders: list[_Checked]) -> None:
        shop = orders[0].shop
        known = await known_orders(shop.id, [one.asked.external_id for one in orders])
        new = [one for one in orders if one.asked.external_id not in known]
        await self._tell_known([one for one in orders if one.asked.external_id in known], known)
        if not new:
            return
        holders = await _holders([one.identifier for one in new if one.identifier is not None], shop, self.now)
        written = await self._written(new, holders, shop)
        await self._earned(written, shop)
        await apply_awaiting(shop, [order.asked.external_id for order in written.values()], now=self.now)

    async def _tell_known(self, orders: list[_Checked], known: dict[str, KnownOrder]) -> None:
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

    async def _written(
        self, orders: list[_Checked], holders: dict[Identifier, FoundCustomer], shop: ShopFacts
    ) -> dict[int, NewOrder]:
        """Write the orders whose customer is known or not needed; refuse those of a member nobody is."""
        secret = (await shop_secrets(shop.id)).receipt_secret
        written: dict[int, NewOrder] = {}
        for one in orders:
            found = holders.get(one.identifier) if one.identifier else None
            holder = found.id if found else None
            if holder is None and one.identifier is not None and one.identifier.kind is IdentifierKind.MEMBER_NUMBER:
                self.outcomes[one.place] = NotFound(what="customer")
                continue
            order_id = new_id(self.now)
            code_hash = receipt_code_hash(receipt_code(order_id, secret)) if holder is None else None
            written[one.place] = NewOrder(order_id, one.asked, shares(one.asked), holder, one.content_hash, code_hash)
        await write_orders(shop.id, list(written.values()), now=self.now)
        return written

    async def _earned(self, written: dict[int, NewOrder], shop: ShopFacts) -> None:
        postings: list[Earn] = []
        places: list[int] = []
        for place, order in written.items():
            if order.customer_id is None:
                continue
            version = await versions.version_at(shop.programme, order.asked.placed_at)
            for posting in earnings(order, version, shop):
                if posting.points > POINTS_PER_ENTRY_MAX:
                    raise _Refused(place, AmountTooLarge())
                postings.append(posting)
                places.append(place)
        entry_ids: dict[int, list[UUID]] = {place: [] for place in written}
        for place, posted in zip(places, await post(postings, by=self.actor, now=self.now), strict=True):
            if posted.entry_id is None:
                raise _Refused(place, AmountTooLarge())
            entry_ids[place].append(posted.entry_id)
        by_place = {one.place: one for one in self.orders}
        for place, order in written.items():
            recorded = OrderRecorded(order.id, order.customer_id, tuple(entry_ids[place]))
            self._answer(by_place[place], Answer(recorded, replayed=False))

    def _answer(self, one: _Checked, outcome: Outcome) -> None:
        self.outcomes[one.place] = outcome
        if isinstance(outcome, Answer):
            stored = Stored(answer_text(outcome.value, OrderRecorded), None)
        elif outcome.stored:
            stored = Stored(None, refusal_text(outcome))
        else:
            return
        self.answers.append((one.asked.idempotency_key, one.input_hash, stored))


def _differs(one: _Checked) -> OrderDiffers:
    return OrderDiffers(external_id=one.asked.external_id)


def _told(stored: Stored) -> Outcome:
    try:
        return Answer(stored.told(OrderRecorded), replayed=True)
    except Refusal as refusal:
        return refusal


def _again(outcome: Outcome) -> Outcome:
    return Answer(outcome.value, replayed=True) if isinstance(outcome, Answer) else outcome


def _without_twins(orders: list[_Checked]) -> list[_Checked]:
    """Leave out orders whose key or external id stood in the batch before."""
    keys: set[str] = set()
    external_ids: set[tuple[UUID, str]] = set()
    first = []
    for one in orders:
        place = (one.shop.id, one.asked.external_id)
        if one.asked.idempotency_key not in keys and place not in external_ids:
            first.append(one)
            external_ids.add(place)
        keys.add(one.asked.idempotency_key)
    return first


async def _entries_of(order_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    found = await rows(
        "SELECT order_id, id FROM entry WHERE order_id = ANY($1::uuid[]) AND kind = 'earn' ORDER BY recorded_at, id",
        order_ids,
    )
    entries: dict[UUID, list[UUID]] = {}
    for row in found:
        entries.setdefault(row["order_id"], []).append(row["id"])
    return entries


async def _holders(
    identifiers: Sequence[Identifier], shop: ShopFacts, now: datetime
) -> dict[Identifier, FoundCustomer]:
    """Return whose each identifier is; the unknown are enrolled where the shop does so by itself."""
    found = await customers_by_identifiers(identifiers, held=True)
    unknown = [one for one in identifiers if one not in found and one.kind is not IdentifierKind.MEMBER_NUMBER]
    if unknown and shop.enrols_automatically:
        found |= await enrol_many(unknown, shop=shop, now=now)
    return found


def earnings(order: NewOrder, version: versions.VersionFacts, shop: ShopFacts) -> list[Earn]:
    """Return the postings an order earns its customer by this version. Pure."""
    asked, split = order.asked, order.shares
    assert order.customer_id is not None
    facts = rules.PurchaseFacts(
        order=asked.external_id,
        currency=asked.currency,
        placed_at=asked.placed_at,
        lines=tuple(
            rules.LineFacts(number, line.amount_minor, discount, tax, line.gift_card)
            for number, (line, discount, tax) in enumerate(
                zip(asked.lines, split.discount_minor, split.tax_minor, strict=True), start=1
            )
        ),
    )
    earned = rules.earned_for_purchase(version.document, facts, version=version.number, time_zone=shop.time_zone)
    return earn_postings(earned, order.id, order.customer_id)


def earn_postings(earned: Sequence[rules.Earned], order_id: UUID, customer_id: UUID) -> list[Earn]:
    """Return what was earned as postings; their reference makes a second posting of the same impossible."""
    return [
        Earn(
            customer_id=customer_id,
            unit=one.unit,
            points=one.points,
            earned_at=one.earned_at,
            expires_at=one.expires_at,
            available_at=one.available_at,
            awaits=one.awaits,
            order_id=order_id,
            occurred_at=one.earned_at,
            external_reference=f"order:{order_id}:{one.rule_id}",
            explanation=one.explanation,
        )
        for one in earned
        if one.points > 0
    ]

"""Redeem a reward; reserve one for a checkout, then capture or void the reservation; and void those whose time is up.

Whoever changes an entitlement locks it first and the wallet after it, so that nobody waits in a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from loyalty.access import Actor, ActorKind, Permission, require
from loyalty.identity import new_id
from loyalty.ledger.expiry import expire_due_lots_of
from loyalty.ledger.posting import Capture, Redeem, Reserve, Void, post
from loyalty.once.answers import Answer, Once, answered
from loyalty.programme.expiry import restored_until
from loyalty.programme.versions import VersionFacts, version_at, versions_by_id
from loyalty.refusals import NotFound, Refusal
from loyalty.rewards.catalogue import Reward, reward_of
from loyalty.rewards.entitlements import close_entitlements, write_entitlement
from loyalty.transactions import Conflict, in_one_transaction, row, rows


class NotAMember(Refusal):
    """The customer does not take part in the programme."""

    code = "NOT_A_MEMBER"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A reward that was paid for with units."""

    entitlement_id: UUID
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reward whose units are held for a checkout."""

    entitlement_id: UUID
    reservation_id: UUID
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class Captured:
    """A reservation whose units were spent: the reward is used."""

    entitlement_id: UUID
    reservation_id: UUID
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class Voided:
    """A reservation that was given up: the units are back in their lots."""

    entitlement_id: UUID
    reservation_id: UUID
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class ReservationsExpired:
    """How many reservations' time was up, and how many units went back, in their smallest parts."""

    reservations: int
    points: int


async def redeem_reward(
    once: Once, *, customer_id: UUID, reward_id: str, actor: Actor, now: datetime
) -> Answer[Redeemed]:
    """Pay for a reward with units, first expiring, first out; the customer holds it from then on.

    Raises:
        NotPermitted: the actor may not redeem, or is a customer and another's units are meant.
        NotFound: there is no such customer.
        NotAMember: the customer does not take part.
        RewardNotAvailable: the programme that holds now has no such reward.
        BalanceTooLow: fewer units can be spent than it costs.
    """
    require(actor, Permission.REWARDS_REDEEM, of=customer_id)

    async def effects() -> Redeemed:
        buyer = await _buyer(customer_id, reward_id, now)
        [posted] = await post(
            [
                Redeem(
                    customer_id=buyer.customer_id,
                    unit=buyer.reward.unit,
                    points=buyer.reward.points,
                    explanation=_why(buyer.reward, buyer.version),
                )
            ],
            by=actor,
            now=now,
        )
        entry_id = posted.or_refuse()
        return Redeemed(await buyer.holds(entry_id, now=now), entry_id)

    return await answered(once, "redeem_reward", actor, effects, shape=Redeemed, now=now)


async def reserve_reward(
    once: Once, *, customer_id: UUID, reward_id: str, actor: Actor, now: datetime
) -> Answer[Reserved]:
    """Hold the units of a reward for a checkout, for as long as the programme says.

    Raises:
        NotPermitted, NotFound, NotAMember, RewardNotAvailable, BalanceTooLow: as for redeeming.
    """
    require(actor, Permission.REWARDS_REDEEM, of=customer_id)

    async def effects() -> Reserved:
        buyer = await _buyer(customer_id, reward_id, now)
        reservation_id = new_id(now)
        [posted] = await post(
            [
                Reserve(
                    customer_id=buyer.customer_id,
                    unit=buyer.reward.unit,
                    points=buyer.reward.points,
                    reservation_id=reservation_id,
                    reserved_until=now + timedelta(minutes=buyer.version.document.reservation_minutes),
                    explanation=_why(buyer.reward, buyer.version),
                )
            ],
            by=actor,
            now=now,
        )
        entry_id = posted.or_refuse()
        return Reserved(await buyer.holds(entry_id, reservation_id=reservation_id, now=now), reservation_id, entry_id)

    return await answered(once, "reserve_reward", actor, effects, shape=Reserved, now=now)


async def capture_reservation(once: Once, *, reservation_id: UUID, actor: Actor, now: datetime) -> Answer[Captured]:
    """Spend what a checkout holds: the order was placed, and the reward is used.

    Raises:
        NotPermitted: the actor may not redeem, or is a customer: only shops know that an order was placed.
        NotFound: there is no such reservation.
        ReservationNotOpen: it was captured or voided before.
        ReservationExpired: its time was up.
    """
    require(actor, Permission.REWARDS_REDEEM)

    async def effects() -> Captured:
        held = await _held(reservation_id, actor)
        capture = Capture(
            customer_id=held.customer_id, unit=held.unit, reservation_id=reservation_id, explanation=held.why
        )
        [posted] = await post([capture], by=actor, now=now)
        entry_id = posted.or_refuse()
        await close_entitlements([held.entitlement_id], "used", now=now)
        return Captured(held.entitlement_id, reservation_id, entry_id)

    return await answered(once, "capture_reservation", actor, effects, shape=Captured, now=now)


async def void_reservation(once: Once, *, reservation_id: UUID, actor: Actor, now: datetime) -> Answer[Voided]:
    """Give back what a checkout holds: the units return to the lots they came from.

    Raises:
        NotPermitted: the actor may not redeem.
        NotFound: there is no such reservation, or the actor is a customer and it is not theirs.
        ReservationNotOpen: it was captured or voided before.
    """
    require(actor, Permission.REWARDS_REDEEM, of=actor.customer_id)

    async def effects() -> Voided:
        held = await _held(reservation_id, actor)
        await expire_due_lots_of([held.customer_id], now=now)
        [posted] = await post([await _void(held, now)], by=actor, now=now)
        entry_id = posted.or_refuse()
        await close_entitlements([held.entitlement_id], "returned", now=now)
        return Voided(held.entitlement_id, reservation_id, entry_id)

    return await answered(once, "void_reservation", actor, effects, shape=Voided, now=now)


async def expire_reservations(*, actor: Actor, batch_size: int = 500, now: datetime) -> ReservationsExpired:
    """Void every reservation whose time is up, in chunks; the rewards are returned. Run again, it finds nothing.

    Raises:
        NotPermitted: the actor is no job.
    """
    require(actor, Permission.LEDGER_POST)
    total = ReservationsExpired(0, 0)
    while True:
        done = await in_one_transaction(lambda: _expire_some(actor, batch_size, now))
        total = ReservationsExpired(total.reservations + done.reservations, total.points + done.points)
        if done.reservations == 0:
            return total


@dataclass(frozen=True, slots=True)
class _Buyer:
    """Who pays, for what, and by which promise."""

    customer_id: UUID
    time_zone: str
    version: VersionFacts
    reward: Reward

    async def holds(self, entry_id: UUID, *, reservation_id: UUID | None = None, now: datetime) -> UUID:
        return await write_entitlement(
            self.customer_id,
            self.reward,
            self.version,
            entry_id=entry_id,
            reservation_id=reservation_id,
            time_zone=self.time_zone,
            now=now,
        )


async def _buyer(customer_id: UUID, reward_id: str, now: datetime) -> _Buyer:
    # The lock keeps the customer from being merged away meanwhile; redemptions do not wait for each other here.
    found = await row(
        "SELECT c.id, c.enrolled_at, c.merged_into_id, s.programme, s.time_zone"
        " FROM customer asked JOIN customer c ON c.id = coalesce(asked.merged_into_id, asked.id)"
        " JOIN shop s ON s.id = c.shop_id WHERE asked.id = $1 FOR KEY SHARE OF c",
        customer_id,
    )
    if found is None:
        raise NotFound(what="customer")
    if found["merged_into_id"] is not None:
        raise Conflict
    if found["enrolled_at"] is None:
        raise NotAMember
    version = await version_at(found["programme"], now)
    return _Buyer(found["id"], found["time_zone"], version, reward_of(version, reward_id))


def _why(reward: Reward, version: VersionFacts) -> dict[str, Any]:
    return {"reward": reward.name.by_language(), "reward_id": reward.id, "version": version.number}


@dataclass(frozen=True, slots=True)
class _HeldForCheckout:
    """A reservation and the entitlement it stands for."""

    entitlement_id: UUID
    reservation_id: UUID
    customer_id: UUID
    unit: str
    points: int
    version_id: UUID
    time_zone: str
    terms: Mapping[str, Any]
    version_number: int

    @property
    def why(self) -> dict[str, Any]:
        return {"reward": self.terms["name"], "reward_id": self.terms["id"], "version": self.version_number}


_HELD = """
SELECT e.id AS entitlement_id, r.id AS reservation_id, r.customer_id, e.unit, r.points,
    e.programme_version_id AS version_id, s.time_zone, e.terms, v.number AS version_number
FROM reservation r
JOIN entitlement e ON e.reservation_id = r.id
JOIN customer c ON c.id = r.customer_id
JOIN shop s ON s.id = c.shop_id
JOIN programme_version v ON v.id = e.programme_version_id
"""


async def _held(reservation_id: UUID, actor: Actor) -> _HeldForCheckout:
    found = await row(_HELD + "WHERE r.id = $1 FOR NO KEY UPDATE OF e", reservation_id)
    own = found is not None and found["customer_id"] == actor.customer_id
    if found is None or (actor.kind is ActorKind.CUSTOMER and not own):
        raise NotFound(what="reservation")
    return _for_checkout(found)


def _for_checkout(found: asyncpg.Record) -> _HeldForCheckout:
    terms = found["terms"]
    return _HeldForCheckout(**{**found, "terms": orjson.loads(terms) if isinstance(terms, str) else terms})


async def _void(held: _HeldForCheckout, now: datetime) -> Void:
    version = (await versions_by_id([held.version_id]))[held.version_id]
    return Void(
        customer_id=held.customer_id,
        unit=held.unit,
        reservation_id=held.reservation_id,
        restored_until=restored_until(version.document, now, held.time_zone),
        explanation=held.why,
    )


async def _expire_some(actor: Actor, batch_size: int, now: datetime) -> ReservationsExpired:
    found = await rows(
        _HELD + "WHERE r.state = 'open' AND r.expires_at <= $1 AND e.state = 'reserved'"
        " ORDER BY r.expires_at LIMIT $2 FOR NO KEY UPDATE OF e SKIP LOCKED",
        now,
        batch_size,
    )
    due = [_for_checkout(one) for one in found]
    await expire_due_lots_of([held.customer_id for held in due], now=now)
    posted = await post([await _void(held, now) for held in due], by=actor, now=now)
    voided = [held for held, result in zip(due, posted, strict=True) if result.took_effect]
    await close_entitlements([held.entitlement_id for held in voided], "returned", now=now)
    return ReservationsExpired(len(voided), sum(held.points for held in voided))

"""Rewards and what somebody holds of them, as both schemas show them, and what redemption refuses."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.programme.document import AmountOff, FreeShipping
from loyalty.rewards import catalogue, entitlements, redemption
from schema.context import Context, Info
from schema.identifiers import Node, encoded
from schema.paging import Connection, Keyset
from schema.refusals import Refusal, face_of
from schema.scalars import BigInt, Money

REWARDS = Keyset(str)
ENTITLEMENTS = Keyset(datetime, UUID)


@strawberry.enum(description="What a reward gives.")
class RewardKind(Enum):
    """The kinds of the programme document."""

    AMOUNT_OFF = "amount_off"
    FREE_SHIPPING = "free_shipping"


@strawberry.enum(description="What has become of a reward somebody holds.")
class EntitlementState(Enum):
    """The states of an entitlement."""

    ISSUED = "issued"
    RESERVED = "reserved"
    USED = "used"
    RETURNED = "returned"
    EXPIRED = "expired"


@strawberry.type(description="What can be had for units.")
class Reward:
    """A reward of the programme that holds now."""

    id: strawberry.ID = strawberry.field(description="Its name in the programme, for `rewardId`.")
    kind: RewardKind = strawberry.field(description="What it gives.")
    name: str = strawberry.field(description="Its name, in the reader's language.")
    unit: str = strawberry.field(description="The code of the unit it costs.")
    points: BigInt = strawberry.field(description="What it costs, in the unit's smallest part.")
    amount: Money | None = strawberry.field(description="The sum it takes off, if it does.")
    validity_days: int | None = strawberry.field(description="How many days it can be used; null: for ever.")

    @classmethod
    def of(cls, reward: AmountOff | FreeShipping, language: str) -> "Reward":
        """Show a reward."""
        return cls(
            id=strawberry.ID(reward.id),
            kind=RewardKind(reward.kind),
            name=reward.name.by_language()[language],
            unit=reward.unit,
            points=BigInt(reward.points),
            amount=_amount(reward.model_dump()),
            validity_days=reward.validity_days,
        )


def _amount(terms: dict[str, Any]) -> Money | None:
    return Money.of_minor(terms["amount_minor"], terms["currency"]) if terms.get("amount_minor") else None


@strawberry.type(description="A reward a basket or balance could pay for.")
class RewardInReach:
    """A reward and what would be left."""

    reward: Reward = strawberry.field(description="The reward.")
    balance_after_points: BigInt = strawberry.field(description="What would be left, in the unit's smallest part.")


@strawberry.type(description="A reward somebody holds, as it was promised.")
class Entitlement(Node):
    """What became of a redemption or reservation."""

    reward_id: strawberry.ID = strawberry.field(description="The reward's name in the programme.")
    reward_name: str = strawberry.field(description="The reward's name as promised, in the reader's language.")
    kind: RewardKind = strawberry.field(description="What it gives.")
    state: EntitlementState = strawberry.field(description="What has become of it.")
    unit: str = strawberry.field(description="The code of the unit it cost.")
    points: BigInt = strawberry.field(description="What it cost, in the unit's smallest part.")
    amount: Money | None = strawberry.field(description="The sum it takes off, if it does.")
    issued_at: datetime = strawberry.field(description="Since when it is held.")
    expires_at: datetime | None = strawberry.field(description="From when it can no longer be used; null: never.")
    reservation_id: strawberry.ID | None = strawberry.field(description="The reservation that holds its units.")
    reserved_until: datetime | None = strawberry.field(description="Until when the reservation holds them.")
    closed_at: datetime | None = strawberry.field(description="When it was used, returned or expired.")

    @classmethod
    def of(cls, held: entitlements.Held, language: str) -> "Entitlement":
        """Show what is held."""
        return cls(
            id=encoded("Entitlement", held.id),
            reward_id=strawberry.ID(held.reward_id),
            reward_name=held.terms["name"].get(language) or held.terms["name"]["en"],
            kind=RewardKind(held.terms["kind"]),
            state=EntitlementState(held.state),
            unit=held.unit,
            points=BigInt(held.points),
            amount=_amount(held.terms),
            issued_at=held.issued_at,
            expires_at=held.expires_at,
            reservation_id=encoded("Reservation", held.reservation_id) if held.reservation_id else None,
            reserved_until=held.reserved_until,
            closed_at=held.closed_at,
        )


async def _entitlements(entitlement_ids: list[UUID], now: datetime) -> list[entitlements.Held | None]:
    found = await entitlements.entitlements_by_id(entitlement_ids, now=now)
    return [found.get(entitlement_id) for entitlement_id in entitlement_ids]


async def held_reward(context: Context, entitlement_id: UUID) -> entitlements.Held | None:
    """Return one entitlement, loaded with the others of the request."""
    loader: DataLoader[UUID, entitlements.Held | None] = context.loader(_entitlements, context.now)
    return await loader.load(entitlement_id)


async def entitlement_shown(info: Info, entitlement_id: UUID) -> Entitlement:
    """Return an entitlement that was just written."""
    held = await held_reward(info.context, entitlement_id)
    assert held is not None
    return Entitlement.of(held, info.context.language)


async def _pages(
    customer_ids: list[UUID], limit: int, key: entitlements.Place | None, now: datetime
) -> list[list[entitlements.Held]]:
    found = await entitlements.entitlements_of(customer_ids, limit=limit, before=key, now=now)
    return [found[customer_id] for customer_id in customer_ids]


async def _counts(customer_ids: list[UUID]) -> list[int]:
    found = await entitlements.entitlements_counts(customer_ids)
    return [found[customer_id] for customer_id in customer_ids]


async def entitlements_connection(
    info: Info, customer_id: UUID, first: int, after: str | None
) -> Connection[Entitlement]:
    """Return a page of what the customer holds or held, newest first."""
    context = info.context
    asked = ENTITLEMENTS.asked(first, after)
    pages: DataLoader[UUID, list[entitlements.Held]] = context.loader(_pages, asked.limit, asked.key, context.now)
    found = await pages.load(customer_id)

    async def count() -> int:
        return await context.loader(_counts).load(customer_id)

    page = asked.page(found, key=lambda held: (held.issued_at, held.id), count=count)
    return Connection.of(page, lambda held: Entitlement.of(held, info.context.language))


async def rewards_connection(info: Info, programme: str, first: int, after: str | None) -> Connection[Reward]:
    """Return a page of what can be had now, in the programme's order."""
    asked = REWARDS.asked(first, after)
    now = info.context.now
    found = await catalogue.rewards(programme, limit=asked.limit, after=asked.key[0] if asked.key else None, now=now)

    async def count() -> int:
        return await catalogue.rewards_count(programme, now=now)

    page = asked.page(found, key=lambda reward: (reward.id,), count=count)
    return Connection.of(page, lambda reward: Reward.of(reward, info.context.language))


@face_of(catalogue.RewardNotAvailable)
class RewardNotAvailable(Refusal):
    """Paired with the rule of the same name."""

    reward_id: str = strawberry.field(description="What was asked for.")


@face_of(redemption.NotAMember)
class NotAMember(Refusal):
    """Paired with the rule of the same name."""

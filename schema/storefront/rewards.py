"""Rewards for the public, and redeeming them for oneself."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

import strawberry

from loyalty.once.answers import Once
from loyalty.rewards import redemption
from schema.caller import me_id, shop_asked
from schema.context import Info
from schema.identifiers import decoded
from schema.paging import After, Connection, First
from schema.redemptions import (
    RedeemRewardResult,
    ReserveRewardResult,
    VoidReservationResult,
    redeemed,
    reserved,
    voided,
)
from schema.rewards import Reward, rewards_connection


@strawberry.input(description="Which reward to pay for.")
class RedeemRewardInput:
    """For oneself."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    reward_id: strawberry.ID = strawberry.field(description="The reward.")


@strawberry.input(description="Which reward to hold units for.")
class ReserveRewardInput:
    """For oneself, at checkout."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    reward_id: strawberry.ID = strawberry.field(description="The reward.")


@strawberry.input(description="Which reservation to give back.")
class VoidReservationInput:
    """One's own."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    reservation_id: strawberry.ID = strawberry.field(description="The reservation.")


@strawberry.type
class RewardsQuery:
    """What can be had."""

    @strawberry.field(description="What can be had for units now.")
    async def rewards(self, info: Info, first: First, after: After = None) -> Connection[Reward]:
        """Return a page of rewards."""
        return await rewards_connection(info, (await shop_asked(info)).programme, first, after)


@strawberry.type
class RewardsMutation:
    """What a member can do with units."""

    @strawberry.mutation(description="Pay for a reward with one's units.")
    async def redeem_reward(self, info: Info, input: RedeemRewardInput) -> RedeemRewardResult:
        """Redeem for oneself."""
        context = info.context
        done = await redemption.redeem_reward(
            Once(input.idempotency_key, input),
            customer_id=me_id(info),
            reward_id=input.reward_id,
            actor=context.actor,
            now=context.now,
        )
        return await redeemed(info, done)

    @strawberry.mutation(description="Hold the units of a reward for a checkout, for a limited time.")
    async def reserve_reward(self, info: Info, input: ReserveRewardInput) -> ReserveRewardResult:
        """Reserve for oneself."""
        context = info.context
        done = await redemption.reserve_reward(
            Once(input.idempotency_key, input),
            customer_id=me_id(info),
            reward_id=input.reward_id,
            actor=context.actor,
            now=context.now,
        )
        return await reserved(info, done)

    @strawberry.mutation(description="Give back what one's checkout holds.")
    async def void_reservation(self, info: Info, input: VoidReservationInput) -> VoidReservationResult:
        """Void one's own reservation."""
        context = info.context
        me_id(info)
        done = await redemption.void_reservation(
            Once(input.idempotency_key, input),
            reservation_id=decoded("Reservation", input.reservation_id),
            actor=context.actor,
            now=context.now,
        )
        return await voided(info, done)

"""Redeeming for a customer: at the till, by the shop's server, at the desk."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from typing import Annotated

import strawberry

from loyalty.access import Permission, require
from loyalty.once.answers import Once
from loyalty.rewards import redemption
from schema.caller import shop_asked
from schema.context import Info
from schema.identifiers import decoded
from schema.ledger import standing_of
from schema.paging import After, Connection, First
from schema.programme import Programme
from schema.redemptions import (
    CaptureReservationResult,
    RedeemRewardResult,
    ReserveRewardResult,
    VoidReservationResult,
    captured,
    redeemed,
    reserved,
    voided,
)
from schema.rewards import Reward, rewards_connection
from schema.scalars import Locale

ShopCode = Annotated[str | None, strawberry.argument(description="The shop's code; absent: the caller's.")]


@strawberry.input(description="Which reward to pay for, for whom.")
class RedeemRewardInput:
    """For a customer."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    reward_id: strawberry.ID = strawberry.field(description="The reward.")


@strawberry.input(description="Which reward to hold units for, for whom.")
class ReserveRewardInput:
    """For a customer's checkout."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    reward_id: strawberry.ID = strawberry.field(description="The reward.")


@strawberry.input(description="Which reservation to spend.")
class CaptureReservationInput:
    """The order was placed."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    reservation_id: strawberry.ID = strawberry.field(description="The reservation.")


@strawberry.input(description="Which reservation to give back.")
class VoidReservationInput:
    """The checkout came to nothing."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    reservation_id: strawberry.ID = strawberry.field(description="The reservation.")


@strawberry.type
class RewardsQuery:
    """What is promised and what can be had."""

    @strawberry.field(description="The programme's terms, as its members are told them.")
    async def programme(
        self,
        info: Info,
        shop: ShopCode = None,
        locale: Annotated[
            Locale | None, strawberry.argument(description="The language of the words; absent: the reader's.")
        ] = None,
    ) -> Programme:
        """Return the version that holds now."""
        require(info.context.actor, Permission.PROGRAMME_READ)
        asked = await shop_asked(info, shop)
        return Programme.of(await standing_of(info.context, asked.id), info, locale)

    @strawberry.field(description="What can be had for units now.")
    async def rewards(self, info: Info, first: First, after: After = None, shop: ShopCode = None) -> Connection[Reward]:
        """Return a page of rewards."""
        require(info.context.actor, Permission.REWARDS_READ)
        return await rewards_connection(info, (await shop_asked(info, shop)).programme, first, after)


@strawberry.type
class RewardsMutation:
    """What can be done with a customer's units."""

    @strawberry.mutation(description="Pay for a reward with a customer's units.")
    async def redeem_reward(self, info: Info, input: RedeemRewardInput) -> RedeemRewardResult:
        """Redeem for a customer."""
        context = info.context
        done = await redemption.redeem_reward(
            Once(input.idempotency_key, input),
            customer_id=decoded("Customer", input.customer_id),
            reward_id=input.reward_id,
            actor=context.actor,
            now=context.now,
        )
        return await redeemed(info, done)

    @strawberry.mutation(description="Hold the units of a reward for a customer's checkout, for a limited time.")
    async def reserve_reward(self, info: Info, input: ReserveRewardInput) -> ReserveRewardResult:
        """Reserve for a customer."""
        context = info.context
        done = await redemption.reserve_reward(
            Once(input.idempotency_key, input),
            customer_id=decoded("Customer", input.customer_id),
            reward_id=input.reward_id,
            actor=context.actor,
            now=context.now,
        )
        return await reserved(info, done)

    @strawberry.mutation(description="Spend what a checkout holds: the order was placed.")
    async def capture_reservation(self, info: Info, input: CaptureReservationInput) -> CaptureReservationResult:
        """Capture."""
        context = info.context
        done = await redemption.capture_reservation(
            Once(input.idempotency_key, input),
            reservation_id=decoded("Reservation", input.reservation_id),
            actor=context.actor,
            now=context.now,
        )
        return await captured(info, done)

    @strawberry.mutation(description="Give back what a checkout holds.")
    async def void_reservation(self, info: Info, input: VoidReservationInput) -> VoidReservationResult:
        """Void."""
        context = info.context
        done = await redemption.void_reservation(
            Once(input.idempotency_key, input),
            reservation_id=decoded("Reservation", input.reservation_id),
            actor=context.actor,
            now=context.now,
        )
        return await voided(info, done)

"""What redeeming, reserving, capturing and voiding answer, in both schemas."""

from typing import Annotated

import strawberry

from loyalty.once.answers import Answer
from loyalty.rewards.redemption import Captured, Redeemed, Reserved, Voided
from schema.context import Info
from schema.identifiers import encoded
from schema.ledger import BalanceTooLow, Entry, ReservationExpired, ReservationNotOpen, entry_shown
from schema.refusals import KeyedRefusals
from schema.rewards import Entitlement, NotAMember, RewardNotAvailable, entitlement_shown


@strawberry.type(description="A reward was paid for with units and is held now.")
class RewardRedeemed:
    """A redemption."""

    entitlement: Entitlement = strawberry.field(description="The reward that is held.")
    entry: Entry = strawberry.field(description="The entry that took the units.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


@strawberry.type(description="The units of a reward are held for a checkout.")
class RewardReserved:
    """A reservation."""

    reservation_id: strawberry.ID = strawberry.field(description="For capturing or voiding it.")
    entitlement: Entitlement = strawberry.field(description="The reward that is reserved.")
    entry: Entry = strawberry.field(description="The entry that holds the units.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


@strawberry.type(description="What a checkout held is spent: the reward is used.")
class ReservationCaptured:
    """A captured reservation."""

    entitlement: Entitlement = strawberry.field(description="The reward that was used.")
    entry: Entry = strawberry.field(description="The entry that spent the units.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


@strawberry.type(description="What a checkout held is given back.")
class ReservationVoided:
    """A voided reservation."""

    entitlement: Entitlement = strawberry.field(description="The reward that was returned.")
    entry: Entry = strawberry.field(description="The entry that gave the units back.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


RedeemRewardResult = Annotated[
    RewardRedeemed | BalanceTooLow | RewardNotAvailable | NotAMember | KeyedRefusals,
    strawberry.union("RedeemRewardResult", description="What redeeming came to."),
]
ReserveRewardResult = Annotated[
    RewardReserved | BalanceTooLow | RewardNotAvailable | NotAMember | KeyedRefusals,
    strawberry.union("ReserveRewardResult", description="What reserving came to."),
]
CaptureReservationResult = Annotated[
    ReservationCaptured | ReservationNotOpen | ReservationExpired | KeyedRefusals,
    strawberry.union("CaptureReservationResult", description="What capturing came to."),
]
VoidReservationResult = Annotated[
    ReservationVoided | ReservationNotOpen | KeyedRefusals,
    strawberry.union("VoidReservationResult", description="What voiding came to."),
]


async def redeemed(info: Info, done: Answer[Redeemed]) -> RewardRedeemed:
    """Show a redemption."""
    entitlement = await entitlement_shown(info, done.value.entitlement_id)
    return RewardRedeemed(entitlement=entitlement, entry=await _entry(info, done.value), replayed=done.replayed)


async def reserved(info: Info, done: Answer[Reserved]) -> RewardReserved:
    """Show a reservation."""
    return RewardReserved(
        reservation_id=encoded("Reservation", done.value.reservation_id),
        entitlement=await entitlement_shown(info, done.value.entitlement_id),
        entry=await _entry(info, done.value),
        replayed=done.replayed,
    )


async def captured(info: Info, done: Answer[Captured]) -> ReservationCaptured:
    """Show a capture."""
    entitlement = await entitlement_shown(info, done.value.entitlement_id)
    return ReservationCaptured(entitlement=entitlement, entry=await _entry(info, done.value), replayed=done.replayed)


async def voided(info: Info, done: Answer[Voided]) -> ReservationVoided:
    """Show a void."""
    entitlement = await entitlement_shown(info, done.value.entitlement_id)
    return ReservationVoided(entitlement=entitlement, entry=await _entry(info, done.value), replayed=done.replayed)


async def _entry(info: Info, done: Redeemed | Reserved | Captured | Voided) -> Entry:
    entry = await entry_shown(info.context, done.entry_id)
    assert entry is not None
    return entry

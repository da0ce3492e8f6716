"""Corrections by hand and their approval."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from loyalty.access import Permission, require
from loyalty.ledger import adjustment
from loyalty.ledger.adjustment import Reason
from loyalty.once.answers import Answer, Once
from schema.admin.customers import Customer, customer_node, customer_shown
from schema.context import Info
from schema.identifiers import Node, decoded, encoded
from schema.ledger import (
    AdjustmentNeedsNote,
    AdjustmentNotWaiting,
    AmountTooLarge,
    BalanceTooLow,
    Entry,
    NothingToAdjust,
    OwnAccount,
    SamePerson,
    entry_shown,
)
from schema.paging import After, Connection, First, Keyset
from schema.refusals import KeyedRefusals
from schema.scalars import BigInt

ADJUSTMENTS = Keyset(datetime, UUID)

strawberry.enum(Reason, name="AdjustmentReason", description="Why a balance is corrected.")


@strawberry.enum(description="What has become of a correction.")
class AdjustmentState(Enum):
    """The states of an adjustment."""

    POSTED = "posted"
    AWAITING = "awaiting"
    APPROVED = "approved"
    REJECTED = "rejected"


async def _adjustments(adjustment_ids: list[UUID]) -> list[adjustment.AdjustmentFacts | None]:
    found = await adjustment.adjustments_by_id(adjustment_ids)
    return [found.get(adjustment_id) for adjustment_id in adjustment_ids]


@strawberry.type(description="A correction by hand and its way through approval.")
class Adjustment(Node):
    """One correction."""

    facts: strawberry.Private[adjustment.AdjustmentFacts]
    unit: str = strawberry.field(description="The unit's code.")
    points: BigInt = strawberry.field(description="How many units, signed, in the unit's smallest part.")
    reason: Reason = strawberry.field(description="Why.")
    note: str = strawberry.field(description="What happened, in the words of whoever asked.")
    state: AdjustmentState = strawberry.field(description="What has become of it.")
    asked_by: str = strawberry.field(description="Who asked: kind and id.")
    asked_at: datetime = strawberry.field(description="When.")
    decided_by: str | None = strawberry.field(description="Who decided, if a second person did.")
    decided_at: datetime | None = strawberry.field(description="When they did.")
    decision_note: str = strawberry.field(description="What they said about it.")

    @strawberry.field(description="Whose balance it is. Needs the permission to read customers.")
    async def customer(self, info: Info) -> Customer | None:
        """Return the customer."""
        return await customer_node(info, self.facts.customer_id)

    @strawberry.field(description="The entry that was posted, if one was.")
    async def entry(self, info: Info) -> Entry | None:
        """Return the entry."""
        return await entry_shown(info.context, self.facts.entry_id) if self.facts.entry_id else None

    @classmethod
    def of(cls, facts: adjustment.AdjustmentFacts) -> "Adjustment":
        """Show a correction."""
        return cls(
            id=encoded("Adjustment", facts.id),
            facts=facts,
            unit=facts.unit,
            points=BigInt(facts.points),
            reason=Reason(facts.reason),
            note=facts.note,
            state=AdjustmentState(facts.state),
            asked_by=facts.asked_by,
            asked_at=facts.asked_at,
            decided_by=facts.decided_by,
            decided_at=facts.decided_at,
            decision_note=facts.decision_note,
        )


async def adjustment_node(info: Info, adjustment_id: UUID) -> Adjustment | None:
    """Return the correction by id.

    Raises:
        NotPermitted: the actor may not read the ledger.
    """
    require(info.context.actor, Permission.LEDGER_READ)
    return await _found(info, adjustment_id)


async def _found(info: Info, adjustment_id: UUID) -> Adjustment | None:
    loader: DataLoader[UUID, adjustment.AdjustmentFacts | None] = info.context.loader(_adjustments)
    facts = await loader.load(adjustment_id)
    return Adjustment.of(facts) if facts else None


async def _shown(info: Info, adjustment_id: UUID) -> Adjustment:
    found = await _found(info, adjustment_id)
    assert found is not None
    return found


@strawberry.type
class LedgerQuery:
    """Questions about corrections."""

    @strawberry.field(description="Corrections by hand, newest first.")
    async def adjustments(
        self,
        info: Info,
        first: First,
        after: After = None,
        state: Annotated[
            AdjustmentState | None, strawberry.argument(description="Only those: AWAITING is the approval queue.")
        ] = None,
        customer_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only this customer's.")] = None,
    ) -> Connection[Adjustment]:
        """Return a page of corrections."""
        asked = ADJUSTMENTS.asked(first, after)
        found = await adjustment.adjustments_page(
            info.context.actor,
            first=asked.limit,
            after=asked.key,
            state=state.value if state else None,
            customer_id=decoded("Customer", customer_id) if customer_id else None,
        )
        return Connection.of(asked.page(found, key=lambda one: (one.asked_at, one.id)), Adjustment.of)


@strawberry.input(description="A correction.")
class AdjustBalanceInput:
    """How many units, and why."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    customer_id: strawberry.ID = strawberry.field(description="Whose balance.")
    points: BigInt = strawberry.field(description="How many units to add, or to take off when negative.")
    unit: str = strawberry.field(description="The unit's code.")
    reason: Reason = strawberry.field(description="Why.")
    note: str = strawberry.field(description="What happened, for those who look later.")


@strawberry.type(description="The correction was posted.")
class BalanceAdjusted:
    """A correction that stands."""

    adjusted_id: strawberry.Private[UUID]
    entry: Entry = strawberry.field(description="The entry.")
    adjustment: Adjustment = strawberry.field(description="The correction.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")

    @strawberry.field(description="The customer. Needs the permission to read customers.")
    async def customer(self, info: Info) -> Customer:
        """Return the customer."""
        return await customer_shown(info, self.adjusted_id)


@strawberry.type(description="A second person must approve. Nothing was posted.")
class AdjustmentAwaitsApproval:
    """A correction in the queue."""

    adjustment: Adjustment = strawberry.field(description="The correction.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


AdjustBalanceResult = Annotated[
    BalanceAdjusted
    | AdjustmentAwaitsApproval
    | BalanceTooLow
    | NothingToAdjust
    | AdjustmentNeedsNote
    | AmountTooLarge
    | OwnAccount
    | KeyedRefusals,
    strawberry.union("AdjustBalanceResult", description="What correcting a balance came to."),
]


@strawberry.input(description="A correction to approve.")
class ApproveAdjustmentInput:
    """By a second person."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    adjustment_id: strawberry.ID = strawberry.field(description="The correction.")
    note: str = strawberry.field(default="", description="What the second person has to say.")


ApproveAdjustmentResult = Annotated[
    BalanceAdjusted | BalanceTooLow | AdjustmentNotWaiting | SamePerson | OwnAccount | AmountTooLarge | KeyedRefusals,
    strawberry.union("ApproveAdjustmentResult", description="What approving came to."),
]


@strawberry.input(description="A correction to say no to.")
class RejectAdjustmentInput:
    """By a second person."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    adjustment_id: strawberry.ID = strawberry.field(description="The correction.")
    note: str = strawberry.field(default="", description="What the second person has to say.")


@strawberry.type(description="A second person said no. Nothing was posted.")
class AdjustmentRejected:
    """A correction that will not be."""

    adjustment: Adjustment = strawberry.field(description="The correction.")
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


RejectAdjustmentResult = Annotated[
    AdjustmentRejected | AdjustmentNotWaiting | SamePerson | OwnAccount | KeyedRefusals,
    strawberry.union("RejectAdjustmentResult", description="What rejecting came to."),
]


@strawberry.type
class LedgerMutation:
    """What can be done to balances by hand."""

    @strawberry.mutation(description="Add points to a balance, or take them off, by hand.")
    async def adjust_balance(self, info: Info, input: AdjustBalanceInput) -> AdjustBalanceResult:
        """Correct a balance, or ask for a second person."""
        context = info.context
        done = await adjustment.adjust_balance(
            Once(input.idempotency_key, input),
            customer_id=decoded("Customer", input.customer_id),
            unit=input.unit,
            points=input.points,
            reason=input.reason,
            note=input.note,
            actor=context.actor,
            now=context.now,
        )
        if isinstance(done.value, adjustment.AwaitsApproval):
            waiting = await _shown(info, done.value.awaiting_adjustment_id)
            return AdjustmentAwaitsApproval(adjustment=waiting, replayed=done.replayed)
        return await _adjusted(info, done.value, replayed=done.replayed)

    @strawberry.mutation(description="Post a correction that waits, as its second person.")
    async def approve_adjustment(self, info: Info, input: ApproveAdjustmentInput) -> ApproveAdjustmentResult:
        """Approve."""
        context = info.context
        done = await adjustment.approve_adjustment(
            Once(input.idempotency_key, input),
            adjustment_id=decoded("Adjustment", input.adjustment_id),
            note=input.note,
            actor=context.actor,
            now=context.now,
        )
        return await _adjusted(info, done.value, replayed=done.replayed)

    @strawberry.mutation(description="Say no to a correction that waits. Nothing is posted.")
    async def reject_adjustment(self, info: Info, input: RejectAdjustmentInput) -> RejectAdjustmentResult:
        """Reject."""
        context = info.context
        done: Answer[adjustment.Rejected] = await adjustment.reject_adjustment(
            Once(input.idempotency_key, input),
            adjustment_id=decoded("Adjustment", input.adjustment_id),
            note=input.note,
            actor=context.actor,
            now=context.now,
        )
        shown = await _shown(info, done.value.rejected_adjustment_id)
        return AdjustmentRejected(adjustment=shown, replayed=done.replayed)


async def _adjusted(info: Info, done: adjustment.Adjusted, *, replayed: bool) -> BalanceAdjusted:
    entry = await entry_shown(info.context, done.entry_id)
    assert entry is not None
    return BalanceAdjusted(
        adjusted_id=done.customer_id,
        entry=entry,
        adjustment=await _shown(info, done.adjustment_id),
        replayed=replayed,
    )

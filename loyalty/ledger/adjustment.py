"""Corrections by hand: a reason, a note, a budget, and a second pair of eyes above the limit."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.amounts import POINTS_PER_ENTRY_MAX
from loyalty.audit import trail
from loyalty.customers.lookup import customer_family_ids, customers_by_id, holder_of
from loyalty.identity import new_id
from loyalty.ledger import goodwill
from loyalty.ledger.adjustments import AdjustmentFacts as AdjustmentFacts
from loyalty.ledger.adjustments import adjustments_by_id as adjustments_by_id
from loyalty.ledger.adjustments import adjustments_page as adjustments_page
from loyalty.ledger.posting import Adjust, AmountTooLarge, post
from loyalty.ledger.units import require_unit
from loyalty.once.answers import Answer, Once, answered
from loyalty.orders.asked import check_text
from loyalty.refusals import Invalid, NotFound, Refusal
from loyalty.shops.catalogue import shop_by_id
from loyalty.staff.keys import person_behind
from loyalty.transactions import rows

NOTE_LENGTH_MAX = 2_000


class Reason(StrEnum):
    """Why a balance is corrected."""

    GOODWILL = "GOODWILL"
    CORRECTION = "CORRECTION"
    COMPLAINT = "COMPLAINT"
    GIFT = "GIFT"
    TEST = "TEST"


class NothingToAdjust(Invalid):
    """A correction by zero corrects nothing."""

    code = "NOTHING_TO_ADJUST"

    def __init__(self) -> None:
        Refusal.__init__(self)


class AdjustmentNeedsNote(Invalid):
    """A correction says in a note what happened."""

    code = "ADJUSTMENT_NEEDS_NOTE"

    def __init__(self) -> None:
        Refusal.__init__(self)


class OwnAccount(Refusal):
    """Nobody corrects their own balance, nor approves it."""

    code = "OWN_ACCOUNT"
    stored = False


class SamePerson(Refusal):
    """The person who asked may not decide."""

    code = "SAME_PERSON"
    stored = False


class AdjustmentNotWaiting(Refusal):
    """The correction was decided before."""

    code = "ADJUSTMENT_NOT_WAITING"

    def __init__(self, *, state: str) -> None:
        super().__init__(state=state)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A correction that was posted."""

    adjustment_id: UUID
    customer_id: UUID
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class AwaitsApproval:
    """A correction that waits for a second person; nothing was posted."""

    awaiting_adjustment_id: UUID
    customer_id: UUID


_AdjustedOrAwaiting = Adjusted | AwaitsApproval


@dataclass(frozen=True, slots=True)
class Rejected:
    """A correction a second person said no to."""

    rejected_adjustment_id: UUID
    customer_id: UUID


async def adjust_balance(
    once: Once, *, customer_id: UUID, unit: str, points: int, reason: Reason, note: str, actor: Actor, now: datetime
) -> Answer[Adjusted | AwaitsApproval]:
    """Add units to a wallet, or take them off, and record who did it and why.

    `points` is signed, in the unit's smallest part. A wallet never goes below zero. Units added by hand do not expire.
    Above the shop's limit, or past the actor's monthly goodwill for the reason, nothing is posted until a second person
    approves.

    Raises:
        NotPermitted: the actor may not adjust balances.
        OwnAccount: the wallet is the actor's own.
        NothingToAdjust: `points` is zero.
        AdjustmentNeedsNote: the note says nothing.
        AmountTooLarge: more than 10^12 units.
        NotFound: there is no such customer or unit.
        BalanceTooLow: more would be taken off than can be spent.
    """
    require(actor, Permission.LEDGER_ADJUST, of=customer_id)
    _check(points, note)
    await require_unit(unit)

    async def adjusted() -> Adjusted | AwaitsApproval:
        holder_id = await _not_own(customer_id, actor)
        asked = _Asked(new_id(now), holder_id, unit, points, reason, note.strip())
        return await _adjusted_or_awaiting(asked, actor, now)

    return await answered(once, "adjust_balance", actor, adjusted, shape=_AdjustedOrAwaiting, now=now)


@dataclass(frozen=True, slots=True)
class _Asked:
    id: UUID
    customer_id: UUID
    unit: str
    points: int
    reason: Reason
    note: str


def _check(points: int, note: str) -> None:
    if points == 0:
        raise NothingToAdjust
    if abs(points) > POINTS_PER_ENTRY_MAX:
        raise AmountTooLarge
    if not note.strip():
        raise AdjustmentNeedsNote
    check_text(note, "note", length_max=NOTE_LENGTH_MAX)


async def _not_own(customer_id: UUID, actor: Actor) -> UUID:
    """Return the customer who holds the wallet, not to be merged away meanwhile, if it is not the actor's own."""
    # Twice, as the one they were merged into may be merged away just now.
    holder_id = await holder_of(await holder_of(customer_id))
    if holder_id not in await customers_by_id([holder_id]):
        raise NotFound(what="customer")
    if await goodwill.is_own_account(actor, await customer_family_ids(holder_id)):
        raise OwnAccount
    return holder_id


async def _adjusted_or_awaiting(asked: _Asked, actor: Actor, now: datetime) -> Adjusted | AwaitsApproval:
    await goodwill.hold_budget(actor)
    customer = (await customers_by_id([asked.customer_id]))[asked.customer_id]
    shop = await shop_by_id(customer.shop_id)
    spent = await goodwill.spent_this_month(actor, asked.reason, now=now)
    if goodwill.needs_second_person(asked.points, shop, actor, spent_points=spent):
        await _write(asked, "awaiting", None, actor, now)
        return AwaitsApproval(asked.id, asked.customer_id)
    entry_id = await _posted(asked, actor, now)
    await _write(asked, "posted", entry_id, actor, now)
    return Adjusted(asked.id, asked.customer_id, entry_id)


async def _posted(asked: _Asked, actor: Actor, now: datetime) -> UUID:
    [posted] = await post(
        [
            Adjust(
                customer_id=asked.customer_id,
                unit=asked.unit,
                points=asked.points,
                external_reference=f"adjustment:{asked.id}",
                explanation={"reason": asked.reason, "adjustment_id": str(asked.id)},
            )
        ],
        by=actor,
        now=now,
    )
    return posted.or_refuse()


async def _write(asked: _Asked, state: str, entry_id: UUID | None, actor: Actor, now: datetime) -> None:
    await rows(
        "INSERT INTO adjustment (id, customer_id, unit, points, reason, note, state, asked_by, asked_at, decision_note,"
        " entry_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10)",
        asked.id,
        asked.customer_id,
        asked.unit,
        asked.points,
        asked.reason,
        asked.note,
        state,
        actor.reference,
        now,
        entry_id,
    )
    await trail.record(
        actor,
        "adjust_balance",
        subject_kind="adjustment",
        subject_id=asked.id,
        customer_id=asked.customer_id,
        why=asked.reason,
        after={"state": state, "points": asked.points, "unit": asked.unit},
        now=now,
    )


async def approve_adjustment(
    once: Once, *, adjustment_id: UUID, note: str = "", actor: Actor, now: datetime
) -> Answer[Adjusted]:
    """Post a correction that waits, as its second person.

    Raises:
        NotPermitted: the actor may not approve.
        SamePerson, OwnAccount: the actor asked for it, or it is their own account.
        NotFound, AdjustmentNotWaiting: there is none, or it was decided before.
        BalanceTooLow: by now more would be taken off than can be spent; it goes on waiting.
    """
    require(actor, Permission.LEDGER_APPROVE)
    check_text(note, "note", length_max=NOTE_LENGTH_MAX, empty=True)

    async def approved() -> Adjusted:
        asked = await _waiting(adjustment_id, actor)
        entry_id = await _posted(asked, actor, now)
        await _decide(asked, "approved", note, entry_id, actor, now)
        return Adjusted(asked.id, asked.customer_id, entry_id)

    return await answered(once, "approve_adjustment", actor, approved, shape=Adjusted, now=now)


async def reject_adjustment(
    once: Once, *, adjustment_id: UUID, note: str = "", actor: Actor, now: datetime
) -> Answer[Rejected]:
    """Say no to a correction that waits. Nothing is posted.

    Raises:
        NotPermitted: the actor may not approve.
        SamePerson, OwnAccount: the actor asked for it, or it is their own account.
        NotFound, AdjustmentNotWaiting: there is none, or it was decided before.
    """
    require(actor, Permission.LEDGER_APPROVE)
    check_text(note, "note", length_max=NOTE_LENGTH_MAX, empty=True)

    async def rejected() -> Rejected:
        asked = await _waiting(adjustment_id, actor)
        await _decide(asked, "rejected", note, None, actor, now)
        return Rejected(asked.id, asked.customer_id)

    return await answered(once, "reject_adjustment", actor, rejected, shape=Rejected, now=now)


async def _waiting(adjustment_id: UUID, actor: Actor) -> _Asked:
    found = await rows("SELECT * FROM adjustment WHERE id = $1 FOR NO KEY UPDATE", adjustment_id)
    if not found:
        raise NotFound(what="adjustment")
    [row] = found
    if await person_behind(row["asked_by"]) == await person_behind(actor.reference):
        raise SamePerson
    if row["state"] != "awaiting":
        raise AdjustmentNotWaiting(state=row["state"])
    holder = await _not_own(row["customer_id"], actor)
    return _Asked(row["id"], holder, row["unit"], row["points"], Reason(row["reason"]), row["note"])


async def _decide(asked: _Asked, state: str, note: str, entry_id: UUID | None, actor: Actor, now: datetime) -> None:
    await rows(
        "UPDATE adjustment SET state = $2, decided_by = $3, decided_at = $4, decision_note = $5, entry_id = $6"
        " WHERE id = $1",
        asked.id,
        state,
        actor.reference,
        now,
        note.strip(),
        entry_id,
    )
    await trail.record(
        actor,
        "approve_adjustment" if state == "approved" else "reject_adjustment",
        subject_kind="adjustment",
        subject_id=asked.id,
        customer_id=asked.customer_id,
        before={"state": "awaiting"},
        after={"state": state, "points": asked.points, "unit": asked.unit},
        now=now,
    )
